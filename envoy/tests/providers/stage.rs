//! A provider that somebody else wrote, a real Envoy in front of an application, and the list of what was tried with them.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use envoy_ring::process::{self, Process};
use envoy_ring::{Access, Backend, Envoy, Filter, Listener, Route, Visitor, port, wire};
use serde_json::{Value, json};
use wasm_host_tests::message::{Request, Response};

const START_LIMIT: Duration = Duration::from_secs(120);
/// More than any access token here lives, on a machine that does much else.
const REFRESH_LIMIT: Duration = Duration::from_secs(120);
/// A provider that sends a logout token sends it at once.
const LOGOUT_LIMIT: Duration = Duration::from_secs(30);

/// A provider's program on a free port of this machine.
pub struct Provider {
    _process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Provider {
    /// Starts `command`, and waits until the provider answers `path` with 200.
    pub fn start(name: &str, port: u16, path: &str, command: impl FnOnce(&std::path::Path) -> Command) -> Self {
        let folder = process::folder(name);
        let mut command = command(&folder);
        // Where it keeps its files, unless it has to start elsewhere.
        if command.get_current_dir().is_none() {
            command.current_dir(&folder);
        }
        let mut process = Process::start(name, folder, &mut command);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        process.wait_until(START_LIMIT, || {
            let connection = std::net::TcpStream::connect(address).map(envoy_ring::Connection::over);
            let request = Request::get(path).set(":authority", address.to_string());
            let answer = connection.and_then(|mut connection| connection.try_exchange(&request));
            answer.is_ok_and(|answer| answer.status == 200)
        });
        Self { _process: process, address }
    }

    /// `http://` and where it listens.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks it directly, without Envoy.
    pub fn ask(&self, request: Request) -> Response {
        wire::exchange(self.address, &request.set(":authority", self.address.to_string()))
    }

    /// Its answer to a token request of a client that authenticates with Basic.
    pub fn token(&self, path: &str, client: (&str, &str), fields: &[(&str, &str)]) -> Value {
        token(self.address, path, Some(client), fields)
    }
}

/// Posts a form to a provider directly, and gives the JSON that is answered; `client` authenticates with Basic.
pub fn token(address: SocketAddr, path: &str, client: Option<(&str, &str)>, fields: &[(&str, &str)]) -> Value {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut request = Request::new("POST", path)
        .set(":authority", address.to_string())
        .with("content-type", "application/x-www-form-urlencoded")
        .with_body(body.into_bytes());
    if let Some((id, secret)) = client {
        let encoded =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
        let credentials = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
        request = request.with("authorization", format!("Basic {credentials}"));
    }
    let response = wire::exchange(address, &request);
    assert_eq!(response.status, 200, "{}", response.text());
    response.document()
}

/// What is configured for a provider.
pub struct Plan {
    /// Its part of the configuration, for people and for tokens that are verified here.
    pub portal: Value,
    /// The same, for tokens that it is asked about; `null` where it cannot be asked.
    pub asking: Value,
    /// Who may open `/finance`.
    pub finance: &'static str,
}

/// Provider, Envoy and application.
pub struct Stage<P> {
    pub provider: P,
    pub envoy: Envoy,
    pub backend: Backend,
    /// Where people go: `/api` takes access tokens, anything else a session.
    pub origin: String,
    /// Where `/api` asks the provider about access tokens.
    pub asking: String,
}

impl<P> Stage<P> {
    /// Puts Envoy between. `provider` gets the application's origin, and gives itself, its address and what is configured for it.
    pub fn set(provider: impl FnOnce(&str) -> (P, SocketAddr, Plan)) -> Self {
        let (port, asking_port) = (port::free(), port::free());
        let origin = format!("http://localhost:{port}");
        let (provider, address, plan) = provider(&origin);
        let backend = Backend::start();
        let listener = |name: &str, part: &Value, port: u16, kind: &str| {
            let configuration = configuration(part, plan.finance, &format!("http://localhost:{port}"), kind);
            // Logout tokens come in bodies.
            let filter = Filter::latchkey(configuration)
                .stop_iteration(true)
                .environment_variable("LATCHKEY_SESSION_KEY", "Mv6p2vCqVJ3oQ0k1mX0m8cR5j0cQn7yq1bq2h9d0f3s");
            Listener::new(name, filter, Route::Backend, Access::Logged).on_port(port)
        };
        let mut builder = Envoy::builder()
            .listener(listener("people", &plan.portal, port, "jwt"))
            .cluster("backend", backend.address())
            .cluster("provider", address)
            .workers(2);
        if !plan.asking.is_null() {
            builder = builder.listener(listener("asking", &plan.asking, asking_port, "opaque"));
        }
        Self { provider, envoy: builder.start(), backend, origin, asking: format!("http://localhost:{asking_port}") }
    }

