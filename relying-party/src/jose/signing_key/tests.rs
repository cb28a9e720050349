use ed25519_dalek::Verifier as _;
use proptest::prelude::*;
use rsa::pkcs8::DecodePrivateKey as _;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::jose::test_key::{jwk_set, with};
use crate::jose::unverified_jwt::UnverifiedJwt;
use crate::jose::{JwsAlgorithm, Software};

pub(crate) const P256_PEM: &str = include_str!("../testdata/keys/p256.pem");
pub(crate) const P256_JWK: &str = include_str!("../testdata/keys/p256.json");
pub(crate) const ED25519_PEM: &str = include_str!("../testdata/keys/ed25519.pem");
pub(crate) const ED25519_JWK: &str = include_str!("../testdata/keys/ed25519.json");
pub(crate) const RSA_PEM: &str = include_str!("../testdata/keys/rsa.pem");
pub(crate) const RSA_JWK: &str = include_str!("../testdata/keys/rsa.json");

/// A host that signs. Only here: in this module RSA is never used with a private key.
pub(crate) struct TestHost;

impl HostSigner for TestHost {
    fn sign_rs256(&self, pkcs8: &[u8], text: &[u8]) -> Result<Vec<u8>, HostSignError> {
        let key = rsa::RsaPrivateKey::from_pkcs8_der(pkcs8).map_err(|_| HostSignError::Failed)?;
        Ok(key.sign(rsa::Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(text)).unwrap())
    }
}

fn jwk(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The public half of a private JWK.
pub(crate) fn public(text: &str) -> Value {
    let secrets = json!({"d": null, "p": null, "q": null, "dp": null, "dq": null, "qi": null});
    with(jwk(text), &secrets)
}

fn sign(text: &str) -> String {
    SigningKey::parse(text).unwrap().sign("JWT", &json!({"sub": "ada"}), &TestHost).unwrap()
}

#[test]
fn what_a_key_signs_its_public_half_verifies() {
    for (pem, private, algorithm) in
        [(P256_PEM, P256_JWK, JwsAlgorithm::Es256), (RSA_PEM, RSA_JWK, JwsAlgorithm::Rs256)]
    {
        let token = sign(pem);
        assert_eq!(token, sign(private), "the same key in both formats; no algorithm here draws randomness");
        let jwt = UnverifiedJwt::parse(&token).unwrap();
        assert_eq!((jwt.algorithm(), jwt.typ(), jwt.kid()), (algorithm, Some("JWT"), None));
        let keys = jwk_set(&[public(private)]);
        let claims = jwt.verify(&keys, &[algorithm], &Software).unwrap().into_claims();
        assert_eq!(Value::Object(claims), json!({"sub": "ada"}));
    }
}

#[test]
fn ed25519_signs_as_eddsa() {
    let token = sign(ED25519_PEM);
    assert_eq!(token, sign(ED25519_JWK));
    let (input, signature) = token.rsplit_once('.').unwrap();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let x: [u8; 32] = decode(jwk(ED25519_JWK)["x"].as_str().unwrap()).try_into().unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&decode(signature)).unwrap();
    ed25519_dalek::VerifyingKey::from_bytes(&x).unwrap().verify(input.as_bytes(), &signature).unwrap();
    let header: Value = serde_json::from_slice(&decode(token.split('.').next().unwrap())).unwrap();
    assert_eq!(header, json!({"alg": "EdDSA", "typ": "JWT"}));
}

/// RFC 8037, Appendix A.1 and A.2.
#[test]
fn the_ed25519_key_of_rfc_8037_is_read() {
    let key = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    assert_eq!(SigningKey::parse(key).unwrap().algorithm(), "EdDSA");
}

#[test]
fn the_kid_of_a_jwk_is_in_the_header() {
    let named = with(jwk(P256_JWK), &json!({"kid": "2026-11", "alg": "ES256", "use": "sig", "key_ops": ["sign"]}));
    let token = sign(&named.to_string());
    assert_eq!(UnverifiedJwt::parse(&token).unwrap().kid(), Some("2026-11"));
}

#[test]
fn rsa_is_left_to_the_host() {
    let key = SigningKey::parse(RSA_PEM).unwrap();
    assert_eq!(key.sign("JWT", &json!({}), &NoHostSigner), Err(HostSignError::Unsupported));
    assert!(SigningKey::parse(P256_PEM).unwrap().sign("JWT", &json!({}), &NoHostSigner).is_ok());
}

