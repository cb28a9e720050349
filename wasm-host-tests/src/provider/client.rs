//! Who calls: client authentication, and requests that a client pushes.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use relying_party::time::UnixTime;
use serde_json::{Value, json};

use super::{CLIENT_ID, CLIENT_SECRET, ISSUER, MTLS_ISSUER, Provider};
use crate::message::{Request, Response, parameter};

/// How long a pushed request may be used, in seconds.
const PUSHED_LIFETIME: Duration = Duration::from_secs(60);
/// How long an assertion may live at most.
const ASSERTION_LIFETIME: u64 = 120;

/// A pushed request: its parameters, and when it came.
pub struct Pushed {
    parameters: Vec<(String, String)>,
    at: UnixTime,
}

impl Provider {
    /// RFC 9126 §2.
    pub(super) fn push(&mut self, request: &Request, now: UnixTime) -> Response {
        if request.method() != "POST" {
            return self.complain(405, "pushed request is not POST");
        }
        if let Err(problem) = self.authenticate(request, now) {
            self.complaints.push(problem.to_owned());
            return Response::json(401, &json!({"error": "invalid_client"}));
        }
        let parameters = form(&request.body);
        if all(&parameters, "client_id") != [CLIENT_ID] {
            return self.complain(400, "pushed request without its client_id, or with several");
        }
        if all(&parameters, "request_uri") != Vec::<String>::new() {
            return self.complain(400, "pushed request with a request_uri");
        }
        self.issued += 1;
        let request_uri = format!("urn:ietf:params:oauth:request_uri:{}+/=&", self.issued);
        self.pushed.insert(request_uri.clone(), Pushed { parameters, at: now });
        Response::json(201, &json!({"request_uri": request_uri, "expires_in": PUSHED_LIFETIME.as_secs()}))
    }

    /// What an authorization request says: its query, or what was pushed before (RFC 9126 §4).
    pub(super) fn authorization_parameters(
        &mut self,
        request: &Request,
        now: UnixTime,
    ) -> Result<Vec<(String, String)>, &'static str> {
        let query = form(request.target().split_once('?').map_or("", |(_, query)| query).as_bytes());
        let Some(request_uri) = all(&query, "request_uri").pop() else {
            return if self.requires_pushed_requests { Err("the request was not pushed") } else { Ok(query) };
        };
        if query.len() != 2 || all(&query, "client_id") != [CLIENT_ID] {
            return Err("more than client_id and request_uri");
        }
        let Some(pushed) = self.pushed.remove(&request_uri) else { return Err("unknown request_uri") };
        if now.since(pushed.at) > PUSHED_LIFETIME { Err("request_uri expired") } else { Ok(pushed.parameters) }
    }

    pub(super) fn authenticate(&mut self, request: &Request, now: UnixTime) -> Result<(), &'static str> {
        let basic = request.header("authorization");
        let posted = request.posted("client_secret");
        match self.client_authentication {
            "client_secret_basic" => {
                if posted.is_some() {
                    return Err("client secret in the body");
                }
                let (id, secret) = basic.and_then(basic_credentials).ok_or("no Basic credentials")?;
                (id == CLIENT_ID && secret == CLIENT_SECRET).then_some(()).ok_or("wrong Basic credentials")
            }
            "client_secret_post" => {
                if basic.is_some() {
                    return Err("client secret in the header");
                }
                let id = request.posted("client_id");
                let right = id.as_deref() == Some(CLIENT_ID) && posted.as_deref() == Some(CLIENT_SECRET);
                right.then_some(()).ok_or("wrong client_id or client_secret")
            }
            _ if basic.is_some() || posted.is_some() && self.client_authentication != "none" => {
                Err("a client with a better proof sent a secret")
            }
            "private_key_jwt" => self.check_assertion(request, now),
            // In this simulation the connection's certificate is always right; what can be wrong is where it is shown.
            "tls_client_auth" if !request.header(":authority").is_some_and(|host| MTLS_ISSUER.contains(host)) => {
                Err("a client with a certificate came to an endpoint without")
            }
            _ if basic.is_some() || posted.is_some() => Err("a public client sent a secret"),
            _ => (request.posted("client_id").as_deref() == Some(CLIENT_ID)).then_some(()).ok_or("no client_id"),
        }
    }

    /// RFC 7523 §3, OIDC Core 1.0 §9.
    fn check_assertion(&mut self, request: &Request, now: UnixTime) -> Result<(), &'static str> {
        const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        if request.posted("client_assertion_type").as_deref() != Some(TYPE) {
            return Err("another client_assertion_type");
        }
        let assertion = request.posted("client_assertion").ok_or("no client_assertion")?;
        let (message, signature) = assertion.rsplit_once('.').ok_or("an assertion without signature")?;
        let (header, claims) = message.split_once('.').ok_or("an assertion without header")?;
        let read = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice::<Value>(&bytes).ok()
        };
        let header = read(header).ok_or("the assertion's header is no JSON")?;
        let claims = read(claims).ok_or("the assertion's claims are no JSON")?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "the assertion's signature is not base64url")?;
        let (issued, expires) = (claims["iat"].as_u64().unwrap_or(0), claims["exp"].as_u64().unwrap_or(0));
        let token_endpoint = format!("{ISSUER}/token");
        let problems = [
            (header["alg"] != self.client_key.algorithm(), "assertion with another alg"),
            (!self.client_key.verify(message.as_bytes(), &signature), "assertion with a bad signature"),
            (claims["iss"] != CLIENT_ID || claims["sub"] != CLIENT_ID, "assertion of another client"),
            (claims["aud"] != ISSUER && claims["aud"] != token_endpoint.as_str(), "assertion for another audience"),
            (issued > now.as_secs() || issued + ASSERTION_LIFETIME < now.as_secs(), "assertion of another time"),
            (expires <= now.as_secs() || expires > issued + ASSERTION_LIFETIME, "assertion expired, or for too long"),
            (claims["jti"].as_str().is_none_or(|id| id.len() < 22), "assertion without a jti worth the name"),
            (request.posted("client_id").is_some_and(|id| id != CLIENT_ID), "another client_id beside the assertion"),
        ];
        if let Some((_, problem)) = problems.iter().find(|(found, _)| *found) {
            return Err(problem);
        }
        let is_new = self.used_assertions.insert(claims["jti"].to_string());
        is_new.then_some(()).ok_or("assertion used twice")
    }
}

/// The pairs of a form or query.
pub fn form(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

/// Every value of `name`.
pub fn all(parameters: &[(String, String)], name: &str) -> Vec<String> {
    parameters.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
}

/// RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
fn basic_credentials(header: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(header.strip_prefix("Basic ")?).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let decode = |value: &str| parameter(format!("v={value}").as_bytes(), "v");
    Some((decode(id)?, decode(secret)?))
}
