//! The host's calls, as far as they are used. Everything that names a status, a map or a buffer of the ABI is here.

use std::time::{Duration, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType};
use relying_party::entropy::Entropy;
use relying_party::forward::Forward;
use relying_party::http::{CalloutOutcome, CalloutRequest, Headers, RequestHead, Response};
use relying_party::log::{Level, LogLine};
use relying_party::time::UnixTime;

use crate::header_map;

/// The largest answer of a provider that is read. Larger ones are refused unread.
const LARGEST_ANSWER: usize = 512 * 1024;

/// Randomness of the host (`random_get`).
pub(crate) struct HostEntropy;

impl Entropy for HostEntropy {
    fn fill(&mut self, buffer: &mut [u8]) {
        // Without randomness nothing may be sealed: better no answer than a predictable one.
        if getrandom::fill(buffer).is_err() {
            std::process::abort();
        }
    }
}

pub(crate) fn now() -> UnixTime {
    let since_epoch =
        hostcalls::get_current_time().ok().and_then(|now| now.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

pub(crate) fn log(line: &LogLine) {
    let level = match line.level {
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
    };
    let _ = hostcalls::log(level, &line.message);
}

pub(crate) fn log_error(message: &str) {
    let _ = hostcalls::log(LogLevel::Critical, message);
}

pub(crate) fn tick_in(delay: Duration) {
    let _ = hostcalls::set_tick_period(delay);
}

pub(crate) fn plugin_configuration(size: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten().unwrap_or_default()
}

/// From now on host calls act for `context`; `false` when it is gone.
pub(crate) fn act_for(context: u32) -> bool {
    hostcalls::set_effective_context(context).is_ok()
}

pub(crate) fn request_head() -> RequestHead {
    RequestHead::new(headers(MapType::HttpRequestHeaders))
}

/// A header map where it stands: the SDK would copy every name and value, which is most of what a request costs here.
fn headers(map: MapType) -> Headers {
    let buffer = header_map::serialized(map);
    let fields = header_map::fields(&buffer);
    Headers::in_buffer(buffer, fields)
}

pub(crate) fn request_body(size: usize) -> Vec<u8> {
    hostcalls::get_buffer(BufferType::HttpRequestBody, 0, size).ok().flatten().unwrap_or_default()
}

/// Changes the request's headers as the verdict says.
pub(crate) fn change_request(forward: &Forward) {
    for name in forward.removed() {
        let _ = hostcalls::remove_map_value(MapType::HttpRequestHeaders, name);
    }
    for (name, value) in forward.added() {
        let _ = hostcalls::add_map_value_bytes(MapType::HttpRequestHeaders, name, value);
    }
    for (name, value) in forward.properties() {
        publish(name, value);
    }
}

pub(crate) fn resume_request() {
    let _ = hostcalls::resume_http_request();
}

pub(crate) fn add_response_cookies(cookies: &[String]) {
    for cookie in cookies {
        let _ = hostcalls::add_map_value(MapType::HttpResponseHeaders, "set-cookie", cookie);
    }
}

pub(crate) fn respond(response: &Response) {
    let headers = response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = (!response.body.is_empty()).then_some(response.body.as_slice());
    let _ = hostcalls::send_http_response(u32::from(response.status), headers, body);
}

#[cfg_attr(target_family = "wasm", link(wasm_import_module = "env"))]
unsafe extern "C" {
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
}

/// Shows `value` to access logs and other filters, as `%FILTER_STATE(wasm.latchkey.NAME:PLAIN)%`. The SDK's own form of this call
/// panics on every status that it does not expect.
pub(crate) fn publish(name: &str, value: &str) {
    let path = ["latchkey.", name].concat();
    // SAFETY: pointers and lengths are those of live slices, which the host reads during the call only.
    let _ = unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) };
}

/// Sends a request to a provider; the host's number for it, or `None` when the host will not send it.
pub(crate) fn dispatch(request: &CalloutRequest) -> Option<u32> {
    let mut headers = vec![
        (":method", request.method),
        (":scheme", request.scheme.as_str()),
        (":authority", request.authority.as_str()),
        (":path", request.path.as_str()),
    ];
    headers.extend(request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let body = (!request.body.is_empty()).then_some(request.body.as_slice());
    hostcalls::dispatch_http_call(&request.cluster, headers, body, Vec::new(), request.timeout).ok()
}

/// The answer to a call. A call that failed has no headers.
pub(crate) fn callout_outcome(header_count: usize, body_size: usize) -> CalloutOutcome {
    if header_count == 0 {
        return CalloutOutcome::Failed;
    }
    if body_size > LARGEST_ANSWER {
        return CalloutOutcome::TooLarge;
    }
    let headers = headers(MapType::HttpCallResponseHeaders);
    let Some(status) = headers.first_str(":status").and_then(|status| status.parse().ok()) else {
        return CalloutOutcome::Failed;
    };
    let body = match body_size {
        0 => Vec::new(),
        size => hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size).ok().flatten().unwrap_or_default(),
    };
    CalloutOutcome::Answered { status, headers, body }
}
