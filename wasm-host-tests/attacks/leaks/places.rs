//! Where text comes up: each part of an answer, of a request to the application, of a call to the provider.

use relying_party::http::cookies;
use serde_json::Value;

use super::Place;
use crate::message::{Request, Response};
use crate::provider::{Endpoint, Provider};
use crate::scenarios::SESSION_COOKIE;
use crate::world::Exchange;

/// An answer to a client, and what the application got.
pub fn of_exchange(
    request: &Request,
    exchange: &Exchange,
    document: &Value,
    provider: &Provider,
) -> Vec<(Place, String)> {
    let hint =
        request.query("login_hint").map(|hint| form_urlencoded::byte_serialize(hint.as_bytes()).collect::<String>());
    let fields = exchange.response.fields.iter().map(|(name, value)| {
        // Who somebody says they are is passed on as they said it.
        let (place, value) = field(name, &text(value), provider);
        match (&place, &hint) {
            (Place::ToAuthorization, Some(hint)) => (place, value.replace(&format!("login_hint={hint}"), "")),
            _ => (place, value),
        }
    });
    let mut places: Vec<_> = fields.collect();
    match &exchange.upstream {
        None => places.push((body(request, &exchange.response), exchange.response.text())),
        // What the client itself says is its own business: bodies, targets, fields that nobody manages.
        Some(upstream) => places.extend(upstream.fields.iter().filter_map(|(name, value)| {
            let is_managed = document["headers"].as_object().is_some_and(|headers| headers.contains_key(name));
            let is_own = !is_managed && name != "cookie" && request.all(name).contains(&value.as_slice());
            (!is_own).then(|| (at_application(name, is_managed, document), own_cookies(name, &text(value), document)))
        })),
    }
    places
}

/// The calls that a relying party makes; what a browser brings to the provider is checked as `Location`.
pub fn of_calls(log: &[(Endpoint, Request)]) -> Vec<(Place, String)> {
    let calls = log.iter().filter(|(endpoint, _)| !matches!(endpoint, Endpoint::Authorize | Endpoint::EndSession));
    calls
        .flat_map(|(endpoint, request)| {
            let fields = request.fields.iter().filter(|(name, _)| !name.starts_with(':'));
            let fields = fields.map(|(name, value)| format!("{name}: {}", text(value)));
            let said = fields.chain([text(&request.body)]).map(|text| (Place::Call(*endpoint), text));
            said.chain([(Place::Target(*endpoint), request.target().to_owned())]).collect::<Vec<_>>()
        })
        .collect()
}

/// A line of the log, without the subject of a line of the audit log that is to show it.
pub fn of_log(line: String, shows_subjects: bool) -> String {
    match line.split_once(r#","subject":""#) {
        Some((front, _)) if shows_subjects && front.contains("latchkey-audit {") => front.to_owned(),
        _ => line,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn field(name: &str, value: &str, provider: &Provider) -> (Place, String) {
    let place = match (name, provider.endpoint_at(value)) {
        ("set-cookie", _) if value.split('=').next().is_some_and(|name| name.contains("latchkey")) => Place::SetCookie,
        ("location", Endpoint::Authorize) => Place::ToAuthorization,
        ("location", Endpoint::EndSession) => Place::ToLogout,
        _ => Place::Answer(name.to_owned()),
    };
    (place, value.to_owned())
}

fn body(request: &Request, response: &Response) -> Place {
    match request.path() {
        "/oauth2/session" => Place::SessionEndpoint,
        _ if response.text().contains("data-go action=") => Place::FormPage,
        _ => Place::Page,
    }
}

/// Headers whose expression names it, and rules that exchange it, put an access token there.
fn at_application(name: &str, is_managed: bool, document: &Value) -> Place {
    let expression = document["headers"][name].as_str().unwrap_or_default();
    let exchanges =
        document["rules"].as_array().is_some_and(|rules| rules.iter().any(|rule| rule.get("exchange").is_some()));
    let holds_token = expression.contains("access_token") || (name == "authorization" && exchanges);
    Place::Upstream { name: name.to_owned(), is_managed, holds_token }
}

/// Of the cookies only ours: what the client gives another name is not ours to know.
fn own_cookies(name: &str, value: &str, document: &Value) -> String {
    if name != "cookie" {
        return value.to_owned();
    }
    let own = document["session"]["cookie"].as_str().unwrap_or(SESSION_COOKIE);
    let is_own = |pair: &&str| pair.split('=').next().is_some_and(|name| cookies::is_own(name.trim().as_bytes(), own));
    let pairs = value.split(';').map(str::trim).filter(is_own);
    pairs.collect::<Vec<_>>().join("; ")
}
