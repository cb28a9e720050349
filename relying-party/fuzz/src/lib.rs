//! What fuzz targets stand on: a relying party whose provider answers at once, and signatures that are taken for good.

mod stage;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use relying_party::config::Config;
use relying_party::entropy::Entropy;
use relying_party::http::{CalloutOutcome, Headers};
use relying_party::jose::{Jwk, JwkSet, JwsAlgorithm, SignatureVerifier};
use relying_party::secret::Secret;
use relying_party::session::cookie::{PresentParts, Writing};
use relying_party::session::seal::{Binding, Purpose};
use relying_party::session::{RefreshToken, Session, SignIn, Tokens};
use relying_party::time::UnixTime;
use serde_json::json;

pub use stage::{Stage, Verdict, document};

/// When everything happens.
pub const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
/// Between the clocks.
pub const SKEW: Duration = Duration::from_secs(60);
/// The provider `a` of [`config`].
pub const ISSUER: &str = "https://a.example";
/// The key of RFC 7515, Appendix A.3.
pub const KEYS: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
/// What [`ISSUER`] says about itself.
pub const METADATA: &str = r#"{
    "issuer": "https://a.example", "authorization_endpoint": "https://a.example/a", "token_endpoint": "https://a.example/t",
    "jwks_uri": "https://a.example/k", "userinfo_endpoint": "https://a.example/u",
    "end_session_endpoint": "https://a.example/end", "response_types_supported": ["code"],
    "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"]
}"#;

/// Bytes that look random enough and are the same in every run.
pub struct Counting(pub u8);

impl Entropy for Counting {
    fn fill(&mut self, buffer: &mut [u8]) {
        for byte in buffer {
            self.0 = self.0.wrapping_mul(5).wrapping_add(13);
            *byte = self.0;
        }
    }
}

/// Takes every signature for good: what matters is what comes after it.
pub struct CallsEverythingGood;

impl SignatureVerifier for CallsEverythingGood {
    fn verify(&self, _: JwsAlgorithm, _: &Jwk, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

/// A compact JWS by ES256 whose signature has the right length.
pub fn signed(header: &str, payload: &[u8]) -> String {
    let [header, payload] = [header.as_bytes(), payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode([1; 64]))
}

/// [`KEYS`], read.
pub fn keys() -> JwkSet {
    JwkSet::parse(KEYS.as_bytes()).expect("valid")
}

/// A configuration of one client at [`ISSUER`], with more keys in `session` and beside it.
pub fn config(session: &str, more: &str) -> Config {
    let document = format!(
        r#"{{
        "providers": [{{
            "name": "a", "issuer": "{ISSUER}", "cluster": "c", "client_id": "p", "client_secret": "s", "audience": ["x"]
        }}],
        "public_url": "https://portal.example.org",
        "session": {{"keys": ["H3gX19lShk+re+O2RpGji2Fkx/+m8H5LnwdIvOtYSh0="]{session}}}{more}
    }}"#
    );
    Config::parse(document.as_bytes(), &|_| None).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The cookie of a session under `config` whose tokens end in an hour.
pub fn session_cookie(config: &Config) -> String {
    let policy = config.session.as_ref().expect("a session");
    let claims = json!({"iss": ISSUER, "sub": "ada"});
    let refresh = RefreshToken { value: Secret::new("r".to_owned()), nonce: "n".to_owned(), obtained_at: NOW };
    let access_token = Some(Secret::new("t".to_owned()));
    let sign_in = SignIn {
        provider: "a".to_owned(),
        claims: claims.as_object().expect("claims").clone(),
        scopes: Vec::new(),
        tokens: Tokens { access_token, expires_at: Some(NOW + 60 * SKEW), refresh: Some(refresh), id_token: None },
        authentication: Default::default(),
        sid: None,
    };
    let session = Session::begin(sign_in, policy, NOW, &mut Counting(7));
    let (purpose, host) = (Purpose::Session, "portal.example.org");
    let binding = Binding { purpose, issuer: ISSUER, client_id: "p", cookie_name: &policy.cookie.name, host };
    let writing = Writing { keys: &policy.keys, binding, policy: &policy.cookie, max_cookies: 4 };
    let lines = writing.write(&session, PresentParts::default(), NOW, &mut Counting(8)).expect("small");
    lines[0].split(';').next().expect("a cookie").to_owned()
}

/// An answer with a body and nothing else.
pub fn answered(status: u16, body: &[u8]) -> CalloutOutcome {
    CalloutOutcome::Answered { status, headers: Headers::default(), body: body.to_vec() }
}
