//! Ring two: the release module in wasmtime, inside a host that keeps state and behaves as Envoy does.

mod foreign;
mod imports;
mod module;
mod state;
mod verification;
mod wasi;
mod wire;

use std::collections::BTreeMap;

use relying_party::time::UnixTime;
use wasmtime::{Instance, Linker, Store, WasmParams, WasmResults};

use crate::message::{Request, Response};
use crate::simulation::{Boot, CallOutcome, Happening, Proxy, VirtualWorld};
use crate::world::Need;
use state::{FIRST_STREAM, Phase, ROOT, State, Stream};

/// Ring two in virtual time, with Envoy's `allow_on_headers_stop_iteration: true`.
pub type WasmWorld = VirtualWorld<Host<true>>;
/// The same with `false`, Envoy's default: of a request whose head is held the filter sees nothing more.
pub type StopAllWasmWorld = VirtualWorld<Host<false>>;

/// `proxy_action_t`: let it pass.
const CONTINUE: u32 = 0;
/// Envoy's default limit for what it buffers of a request that a filter holds.
const BUFFER_LIMIT: usize = 1024 * 1024;

/// One VM with one plugin. `STOP_ITERATION` is Envoy's `allow_on_headers_stop_iteration`.
pub struct Host<const STOP_ITERATION: bool> {
    store: Store<State>,
    instance: Instance,
}

impl<const STOP_ITERATION: bool> Proxy for Host<STOP_ITERATION> {
    const RING: &'static str = if STOP_ITERATION { "wasm" } else { "wasm, everything stops" };
    const LACKS: &'static [Need] = if STOP_ITERATION { &[] } else { &[Need::HeldBody] };

    fn boot(boot: &Boot, now: UnixTime) -> Self {
        Self::start(boot, now).unwrap_or_else(|log| panic!("the module refused to start:\n{log}"))
    }

    fn request(&mut self, stream: u32, request: &Request, now: UnixTime) {
        let context = FIRST_STREAM + stream;
        let state = self.at(now);
        let plugin = state.plugin;
        let ends = request.body.is_empty();
        let fields = state::from_text(&request.fields);
        let count = len(fields.len());
        let (unsent, certificate) = (request.body.clone(), request.certificate);
        let stream = Stream { request: fields, unsent, certificate, ..Stream::default() };
        state.streams.insert(context, stream);
        self.vm::<_, ()>(context, "proxy_on_context_create", (context, plugin));
        let action: u32 = self.vm(context, "proxy_on_request_headers", (context, count, u32::from(ends)));
        self.after(context, action);
        if STOP_ITERATION || self.phase(context) == Phase::Passing {
            self.deliver_body(context);
        }
    }

    fn response(&mut self, stream: u32, response: Response, now: UnixTime) -> Response {
        self.at(now);
        self.encode(FIRST_STREAM + stream, response)
    }

    fn close(&mut self, stream: u32, now: UnixTime) {
        self.at(now);
        let context = FIRST_STREAM + stream;
        let done: u32 = self.vm(context, "proxy_on_done", context);
        assert_eq!(done, 1, "the module wants to delay the end of a stream");
        self.vm::<_, ()>(context, "proxy_on_delete", context);
        let state = self.store.data_mut();
        state.streams.remove(&context);
        state.properties.retain(|(of, _), _| *of != context);
    }

    fn answer(&mut self, call: u32, outcome: CallOutcome, now: UnixTime) {
        let state = self.at(now);
        let root = state.calls.remove(&call).expect("a call ends once");
        // Envoy's router answers a reset call itself; a call that it gives up has no answer at all.
        state.call = match outcome {
            CallOutcome::Answered(response) => Some(response),
            CallOutcome::Reset => {
                Some(Response::new(503, "text/plain", "upstream connect error or disconnect/reset before headers"))
            }
            CallOutcome::TimedOut => None,
        }
        .map(|response| (with_status(&response), response.body));
        let (headers, body) = state.call.as_ref().map_or((0, 0), |(fields, body)| (len(fields.len()), len(body.len())));
        self.vm::<_, ()>(root, "proxy_on_http_call_response", (root, call, headers, body, 0_u32));
        self.store.data_mut().call = None;
        self.settle();
    }

