//! Providers that cannot be run here, as their documentation shows them: documents and tokens from `providers/NAME`, under their own
//! hosts, signed with keys of these tests. `providers/README.md` says how the files are written and where each comes from.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use relying_party::time::UnixTime;
use serde_json::{Value, json};

use super::id_token::{Draft, Signing};
use super::keys::TestKey;
use super::{CLUSTER, Endpoint, Provider};
use crate::setup::Setup;

/// What is known of one provider.
#[derive(Clone)]
pub struct Recorded {
    files: BTreeMap<&'static str, Value>,
}

macro_rules! recorded {
    ($($(#[$doc:meta])* $name:ident = $folder:literal: $($file:literal),+;)+) => {
        impl Recorded {
            $($(#[$doc])*
            pub fn $name() -> Self {
                Self::read([$(($file, include_str!(concat!("../../providers/", $folder, "/", $file, ".json")))),+])
            })+
        }
    };
}

recorded! {
    /// Keycloak
    keycloak = "keycloak": "latchkey", "discovery", "jwks", "id_token", "token_answer", "refresh_answer", "access_token", "logout_token";
    /// Authentik
    authentik = "authentik": "latchkey", "discovery", "jwks", "id_token", "token_answer", "refresh_answer", "access_token", "logout_token";
    /// Microsoft Entra ID, all tenants together
    entra_id = "entra-id": "latchkey", "discovery", "jwks", "id_token", "token_answer", "refresh_answer", "access_token", "access_token_v1", "overage";
    /// Okta, a custom authorization server
    okta = "okta": "latchkey", "discovery", "jwks", "id_token", "token_answer", "refresh_answer", "access_token", "organization_access_token";
    /// Google
    google = "google": "latchkey", "discovery", "jwks", "id_token", "token_answer", "refresh_answer", "access_token";
    /// Kanidm
    kanidm = "kanidm": "latchkey", "discovery", "jwks", "id_token", "token_answer", "refresh_answer", "access_token";
    /// Dex
    dex = "dex": "latchkey", "discovery", "jwks", "id_token", "token_answer", "refresh_answer", "access_token", "userinfo";
    /// GitHub Actions
    github_actions = "github-actions": "latchkey", "discovery", "jwks", "access_token";
    /// Kubernetes
    kubernetes = "kubernetes": "latchkey", "discovery", "jwks", "access_token";
    /// A SPIFFE trust domain
    spiffe = "spiffe": "latchkey", "jwks", "access_token";
}

impl Recorded {
    fn read<const FILES: usize>(texts: [(&'static str, &str); FILES]) -> Self {
        let read = |text: &str| serde_json::from_str(text).expect("a recorded document is JSON");
        Self { files: texts.into_iter().map(|(name, text)| (name, read(text))).collect() }
    }

    /// A document; null when there is none of this name.
    pub fn file(&self, name: &str) -> Value {
        self.files.get(name).cloned().unwrap_or_default()
    }

    /// Changes a document.
    #[must_use]
    pub fn changed(mut self, name: &'static str, change: impl FnOnce(&mut Value)) -> Self {
        change(self.files.entry(name).or_default());
        self
    }

    /// Its issuer identifier, as configured.
    pub fn issuer(&self) -> String {
        self.file("latchkey")["issuer"].as_str().expect("an issuer").to_owned()
    }

    /// The provider behind the usual application; `/api` takes access tokens. Without a client there is nothing else.
    pub fn setup(&self) -> Setup {
        let mut setup = Setup::default();
        let mut provider = json!({"name": "corp", "cluster": CLUSTER});
        extend(&mut provider, self.file("latchkey"));
        let api = json!({"name": "api", "match": {"path_prefix": "/api"}, "authentication": "bearer"});
        if provider["client_id"].is_null() {
            setup.document = json!({"rules": [api], "headers": {"x-auth-subject": "claims.sub"}});
        } else {
            setup.document["rules"].as_array_mut().expect("a list").insert(0, api);
        }
        setup.document["providers"] = json!([provider]);
        setup.provider.play(self);
        setup
    }

    /// A recorded token, signed now.
    pub fn token(&self, name: &str, now: UnixTime) -> String {
        self.draft(name, now).sign()
    }

    /// A recorded token before it is signed.
    pub fn draft(&self, name: &str, now: UnixTime) -> Draft {
        self.filled(&self.file(name), now, &Value::Null)
    }

    fn filled(&self, token: &Value, now: UnixTime, known: &Value) -> Draft {
        let mut draft = Draft::new(TestKey::Rsa2, token["claims"].clone());
        fill(&mut draft.claims, now, known);
        draft.header = token["header"].clone();
        // A key that is published nowhere is one of the tests' all the same.
        let keys = self.file("jwks");
        let of_kid = |key: &&Value| key["kid"] == draft.header["kid"];
        let published = keys["keys"].as_array().into_iter().flatten().find(of_kid);
        draft.signing = Signing::With(published.map_or(TestKey::Rsa2, test_key));
        draft
    }

    /// The JWK set, with the material of the tests' keys.
    fn keys(&self) -> Value {
        let mut set = self.file("jwks");
        for key in set["keys"].as_array_mut().expect("a list") {
            let mut material = test_key(key).jwk();
            extend(&mut material, key.clone());
            material.as_object_mut().map(|members| members.remove("test_key"));
            *key = material;
        }
        set
    }

    /// What a token answer says, from the one that an ordinary provider gives.
    fn answer(&self, answer: &mut Value) {
        let is_refresh = answer["access_token"].as_str().is_some_and(|token| token.contains("refresh-token"));
        let mut recorded = self.file(if is_refresh { "refresh_answer" } else { "token_answer" });
        if let Some(without) = recorded["id_token"]["without"].as_array() {
            recorded["id_token"] = self.id_token_without(&answer["id_token"], without).into();
        }
        // How long a token lives is for the test to say.
        recorded["expires_in"] = answer["expires_in"].clone();
        extend(answer, recorded);
        answer.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    }

    fn id_token_without(&self, id_token: &Value, without: &[Value]) -> String {
        let claims = id_token.as_str().and_then(|token| token.split('.').nth(1)).expect("an ID token");
        let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
        let mut draft = self.filled(&self.file("id_token"), UnixTime::from_secs(0), &Value::Null);
        draft.claims = serde_json::from_slice(&claims).expect("claims");
        without.iter().filter_map(Value::as_str).for_each(|name| draft.remove(name));
        draft.sign()
    }

    /// Where its endpoints are.
    fn places(&self) -> BTreeMap<String, Endpoint> {
        const MEMBERS: [(&str, Endpoint); 7] = [
            ("jwks_uri", Endpoint::Keys),
            ("authorization_endpoint", Endpoint::Authorize),
            ("token_endpoint", Endpoint::Token),
            ("userinfo_endpoint", Endpoint::Userinfo),
            ("introspection_endpoint", Endpoint::Introspection),
            ("pushed_authorization_request_endpoint", Endpoint::PushedAuthorization),
            ("end_session_endpoint", Endpoint::EndSession),
        ];
        let documents = [self.file("latchkey")["metadata"].clone(), self.file("discovery")];
        let discovery = self.issuer().replace("{tenantid}", "common");
        let discovery = format!("{}/.well-known/openid-configuration", discovery.trim_end_matches('/'));
        let members = documents.iter().flat_map(|document| MEMBERS.map(|(name, endpoint)| (&document[name], endpoint)));
        members
            .filter_map(|(address, endpoint)| Some((address.as_str()?.to_owned(), endpoint)))
            .chain([(discovery, Endpoint::Discovery)])
            .collect()
    }
}

impl Provider {
    /// Plays the recorded provider, under its hosts.
    fn play(&mut self, recorded: &Recorded) {
        let recorded = Arc::new(recorded.clone());
        let discovery = recorded.file("discovery");
        self.places = recorded.places();
        self.response_issuer = discovery["authorization_response_iss_parameter_supported"]
            .as_bool()
            .filter(|says| *says)
            .map(|_| recorded.issuer());
        self.user = json!({"sub": recorded.file("id_token")["claims"]["sub"]});
        self.change_metadata(move |document| document.clone_from(&discovery));
        let keys = recorded.keys();
        self.change_keys(move |document| document.clone_from(&keys));
        let of_tokens = Arc::clone(&recorded);
        self.forge(move |draft| {
            let known = draft.claims.clone();
            let now = UnixTime::from_secs(known["iat"].as_u64().unwrap_or_default());
            *draft = of_tokens.filled(&of_tokens.file("id_token"), now, &known);
        });
        self.change_token_answer(move |answer| recorded.answer(answer));
    }
}

/// Puts values in the place of `"$now"`, `"$now+300"`, and `"$nonce"` and its kin, which an ordinary token would have.
fn fill(value: &mut Value, now: UnixTime, known: &Value) {
    match value {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix('$') {
                *value = match name.strip_prefix("now") {
                    Some(seconds) => {
                        (i64::try_from(now.as_secs()).expect("a date") + seconds.parse().unwrap_or(0)).into()
                    }
                    None => known[name].clone(),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, now, known)),
        Value::Object(members) => members.values_mut().for_each(|member| fill(member, now, known)),
        _ => (),
    }
}

fn test_key(jwk: &Value) -> TestKey {
    let mut keys = TestKey::ALL.into_iter();
    keys.find(|key| jwk["test_key"] == key.kid()).expect("a recorded key names one of the tests'")
}

fn extend(document: &mut Value, with: Value) {
    if let (Some(members), Value::Object(with)) = (document.as_object_mut(), with) {
        members.extend(with);
    }
}
