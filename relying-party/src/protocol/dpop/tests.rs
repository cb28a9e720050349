use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::jose::Software;
use crate::jose::test_key::{TestKey, with};
use crate::reason::Reason as _;
use crate::shared::{OwnData, SharedOrOwn};

const NOW: u64 = 1_900_000_000;
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

/// A request and the proof that comes with it.
struct Attempt {
    key: TestKey,
    algorithm: JwsAlgorithm,
    header: Value,
    claims: Value,
    method: &'static str,
    path: &'static str,
    token: &'static str,
}

impl Attempt {
    fn honest() -> Self {
        Self::by(TestKey::p256(), JwsAlgorithm::Es256)
    }

    fn by(key: TestKey, algorithm: JwsAlgorithm) -> Self {
        let header = json!({"typ": "dpop+jwt", "alg": algorithm.name(), "jwk": key.jwk()});
        let ath = URL_SAFE_NO_PAD.encode(Sha256::digest(TOKEN));
        let htu = "https://api.example.org/orders";
        let claims = json!({"jti": "e1j3V_bKic8-LAEB", "htm": "GET", "htu": htu, "iat": NOW, "ath": ath});
        Self { key, algorithm, header, claims, method: "GET", path: "/orders", token: TOKEN }
    }

    fn header(mut self, changes: &Value) -> Self {
        self.header = with(self.header, changes);
        self
    }

    fn claims(mut self, changes: &Value) -> Self {
        self.claims = with(self.claims, changes);
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.header.as_object_mut().unwrap().remove(name);
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    fn proof(&self) -> String {
        self.key.sign_bytes(self.algorithm, &self.header, self.claims.to_string().as_bytes())
    }

    fn judge(&self) -> Result<(), &'static str> {
        self.judge_headers(&[self.proof().as_bytes()], &mut OwnData::default())
    }

    fn judge_headers(&self, proofs: &[&[u8]], seen: &mut OwnData) -> Result<(), &'static str> {
        let headers = Headers::new(proofs.iter().map(|proof| ("dpop".to_owned(), proof.to_vec())).collect());
        let expected = ExpectedProof {
            thumbprint: &Jwk::from_value(&self.key.jwk()).unwrap().thumbprint(),
            access_token: self.token.as_bytes(),
            method: self.method,
            origin: "https://api.example.org",
            path: self.path,
            clock_skew: Duration::from_secs(10),
        };
        let mut seen = SharedOrOwn { shared: seen, own: &mut OwnData::default() };
        let accepted = accept(&headers, &expected, &Software, &mut seen, UnixTime::from_secs(NOW));
        accepted.map(drop).map_err(|error| error.code())
    }
}

#[test]
fn a_proof_by_any_kind_of_key_is_accepted_once() {
    for algorithm in JwsAlgorithm::ALL {
        let attempt = Attempt::by(TestKey::for_algorithm(algorithm), algorithm);
        let (proof, mut seen) = (attempt.proof(), OwnData::default());
        assert_eq!(attempt.judge_headers(&[proof.as_bytes()], &mut seen), Ok(()), "{algorithm:?}");
        assert_eq!(attempt.judge_headers(&[proof.as_bytes()], &mut seen), Err("dpop.replayed"), "{algorithm:?}");
        let another = Attempt::by(TestKey::for_algorithm(algorithm), algorithm).claims(&json!({"jti": "another"}));
        assert_eq!(another.judge_headers(&[another.proof().as_bytes()], &mut seen), Ok(()), "{algorithm:?}");
    }
}

#[test]
fn a_nonce_that_nobody_asked_for_says_nothing() {
    assert_eq!(Attempt::honest().claims(&json!({"nonce": "eyJ7S_zG.eyJH0-Z.HX4w-7v"})).judge(), Ok(()));
}