    fn tick(&mut self, now: UnixTime) {
        let plugin = self.at(now).plugin;
        self.vm::<_, ()>(plugin, "proxy_on_tick", plugin);
        self.settle();
    }

    fn happenings(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.store.data_mut().happenings)
    }

    fn log(&self) -> Vec<String> {
        self.store.data().log.clone()
    }

    fn metrics(&self) -> BTreeMap<String, u64> {
        self.store.data().metrics.iter().map(|metric| (metric.name.clone(), metric.value)).collect()
    }
}

impl<const STOP_ITERATION: bool> Host<STOP_ITERATION> {
    /// Starts a VM and configures the plugin; `Err` holds the log when the module refuses its configuration.
    pub fn start(boot: &Boot, now: UnixTime) -> Result<Self, String> {
        let (engine, module) = module::module();
        let mut linker = Linker::new(engine);
        imports::link(&mut linker).expect("host functions have distinct names");
        wasi::link(&mut linker).expect("host functions have distinct names");
        linker.define_unknown_imports_as_traps(module).expect("imports are functions");
        let mut store = Store::new(engine, State::new(boot, now));
        let instance = linker.instantiate(&mut store, module).expect("the module instantiates");
        let mut host = Self { store, instance };
        for start in ["_initialize", "_start"] {
            if host.instance.get_func(&mut host.store, start).is_some() {
                host.vm::<_, ()>(ROOT, start, ());
                break;
            }
        }
        host.vm::<_, ()>(ROOT, "proxy_on_context_create", (ROOT, 0_u32));
        let started: u32 = host.vm(ROOT, "proxy_on_vm_start", (ROOT, 0_u32));
        let is_configured = host.configure(ROOT);
        if started == 1 && is_configured { Ok(host) } else { Err(host.log().join("\n")) }
    }

    /// Configures another plugin in the same VM; its root context. It is the one that ticks and gets requests from now on.
    pub fn add_plugin(&mut self, configuration: Vec<u8>, now: UnixTime) -> u32 {
        let state = self.at(now);
        let root = ROOT + len(state.configurations.len());
        assert!(root < FIRST_STREAM, "few plugins");
        state.configurations.insert(root, configuration);
        state.plugin = root;
        self.vm::<_, ()>(root, "proxy_on_context_create", (root, 0_u32));
        assert!(self.configure(root), "refused: {}", self.log().join("\n"));
        root
    }

    /// From now on the plugin of this root context ticks and gets requests.
    pub fn switch_to(&mut self, root: u32) {
        self.store.data_mut().plugin = root;
    }

    fn configure(&mut self, root: u32) -> bool {
        let size = len(self.store.data().configurations.get(&root).map_or(0, Vec::len));
        let configured: u32 = self.vm(root, "proxy_on_configure", (root, size));
        configured == 1
    }

    /// What the module has shown to access logs (`wasm.NAME` in the filter state), in order.
    pub fn published(&self) -> &[(String, String)] {
        &self.store.data().published
    }

    /// How much memory the module has, in bytes. It never shrinks.
    pub fn memory(&mut self) -> usize {
        self.instance.get_memory(&mut self.store, "memory").expect("a module has a memory").data_size(&self.store)
    }

    fn at(&mut self, now: UnixTime) -> &mut State {
        let state = self.store.data_mut();
        state.now = now;
        state.effective = state.plugin;
        state
    }

    /// Calls an export of the module on behalf of `context`. A trap is the death of a worker's VM, and of the test.
    fn vm<P: WasmParams, R: WasmResults>(&mut self, context: u32, name: &str, arguments: P) -> R {
        self.store.data_mut().effective = context;
        let function = self.instance.get_typed_func::<P, R>(&mut self.store, name);
        let function = function.unwrap_or_else(|error| panic!("the module's {name}: {error}"));
        match function.call(&mut self.store, arguments) {
            Ok(result) => result,
            Err(error) => panic!("the module died in {name}: {error:?}\nlog:\n{}", self.log().join("\n")),
        }
    }