    /// An address of the application.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Whether the visitor has a session.
    pub fn has_session(&self, visitor: &mut Visitor) -> bool {
        visitor.fetch(&self.at("/oauth2/session")).status == 200
    }

    /// Signs out here, confirms it on the provider's page at `path` with these fields, and comes back.
    #[track_caller]
    pub fn signs_out(&self, visitor: &mut Visitor, path: &str, fields: &[(&str, &str)]) {
        let confirm = visitor.open(&self.at("/oauth2/logout"));
        assert_eq!(confirm.address.path(), path, "{confirm:?}");
        let home = visitor.submit(&confirm, fields);
        assert_eq!(home.address.as_str(), self.at("/?state=latchkey-signed-out"), "{home:?}");
        assert!(!self.has_session(visitor));
    }

    /// A logout token that the provider sent is refused, and the log says why.
    pub fn refuses_a_logout_token(&self, reason: &str) {
        let start = Instant::now();
        let is_refused = || {
            let lines = self.envoy.access_log("people", 1);
            lines.iter().any(|line| line.contains("/oauth2/backchannel-logout") && line.contains(reason))
        };
        while !is_refused() {
            assert!(start.elapsed() < LOGOUT_LIMIT, "no logout token: {:?}", self.envoy.access_log("people", 1));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The provider's logout token is accepted, and nobody in any worker lets the visitor in any longer.
    pub fn is_signed_out(&self, visitor: &mut Visitor) {
        let start = Instant::now();
        let statuses = |visitor: &mut Visitor| (0..10).map(|_| self.has_session(visitor)).collect::<Vec<_>>();
        while statuses(visitor).contains(&true) {
            assert!(start.elapsed() < LOGOUT_LIMIT, "no logout token: {:?}", self.envoy.access_log("people", 1));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the application received last.
    pub fn last_received(&self) -> Request {
        self.backend.received().pop().expect("a request that reached the application")
    }

    /// The access token that the application received last.
    pub fn access_token(&self) -> String {
        self.last_received().header("x-access-token").expect("an access token").to_owned()
    }

    /// Uses the application until a refresh has brought `times` other access tokens; nobody notices.
    pub fn is_refreshed(&self, visitor: &mut Visitor, times: usize) {
        let start = Instant::now();
        let mut tokens = vec![self.access_token()];
        while tokens.len() <= times {
            assert!(start.elapsed() < REFRESH_LIMIT, "no refresh: {:?}", self.envoy.access_log("people", 1));
            assert_eq!(visitor.fetch(&self.at("/")).status, 200, "{}", self.envoy.log());
            tokens.push(self.access_token());
            tokens.dedup();
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Calls the API with an access token that is verified here.
    pub fn call(&self, token: &str) -> Response {
        call(&self.origin, token)
    }

    /// Calls the API with an access token that the provider is asked about.
    pub fn call_asking(&self, token: &str) -> Response {
        call(&self.asking, token)
    }

    /// A token that is verified here is accepted; not so when it is changed, or sent where the provider decides about others.
    pub fn verifies(&self, token: &str) {
        let response = self.call(token);
        assert_eq!(response.status, 200, "{response:?}");
        let (rest, signature) = token.rsplit_once('.').expect("a JWT");
        // The first character: the last one's bits may mean nothing.
        let forged = match signature.strip_prefix('A') {
            Some(others) => format!("{rest}.B{others}"),
            None => format!("{rest}.A{}", signature.chars().skip(1).collect::<String>()),
        };
        let refused = self.call(&forged);
        assert_eq!(refused.status, 401, "{refused:?}");
        assert!(refused.header("www-authenticate").unwrap_or_default().contains("invalid_token"), "{refused:?}");
        self.envoy.assert_no_crash();
    }

    /// A token that only the provider understands is accepted; nobody else's is.
    pub fn asks_about(&self, token: &str) {
        let response = self.call_asking(token);
        assert_eq!(response.status, 200, "{response:?}");
        for unknown in ["an-invented-token".to_owned(), format!("{token}x")] {
            let refused = self.call_asking(&unknown);
            assert_eq!(refused.status, 401, "{refused:?}");
            assert!(refused.header("www-authenticate").unwrap_or_default().contains("invalid_token"), "{refused:?}");
        }
        self.envoy.assert_no_crash();
    }
}

fn call(origin: &str, token: &str) -> Response {
    let request = Request::get("/api/orders").with("authorization", format!("Bearer {token}"));
    Visitor::default().send(
        &format!("{origin}/api/orders").parse().expect("an address"),
        request.set(":authority", origin.trim_start_matches("http://")),
    )
}

fn configuration(part: &Value, finance: &str, origin: &str, kind: &str) -> Value {
    let mut corp =
        json!({"name": "corp", "cluster": "provider", "scope": "openid profile email", "access_token": kind});
    corp.as_object_mut().expect("an object").extend(part.as_object().expect("a part of a configuration").clone());
    json!({
        "providers": [corp],
        "public_url": origin,
        "session": {"keys": [{"env": "LATCHKEY_SESSION_KEY"}], "secure": false, "cookie": "latchkey"},
        "rules": [
            {"name": "api", "match": {"path_prefix": "/api"}, "authentication": "bearer"},
            {"name": "finance", "match": {"path_prefix": "/finance"}, "require": finance},
            {"name": "approvals", "match": {"path_prefix": "/approvals"}, "max_age": "1h"},
        ],
        "headers": {
            "x-auth-subject": "claims.sub", "x-auth-name": "claims.name", "x-auth-email": "claims.email",
            "x-auth-groups": "claims.groups.join(\",\")", "x-access-token": "access_token",
        },
    })
}

/// The claims of a JWT, which nobody has verified.
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

/// The header of a JWT.
pub fn header(token: &str) -> Value {
    part(token, 0)
}

fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).expect("a JWT");
    serde_json::from_slice(&part).expect("a JWT")
}

/// What is tried with every provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Login,
    Refresh,
    Logout,
    BackChannel,
    BearerJwt,
    BearerOpaque,
}

impl Behaviour {
    const ALL: [Self; 6] =
        [Self::Login, Self::Refresh, Self::Logout, Self::BackChannel, Self::BearerJwt, Self::BearerOpaque];

    const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::Logout => "logout",
            Self::BackChannel => "back-channel logout",
            Self::BearerJwt => "bearer JWT",
            Self::BearerOpaque => "bearer opaque",
        }
    }
}

/// Which behaviours work with a provider, and which it does not have. Printed as they are found out.
pub struct Findings {
    key: &'static str,
    name: String,
    works: Vec<Behaviour>,
    has_none: Vec<Behaviour>,
    refused: Vec<(Behaviour, &'static str)>,
}

impl Findings {
    /// About the provider that people call `name`; `key` is for the figure.
    pub fn about(key: &'static str, name: &str) -> Self {
        Self { key, name: name.to_owned(), works: Vec::new(), has_none: Vec::new(), refused: Vec::new() }
    }

