//! A proxy-wasm filter that says whether a signature is good, by the very code that the filter uses. Key, algorithm, text and
//! signature come as headers, in base64url.
#![allow(missing_docs, reason = "the macro's entry point has none")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use host_cryptography::HostVerifier;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel, MapType};
use relying_party::jose::{Jwk, JwsAlgorithm, SignatureVerifier as _};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

impl Context for Root {}

impl RootContext for Root {
    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Stream;

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let (status, body) = match judge() {
            Some(true) => (200, "good"),
            Some(false) => (200, "bad"),
            None => (400, "no question"),
        };
        let _ = hostcalls::send_http_response(status, Vec::new(), Some(body.as_bytes()));
        Action::Pause
    }
}

fn judge() -> Option<bool> {
    let log = |line: &relying_party::log::LogLine| {
        let _ = hostcalls::log(LogLevel::Info, &line.message);
    };
    let algorithm = JwsAlgorithm::from_name(std::str::from_utf8(&field("x-algorithm")?).ok()?)?;
    let key: serde_json::Value = serde_json::from_slice(&decoded("x-key")?).ok()?;
    let key = Jwk::from_value(&key).ok()?;
    Some(HostVerifier { log }.verify(algorithm, &key, &decoded("x-text")?, &decoded("x-signature")?))
}

fn decoded(name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(field(name)?).ok()
}

fn field(name: &str) -> Option<Vec<u8>> {
    hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, name).ok()?
}
