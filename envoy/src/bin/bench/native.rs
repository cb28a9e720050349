//! What Envoy has of its own for people in browsers: `oauth2`, which keeps the provider's tokens in cookies, and behind it
//! `jwt_authn`, which verifies the ID token of each request and hands its claims on.
//!
//! Everything is as Envoy has it by default: tokens in cookies are encrypted, and an HMAC is over all of them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use envoy_ring::sessions::Numbers;
use envoy_ring::{Access, Cluster, ClusterConnection, Connection, Filter, Listener, Route, Server, process};
use relying_party::entropy::Entropy as _;
use serde_json::{Value, json};
use wasm_host_tests::message::{Request, Response, parameter};
use wasm_host_tests::provider::id_token::Draft;
use wasm_host_tests::provider::keys::TestKey;
use wasm_host_tests::provider::{CLIENT_ID, ISSUER};

const CLUSTER: &str = "native-provider";
const CALLBACK: &str = "/callback";

/// How long the other tokens of a sign-in are: about what a new Keycloak issues (bytes).
const ACCESS_TOKEN: usize = 1100;
const REFRESH_TOKEN: usize = 700;

/// The filters' configuration: with headers for the backend of these claims.
pub struct Native {
    headers: Vec<(&'static str, &'static str)>,
    key: TestKey,
    secrets: PathBuf,
    _provider: Server,
    cluster: Cluster,
}

impl Native {
    /// For people whose ID tokens are these, each signed with `key`. Whoever signs in with code `n` gets the token `n`.
    pub fn new(headers: &[(&'static str, &'static str)], key: TestKey, tokens: Arc<Vec<String>>) -> Self {
        let provider = Server::start(move |request| {
            let code = parameter(&request.body, "code").and_then(|code| code.parse::<usize>().ok());
            let answer = json!({
                "access_token": opaque(code?, ACCESS_TOKEN), "refresh_token": opaque(code?, REFRESH_TOKEN),
                "token_type": "Bearer", "expires_in": 86_400, "id_token": tokens.get(code?)?,
            });
            Some(Response::json(200, &answer))
        });
        let cluster =
            Cluster { name: CLUSTER.to_owned(), address: provider.address(), connection: ClusterConnection::Plain };
        let secrets = process::folder("native");
        for name in ["token", "hmac"] {
            let secret = json!({
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", "name": name,
                "generic_secret": {"secret": {"inline_string": format!("{name}-0123456789abcdef0123456789abcdef")}},
            });
            fs::write(secrets.join(format!("{name}.yaml")), json!({"resources": [secret]}).to_string())
                .expect("a file");
        }
        Self { headers: headers.to_vec(), key, secrets, _provider: provider, cluster }
    }

    /// The cluster that leads to the provider: it comes with the first listener.
    pub fn cluster(&self) -> Cluster {
        self.cluster.clone()
    }

    /// A listener with both filters; `jwt_authn` with its cache or without.
    pub fn listener(&self, name: &str, cached: bool, route: Route) -> Listener {
        let filters = vec![
            Filter::Native("envoy.filters.http.oauth2", self.oauth2()),
            Filter::Native("envoy.filters.http.jwt_authn", self.jwt_authn(cached)),
        ];
        Listener::new(name, Filter::Chain(filters), route, Access::Silent).behind_tls()
    }

