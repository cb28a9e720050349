//! A simulated OpenID provider as a plain value: a request and the time in, an answer out. Every ring talks to this one.

mod client;
pub mod id_token;
pub mod keys;
mod oauth;
mod places;
pub mod recorded;
mod refresh;
mod tokens;
mod userinfo;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use relying_party::time::UnixTime;
use serde_json::{Value, json};

use crate::message::{Request, Response};
use id_token::Draft;
use keys::TestKey;
pub use refresh::RefreshTokens;

/// The issuer identifier. Its site is not the application's, so that cookies meet the rules for other sites.
pub const ISSUER: &str = "https://login.provider.test/realms/corp";
/// Scheme and host of [`ISSUER`].
pub const PROVIDER_ORIGIN: &str = "https://login.provider.test";
/// Where its endpoints for clients with a certificate are (RFC 8705 §5).
pub const MTLS_ISSUER: &str = "https://mtls.provider.test/realms/corp";
/// The host's cluster that leads to the provider.
pub const CLUSTER: &str = "corp-idp";
/// The registered client.
pub const CLIENT_ID: &str = "portal";
/// Its secret: with characters that Basic authentication must encode (RFC 6749 §2.3.1).
pub const CLIENT_SECRET: &str = "s3cret:with/odd+chars%";

/// Whom its access tokens are for.
pub const AUDIENCE: &str = "https://api.example.org";
/// Another issuer at the same host, for people of another organisation: the same endpoints, users and keys.
pub const SECOND_ISSUER: &str = "https://login.provider.test/realms/partner";
/// Another issuer, which only issues access tokens.
pub const OTHER_ISSUER: &str = "https://tokens.partner.test";
/// Where its keys are.
pub const OTHER_KEYS: &str = "https://login.provider.test/partner/keys";

/// The event that a logout token is about.
pub const BACKCHANNEL_LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What the provider does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Answers at once.
    Respond(Response),
    /// Answers after a while.
    Delay(Duration, Response),
    /// Never answers.
    Hang,
    /// Closes the connection.
    Reset,
}

/// The endpoints of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// The discovery document
    Discovery,
    /// The JWK set
    Keys,
    /// The authorization endpoint
    Authorize,
    /// The token endpoint
    Token,
    /// The UserInfo endpoint
    Userinfo,
    /// The introspection endpoint
    Introspection,
    /// The pushed authorization request endpoint
    PushedAuthorization,
    /// The end-session endpoint
    EndSession,
    /// The JWK set of [`OTHER_ISSUER`]
    OtherKeys,
    /// Anything else
    Unknown,
}

/// How an endpoint behaves.
#[derive(Clone, Debug, Default)]
pub enum Behaviour {
    /// As specified.
    #[default]
    Normal,
    /// As specified, after a while.
    Slow(Duration),
    /// With this answer, whatever the request.
    Answer(Response),
    /// As specified, but changed on the way.
    Changed(fn(Response) -> Response),
    /// Not at all.
    Hang,
    /// By closing the connection.
    Reset,
}

impl Behaviour {
    /// A page for people where a machine expects JSON, as proxies in front of a provider send it.
    pub fn html(status: u16) -> Self {
        Self::Answer(Response::new(status, "text/html", "<!doctype html><h1>We will be back soon</h1>"))
    }

    /// A well-formed JSON document of three megabytes.
    pub fn large() -> Self {
        Self::Answer(Response::json(200, &json!({"padding": "x".repeat(3_000_000)})))
    }

    /// Bytes that are no text at all.
    pub fn rubbish() -> Self {
        Self::Answer(Response::new(200, "application/json", [0xff, 0x00, 0xc3, 0x28, b'{', 0xfe]))
    }
}

/// What happens when a browser reaches the authorization endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authorization {
    /// The user is signed in without being asked.
    #[default]
    Granted,
    /// The user has to do something first: `prompt=none` is answered with this error, anything else as [`Self::Granted`].
    NeedsTheUser(String),
    /// An error response (RFC 6749 §4.1.2.1).
    Error {
        /// `error`
        code: String,
        /// `error_description`
        description: String,
    },
}

