//! The host functions of proxy-wasm 0.2.1 that Envoy offers. What is missing here traps loudly.

use std::time::Duration;

use wasmtime::{Caller, Linker, Result, format_err};

use super::state::{Metric, MetricKind, State, Status, into_text};
use super::wire;
use crate::message::Response;
use crate::shared::Refusal;
use crate::simulation::Happening;

/// A host function's view of the VM that called it.
type Vm<'a> = Caller<'a, State>;

/// Adds the host functions to `linker`.
pub fn link(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap("env", "proxy_log", |mut vm: Vm<'_>, level: u32, at: u32, length: u32| -> Result<u32> {
        const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "critical"];
        let message = read(&mut vm, at, length)?;
        let level = LEVELS.get(level as usize).ok_or_else(|| format_err!("no such log level"))?;
        vm.data_mut().log.push(format!("[{level}] {}", wire::text(&message)));
        done(Status::Ok)
    })?;
    linker.func_wrap("env", "proxy_get_log_level", |mut vm: Vm<'_>, to: u32| {
        write(&mut vm, to, &0_u32.to_le_bytes())?;
        done(Status::Ok)
    })?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", |mut vm: Vm<'_>, to: u32| {
        let now = vm.data().now.as_millis() * 1_000_000;
        write(&mut vm, to, &now.to_le_bytes())?;
        done(Status::Ok)
    })?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", |mut vm: Vm<'_>, period: u32| {
        vm.data_mut().happenings.push(Happening::Ticking(Duration::from_millis(period.into())));
        done(Status::Ok)
    })?;
    linker.func_wrap("env", "proxy_set_effective_context", |mut vm: Vm<'_>, context: u32| {
        let state = vm.data_mut();
        if !state.configurations.contains_key(&context) && !state.streams.contains_key(&context) {
            return done(Status::BadArgument);
        }
        state.effective = context;
        done(Status::Ok)
    })?;
    linker.func_wrap("env", "proxy_done", |_: Vm<'_>| done(Status::Ok))?;
    maps(linker)?;
    buffers(linker)?;
    streams(linker)?;
    powers(linker)
}

fn maps(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap("env", "proxy_get_header_map_pairs", |mut vm: Vm<'_>, kind: u32, to: u32, to_length: u32| {
        let Some(encoded) = vm.data_mut().map(kind).map(|fields| wire::encode(fields)) else {
            return done(Status::BadArgument);
        };
        give(&mut vm, &encoded, to, to_length)
    })?;
    linker.func_wrap("env", "proxy_set_header_map_pairs", |mut vm: Vm<'_>, kind: u32, at: u32, length: u32| {
        let Some(fields) = wire::decode(&read(&mut vm, at, length)?) else { return done(Status::ParseFailure) };
        let Some(map) = vm.data_mut().map(kind) else { return done(Status::BadArgument) };
        *map = fields;
        done(Status::Ok)
    })?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |mut vm: Vm<'_>, kind: u32, at: u32, length: u32, to: u32, to_length: u32| {
            let name = read_name(&mut vm, at, length)?;
            let Some(map) = vm.data_mut().map(kind) else { return done(Status::BadArgument) };
            let Some((_, value)) = map.iter().find(|(field, _)| *field == name) else { return done(Status::NotFound) };
            let value = value.clone();
            give(&mut vm, &value, to, to_length)
        },
    )?;
    linker.func_wrap("env", "proxy_remove_header_map_value", |mut vm: Vm<'_>, kind: u32, at: u32, length: u32| {
        let name = read_name(&mut vm, at, length)?;
        let Some(map) = vm.data_mut().map(kind) else { return done(Status::BadArgument) };
        map.retain(|(field, _)| *field != name);
        done(Status::Ok)
    })?;
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |mut vm: Vm<'_>, kind: u32, at: u32, length: u32, value_at: u32, value_length: u32| {
            let (name, value) = (read_name(&mut vm, at, length)?, read(&mut vm, value_at, value_length)?);
            let Some(map) = vm.data_mut().map(kind) else { return done(Status::BadArgument) };
            map.push((name, value));
            done(Status::Ok)
        },
    )?;
    // Like Envoy's `setCopy`: of several fields of that name only the first changes.
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |mut vm: Vm<'_>, kind: u32, at: u32, length: u32, value_at: u32, value_length: u32| {
            let (name, value) = (read_name(&mut vm, at, length)?, read(&mut vm, value_at, value_length)?);
            let Some(map) = vm.data_mut().map(kind) else { return done(Status::BadArgument) };
            match map.iter_mut().find(|(field, _)| *field == name) {
                Some((_, old)) => *old = value,
                None => map.push((name, value)),
            }
            done(Status::Ok)
        },
    )?;
    Ok(())
}

