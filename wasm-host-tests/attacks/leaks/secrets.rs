//! The secrets of a world: collected from what the provider issued, what the browser keeps and what clients present.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use super::Kind;
use crate::message::{Request, parameter};
use crate::provider::{Endpoint, Provider};
use crate::setup::Setup;
use crate::world::Exchange;

/// Shorter values come up by chance.
const SHORTEST: usize = 8;
/// What a client presents may be any word.
const SHORTEST_PRESENTED: usize = 24;
/// So may what a provider writes to explain itself.
const SHORTEST_WORDS: usize = 12;

/// Every secret that has come up.
#[derive(Clone, Debug, Default)]
pub struct Secrets(BTreeSet<(std::cmp::Reverse<usize>, String, Kind)>);

impl Secrets {
    /// Adds one.
    pub fn add(&mut self, kind: Kind, text: &str) {
        let shortest = if kind == Kind::Words { SHORTEST_WORDS } else { SHORTEST };
        if text.len() >= shortest {
            self.0.insert((std::cmp::Reverse(text.len()), text.to_owned(), kind));
        }
    }

    /// Whether there is one of this kind.
    pub fn has(&self, kind: Kind) -> bool {
        self.0.iter().any(|(_, _, own)| *own == kind)
    }

    /// All, the longest first.
    pub fn longest_first(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.0.iter().map(|(_, text, kind)| (*kind, text.as_str()))
    }

    /// What only the configuration and the environment know.
    pub fn of_setup(&mut self, setup: &Setup) {
        for (_, value) in &setup.environment {
            self.of_lines(&value.as_str().into());
        }
        for provider in setup.document["providers"].as_array().into_iter().flatten() {
            for name in ["client_secret", "client_key"] {
                self.of_lines(&provider[name]);
            }
        }
        setup.document["assertion"]["other_keys"].as_array().into_iter().flatten().for_each(|key| self.of_lines(key));
    }

    fn of_lines(&mut self, configured: &Value) {
        let lines = configured.as_str().into_iter().flat_map(str::lines);
        lines.filter(|line| !line.starts_with("-----")).for_each(|line| self.add(Kind::Configured, line));
    }

    /// The claims of whoever signs in.
    pub fn of_person(&mut self, claims: &Value) {
        match claims {
            Value::String(text) => self.add(Kind::Claim, text),
            Value::Array(items) => items.iter().for_each(|item| self.of_person(item)),
            // Who says it, and to whom, is no secret.
            Value::Object(members) => {
                let of_person = members.iter().filter(|(name, _)| !matches!(name.as_str(), "iss" | "aud" | "azp"));
                of_person.for_each(|(_, member)| self.of_person(member));
            }
            _ => (),
        }
    }

    /// What the provider has issued, and what it was shown.
    pub fn of_provider(&mut self, provider: &Provider) {
        self.of_person(&provider.user);
        self.of_person(&provider.userinfo);
        for (endpoint, response) in &provider.given {
            let document = response.document();
            for (member, kind) in [
                ("access_token", Kind::AccessToken),
                ("refresh_token", Kind::RefreshToken),
                ("id_token", Kind::IdToken),
                ("request_uri", Kind::PushedRequest),
                ("error_description", Kind::Words),
            ] {
                document[member].as_str().into_iter().for_each(|text| self.add(kind, text));
            }
            let location = Url::parse(response.location()).ok().filter(|_| *endpoint == Endpoint::Authorize);
            for (name, value) in location.iter().flat_map(Url::query_pairs) {
                match &*name {
                    "code" => self.add(Kind::Code, &value),
                    "error_description" => self.add(Kind::Words, &value),
                    _ => (),
                }
            }
        }
        for (endpoint, request) in &provider.log {
            for (name, kind) in [
                ("code", Kind::Code),
                ("code_verifier", Kind::Verifier),
                ("refresh_token", Kind::RefreshToken),
                ("client_secret", Kind::Configured),
                ("client_assertion", Kind::Assertion),
                ("subject_token", Kind::AccessToken),
                ("token", Kind::AccessToken),
                ("state", Kind::State),
                ("nonce", Kind::Nonce),
            ] {
                let is_asked =
                    matches!(endpoint, Endpoint::Authorize | Endpoint::PushedAuthorization | Endpoint::Token);
                let is_asked = is_asked || *endpoint == Endpoint::Introspection;
                let values = request.posted(name).into_iter().chain(request.query(name));
                values.filter(|_| is_asked).for_each(|value| self.add(kind, &value));
            }
            let basic = request.header("authorization").and_then(|value| value.strip_prefix("Basic "));
            basic.into_iter().for_each(|value| self.add(Kind::Configured, value));
        }
    }

    /// What a client presented, and what the browser was given to keep.
    pub fn of_exchange(&mut self, request: &Request, exchange: &Exchange) {
        for line in exchange.response.set_cookies() {
            let (name, rest) = line.split_once('=').unwrap_or_default();
            let value = rest.split(';').next().unwrap_or_default();
            if name.contains("latchkey") && value.len() >= SHORTEST_PRESENTED {
                self.add(Kind::Cookie, value);
            }
        }
        let credentials = request.header("authorization").and_then(|value| value.split_once(' '));
        let presented =
            [(Kind::AccessToken, credentials.map(|(_, token)| token)), (Kind::Proof, request.header("dpop"))];
        for (kind, text) in presented {
            text.filter(|text| text.len() >= SHORTEST_PRESENTED).into_iter().for_each(|text| self.add(kind, text));
        }
        if request.path().ends_with("/backchannel-logout") {
            let token = parameter(&request.body, "logout_token").filter(|token| token.len() >= SHORTEST_PRESENTED);
            token.into_iter().for_each(|token| self.add(Kind::IdToken, &token));
        }
        let is_form = request.header("content-type") == Some("application/x-www-form-urlencoded");
        if is_form && !request.path().starts_with("/oauth2/") {
            for (_, value) in form_urlencoded::parse(&request.body) {
                self.add(Kind::Field, &value);
            }
        }
    }
}