    pub fn works(&mut self, behaviour: Behaviour) {
        println!("{}: {}: works", self.name, behaviour.name());
        self.works.push(behaviour);
    }

    pub fn has_none(&mut self, behaviour: Behaviour) {
        println!("{}: {}: the provider has none", self.name, behaviour.name());
        self.has_none.push(behaviour);
    }

    /// What the provider does is not what the specification says, and is refused.
    pub fn refused(&mut self, behaviour: Behaviour, because: &'static str) {
        println!("{}: {}: refused, because {because}", self.name, behaviour.name());
        self.refused.push((behaviour, because));
    }

    /// Every behaviour has been tried, or the provider has it not.
    pub fn are_complete(self) {
        for behaviour in Behaviour::ALL {
            let refused = self.refused.iter().any(|(refused, _)| *refused == behaviour);
            let found = self.works.contains(&behaviour) || self.has_none.contains(&behaviour) || refused;
            assert!(found, "{}: {behaviour:?} was not tried", self.name);
        }
        let list = |behaviours: &[Behaviour]| behaviours.iter().map(|each| each.name()).collect::<Vec<_>>().join(", ");
        let missing = match self.has_none.as_slice() {
            [] => String::new(),
            missing => format!("; it has no {}", list(missing)),
        };
        let refused = self.refused.iter().map(|(behaviour, why)| format!("; {} is refused: {why}", behaviour.name()));
        let refused: String = refused.collect();
        println!("figure: providers.{} = {}: {} work{missing}{refused}", self.key, self.name, list(&self.works));
    }
}