fn buffers(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut vm: Vm<'_>, kind: u32, start: u32, length: u32, to: u32, to_length: u32| {
            let Some(buffer) = vm.data().buffer(kind) else { return done(Status::NotFound) };
            let start = buffer.len().min(start as usize);
            let end = buffer.len().min(start.saturating_add(length as usize));
            let part = buffer[start..end].to_vec();
            give(&mut vm, &part, to, to_length)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        |mut vm: Vm<'_>, kind: u32, start: u32, length: u32, at: u32, data_length: u32| {
            let data = read(&mut vm, at, data_length)?;
            let state = vm.data_mut();
            let stream = state.streams.get_mut(&state.effective).filter(|stream| kind == 0 && stream.body_readable);
            let Some(stream) = stream else { return done(Status::BadArgument) };
            let start = stream.body.len().min(start as usize);
            let end = stream.body.len().min(start.saturating_add(length as usize));
            stream.body.splice(start..end, data);
            done(Status::Ok)
        },
    )?;
    Ok(())
}

fn streams(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap("env", "proxy_continue_stream", |mut vm: Vm<'_>, kind: u32| match kind {
        0 => done(vm.data_mut().resume()),
        // Responses are never held in this host.
        1 => done(Status::Ok),
        _ => done(Status::BadArgument),
    })?;
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |mut vm: Vm<'_>,
         status: u32,
         _: u32,
         _: u32,
         at: u32,
         length: u32,
         headers: u32,
         headers_length: u32,
         _: i32| {
            let body = read(&mut vm, at, length)?;
            let Some(fields) = wire::decode(&read(&mut vm, headers, headers_length)?) else {
                return done(Status::ParseFailure);
            };
            let status = u16::try_from(status).map_err(|_| format_err!("no such HTTP status"))?;
            done(vm.data_mut().answer_locally(Response { status, fields: into_text(fields), body }))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |mut vm: Vm<'_>,
         cluster: u32,
         cluster_length: u32,
         headers: u32,
         headers_length: u32,
         body: u32,
         body_length: u32,
         _: u32,
         _: u32,
         timeout: u32,
         to: u32| {
            let cluster = read(&mut vm, cluster, cluster_length)?;
            let body = read(&mut vm, body, body_length)?;
            let Some(fields) = wire::decode(&read(&mut vm, headers, headers_length)?) else {
                return done(Status::ParseFailure);
            };
            let timeout = Duration::from_millis(timeout.into());
            match vm.data_mut().call_out(&wire::text(&cluster), fields, body, timeout) {
                Ok(call) => {
                    write(&mut vm, to, &call.to_le_bytes())?;
                    done(Status::Ok)
                }
                Err(status) => done(status),
            }
        },
    )?;
    Ok(())
}

