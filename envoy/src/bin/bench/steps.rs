//! What each step of a request with a token costs, so that it is known where the next improvement is to be found. Counted
//! repetitions of the core, natively: in Wasm everything takes about twice as long, and the host's calls come on top.

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use envoy_ring::sessions::Numbers;
use relying_party::admission::cache::LiveCache;
use relying_party::admission::{Admission, LiveToken, Onward, TokenOrigin};
use relying_party::config::Config;
use relying_party::flow::provider::TrustEpoch;
use relying_party::forward::Forward;
use relying_party::http::credentials::{PresentedToken, TokenScheme};
use relying_party::http::{Headers, RequestHead};
use relying_party::jose::{Jwk, JwkSet, JwsAlgorithm, SignatureVerifier, Software};
use relying_party::peer::KnownPeer;
use relying_party::policy::managed_headers::ManagedHeaders;
use relying_party::policy::path::RequestPath;
use relying_party::policy::rules::{Selection, select};
use relying_party::protocol::access_token::{ExpectedAccessToken, UnverifiedAccessToken, VerifiedAccessToken};
use relying_party::protocol::confirmation::Possession;
use relying_party::time::UnixTime;
use serde_json::json;
use wasm_host_tests::message::AUTHORITY;
use wasm_host_tests::provider::keys::TestKey;
use wasm_host_tests::setup::Setup;

use crate::tokens;

const REPETITIONS: u32 = 2_000;
const BATCHES: usize = 7;

/// Stands for the host, which verifies signatures elsewhere.
struct Elsewhere;

impl SignatureVerifier for Elsewhere {
    fn verify(&self, _: JwsAlgorithm, _: &Jwk, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

/// Prints the cost of each step, under the configuration of `setup`.
pub fn print(setup: &Setup, now: UnixTime) {
    let environment =
        |name: &str| setup.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let config = Config::parse(setup.document.to_string().as_bytes(), &environment).expect("the configuration");
    let managed = ManagedHeaders::new(config.managed_headers());
    let token = tokens::sign(TestKey::Rsa1, 1, now).remove(0);
    let head = RequestHead::new(head(&token));
    let path = RequestPath::parse("/orders/4711").expect("a path");
    let own = config.own_paths();
    let Selection::Rule(index, rule) = select(&config.rules, &own, "GET", AUTHORITY, &path) else { panic!("no rule") };
    let demand = rule.authentication.demand().expect("a rule that takes tokens");
    let keys = json!({"keys": [TestKey::Rsa1.jwk(), TestKey::P256A.jwk()]}).to_string();
    let issuer = Issuer { config: &config, keys: JwkSet::parse(keys.as_bytes()).expect("keys"), now };
    let audience = [tokens::AUDIENCE.to_owned()];
    let live = Rc::new(issuer.remember(issuer.verify(&token, &Elsewhere), &token));
    let mut cache = LiveCache::new(1 << 20);
    cache.insert(token.as_bytes(), Rc::clone(&live), &mut Numbers(1));
    let admit = || {
        let unbound = |_: &str| panic!("no token here is bound to a key");
        let possession = Possession::shown(live.confirmation(), TokenScheme::Bearer, &KnownPeer::default(), unbound);
        let possession = possession.expect("a bearer token");
        Admission::by_token(Rc::clone(&live), &possession, (index, demand), &audience, None, now).expect("admitted")
    };
    let Onward::Open(passage) = admit().onward() else { panic!("an exchange") };

    println!("the steps of a request with a token, natively (ns):");
    let each = "each request";
    row(each, "path", || black_box(RequestPath::parse(black_box("/orders/4711"))).is_ok());
    row(each, "rule", || {
        matches!(select(&config.rules, &own, "GET", AUTHORITY, black_box(&path)), Selection::Rule(..))
    });
    row(each, "token in the cache", || {
        let presented = PresentedToken::of(black_box(head.headers())).ok().flatten().expect("a token");
        cache.find(presented.bytes(), |live| live.is_valid(Some(TrustEpoch::default()), now)).is_some()
    });
    row(each, "rule's demand", || admit().identity().is_some());
    row(each, "headers for the backend", || {
        Forward::new(black_box(&passage), &head, None, &managed, &config, Vec::new(), now).added().count() > 0
    });
    let first = "first sight";
    row(first, "token read", || UnverifiedAccessToken::parse(black_box(&token)).is_ok());
    row(first, "token read, claims checked", || issuer.verify(black_box(&token), &Elsewhere).expires_at > now);
    for key in [TestKey::Rsa1, TestKey::P256A] {
        let token = tokens::sign(key, 1, now).remove(0);
        let name = format!("the same, {} in software", key.algorithm());
        row(first, &name, || issuer.verify(black_box(&token), &Software).expires_at > now);
    }
    let verified = issuer.verify(&token, &Elsewhere);
    row(first, "headers evaluated, token kept", || {
        let live = issuer.remember(verified.clone(), &token);
        !live.identity().headers(&config.headers, None).is_empty()
    });
}

fn head(token: &str) -> Headers {
    let fields = [
        (":authority", AUTHORITY),
        (":path", "/orders/4711"),
        (":method", "GET"),
        (":scheme", "https"),
        ("accept", "application/json"),
        ("sec-fetch-mode", "cors"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "8a3f0c5e-6d7b-4a92-9f0e-2f1f0f0c7a11"),
        ("authorization", &format!("Bearer {token}")),
    ];
    Headers::new(fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec())
}

/// What verification needs besides the token.
struct Issuer<'a> {
    config: &'a Config,
    keys: JwkSet,
    now: UnixTime,
}

impl Issuer<'_> {
    fn verify(&self, token: &str, verifier: &dyn SignatureVerifier) -> VerifiedAccessToken {
        let provider = &self.config.providers[0];
        let expected = ExpectedAccessToken {
            issuer: &provider.issuer,
            client_ids: &[],
            must_be_typed: false,
            algorithms: &provider.algorithms,
            clock_skew: provider.clock_skew,
        };
        let token = UnverifiedAccessToken::parse(token).expect("a token");
        token.verify(&expected, &self.keys, verifier, self.now).unwrap_or_else(|refused| panic!("{}", refused.error))
    }

    fn remember(&self, verified: VerifiedAccessToken, text: &str) -> LiveToken {
        let origin = TokenOrigin {
            provider: 0,
            name: &self.config.providers[0].name,
            trust: Some(TrustEpoch::default()),
            rule: 0,
        };
        LiveToken::new(verified, text, origin, self.now + Duration::from_secs(60))
    }
}

/// The least of several batches: what else the machine does only ever adds.
fn row(when: &str, step: &str, mut run: impl FnMut() -> bool) {
    let mut batch = || {
        let start = Instant::now();
        for _ in 0..REPETITIONS {
            assert!(black_box(run()), "{step}");
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(REPETITIONS)
    };
    let least = (0..BATCHES).map(|_| batch()).fold(f64::INFINITY, f64::min);
    println!("  {when:14}{step:34}{least:>10.0}");
}
