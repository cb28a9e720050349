//! `examples/workload-identity`: each configuration as it stands there, and an issuer that signs the recorded claims.

use std::time::Duration;

use relying_party::time::UnixTime;
use serde_json::{Map, Value, json};
use wasm_host_tests::core_world::CoreProxy;
use wasm_host_tests::message::{Request, Response};
use wasm_host_tests::provider::id_token::Draft;
use wasm_host_tests::provider::keys::TestKey;
use wasm_host_tests::setup::Setup;
use wasm_host_tests::simulation::{BEGINNING, Boot, CallOutcome, Happening, Proxy};
use wasm_host_tests::yaml;

const KEY: TestKey = TestKey::Rsa1;
const KEYS: &str = "https://www.googleapis.com/keys";

/// The example's files.
struct Example {
    configuration: Value,
    token: Value,
    cases: Value,
}

macro_rules! example {
    ($name:literal) => {
        Example {
            configuration: read(include_str!(concat!("../../examples/workload-identity/", $name, "/latchkey.json"))),
            token: read(include_str!(concat!("../../examples/workload-identity/", $name, "/token.json"))),
            cases: read(include_str!(concat!("../../examples/workload-identity/", $name, "/cases.json"))),
        }
    };
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("an example is JSON")
}

/// A proxy with the example's configuration, and its issuer behind the clusters that it names.
struct Stage<P> {
    proxy: P,
    issuer: String,
    jwks_uri: String,
    now: UnixTime,
    streams: u32,
}

impl<P: Proxy> Stage<P> {
    fn set(configuration: &Value) -> Self {
        let provider = &configuration["providers"][0];
        let others = provider["clusters"].as_object().into_iter().flatten().map(|(_, cluster)| cluster);
        let clusters = std::iter::once(&provider["cluster"]).chain(others);
        let boot = Boot {
            configuration: configuration.to_string().into_bytes(),
            clusters: clusters.map(|cluster| cluster.as_str().expect("a name").to_owned()).collect(),
            ..Boot::new(&Setup::default(), 1)
        };
        let issuer = provider["issuer"].as_str().expect("an issuer").to_owned();
        let own_keys = format!("{issuer}/keys");
        // Where the configuration says, elsewhere when it names clusters for other hosts, else at the issuer's own host.
        let elsewhere = if provider["clusters"].is_null() { &own_keys } else { KEYS };
        let jwks_uri = provider["metadata"]["jwks_uri"].as_str().unwrap_or(elsewhere).to_owned();
        let mut stage = Self { proxy: P::boot(&boot, BEGINNING), issuer, jwks_uri, now: BEGINNING, streams: 0 };
        stage.proceed();
        stage
    }

    fn answer(&self, request: &Request) -> Response {
        let address = format!("https://{}{}", request.header(":authority").expect("a host"), request.target());
        if address == format!("{}/.well-known/openid-configuration", self.issuer) {
            return Response::json(200, &json!({"issuer": self.issuer, "jwks_uri": self.jwks_uri}));
        }
        assert_eq!(address, self.jwks_uri, "only discovery and keys are asked for");
        Response::json(200, &json!({"keys": [KEY.jwk(), TestKey::P256A.jwk()]}))
    }

    /// Answers calls until there are none, and gives the verdict if there was one.
    fn proceed(&mut self) -> Option<Happening> {
        let mut verdict = None;
        for _ in 0..10 {
            for happening in self.proxy.happenings() {
                match happening {
                    Happening::Called { call, request, .. } => {
                        let answer = self.answer(&request);
                        self.proxy.answer(call, CallOutcome::Answered(answer), self.now);
                    }
                    Happening::Ticking(_) => (),
                    other => verdict = Some(other),
                }
            }
            self.now = self.now + Duration::from_millis(10);
            self.proxy.tick(self.now);
        }
        verdict
    }

    fn ask(&mut self, request: &Request) -> Happening {
        self.streams += 1;
        self.proxy.request(self.streams, request, self.now);
        let verdict = self.proceed().expect("a verdict");
        self.proxy.close(self.streams, self.now);
        verdict
    }

    /// The recorded token with the claims of a case, which null removes.
    fn token(&self, example: &Example, case: &Value) -> String {
        let mut claims = example.token["claims"].clone();
        claims["iat"] = self.now.as_secs().into();
        claims["exp"] = (self.now + Duration::from_secs(300)).as_secs().into();
        for (name, value) in case["claims"].as_object().unwrap_or(&Map::new()) {
            claims[name] = value.clone();
        }
        claims.as_object_mut().expect("claims").retain(|_, value| !value.is_null());
        let mut draft = Draft::new(KEY, claims);
        draft.header = json!({"alg": KEY.algorithm(), "kid": KEY.kid()});
        for (name, value) in example.token["header"].as_object().expect("a header") {
            draft.header[name] = value.clone();
        }
        draft.sign()
    }
}