#[test]
fn each_failure_has_its_own_reason() {
    let private = with(TestKey::p256().jwk(), &json!({"d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}));
    let symmetric = json!({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"});
    let off_the_curve = with(TestKey::p256().jwk(), &json!({"y": TestKey::p256().jwk()["x"]}));
    let another = TestKey::ed25519().jwk();
    for (attempt, expected) in [
        (Attempt::honest().header(&json!({"typ": "JWT"})), "dpop.wrong_type"),
        (Attempt::honest().header(&json!({"typ": "at+jwt"})), "dpop.wrong_type"),
        (Attempt::honest().without("typ"), "dpop.wrong_type"),
        (Attempt::honest().header(&json!({"alg": "none"})), "dpop.algorithm_unsupported"),
        (Attempt::honest().header(&json!({"alg": "HS256"})), "dpop.algorithm_unsupported"),
        (Attempt::honest().header(&json!({"alg": 1})), "dpop.malformed"),
        (Attempt::honest().header(&json!({"crit": ["exp"]})), "dpop.malformed"),
        (Attempt::honest().without("jwk"), "dpop.key_missing"),
        (Attempt::honest().header(&json!({"jwk": "key"})), "dpop.key_unusable"),
        (Attempt::honest().header(&json!({"jwk": off_the_curve})), "dpop.key_unusable"),
        (Attempt::honest().header(&json!({"jwk": private})), "dpop.key_secret"),
        (Attempt::honest().header(&json!({"jwk": symmetric})), "dpop.key_secret"),
        (Attempt::honest().header(&json!({"jwk": another})), "dpop.key_mismatch"),
        (
            Attempt { algorithm: JwsAlgorithm::Es256, ..Attempt::honest() }.header(&json!({"alg": "ES384"})),
            "dpop.signature_invalid",
        ),
        (Attempt::honest().without("jti"), "dpop.jti_malformed"),
        (Attempt::honest().claims(&json!({"jti": ""})), "dpop.jti_malformed"),
        (Attempt::honest().claims(&json!({"jti": 1})), "dpop.jti_malformed"),
        (Attempt::honest().claims(&json!({"jti": "x".repeat(257)})), "dpop.jti_malformed"),
        (Attempt::honest().without("htm"), "dpop.method_mismatch"),
        (Attempt::honest().claims(&json!({"htm": "get"})), "dpop.method_mismatch"),
        (Attempt { method: "POST", ..Attempt::honest() }, "dpop.method_mismatch"),
        (Attempt::honest().without("htu"), "dpop.url_mismatch"),
        (Attempt { path: "/orders/1", ..Attempt::honest() }, "dpop.url_mismatch"),
        (Attempt::honest().without("iat"), "dpop.iat_malformed"),
        (Attempt::honest().claims(&json!({"iat": "now"})), "dpop.iat_malformed"),
        (Attempt::honest().claims(&json!({"iat": NOW - 71})), "dpop.too_old"),
        (Attempt::honest().claims(&json!({"iat": NOW + 71})), "dpop.issued_in_the_future"),
        (Attempt::honest().without("ath"), "dpop.token_mismatch"),
        (Attempt { token: "another", ..Attempt::honest() }, "dpop.token_mismatch"),
    ] {
        assert_eq!(attempt.judge(), Err(expected), "{} {}", attempt.header, attempt.claims);
    }
    for seconds in [NOW - 70, NOW + 70] {
        assert_eq!(Attempt::honest().claims(&json!({"iat": seconds})).judge(), Ok(()));
    }
}

#[test]
fn a_request_has_exactly_one_proof() {
    let attempt = Attempt::honest();
    let proof = attempt.proof();
    let other = Attempt::honest().claims(&json!({"jti": "other"})).proof();
    let tampered = format!("{}.{}.{}", "e30", proof.split('.').nth(1).unwrap(), proof.split('.').nth(2).unwrap());
    let several = format!("{proof},{other}");
    for (headers, expected) in [
        (vec![], "dpop.missing"),
        (vec![proof.as_bytes(), other.as_bytes()], "dpop.repeated"),
        (vec![several.as_bytes()], "dpop.malformed"),
        (vec![b"".as_slice()], "dpop.malformed"),
        (vec![b"\xff\xfe".as_slice()], "dpop.not_text"),
        (vec![[b'a'; MAX_LENGTH + 1].as_slice()], "dpop.too_large"),
        (vec![tampered.as_bytes()], "dpop.algorithm_unsupported"),
    ] {
        assert_eq!(attempt.judge_headers(&headers, &mut OwnData::default()), Err(expected));
    }
    // What was refused can be used later.
    let mut seen = OwnData::default();
    let elsewhere = Attempt { path: "/elsewhere", ..Attempt::honest() };
    assert_eq!(elsewhere.judge_headers(&[proof.as_bytes()], &mut seen), Err("dpop.url_mismatch"));
    assert_eq!(attempt.judge_headers(&[proof.as_bytes()], &mut seen), Ok(()));
}

#[test]
fn urls_are_compared_as_urls() {
    let table = [
        ("https://api.example.org/orders", "/orders", true),
        ("HTTPS://API.Example.ORG:443/orders", "/orders", true),
        ("https://api.example.org:/orders", "/orders", true),
        ("https://api.example.org/orders?page=2#top", "/orders", true),
        ("https://api.example.org", "/", true),
        ("https://api.example.org?x", "/", true),
        ("https://api.example.org/caf%c3%a9", "/caf%C3%A9", true),
        ("https://api.example.org/%6frders", "/orders", true),
        ("https://api.example.org/a%2Fb", "/a%2fb", true),
        ("https://api.example.org/a%2Fb", "/a/b", false),
        ("https://api.example.org/Orders", "/orders", false),
        ("https://api.example.org/orders/", "/orders", false),
        ("https://api.example.org/x/../orders", "/orders", false),
        ("http://api.example.org/orders", "/orders", false),
        ("https://api.example.org:80/orders", "/orders", false),
        ("https://api.example.org:8443/orders", "/orders", false),
        ("https://api.example.org.evil.example/orders", "/orders", false),
        ("https://user@api.example.org/orders", "/orders", false),
        ("https:///orders", "/orders", false),
        ("//api.example.org/orders", "/orders", false),
        ("/orders", "/orders", false),
        ("", "/", false),
        ("https://api.example.org/%", "/%25", false),
        ("https://api.example.org/caf\u{e9}", "/caf%C3%A9", false),
    ];
    for (htu, path, is_same) in table {
        let attempt = Attempt { path, ..Attempt::honest() }.claims(&json!({"htu": htu}));
        assert_eq!(attempt.judge(), if is_same { Ok(()) } else { Err("dpop.url_mismatch") }, "{htu} {path}");
    }
}

/// RFC 9449 §7.1, Figure 12: an access token, and the proof that goes with it.
#[test]
fn the_proof_of_the_rfc_is_accepted() {
    let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    let expected = ExpectedProof {
        thumbprint: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
        access_token: TOKEN.as_bytes(),
        method: "GET",
        origin: "https://resource.example.org",
        path: "/protectedresource",
        clock_skew: Duration::ZERO,
    };
    let headers = Headers::new(vec![("dpop".to_owned(), proof.into())]);
    let (mut shared, mut own) = (OwnData::default(), OwnData::default());
    let mut seen = SharedOrOwn { shared: &mut shared, own: &mut own };
    let now = UnixTime::from_secs(1_562_262_618);
    assert!(accept(&headers, &expected, &Software, &mut seen, now).is_ok());
}

proptest! {
    #[test]
    fn arbitrary_proofs_are_refused_without_panic(
        header in ".{0,60}", payload in ".{0,60}", htu in ".{0,40}", raw in proptest::collection::vec(any::<u8>(), 0..80)
    ) {
        let attempt = Attempt::honest();
        let text = format!("{}.{}.AA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        for proof in [text.as_bytes(), &raw] {
            prop_assert!(attempt.judge_headers(&[proof], &mut OwnData::default()).is_err());
        }
        let with_htu = Attempt::honest().claims(&json!({"htu": htu}));
        prop_assert!(with_htu.judge() == Err("dpop.url_mismatch"));
    }
}