    fn stream(&mut self, context: u32) -> &mut Stream {
        self.store.data_mut().streams.get_mut(&context).expect("the stream lives")
    }

    fn phase(&mut self, context: u32) -> Phase {
        self.stream(context).phase
    }

    /// The client's body arrives, in two pieces: a filter that decides at the first has not read it all.
    fn deliver_body(&mut self, context: u32) {
        while self.phase(context) != Phase::Decided && !self.stream(context).unsent.is_empty() {
            let stream = self.stream(context);
            let half = stream.unsent.len().div_ceil(2);
            stream.body.extend(stream.unsent.drain(..half));
            stream.body_readable = true;
            let (length, ends) = (stream.body.len(), stream.unsent.is_empty());
            let mut action = CONTINUE;
            if length > BUFFER_LIMIT && stream.phase == Phase::Paused {
                stream.local = Some(Response::new(413, "text/plain", "Payload Too Large"));
            } else {
                action = self.vm(context, "proxy_on_request_body", (context, len(length), u32::from(ends)));
            }
            self.after(context, action);
        }
        if self.phase(context) == Phase::Passing {
            self.forward(context);
        }
    }

    /// What a callback of a stream has caused, once the VM has returned.
    fn after(&mut self, context: u32, action: u32) {
        let held = self.phase(context) == Phase::Paused;
        let stream = self.stream(context);
        if stream.local.is_none() {
            stream.phase = if action == CONTINUE || stream.resumed { Phase::Passing } else { Phase::Paused };
            assert!(
                held || stream.phase == Phase::Passing || stream.body.is_empty(),
                "the head had gone to the application already"
            );
            stream.resumed = false;
        }
        self.settle();
    }

    /// Carries out answers and resumptions that the module asked for, for whichever stream.
    fn settle(&mut self) {
        let contexts: Vec<u32> = self.store.data().streams.keys().copied().collect();
        for context in contexts {
            let stream = self.stream(context);
            if let Some(local) = stream.local.take() {
                stream.phase = Phase::Decided;
                let response = self.encode(context, local);
                self.happen(Happening::Answered { stream: context - FIRST_STREAM, response });
            } else if std::mem::take(&mut stream.resumed) && stream.phase == Phase::Paused {
                stream.phase = Phase::Passing;
                if STOP_ITERATION && !stream.unsent.is_empty() {
                    continue; // The body is on its way already.
                }
                self.deliver_body(context);
            }
        }
    }

    fn forward(&mut self, context: u32) {
        let stream = self.stream(context);
        stream.phase = Phase::Decided;
        let fields = state::into_text(stream.request.clone());
        let request = Request { fields, body: stream.body.clone(), certificate: None };
        self.happen(Happening::Forwarded { stream: context - FIRST_STREAM, request });
    }

    /// The way back, which answers of the filter itself take as well.
    fn encode(&mut self, context: u32, response: Response) -> Response {
        let fields = with_status(&response);
        let count = len(fields.len());
        self.stream(context).response = Some(fields);
        let ends = response.body.is_empty();
        let action: u32 = self.vm(context, "proxy_on_response_headers", (context, count, u32::from(ends)));
        assert_eq!(action, CONTINUE, "the module holds a response");
        let fields = state::into_text(self.stream(context).response.take().expect("the map stays"));
        let status = fields
            .iter()
            .find(|(name, _)| name == ":status")
            .and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok());
        let fields = fields.into_iter().filter(|(name, _)| name != ":status").collect();
        Response { status: status.expect("a response has a status"), fields, body: response.body }
    }

    fn happen(&mut self, happening: Happening) {
        self.store.data_mut().happenings.push(happening);
    }
}

fn with_status(response: &Response) -> wire::Fields {
    let status = (b":status".to_vec(), response.status.to_string().into_bytes());
    std::iter::once(status).chain(state::from_text(&response.fields)).collect()
}

fn len(length: usize) -> u32 {
    u32::try_from(length).expect("everything is small here")
}
