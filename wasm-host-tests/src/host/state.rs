//! What the host knows: contexts, maps, buffers, calls. Host functions read and write it; nothing here calls the VM.

use std::collections::BTreeMap;
use std::time::Duration;

use relying_party::time::UnixTime;

use super::wire::{Fields, text};
use crate::message::{Request, Response};
use crate::shared::SharedMap;
use crate::simulation::{Boot, Happening, Randomness, Verification};

/// The number of the first plugin's root context.
pub const ROOT: u32 = 1;
/// Stream N of the world is context N + 10.
pub const FIRST_STREAM: u32 = 10;

/// `proxy_status_t`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Ok = 0,
    NotFound = 1,
    BadArgument = 2,
    ParseFailure = 4,
    CasMismatch = 8,
    Unimplemented = 12,
}

/// Everything behind the host functions.
pub struct State {
    pub now: UnixTime,
    /// By root context: several plugins may share a VM.
    pub configurations: BTreeMap<u32, Vec<u8>>,
    /// The root context that ticks and gets new requests.
    pub plugin: u32,
    pub environment: Vec<(String, String)>,
    pub clusters: Vec<String>,
    /// Whether there are foreign functions.
    pub cryptography: bool,
    /// How the host verifies signatures.
    pub verification: Verification,
    /// The context that host functions act for.
    pub effective: u32,
    pub streams: BTreeMap<u32, Stream>,
    /// Calls under way, and the root context that gets the answer.
    pub calls: BTreeMap<u32, u32>,
    pub next_call: u32,
    /// Headers and body of the call that is being reported; `None` when it failed.
    pub call: Option<(Fields, Vec<u8>)>,
    pub happenings: Vec<Happening>,
    pub log: Vec<String>,
    pub shared: SharedMap,
    pub properties: BTreeMap<(u32, Vec<u8>), Vec<u8>>,
    pub published: Vec<(String, String)>,
    pub metrics: Vec<Metric>,
    pub randomness: Randomness,
}

/// One of the host's statistics.
pub struct Metric {
    pub name: String,
    pub kind: MetricKind,
    /// Of a histogram, how many values it has.
    pub value: u64,
}

/// `proxy_metric_type_t`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

/// A request under way.
#[derive(Default)]
pub struct Stream {
    pub request: Fields,
    pub body: Vec<u8>,
    /// What the client has yet to send, or Envoy keeps back.
    pub unsent: Vec<u8>,
    /// The body can be read: from its first byte on.
    pub body_readable: bool,
    /// Only while the response headers pass.
    pub response: Option<Fields>,
    /// The filter's own answer; takes effect after the VM returns.
    pub local: Option<Response>,
    /// `proxy_continue_stream` was called; takes effect after the VM returns.
    pub resumed: bool,
    pub phase: Phase,
    /// SHA-256 of the certificate that the client has shown.
    pub certificate: Option<[u8; 32]>,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// The filter's callbacks run, or have let everything pass so far.
    #[default]
    Passing,
    /// The filter holds it.
    Paused,
    /// It has been answered by the filter, or given to the application.
    Decided,
}

impl State {
    pub fn new(boot: &Boot, now: UnixTime) -> Self {
        Self {
            now,
            configurations: BTreeMap::from([(ROOT, boot.configuration.clone())]),
            plugin: ROOT,
            environment: boot.environment.clone(),
            clusters: boot.clusters.clone(),
            cryptography: boot.cryptography,
            verification: boot.verification,
            effective: ROOT,
            streams: BTreeMap::new(),
            calls: BTreeMap::new(),
            next_call: 1,
            call: None,
            happenings: Vec::new(),
            log: Vec::new(),
            shared: boot.shared.clone(),
            properties: BTreeMap::new(),
            published: Vec::new(),
            metrics: Vec::new(),
            randomness: Randomness::new(boot.instance),
        }
    }

    /// The header map of `kind` (`proxy_map_type_t`) that the effective context may use.
    pub fn map(&mut self, kind: u32) -> Option<&mut Fields> {
        match kind {
            0 => self.streams.get_mut(&self.effective).map(|stream| &mut stream.request),
            2 => self.streams.get_mut(&self.effective)?.response.as_mut(),
            6 => self.call.as_mut().map(|(fields, _)| fields),
            _ => None,
        }
    }

    /// The buffer of `kind` (`proxy_buffer_type_t`) that the effective context may read.
    pub fn buffer(&self, kind: u32) -> Option<&[u8]> {
        match kind {
            0 => self.streams.get(&self.effective).filter(|stream| stream.body_readable).map(|stream| &*stream.body),
            4 => self.call.as_ref().map(|(_, body)| &**body),
            6 => Some(b""),
            7 => self.configurations.get(&self.effective).map(|configuration| &**configuration),
            _ => None,
        }
    }

    /// `proxy_http_call`: Envoy knows its clusters and wants complete requests.
    pub fn call_out(&mut self, cluster: &str, fields: Fields, body: Vec<u8>, timeout: Duration) -> Result<u32, Status> {
        let has = |name: &[u8]| fields.iter().any(|(field, value)| field == name && !value.is_empty());
        if !self.clusters.iter().any(|known| known == cluster)
            || ![&b":method"[..], b":path", b":authority"].into_iter().all(has)
        {
            return Err(Status::BadArgument);
        }
        let call = self.next_call;
        self.next_call += 1;
        self.calls.insert(call, self.plugin);
        let request = Request { fields: into_text(fields), body, certificate: None };
        self.happenings.push(Happening::Called { call, cluster: cluster.to_owned(), request, timeout });
        Ok(call)
    }

    /// `proxy_send_local_response`: the first answer counts.
    pub fn answer_locally(&mut self, response: Response) -> Status {
        let Some(stream) = self.streams.get_mut(&self.effective) else { return Status::BadArgument };
        assert!(stream.local.is_none() && stream.phase != Phase::Decided, "the module answered one request twice");
        stream.local = Some(response);
        Status::Ok
    }

    /// `proxy_continue_stream` for a request.
    pub fn resume(&mut self) -> Status {
        let Some(stream) = self.streams.get_mut(&self.effective) else { return Status::BadArgument };
        assert!(stream.phase != Phase::Decided, "the module resumed a request that was decided");
        stream.resumed = true;
        Status::Ok
    }
}

/// Names are text in every map that we build; values stay bytes.
pub fn into_text(fields: Fields) -> Vec<(String, Vec<u8>)> {
    fields.into_iter().map(|(name, value)| (text(&name).into_owned(), value)).collect()
}

/// The opposite of [`into_text`].
pub fn from_text(fields: &[(String, Vec<u8>)]) -> Fields {
    fields.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone())).collect()
}
