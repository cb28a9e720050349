//! Several plugin configurations in one VM share the VM's data, and must not mix.
#![cfg(feature = "wasm")]

use std::collections::BTreeMap;
use std::time::Duration;

use relying_party::time::UnixTime;
use serde_json::Value;
use wasm_host_tests::host::Host;
use wasm_host_tests::message::{Request, Response};
use wasm_host_tests::provider::keys::TestKey;
use wasm_host_tests::provider::{Answer, Endpoint, Provider};
use wasm_host_tests::setup::Setup;
use wasm_host_tests::simulation::{BEGINNING, Boot, CallOutcome, Happening, Proxy as _};

const FIRST: u32 = 1;

/// One VM with two plugins, and a provider behind each cluster.
struct Stage {
    host: Host<true>,
    providers: BTreeMap<String, Provider>,
    second: u32,
    now: UnixTime,
    streams: u32,
}

impl Stage {
    fn set(first: &Setup, second: &Setup) -> Self {
        let clusters = ["corp-idp".to_owned(), "other-idp".to_owned()];
        let boot = Boot { clusters: clusters.to_vec(), ..Boot::new(first, 1) };
        let mut host = Host::start(&boot, BEGINNING).expect("accepted");
        let second = host.add_plugin(second.document.to_string().into_bytes(), BEGINNING);
        let mut other = Provider::default();
        other.published_keys = vec![TestKey::P256B];
        let providers = clusters.into_iter().zip([Provider::default(), other]).collect();
        Self { host, providers, second, now: BEGINNING, streams: 0 }
    }

    /// Both plugins tick, and every call is answered at once.
    fn advance(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.now < until {
            self.now = self.now + Duration::from_millis(10);
            for plugin in [FIRST, self.second] {
                self.host.switch_to(plugin);
                self.host.tick(self.now);
                self.answer_calls();
            }
        }
    }

    fn answer_calls(&mut self) {
        for happening in self.host.happenings() {
            if let Happening::Called { call, cluster, request, .. } = happening {
                let provider = self.providers.get_mut(&cluster).expect("a provider");
                let Answer::Respond(response) = provider.answer(&request, self.now) else { panic!("it behaves") };
                self.host.answer(call, CallOutcome::Answered(response), self.now);
            }
        }
    }

    fn readiness(&mut self, plugin: u32) -> Value {
        self.host.switch_to(plugin);
        self.streams += 1;
        self.host.request(self.streams, &Request::get("/oauth2/ready"), self.now);
        let answered = self.host.happenings().into_iter().find_map(|happening| match happening {
            Happening::Answered { response, .. } => Some(response),
            _ => None,
        });
        answered.as_ref().map(Response::document).expect("an answer")
    }

    fn ask(&mut self, plugin: u32, request: &Request) -> Happening {
        self.host.switch_to(plugin);
        self.streams += 1;
        self.host.request(self.streams, request, self.now);
        let verdict = |happening: &Happening| !matches!(happening, Happening::Called { .. } | Happening::Ticking(_));
        let asked = self.host.happenings().into_iter().find(verdict).expect("a verdict at once");
        self.host.close(self.streams, self.now);
        asked
    }

    fn fetches(&self) -> Vec<usize> {
        self.providers.values().map(|provider| provider.count(Endpoint::Keys)).collect()
    }
}

#[test]
fn the_same_issuer_behind_another_cluster_is_another_provider() {
    let mut stage = Stage::set(&Setup::default(), &Setup::default().of_provider("cluster", "other-idp"));
    stage.advance(Duration::from_millis(200));
    assert_eq!(stage.fetches(), [1, 1]);
    let key_ids = |readiness: &Value| readiness["providers"]["corp"]["key_ids"].clone();
    for _ in 0..3 {
        let (first, second) = (stage.readiness(FIRST), stage.readiness(stage.second));
        assert_eq!(key_ids(&first), serde_json::json!(["rsa-1", "p256-a"]));
        assert_eq!(key_ids(&second), serde_json::json!(["p256-b"]));
        stage.advance(Duration::from_secs(1));
    }
}

#[test]
fn configurations_that_differ_in_rules_alone_fetch_once() {
    let mut stage =
        Stage::set(&Setup::default(), &Setup::default().top("base_path", "/oauth2").header("x-a", "claims.sub"));
    stage.advance(Duration::from_millis(200));
    assert_eq!(stage.fetches(), [1, 0]);
    for plugin in [FIRST, stage.second] {
        assert_eq!(stage.readiness(plugin)["ready"], true);
    }
}

#[test]
fn a_token_that_one_configuration_remembers_is_unknown_to_the_other() {
    let other = Setup::api()
        .of_provider("audience", serde_json::json!(["https://other.example.org"]))
        .header("x-auth-subject", "\"of the other\"");
    let mut stage = Stage::set(&Setup::api(), &other);
    stage.advance(Duration::from_millis(200));
    let both = serde_json::json!(["https://api.example.org", "https://other.example.org"]);
    for (audience, of_second) in [(serde_json::json!("https://api.example.org"), None), (both, Some("of the other"))] {
        let mut draft = Provider::default().access_token(BEGINNING);
        draft.claim("aud", audience);
        let request = Request::get("/orders").with("authorization", format!("Bearer {}", draft.sign()));
        for _ in 0..2 {
            for (plugin, subject) in [(FIRST, Some("ada")), (stage.second, of_second)] {
                match (stage.ask(plugin, &request), subject) {
                    (Happening::Forwarded { request, .. }, Some(_)) => {
                        assert_eq!(request.header("x-auth-subject"), subject)
                    }
                    (Happening::Answered { response, .. }, None) => {
                        assert_eq!(response.document()["reason"], "access_token.audience_mismatch");
                    }
                    (other, _) => panic!("{other:?}"),
                }
            }
        }
    }
}