/// What the provider does with a demand for another authentication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Obedience {
    /// What the specification says.
    #[default]
    Obeys,
    /// Nothing, and says what is so.
    Ignores,
    /// What the specification says, but does not tell.
    IsSilent,
}

/// What a test changes in a JSON document before it is sent.
pub type Mutation = Box<dyn FnMut(&mut Value) + Send>;

/// The provider, its knobs and its log.
pub struct Provider {
    /// The user that signs in: claims for the ID token beside the protocol's own.
    pub user: Value,
    /// Which client authentication the token endpoint accepts.
    pub client_authentication: &'static str,
    /// The key registered for `private_key_jwt`.
    pub client_key: TestKey,
    /// Whether the authorization endpoint takes pushed requests only (RFC 9126 §5).
    pub requires_pushed_requests: bool,
    /// The registered redirect URIs.
    pub redirect_uris: Vec<String>,
    /// What the authorization endpoint does.
    pub authorization: Authorization,
    /// When the user authenticated last here; `None`: not yet.
    pub authenticated_at: Option<UnixTime>,
    /// What becomes of `max_age`.
    pub max_age: Obedience,
    /// What becomes of `acr_values`.
    pub acr_values: Obedience,
    /// What the UserInfo endpoint says beside `sub`.
    pub userinfo: Value,
    /// Whether the UserInfo endpoint signs what it says.
    pub signs_userinfo: bool,
    /// Whether authorization responses carry `iss` (RFC 9207), and which.
    pub response_issuer: Option<String>,
    /// The key that signs.
    pub signing_key: TestKey,
    /// The keys that are published.
    pub published_keys: Vec<TestKey>,
    /// The keys that [`OTHER_ISSUER`] publishes.
    pub other_keys: Vec<TestKey>,
    /// Header fields of the answer with the keys.
    pub key_fields: Vec<(&'static str, &'static str)>,
    /// How long an ID token is valid.
    pub token_lifetime: Duration,
    /// How long an access token for a client is valid.
    pub access_token_lifetime: Duration,
    /// Whether a client gets refresh tokens.
    pub refresh_tokens: RefreshTokens,
    /// Which issuers it is besides, each with the same endpoints, users and keys.
    pub issuers: Vec<String>,
    /// Where its endpoints are besides, by address without query: those of a provider that is played.
    pub places: BTreeMap<String, Endpoint>,
    /// What is said of access tokens that only this provider understands.
    pub opaque_tokens: BTreeMap<String, Value>,
    /// What its codes begin with.
    pub code_prefix: &'static str,
    /// What the authorization, token and pushed authorization request endpoints have answered, in order.
    pub given: Vec<(Endpoint, Response)>,
    /// Every request of a relying party or browser, in order.
    pub log: Vec<(Endpoint, Request)>,
    /// What a relying party did that a provider would refuse, in words.
    pub complaints: Vec<String>,
    behaviours: BTreeMap<Endpoint, Behaviour>,
    id_token: Box<dyn FnMut(&mut Draft) + Send>,
    metadata: Mutation,
    key_set: Mutation,
    token_answer: Mutation,
    userinfo_answer: Box<dyn FnMut(&mut Draft) + Send>,
    grants: BTreeMap<String, oauth::Grant>,
    pushed: BTreeMap<String, client::Pushed>,
    used_assertions: BTreeSet<String>,
    issued_refresh_tokens: refresh::Issued,
    issued: u64,
    exchanged: u64,
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            user: json!({
                "sub": "ada", "email": "ada@example.org", "name": "Ada Lovelace", "groups": ["finance", "staff"],
            }),
            client_authentication: "client_secret_basic",
            client_key: TestKey::P256B,
            requires_pushed_requests: false,
            redirect_uris: vec![format!("{}/oauth2/callback", crate::message::ORIGIN)],
            authorization: Authorization::Granted,
            authenticated_at: None,
            max_age: Obedience::Obeys,
            acr_values: Obedience::Obeys,
            userinfo: json!({}),
            signs_userinfo: false,
            response_issuer: Some(ISSUER.to_owned()),
            signing_key: TestKey::Rsa1,
            published_keys: vec![TestKey::Rsa1, TestKey::P256A],
            other_keys: vec![TestKey::P256B],
            key_fields: Vec::new(),
            token_lifetime: Duration::from_secs(300),
            access_token_lifetime: Duration::from_secs(600),
            refresh_tokens: RefreshTokens::None,
            issuers: Vec::new(),
            places: BTreeMap::new(),
            opaque_tokens: BTreeMap::new(),
            code_prefix: "code-",
            given: Vec::new(),
            log: Vec::new(),
            complaints: Vec::new(),
            behaviours: BTreeMap::new(),
            id_token: Box::new(|_| ()),
            metadata: Box::new(|_| ()),
            key_set: Box::new(|_| ()),
            token_answer: Box::new(|_| ()),
            userinfo_answer: Box::new(|_| ()),
            grants: BTreeMap::new(),
            pushed: BTreeMap::new(),
            used_assertions: BTreeSet::new(),
            issued_refresh_tokens: refresh::Issued::default(),
            issued: 0,
            exchanged: 0,
        }
    }
}