fn powers(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |mut vm: Vm<'_>, at: u32, length: u32, to: u32, to_length: u32| {
            let path = read(&mut vm, at, length)?;
            let context = vm.data().effective;
            let known = match path.as_slice() {
                b"plugin_name" | b"plugin_root_id" | b"plugin_vm_id" => Some(b"latchkey".to_vec()),
                // Envoy has it in lower-case hexadecimal.
                b"connection\0sha256_peer_certificate_digest" => {
                    let stream = vm.data().streams.get(&context);
                    let digest = stream.and_then(|stream| stream.certificate);
                    digest.map(|digest| digest.map(|byte| format!("{byte:02x}")).concat().into_bytes())
                }
                _ => vm.data().properties.get(&(context, path)).cloned(),
            };
            match known {
                Some(value) => give(&mut vm, &value, to, to_length),
                None => done(Status::NotFound),
            }
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |mut vm: Vm<'_>, at: u32, length: u32, value: u32, value_length: u32| {
            let (path, value) = (read(&mut vm, at, length)?, read(&mut vm, value, value_length)?);
            let context = vm.data().effective;
            if !vm.data().streams.contains_key(&context) {
                return done(Status::NotFound);
            }
            let shown = (wire::text(&path).into_owned(), wire::text(&value).into_owned());
            vm.data_mut().published.push(shown);
            vm.data_mut().properties.insert((context, path), value);
            done(Status::Ok)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |mut vm: Vm<'_>, at: u32, length: u32, to: u32, to_length: u32, to_version: u32| {
            let key = read(&mut vm, at, length)?;
            let (value, version) = match vm.data().shared.get(&key) {
                Ok(Some(entry)) => entry,
                Ok(None) => return done(Status::NotFound),
                Err(_) => return done(Status::Unimplemented),
            };
            write(&mut vm, to_version, &version.to_le_bytes())?;
            give(&mut vm, &value, to, to_length)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |mut vm: Vm<'_>, at: u32, length: u32, value: u32, value_length: u32, expected: u32| {
            let (key, value) = (read(&mut vm, at, length)?, read(&mut vm, value, value_length)?);
            done(match vm.data().shared.set(key, value, expected) {
                Ok(()) => Status::Ok,
                Err(Refusal::CasMismatch) => Status::CasMismatch,
                Err(Refusal::Closed) => Status::Unimplemented,
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |mut vm: Vm<'_>, name: u32, name_length: u32, at: u32, length: u32, to: u32, to_length: u32| {
            if !vm.data().cryptography {
                return done(Status::NotFound);
            }
            let (name, arguments) = (read(&mut vm, name, name_length)?, read(&mut vm, at, length)?);
            let verification = vm.data().verification;
            let result = match name.as_slice() {
                b"verify_signature" => super::verification::verify_signature(verification, &arguments),
                _ => super::foreign::call(&name, &arguments),
            };
            let Some(result) = result else { return done(Status::NotFound) };
            give(&mut vm, &result, to, to_length)
        },
    )?;
    linker.func_wrap("env", "proxy_define_metric", |mut vm: Vm<'_>, kind: u32, at: u32, length: u32, to: u32| {
        let name = wire::text(&read(&mut vm, at, length)?).into_owned();
        let kind = match kind {
            0 => MetricKind::Counter,
            1 => MetricKind::Gauge,
            2 => MetricKind::Histogram,
            _ => return done(Status::BadArgument),
        };
        let metrics = &mut vm.data_mut().metrics;
        // Several plugins of a VM count together.
        let known = metrics.iter().position(|metric| metric.name == name && metric.kind == kind);
        let number = known.unwrap_or(metrics.len());
        if known.is_none() {
            metrics.push(Metric { name, kind, value: 0 });
        }
        let number = u32::try_from(number)?;
        write(&mut vm, to, &number.to_le_bytes())?;
        done(Status::Ok)
    })?;
    linker.func_wrap("env", "proxy_increment_metric", |mut vm: Vm<'_>, metric: u32, by: i64| {
        match vm.data_mut().metrics.get_mut(metric as usize) {
            Some(Metric { kind: MetricKind::Histogram, .. }) => return done(Status::BadArgument),
            Some(metric) => metric.value = metric.value.wrapping_add_signed(by),
            None => return done(Status::NotFound),
        }
        done(Status::Ok)
    })?;
    linker.func_wrap("env", "proxy_record_metric", |mut vm: Vm<'_>, metric: u32, value: u64| {
        match vm.data_mut().metrics.get_mut(metric as usize) {
            Some(Metric { kind: MetricKind::Counter, .. }) => return done(Status::BadArgument),
            Some(metric) => metric.value = if metric.kind == MetricKind::Gauge { value } else { metric.value + 1 },
            None => return done(Status::NotFound),
        }
        done(Status::Ok)
    })?;
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the type of a host function, which may trap")]
const fn done(status: Status) -> Result<u32> {
    Ok(status as u32)
}

fn read_name(vm: &mut Vm<'_>, at: u32, length: u32) -> Result<Vec<u8>> {
    Ok(read(vm, at, length)?.to_ascii_lowercase())
}

/// Bytes of the VM's memory.
pub fn read(vm: &mut Vm<'_>, at: u32, length: u32) -> Result<Vec<u8>> {
    let memory = memory(vm)?;
    let mut bytes = vec![0; length as usize];
    memory.read(&*vm, at as usize, &mut bytes)?;
    Ok(bytes)
}

/// Writes to the VM's memory.
pub fn write(vm: &mut Vm<'_>, at: u32, bytes: &[u8]) -> Result<()> {
    let memory = memory(vm)?;
    Ok(memory.write(vm, at as usize, bytes)?)
}

/// Hands `value` to the module in memory that it allocates; nothing becomes a null pointer.
fn give(vm: &mut Vm<'_>, value: &[u8], to: u32, to_length: u32) -> Result<u32> {
    let length = u32::try_from(value.len())?;
    let mut at = 0;
    if length > 0 {
        let allocate = vm.get_export("proxy_on_memory_allocate").and_then(wasmtime::Extern::into_func);
        let allocate = allocate.ok_or_else(|| format_err!("the module exports no allocator"))?;
        at = allocate.typed::<u32, u32>(&*vm)?.call(&mut *vm, length)?;
        write(vm, at, value)?;
    }
    write(vm, to, &at.to_le_bytes())?;
    write(vm, to_length, &length.to_le_bytes())?;
    done(Status::Ok)
}

fn memory(vm: &mut Vm<'_>) -> Result<wasmtime::Memory> {
    vm.get_export("memory")
        .and_then(wasmtime::Extern::into_memory)
        .ok_or_else(|| format_err!("the module has no memory"))
}
