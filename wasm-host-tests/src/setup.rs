//! What a scenario starts from.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::message::{ORIGIN, Response};
use crate::provider::{
    AUDIENCE, CLIENT_ID, CLIENT_SECRET, CLUSTER, ISSUER, OTHER_ISSUER, OTHER_KEYS, Provider, SECOND_ISSUER,
};
use crate::simulation::Verification;

/// Configuration, environment, provider and application of one scenario.
pub struct Setup {
    /// The configuration document.
    pub document: Value,
    /// The environment of the VM.
    pub environment: Vec<(String, String)>,
    /// The simulated provider.
    pub provider: Provider,
    /// Clusters that lead to it, besides [`CLUSTER`] and those of its other hosts.
    pub clusters: Vec<String>,
    /// What the protected application answers to every request.
    pub application: Response,
    /// How many VMs of one process run the configuration, where that can be chosen.
    pub vms: usize,
    /// Whether the process lets them share data.
    pub shares_data: bool,
    /// Whether the host has cryptography of its own (`Need::BareHost` where it has none).
    pub host_cryptography: bool,
    /// How the host verifies signatures (ring two only).
    pub verification: Verification,
}

impl Default for Setup {
    /// One provider, a session for everything except `/public` (none), `/welcome` (optional) and `/finance` (a group).
    fn default() -> Self {
        let document = json!({
            "providers": [{
                "name": "corp", "display_name": "Corporate login", "issuer": ISSUER, "cluster": CLUSTER,
                "client_id": CLIENT_ID, "client_secret": {"env": "CORP_CLIENT_SECRET"},
                "scope": "openid profile email",
            }],
            "public_url": ORIGIN,
            "session": {"keys": [{"env": "LATCHKEY_SESSION_KEY"}]},
            "rules": [
                {"name": "public", "match": {"path_prefix": "/public"}, "authentication": "none"},
                {"name": "welcome", "match": {"path_prefix": "/welcome"}, "authentication": "optional"},
                {"name": "finance", "match": {"path_prefix": "/finance"}, "require": "\"finance\" in claims.groups"},
                {"name": "board", "match": {"path_prefix": "/board"}, "require": "\"board\" in claims.groups"},
            ],
            "headers": {
                "x-auth-subject": "claims.sub",
                "x-auth-email": "claims.email",
                "x-auth-groups": "claims.groups.join(\",\")",
            },
        });
        let environment = vec![
            ("CORP_CLIENT_SECRET".to_owned(), CLIENT_SECRET.to_owned()),
            ("LATCHKEY_SESSION_KEY".to_owned(), "Mv6p2vCqVJ3oQ0k1mX0m8cR5j0cQn7yq1bq2h9d0f3s".to_owned()),
            ("LATCHKEY_NEXT_SESSION_KEY".to_owned(), "q8mT1rD4uYb7nZc0xVe3wLk6sJh9gPf2aOi5dKt8cRA".to_owned()),
        ];
        let application = Response::new(200, "text/plain", "hello from the application")
            .with("cache-control", "private")
            .with("set-cookie", "application=its-own; Path=/");
        Self {
            document,
            environment,
            provider: Provider::default(),
            clusters: Vec::new(),
            application,
            vms: 1,
            shares_data: true,
            host_cryptography: true,
            verification: Verification::Right,
        }
    }
}

impl Setup {
    /// Like the default, and an API for access tokens: `/orders` and, with a scope, `/orders/new`; `/staff` for a group;
    /// `/invoices` for another audience; `/partner` for another issuer; `/either` for sessions as well.
    pub fn api() -> Self {
        let mut setup = Self::default().of_provider("audience", json!([AUDIENCE]));
        let bearer = |path: &str| json!({"name": path, "match": {"path_prefix": path}, "authentication": "bearer"});
        let with = |path: &str, key: &str, value: Value| {
            let mut rule = bearer(path);
            rule[key] = value;
            rule
        };
        let rules = setup.document["rules"].as_array_mut().expect("a list");
        rules.splice(
            0..0,
            [
                with("/orders/new", "require", json!("\"orders.write\" in scopes")),
                bearer("/orders"),
                with("/staff", "require", json!("\"staff\" in claims.groups")),
                with("/invoices", "audience", json!(["https://invoices.example.org"])),
                with("/partner", "providers", json!(["partner"])),
                with("/either", "authentication", json!("any")),
            ],
        );
        let partner = json!({
            "name": "partner", "issuer": OTHER_ISSUER, "cluster": CLUSTER, "metadata": {"jwks_uri": OTHER_KEYS},
            "audience": [AUDIENCE],
        });
        setup.document["providers"].as_array_mut().expect("a list").push(partner);
        setup
            .header("x-auth-issuer", "claims.iss")
            .header("x-auth-scopes", "scopes.join(\" \")")
            .header("x-auth-how", "credential + \" \" + provider")
    }

    /// Every cluster that leads to the provider.
    pub fn provider_clusters(&self) -> BTreeSet<String> {
        let others = self.document["providers"][0]["clusters"].as_object().into_iter().flatten();
        let others = others.filter_map(|(_, cluster)| cluster.as_str());
        let own = self.clusters.iter().map(String::as_str);
        others.chain(own).chain([CLUSTER]).map(str::to_owned).collect()
    }

    /// Sets a key of `session`.
    #[must_use]
    pub fn session(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.document["session"][key] = value.into();
        self
    }

    /// With a second provider, `partner`: another issuer, at which people can sign in as well.
    #[must_use]
    pub fn with_partner(mut self) -> Self {
        let partner = json!({
            "name": "partner", "display_name": "Partner login", "issuer": SECOND_ISSUER, "cluster": CLUSTER,
            "client_id": CLIENT_ID, "client_secret": {"env": "CORP_CLIENT_SECRET"},
        });
        self.document["providers"].as_array_mut().expect("a list").push(partner);
        self
    }

    /// Puts a rule before all others.
    #[must_use]
    pub fn rule(mut self, rule: Value) -> Self {
        self.document["rules"].as_array_mut().expect("a list").insert(0, rule);
        self
    }

    /// Sets a key of the provider.
    #[must_use]
    pub fn of_provider(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.document["providers"][0][key] = value.into();
        self
    }

    /// Removes a key of the provider.
    #[must_use]
    pub fn without_provider_key(mut self, key: &str) -> Self {
        self.document["providers"][0].as_object_mut().map(|provider| provider.remove(key));
        self
    }

    /// Sets a key at the top of the document.
    #[must_use]
    pub fn top(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.document[key] = value.into();
        self
    }

    /// Runs the configuration in several VMs of one process, where that can be chosen. They get requests in turn.
    #[must_use]
    pub const fn in_vms(mut self, vms: usize) -> Self {
        self.vms = vms;
        self
    }

    /// Adds an identity header.
    #[must_use]
    pub fn header(mut self, name: &str, expression: &str) -> Self {
        self.document["headers"][name] = expression.into();
        self
    }

    /// Turns the provider's knobs.
    #[must_use]
    pub fn provider(mut self, turn: impl FnOnce(&mut Provider)) -> Self {
        turn(&mut self.provider);
        self
    }

    /// Sets a claim of the user who signs in.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.provider.user[name] = value.into();
        self
    }
}