impl Provider {
    /// Answers `request`. The time of the answer is `now`.
    pub fn answer(&mut self, request: &Request, now: UnixTime) -> Answer {
        let endpoint = self.endpoint_of(request);
        self.log.push((endpoint, request.clone()));
        let answer = match self.behaviours.get(&endpoint).cloned().unwrap_or_default() {
            Behaviour::Normal => Answer::Respond(self.normally(endpoint, request, now)),
            Behaviour::Slow(pause) => Answer::Delay(pause, self.normally(endpoint, request, now)),
            Behaviour::Answer(response) => Answer::Respond(response),
            Behaviour::Changed(change) => Answer::Respond(change(self.normally(endpoint, request, now))),
            Behaviour::Hang => Answer::Hang,
            Behaviour::Reset => Answer::Reset,
        };
        let gives = matches!(endpoint, Endpoint::Authorize | Endpoint::Token | Endpoint::PushedAuthorization);
        if let (true, Answer::Respond(response) | Answer::Delay(_, response)) = (gives, &answer) {
            self.given.push((endpoint, response.clone()));
        }
        answer
    }

    /// Lets `endpoint` behave like this from now on.
    pub fn behave(&mut self, endpoint: Endpoint, behaviour: Behaviour) {
        self.behaviours.insert(endpoint, behaviour);
    }

    /// Lets all endpoints that a relying party calls behave like this from now on.
    pub fn behave_everywhere(&mut self, behaviour: &Behaviour) {
        for endpoint in [Endpoint::Discovery, Endpoint::Keys, Endpoint::Token, Endpoint::PushedAuthorization] {
            self.behave(endpoint, behaviour.clone());
        }
    }

    /// Changes every ID token before it is signed.
    pub fn forge(&mut self, change: impl FnMut(&mut Draft) + Send + 'static) {
        self.id_token = Box::new(change);
    }

    /// An access token as the provider issues it to a client of the API, before it is signed (RFC 9068 §2.2).
    pub fn access_token(&self, now: UnixTime) -> Draft {
        let claims = json!({
            "iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "client_id": "cli", "scope": "orders.read",
            "iat": now.as_secs(), "exp": (now + self.token_lifetime).as_secs(),
        });
        Draft::access_token(self.signing_key, claims)
    }

    /// A logout token for everything of this user, before it is signed (OIDC Back-Channel Logout 1.0 §2.4).
    pub fn logout_token(&mut self, now: UnixTime) -> Draft {
        self.issued += 1;
        let mut claims = json!({
            "iss": ISSUER, "sub": self.user["sub"], "aud": CLIENT_ID, "iat": now.as_secs(), "exp": now.as_secs() + 120,
            "jti": format!("logout-{}", self.issued), "events": {BACKCHANNEL_LOGOUT: {}},
        });
        if let Some(sid) = self.user.get("sid") {
            claims["sid"] = sid.clone();
        }
        let mut draft = Draft::new(self.signing_key, claims);
        draft.header["typ"] = "logout+jwt".into();
        draft
    }