fn request(case: &Value, token: &str) -> Request {
    let (method, path) = case["request"].as_str().and_then(|line| line.split_once(' ')).expect("METHOD PATH");
    Request::new(method, path).with("authorization", format!("Bearer {token}"))
}

/// Runs every case of an example; how many there were.
fn keeps_its_promises<P: Proxy>(example: &Example) -> usize {
    assert!(example.token["source"].as_str().is_some_and(|source| source.starts_with("https://")));
    let mut stage = Stage::<P>::set(&example.configuration);
    let managed: Vec<&String> = example.configuration["headers"].as_object().expect("headers").keys().collect();
    let cases = |kind: &str| example.cases[kind].as_array().expect("cases").clone();
    for case in cases("admitted") {
        let token = stage.token(example, &case);
        // What a client says of itself is not believed.
        let forged = managed.iter().fold(request(&case, &token), |request, name| request.with(name, "forged"));
        let Happening::Forwarded { request: upstream, .. } = stage.ask(&forged) else { panic!("refused: {case}") };
        for (name, value) in case["headers"].as_object().expect("headers") {
            assert_eq!(upstream.all(name), [value.as_str().expect("text").as_bytes()], "{name}: {case}");
        }
        assert!(!upstream.fields.iter().any(|(_, value)| value == b"forged"), "{upstream:?}");
    }
    for case in cases("refused") {
        let token = stage.token(example, &case);
        let Happening::Answered { response, .. } = stage.ask(&request(&case, &token)) else {
            panic!("admitted: {case}")
        };
        assert_eq!(
            (&response.document()["status"], &response.document()["reason"]),
            (&case["status"], &case["reason"]),
            "{case}"
        );
    }
    let mut anonymous = stage.token(example, &json!({}));
    anonymous.replace_range(anonymous.len() - 4.., "AAAA");
    for token in [anonymous.as_str(), "x"] {
        let first = &cases("admitted")[0];
        let Happening::Answered { response, .. } = stage.ask(&request(first, token)) else { panic!("admitted") };
        assert_eq!(response.status, 401);
    }
    cases("admitted").len() + cases("refused").len()
}

macro_rules! rings {
    ($($name:ident: $folder:literal, $count:literal;)*) => {
        mod core {
            use super::*;
            $(#[test] fn $name() { assert_eq!(keeps_its_promises::<CoreProxy>(&example!($folder)), $count); })*
        }
        #[cfg(feature = "wasm")]
        mod wasm {
            use super::*;
            use wasm_host_tests::host::Host;
            $(#[test] fn $name() { assert_eq!(keeps_its_promises::<Host<true>>(&example!($folder)), $count); })*
        }
    };
}

rings! {
    workflows_of_github_actions: "github-actions", 10;
    service_accounts_of_kubernetes: "kubernetes", 10;
    workloads_of_a_spiffe_trust_domain: "spiffe", 10;
    service_accounts_of_google: "google", 9;
}

/// The workflow asks for the audience that the configuration wants, in the environment that the rule wants, and calls what the rule is for.
#[test]
fn the_workflow_of_github_actions_fits_the_configuration() {
    let workflow = yaml::read(include_str!("../../examples/workload-identity/github-actions/deploy.yml"));
    let Example { configuration, token, .. } = example!("github-actions");
    assert_eq!(workflow["permissions"], json!({"id-token": "write"}));
    let job = &workflow["jobs"]["deploy"];
    assert_eq!(job["environment"], token["claims"]["environment"]);
    assert_eq!(job["steps"][0]["env"]["SERVICE"], configuration["providers"][0]["audience"][0]);
    let (rule, commands) = (&configuration["rules"][0]["match"], job["steps"][0]["run"].as_str().expect("commands"));
    let call = format!(
        "-X {} -H \"Authorization: Bearer $token\" \"$SERVICE{}\"",
        rule["methods"][0].as_str().expect("a method"),
        rule["path_prefix"].as_str().expect("a path")
    );
    assert!(commands.contains("audience=$SERVICE") && commands.contains(&call), "{commands}");
    let branch = workflow["on"]["push"]["branches"][0].as_str().expect("a branch");
    assert_eq!(token["claims"]["ref"], format!("refs/heads/{branch}"));
}