    fn oauth2(&self) -> Value {
        let secret = |name: &str| {
            let file = self.secrets.join(format!("{name}.yaml"));
            json!({"name": name, "sds_config": {"path_config_source": {"path": file}}})
        };
        json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.oauth2.v3.OAuth2",
            "config": {
                "token_endpoint": {"cluster": CLUSTER, "uri": format!("{ISSUER}/token"), "timeout": "3s"},
                "authorization_endpoint": format!("{ISSUER}/authorize"),
                "redirect_uri": format!("https://%REQ(:authority)%{CALLBACK}"),
                "redirect_path_matcher": {"path": {"exact": CALLBACK}},
                "signout_path": {"path": {"exact": "/signout"}},
                "auth_scopes": ["openid", "profile", "email"],
                "credentials": {"client_id": CLIENT_ID, "token_secret": secret("token"), "hmac_secret": secret("hmac")},
            },
        })
    }

    fn jwt_authn(&self, cached: bool) -> Value {
        let mut jwk = self.key.jwk();
        jwk["alg"] = self.key.algorithm().into();
        let headers = self.headers.iter().map(|(header, claim)| json!({"header_name": header, "claim_name": claim}));
        let mut provider = json!({
            "issuer": ISSUER, "audiences": [CLIENT_ID], "from_cookies": ["IdToken"],
            "local_jwks": {"inline_string": json!({"keys": [jwk]}).to_string()},
            "claim_to_headers": headers.collect::<Vec<_>>(),
        });
        if cached {
            provider["jwt_cache_config"] = json!({"jwt_cache_size": 100_000});
        }
        json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"corp": provider},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "corp"}}],
        })
    }
}

/// Signs in whoever has the code `number`: the cookies that a browser then sends.
pub fn sign_in(connection: &mut Connection, number: usize) -> String {
    let redirect = connection.exchange(&Request::get("/reports"));
    let query = redirect.location().split_once('?').map_or("", |(_, query)| query);
    let state = parameter(query.as_bytes(), "state")
        .unwrap_or_else(|| panic!("a redirect, but: {} {}", redirect.status, redirect.text()));
    let mut encoded = form_urlencoded::Serializer::new(String::new());
    let query = encoded.append_pair("code", &number.to_string()).append_pair("state", &state).finish();
    let callback = Request::get(&format!("{CALLBACK}?{query}")).with("cookie", cookies(&redirect));
    let signed_in = connection.exchange(&callback);
    assert_eq!(signed_in.status, 302, "{}", signed_in.text());
    cookies(&signed_in)
}

/// What a browser keeps of an answer.
fn cookies(answer: &Response) -> String {
    let lines = answer.set_cookies().into_iter().filter_map(|line| line.split(';').next());
    lines.filter(|pair| !pair.ends_with("=deleted")).collect::<Vec<_>>().join("; ")
}

/// A token of that length that nobody looks into.
fn opaque(number: usize, length: usize) -> String {
    let mut bytes = vec![0; length];
    Numbers(u64::try_from(number).unwrap_or_default()).fill(&mut bytes);
    bytes.into_iter().map(|byte| char::from(b'A' + byte % 26)).collect()
}

/// ID tokens of about 900 bytes as issuers make them, each for another person; signed by as many threads as there are processors.
pub fn id_tokens(key: TestKey, count: usize, now: u64) -> Vec<String> {
    let token = |number: usize| {
        let claims = json!({
            "iss": ISSUER, "aud": CLIENT_ID, "azp": CLIENT_ID, "exp": now + 86_400, "iat": now, "auth_time": now,
            "jti": format!("id-{number:024x}"), "sid": format!("5f0c1d2e-9a8b-4c9d-8e1f-{number:012x}"),
            "at_hash": "9Zpj0cQb1nVt3oXw5yR7gA", "acr": "1", "typ": "ID", "email_verified": true,
            "preferred_username": format!("person.{number}"), "locale": "en",
            "sub": subject(number), "email": email(number), "name": name(number),
        });
        Draft::new(key, claims).sign()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = count.div_ceil(threads);
    std::thread::scope(|scope| {
        let of = |thread: usize| {
            scope.spawn(move || (thread * share..count.min((thread + 1) * share)).map(token).collect::<Vec<_>>())
        };
        let signing: Vec<_> = (0..threads).map(of).collect();
        signing.into_iter().flat_map(|signing| signing.join().expect("tokens")).collect()
    })
}

/// Who has the number.
pub fn subject(number: usize) -> String {
    format!("5f0c1d2e-7a8b-4c9d-8e1f-{number:012x}")
}

/// Their address.
pub fn email(number: usize) -> String {
    format!("person.{number}@example.org")
}

/// Their name.
pub fn name(number: usize) -> String {
    format!("Person Number {number}")
}