    /// Changes the discovery document.
    pub fn change_metadata(&mut self, change: impl FnMut(&mut Value) + Send + 'static) {
        self.metadata = Box::new(change);
    }

    /// Changes the JWK set.
    pub fn change_keys(&mut self, change: impl FnMut(&mut Value) + Send + 'static) {
        self.key_set = Box::new(change);
    }

    /// Changes the token endpoint's answer.
    pub fn change_token_answer(&mut self, change: impl FnMut(&mut Value) + Send + 'static) {
        self.token_answer = Box::new(change);
    }

    /// Changes what the UserInfo endpoint says.
    pub fn change_userinfo(&mut self, change: impl FnMut(&mut Draft) + Send + 'static) {
        self.userinfo_answer = Box::new(change);
    }

    /// Signs with `key` from now on, and publishes no other.
    pub fn rotate(&mut self, key: TestKey) {
        self.signing_key = key;
        self.published_keys = vec![key];
    }

    /// How many requests `endpoint` has had.
    pub fn count(&self, endpoint: Endpoint) -> usize {
        self.log.iter().filter(|(of, _)| *of == endpoint).count()
    }

    /// The last request that `endpoint` has had.
    pub fn last(&self, endpoint: Endpoint) -> Option<&Request> {
        self.log.iter().rev().find(|(of, _)| *of == endpoint).map(|(_, request)| request)
    }

    fn normally(&mut self, endpoint: Endpoint, request: &Request, now: UnixTime) -> Response {
        match endpoint {
            Endpoint::Discovery => {
                let mut document = self.discovery_document(&self.issuer_of(request));
                (self.metadata)(&mut document);
                Response::json(200, &document)
            }
            Endpoint::Keys => {
                let keys: Vec<Value> = self.published_keys.iter().map(|key| key.jwk()).collect();
                let mut document = json!({"keys": keys});
                (self.key_set)(&mut document);
                let answer = Response::json(200, &document);
                self.key_fields.iter().fold(answer, |answer, (name, value)| answer.with(name, value))
            }
            Endpoint::Authorize => self.authorize(request, now),
            Endpoint::Token => self.token(request, now),
            Endpoint::Userinfo => self.userinfo(request),
            Endpoint::Introspection => self.introspect(request, now),
            Endpoint::PushedAuthorization => self.push(request, now),
            Endpoint::EndSession => self.end_session(request),
            Endpoint::OtherKeys => {
                let keys: Vec<Value> = self.other_keys.iter().map(|key| key.jwk()).collect();
                Response::json(200, &json!({"keys": keys}))
            }
            Endpoint::Unknown => Response::new(404, "text/plain", "no such endpoint"),
        }
    }

    /// OIDC Discovery 1.0 §3, in the odd order of the OpenID Foundation's suite.
    fn discovery_document(&self, issuer: &str) -> Value {
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
            "end_session_endpoint": format!("{issuer}/logout"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "introspection_endpoint": format!("{issuer}/introspect"),
            "pushed_authorization_request_endpoint": format!("{issuer}/par"),
            "require_pushed_authorization_requests": self.requires_pushed_requests,
            "mtls_endpoint_aliases": {
                "token_endpoint": format!("{MTLS_ISSUER}/token"),
                "pushed_authorization_request_endpoint": format!("{MTLS_ISSUER}/par"),
            },
            "response_types_supported": ["id_token code", "code"],
            "response_modes_supported": ["query", "form_post"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["none", "RS256", "ES256"],
            "token_endpoint_auth_methods_supported": [self.client_authentication],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "profile", "email"],
            "authorization_response_iss_parameter_supported": self.response_issuer.is_some(),
            "x_vendor_extension": {"any": ["thing"]},
        })
    }
}
