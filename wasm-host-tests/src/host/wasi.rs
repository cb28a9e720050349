//! The six WASI functions that Envoy offers.

use wasmtime::{Caller, Linker, Result, bail};

use super::imports::{read, write};
use super::state::State;
use super::wire;

const MODULE: &str = "wasi_snapshot_preview1";
type Vm<'a> = Caller<'a, State>;

/// Adds the WASI functions to `linker`.
pub fn link(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(MODULE, "random_get", |mut vm: Vm<'_>, to: u32, length: u32| -> Result<u32> {
        let bytes = vm.data_mut().randomness.draw(length as usize);
        write(&mut vm, to, &bytes)?;
        Ok(0)
    })?;
    linker.func_wrap(MODULE, "clock_time_get", |mut vm: Vm<'_>, _: u32, _: u64, to: u32| -> Result<u32> {
        let now = vm.data().now.as_millis() * 1_000_000;
        write(&mut vm, to, &now.to_le_bytes())?;
        Ok(0)
    })?;
    linker.func_wrap(MODULE, "environ_sizes_get", |mut vm: Vm<'_>, to_count: u32, to_size: u32| -> Result<u32> {
        let lines = environment(vm.data());
        let size: usize = lines.iter().map(Vec::len).sum();
        write(&mut vm, to_count, &u32::try_from(lines.len())?.to_le_bytes())?;
        write(&mut vm, to_size, &u32::try_from(size)?.to_le_bytes())?;
        Ok(0)
    })?;
    linker.func_wrap(MODULE, "environ_get", |mut vm: Vm<'_>, mut table: u32, mut at: u32| -> Result<u32> {
        for line in environment(vm.data()) {
            write(&mut vm, table, &at.to_le_bytes())?;
            write(&mut vm, at, &line)?;
            table += 4;
            at += u32::try_from(line.len())?;
        }
        Ok(0)
    })?;
    // What Rust prints, a panic's message above all.
    linker.func_wrap(
        MODULE,
        "fd_write",
        |mut vm: Vm<'_>, _: u32, vectors: u32, count: u32, to: u32| -> Result<u32> {
            let mut message = Vec::new();
            for vector in 0..count {
                let place = read(&mut vm, vectors + vector * 8, 8)?;
                let number = |at: usize| u32::from_le_bytes([place[at], place[at + 1], place[at + 2], place[at + 3]]);
                message.extend(read(&mut vm, number(0), number(4))?);
            }
            vm.data_mut().log.push(format!("[output] {}", wire::text(&message)));
            write(&mut vm, to, &u32::try_from(message.len())?.to_le_bytes())?;
            Ok(0)
        },
    )?;
    linker.func_wrap(MODULE, "proc_exit", |_: Vm<'_>, code: u32| -> Result<()> {
        bail!("the module exited with {code}")
    })?;
    Ok(())
}

fn environment(state: &State) -> Vec<Vec<u8>> {
    state.environment.iter().map(|(name, value)| format!("{name}={value}\0").into_bytes()).collect()
}
