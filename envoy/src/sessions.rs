//! Sessions of many people, without as many sign-ins.

use relying_party::config::Config;
use relying_party::entropy::Entropy;
use relying_party::session::Session;
use relying_party::session::cookie::{self, PresentParts, Writing};
use relying_party::session::seal::{Binding, Purpose};
use relying_party::time::UnixTime;
use wasm_host_tests::message::AUTHORITY;
use wasm_host_tests::setup::Setup;

/// Sessions like the one in `cookie`, each with other claims: sealed by the core as the filter seals them.
pub fn like(
    cookie: &str,
    setup: &Setup,
    claims: impl Fn(usize) -> Vec<(&'static str, String)>,
    count: usize,
    now: UnixTime,
) -> Vec<String> {
    let environment =
        |name: &str| setup.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let config = Config::parse(setup.document.to_string().as_bytes(), &environment).expect("the configuration");
    let policy = config.session.as_ref().expect("sessions");
    let provider = &config.providers[0];
    let binding = Binding {
        purpose: Purpose::Session,
        issuer: provider.issuer.as_str(),
        client_id: &provider.client.as_ref().expect("a client").client_id,
        cookie_name: &policy.cookie.name,
        host: AUTHORITY,
    };
    let mut pairs = cookie.split("; ").filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == policy.cookie.name).expect("a session cookie");
    let session = cookie::open(value.as_bytes(), &policy.keys, |_| Some(binding)).expect("a session").session;
    let writing = Writing { keys: &policy.keys, binding, policy: &policy.cookie, max_cookies: policy.max_cookies };
    let mut entropy = Numbers(now.as_millis());
    let mut of = |number: usize| {
        let mut session: Session = session.clone();
        for (claim, value) in claims(number) {
            session.claims.insert(claim.to_owned(), value.into());
        }
        let lines = writing.write(&session, PresentParts::default(), now, &mut entropy).expect("cookies");
        let pairs: Vec<_> = lines.iter().filter_map(|line| line.split(';').next()).collect();
        pairs.join("; ")
    };
    (0..count).map(&mut of).collect()
}

/// Nonces that differ.
pub struct Numbers(pub u64);

impl Entropy for Numbers {
    fn fill(&mut self, buffer: &mut [u8]) {
        for byte in buffer {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = self.0.to_be_bytes()[0];
        }
    }
}
