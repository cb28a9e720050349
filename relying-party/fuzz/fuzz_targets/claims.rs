//! The claims of an access token whose signature is taken for good: what is accepted keeps its promises.
//!
//! The first byte chooses the issuer and how strict it is, the rest is the payload.
#![no_main]

use std::cell::OnceCell;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use relying_party::config::{Config, Issuer};
use relying_party::jose::{Jwk, JwkSet, JwsAlgorithm, SignatureVerifier};
use relying_party::protocol::access_token::{ExpectedAccessToken, UnverifiedAccessToken};
use relying_party::time::UnixTime;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const SKEW: Duration = Duration::from_secs(60);

/// One issuer of each kind: exact, a template, a trust domain.
const ISSUERS: &str = r#"{"providers": [
    {"name": "a", "issuer": "https://a.example", "cluster": "c", "audience": ["x"]},
    {"name": "b", "issuer": "https://b.example/{tenantid}/v2.0", "tenants": ["t1", "t2"], "cluster": "c", "audience": ["x"]},
    {"name": "s", "issuer": "spiffe://c.example", "cluster": "c", "audience": ["x"], "metadata": {"jwks_uri": "https://c.example/k"}}
]}"#;
/// The key of RFC 7515, Appendix A.3.
const KEYS: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

struct CallsEverythingGood;

impl SignatureVerifier for CallsEverythingGood {
    fn verify(&self, _: JwsAlgorithm, _: &Jwk, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

thread_local! {
    static KNOWN: OnceCell<(Vec<Issuer>, JwkSet)> = const { OnceCell::new() };
}

fn known() -> (Vec<Issuer>, JwkSet) {
    let config = Config::parse(ISSUERS.as_bytes(), &|_| None).expect("valid");
    let issuers = config.providers.iter().map(|provider| provider.issuer.clone()).collect();
    (issuers, JwkSet::parse(KEYS.as_bytes()).expect("valid"))
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, payload)) = data.split_first() else { return };
    let (must_be_typed, typ) = (choice & 4 != 0, if choice & 8 == 0 { "JWT" } else { "at+jwt" });
    let header = format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#);
    let signature = URL_SAFE_NO_PAD.encode([1; 64]);
    let text = format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let Ok(token) = UnverifiedAccessToken::parse(&text) else { return };
    KNOWN.with(|cell| {
        let (issuers, keys) = cell.get_or_init(known);
        let issuer = &issuers[usize::from(choice & 3) % issuers.len()];
        let ours = token.claims_to_come_from(issuer);
        let expected = ExpectedAccessToken {
            issuer,
            client_ids: &["portal"],
            must_be_typed,
            algorithms: &JwsAlgorithm::ALL,
            clock_skew: SKEW,
        };
        if let Ok(verified) = token.verify(&expected, keys, &CallsEverythingGood, NOW) {
            assert!(ours, "of another issuer");
            assert!(NOW < verified.expires_at + SKEW, "expired");
            assert!(!must_be_typed || typ == "at+jwt");
            if typ == "JWT" {
                assert!(
                    !verified.claims.contains_key("at_hash") && !verified.claims.contains_key("c_hash"),
                    "an ID token"
                );
            }
            assert_eq!(format!("{verified:?}"), "VerifiedAccessToken { .. }");
        }
    });
});