#[test]
fn other_texts_are_no_signing_keys() {
    let changed = |text: &str, changes: Value| with(jwk(text), &changes).to_string();
    let damaged = P256_PEM.replace("MIG", "MIH");
    for (text, refused) in [
        ("", SigningKeyError::Unreadable),
        ("hunter2", SigningKeyError::Unreadable),
        ("{}", SigningKeyError::Unreadable),
        ("{\"kty\":", SigningKeyError::Unreadable),
        (&P256_PEM.replace('\n', " "), SigningKeyError::Unreadable),
        (&P256_PEM.replace('\n', "\\n"), SigningKeyError::Unreadable),
        (&damaged, SigningKeyError::Unreadable),
        (&format!("{{{}}}", " ".repeat(MAX_LENGTH)), SigningKeyError::TooLong),
        (include_str!("../testdata/keys/p256-public.pem"), SigningKeyError::Public),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", SigningKeyError::Public),
        (&public(P256_JWK).to_string(), SigningKeyError::Public),
        (&public(RSA_JWK).to_string(), SigningKeyError::Public),
        (include_str!("../testdata/keys/p256-encrypted.pem"), SigningKeyError::Encrypted),
        (include_str!("../testdata/keys/p256-sec1.pem"), SigningKeyError::NotPkcs8),
        (include_str!("../testdata/keys/p384.pem"), SigningKeyError::UnsupportedCurve),
        (&changed(P256_JWK, json!({"crv": "P-384"})), SigningKeyError::UnsupportedCurve),
        (&changed(ED25519_JWK, json!({"crv": "X25519"})), SigningKeyError::UnsupportedCurve),
        (r#"{"kty":"oct","k":"c2VjcmV0"}"#, SigningKeyError::UnsupportedType),
        (include_str!("../testdata/keys/rsa-1024.pem"), SigningKeyError::RsaTooSmall),
        (&changed(RSA_JWK, json!({"n": URL_SAFE_NO_PAD.encode([0xff; 255])})), SigningKeyError::RsaTooSmall),
        (&changed(RSA_JWK, json!({"n": URL_SAFE_NO_PAD.encode([0xff; 1025])})), SigningKeyError::RsaTooLarge),
        (&changed(RSA_JWK, json!({"p": null, "q": null})), SigningKeyError::Incomplete),
        (&changed(P256_JWK, json!({"x": null})), SigningKeyError::Incomplete),
        (&changed(P256_JWK, json!({"x": jwk(P256_JWK)["y"]})), SigningKeyError::Inconsistent),
        (&changed(ED25519_JWK, json!({"x": jwk(P256_JWK)["y"]})), SigningKeyError::Inconsistent),
        (&changed(P256_JWK, json!({"d": "AAAA"})), SigningKeyError::Unreadable),
        (&changed(P256_JWK, json!({"d": 1})), SigningKeyError::Unreadable),
        (&changed(ED25519_JWK, json!({"d": "AAAA"})), SigningKeyError::Unreadable),
        (&changed(P256_JWK, json!({"use": "enc"})), SigningKeyError::NotForSignatures),
        (&changed(P256_JWK, json!({"key_ops": ["verify"]})), SigningKeyError::NotForSignatures),
        (&changed(P256_JWK, json!({"alg": "ES384"})), SigningKeyError::AlgorithmMismatch),
        (&changed(RSA_JWK, json!({"alg": "PS256"})), SigningKeyError::AlgorithmMismatch),
        (&changed(P256_JWK, json!({"kid": "k".repeat(2000)})), SigningKeyError::Unreadable),
    ] {
        assert_eq!(SigningKey::parse(text).map(|key| key.algorithm()), Err(refused), "{text}");
    }
}

#[test]
fn a_key_does_not_print() {
    for text in [P256_PEM, ED25519_JWK, RSA_JWK] {
        let shown = format!("{:?}", SigningKey::parse(text).unwrap());
        assert!(shown.contains("[redacted]") && shown.len() < 40, "{shown}");
    }
}

proptest! {
    #[test]
    fn arbitrary_keys_do_not_panic(
        text in ".{0,100}", der in proptest::collection::vec(any::<u8>(), 0..80), member in "[A-Za-z0-9_-]{0,90}",
        kty in "EC|OKP|RSA", crv in "P-256|Ed25519", cut in 0_usize..1700,
    ) {
        let _ = SigningKey::parse(&text);
        let pem = |der: &[u8]| {
            let body = base64::engine::general_purpose::STANDARD.encode(der);
            format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
        };
        let _ = SigningKey::parse(&pem(&der));
        let _ = SigningKey::parse(RSA_PEM.get(..cut).unwrap_or_default());
        let key = json!({"kty": kty, "crv": crv, "d": member, "x": member, "y": member, "n": member, "e": member,
            "p": member, "q": member, "dp": member, "dq": member, "qi": member});
        let _ = SigningKey::parse(&key.to_string());
    }
}
