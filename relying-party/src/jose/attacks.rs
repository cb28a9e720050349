//! What attackers do to tokens and key sets: the playbooks of jwt_tool and the PortSwigger laboratories, and published
//! weaknesses. One test a class. Claims are judged elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::test_key::{TestKey, jwk_set, with};
use super::*;
use crate::reason::Reason;

const ALL: &[JwsAlgorithm] = &JwsAlgorithm::ALL;

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What becomes of `token` where one key of each kind is published: its subject, or the reason for the refusal.
fn judge(token: &str) -> Result<String, &'static str> {
    let keys: Vec<Value> = TestKey::all().iter().map(TestKey::jwk).collect();
    judge_with(&keys, token)
}

fn judge_with(keys: &[Value], token: &str) -> Result<String, &'static str> {
    let token = UnverifiedJwt::parse(token).map_err(|error| error.code())?;
    let keys = jwk_set(keys);
    let verified = token.verify(&keys, ALL, &Software).map_err(|refused| refused.error().code())?;
    Ok(verified.claims().get("sub").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// An honest token, in its three parts.
fn honest(algorithm: JwsAlgorithm) -> [String; 3] {
    let token = TestKey::for_algorithm(algorithm).sign(algorithm, &json!({"sub": "alice"}));
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

/// A token whose header and payload are these texts, honestly signed with the P-256 key.
fn signed(header: &str, payload: &str) -> String {
    TestKey::p256().sign_text(JwsAlgorithm::Es256, header, payload.as_bytes())
}

/// HMAC-SHA-256 (RFC 2104).
fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let mut block = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block.resize(64, 0);
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = Sha256::digest([pad(0x36), message.as_bytes().to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}

#[test]
fn class_0_honest_tokens_pass() {
    for algorithm in JwsAlgorithm::ALL {
        assert_eq!(judge(&honest(algorithm).join(".")), Ok("alice".to_owned()));
    }
    assert!(judge(&signed(r#"{"alg":"ES256","kid":"ec"}"#, "{}")).is_ok());
}

#[test]
fn class_1_no_algorithm() {
    let [_, payload, signature] = honest(JwsAlgorithm::Rs256);
    for name in ["none", "None", "NONE", "nOnE", "none ", ""] {
        let header = encode(json!({"alg": name, "kid": "rsa"}).to_string());
        for signature in ["", &signature] {
            let token = format!("{header}.{payload}.{signature}");
            assert_eq!(judge(&token), Err("jws.algorithm_unsupported"), "{name:?}");
        }
    }
}

#[test]
fn class_2_null_signature() {
    for algorithm in JwsAlgorithm::ALL {
        let [header, payload, _] = honest(algorithm);
        assert_eq!(judge(&format!("{header}.{payload}.")), Err("jws.signature_invalid"), "{algorithm:?}");
        assert_eq!(judge(&format!("{header}.{payload}.AA")), Err("jws.signature_invalid"), "{algorithm:?}");
        assert_eq!(judge(&format!("{header}.{payload}")), Err("jws.not_three_parts"), "{algorithm:?}");
    }
}

#[test]
fn class_3_broken_signature() {
    for algorithm in JwsAlgorithm::ALL {
        let [header, payload, signature] = honest(algorithm);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for position in [0, 1, signature.len() / 2, signature.len() - 1] {
            for bit in [1, 0x80] {
                let mut broken = signature.clone();
                broken[position] ^= bit;
                let token = format!("{header}.{payload}.{}", encode(broken));
                assert_eq!(judge(&token), Err("jws.signature_invalid"), "{algorithm:?} {position}");
            }
        }
    }
}

#[test]
fn class_4_signature_of_another_token() {
    for algorithm in JwsAlgorithm::ALL {
        let [header, _, signature] = honest(algorithm);
        let token = format!("{header}.{}.{signature}", encode(r#"{"sub":"mallory"}"#));
        assert_eq!(judge(&token), Err("jws.signature_invalid"), "{algorithm:?}");
    }
}

#[test]
fn class_5_a_public_key_as_the_secret() {
    let jwk = TestKey::rsa().jwk();
    let der = Jwk::from_value(&jwk).unwrap().spki_der().to_vec();
    let pkcs1 = der[24..].to_vec();
    let pem = |label: &str, der: &[u8]| {
        let lines: Vec<String> =
            STANDARD.encode(der).as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", lines.join("\n"))
    };
    let (spki_pem, pkcs1_pem) = (pem("PUBLIC KEY", &der), pem("RSA PUBLIC KEY", &pkcs1));
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    for secret in [
        spki_pem.clone().into_bytes(),
        format!("{spki_pem}\n").into_bytes(),
        pkcs1_pem.clone().into_bytes(),
        format!("{pkcs1_pem}\n").into_bytes(),
        der,
        pkcs1,
        modulus,
        jwk.to_string().into_bytes(),
    ] {
        for (name, reason) in [("HS256", "jws.algorithm_unsupported"), ("RS256", "jws.signature_invalid")] {
            let input = format!("{}.e30", encode(json!({"alg": name, "kid": "rsa"}).to_string()));
            assert_eq!(judge(&format!("{input}.{}", encode(hmac(&secret, &input)))), Err(reason));
        }
    }
}

#[test]
fn class_6_a_weak_secret() {
    for secret in ["", "secret", "password", "your-256-bit-secret", "client-secret", "hunter2"] {
        for (name, reason) in [
            ("HS256", "jws.algorithm_unsupported"),
            ("HS512", "jws.algorithm_unsupported"),
            ("ES256", "jws.signature_invalid"),
        ] {
            let input = format!("{}.e30", encode(json!({"alg": name, "kid": "ec"}).to_string()));
            assert_eq!(judge(&format!("{input}.{}", encode(hmac(secret.as_bytes(), &input)))), Err(reason));
        }
    }
}

#[test]
fn class_7_a_key_in_the_header() {
    let attacker = TestKey::p256();
    let mallory = json!({"sub": "mallory"}).to_string();
    let published = [TestKey::rsa().jwk()];
    for kid in [json!("rsa"), json!("ec"), Value::Null] {
        let header = with(json!({"alg": "ES256", "jwk": attacker.jwk(), "kid": kid}), &json!({}));
        let header = if kid.is_null() { with(header, &json!({"kid": null})) } else { header };
        let token = attacker.sign_bytes(JwsAlgorithm::Es256, &header, mallory.as_bytes());
        assert!(["jws.key_unfit", "jws.key_unknown"].contains(&judge_with(&published, &token).unwrap_err()), "{kid}");
    }
}

#[test]
fn class_8_an_address_of_keys() {
    let attacker = TestKey::p256();
    for member in ["jku", "x5u", "x5c", "x5t", "x5t#S256"] {
        for value in [json!("https://evil.example/jwks.json"), json!(["MIIB"]), json!("http://169.254.169.254/")] {
            let header = json!({"alg": "ES256", "kid": "evil", member: value});
            let token = attacker.sign_bytes(JwsAlgorithm::Es256, &header, b"{}");
            // Nothing here can fetch; what could is asked for newer keys of the issuer, never for this address.
            assert_eq!(judge(&token), Err("jws.key_unknown"), "{member}");
        }
    }
}

#[test]
fn class_9_a_crafted_key_id() {
    for kid in ["../../../../dev/null", "x' UNION SELECT 'x", ";sleep 10", "rsa\0", "", " rsa", "RSA", "rsa|ec", "*"] {
        let input = format!("{}.e30", encode(json!({"alg": "RS256", "kid": kid}).to_string()));
        assert_eq!(judge(&format!("{input}.{}", encode(hmac(b"", &input)))), Err("jws.key_unknown"), "{kid:?}");
    }
    for kid in [json!(1), json!({}), json!(["rsa"]), Value::Null, json!(true)] {
        let token = format!("{}.e30.AA", encode(json!({"alg": "RS256", "kid": kid}).to_string()));
        assert_eq!(judge(&token), Err("jws.header_member_malformed"), "{kid}");
    }
    let long = format!("{}.e30.AA", encode(json!({"alg": "RS256", "kid": "k".repeat(2000)}).to_string()));
    assert_eq!(judge(&long), Err("jws.kid_too_long"));
    // The name of a key for encryption.
    let encryption = with(TestKey::rsa().jwk(), &json!({"use": "enc"}));
    let token = honest(JwsAlgorithm::Rs256).join(".");
    assert_eq!(judge_with(&[encryption, TestKey::p256().jwk()], &token), Err("jws.key_unknown"));
}

#[test]
fn class_10_psychic_signatures() {
    // The orders of the curves are in `der`: r or s of that size is out of range.
    for (algorithm, length) in [(JwsAlgorithm::Es256, 32), (JwsAlgorithm::Es384, 48), (JwsAlgorithm::Es512, 66)] {
        let [header, payload, signature] = honest(algorithm);
        let honest = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let (zero, one, most) = (vec![0; length], [vec![0; length - 1], vec![1]].concat(), vec![0xff; length]);
        let (r, s) = honest.split_at(length);
        for forged in [
            [zero.as_slice(), &zero].concat(),
            [zero.as_slice(), &one].concat(),
            [one.as_slice(), &zero].concat(),
            [r, &zero].concat(),
            [zero.as_slice(), s].concat(),
            [r, &most].concat(),
            [most.as_slice(), s].concat(),
            [&[0], r, &[0], s].concat(),
            honest[..honest.len() - 1].to_vec(),
            [s, r].concat(),
            b"\x30\x06\x02\x01\x00\x02\x01\x00".to_vec(),
            der::ecdsa_signature(algorithm, &honest).unwrap(),
        ] {
            let token = format!("{header}.{payload}.{}", encode(&forged));
            assert_eq!(judge(&token), Err("jws.signature_invalid"), "{algorithm:?} {forged:02x?}");
        }
        for out_of_range in [[zero.as_slice(), s].concat(), [r, &most].concat(), honest[1..].to_vec()] {
            assert_eq!(der::ecdsa_signature(algorithm, &out_of_range), None, "a host is not even asked");
        }
    }
}

#[test]
fn class_11_critical_extensions() {
    for extension in [r#""crit":["x"],"x":1"#, r#""crit":["exp"]"#, r#""crit":[]"#, r#""b64":false"#, r#""crit":"b64""#]
    {
        let token = signed(&format!(r#"{{"alg":"ES256","kid":"ec",{extension}}}"#), "{}");
        assert_eq!(judge(&token), Err("jws.critical_extension"), "{extension}");
    }
}

#[test]
fn class_12_a_token_of_another_kind() {
    // Which kinds are right is known to who asks for the token: what it says of itself is kept as it was written.
    for typ in ["at+jwt", "application/at+jwt", "logout+jwt", "dpop+jwt", "JWT", "AT+JWT"] {
        let token = signed(&json!({"alg": "ES256", "kid": "ec", "typ": typ}).to_string(), "{}");
        assert_eq!(UnverifiedJwt::parse(&token).unwrap().typ(), Some(typ));
    }
    let token = signed(r#"{"alg":"ES256","kid":"ec","typ":["JWT"]}"#, "{}");
    assert_eq!(judge(&token), Err("jws.header_member_malformed"));
}

#[test]
fn class_13_an_encrypted_token() {
    let header = encode(json!({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "rsa"}).to_string());
    assert_eq!(judge(&format!("{header}.AA.AA.AA.AA")), Err("jws.not_three_parts"));
    for header in [
        json!({"alg": "PBES2-HS256+A128KW", "p2c": 2_147_483_647, "enc": "A128GCM"}),
        json!({"alg": "dir", "enc": "A256GCM", "zip": "DEF"}),
        json!({"alg": "RSA1_5", "enc": "A128CBC-HS256"}),
    ] {
        let token = format!("{}.e30.AA", encode(header.to_string()));
        assert_eq!(judge(&token), Err("jws.algorithm_unsupported"));
    }
    // A token in a token is no JSON object.
    let inner = honest(JwsAlgorithm::Rs256).join(".");
    assert_eq!(judge(&signed(r#"{"alg":"ES256","kid":"ec","cty":"JWT"}"#, &inner)), Err("jws.payload_malformed"));
}

#[test]
fn class_14_json_and_base64_that_can_be_read_in_two_ways() {
    let header = r#"{"alg":"ES256","kid":"ec"}"#;
    for bad in [
        r#"{"alg":"ES256","alg":"none","kid":"ec"}"#,
        r#"{"alg":"ES256","kid":"ec","kid":"rsa"}"#,
        "\u{feff}{\"alg\":\"ES256\",\"kid\":\"ec\"}",
        r#"{"alg":"ES256","kid":"ec"}{}"#,
        r#"{"alg":"ES256","kid":"\ud800"}"#,
        r#"["ES256"]"#,
    ] {
        assert_eq!(judge(&signed(bad, "{}")), Err("jws.header_malformed"), "{bad}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
    for bad in [
        r#"{"sub":"alice","sub":"mallory"}"#,
        r#"{"sub":"alice","\u0073ub":"mallory"}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        "{}x",
        "\u{feff}{}",
        r#"{"sub":"\udc00"}"#,
        r#"{"exp":NaN}"#,
        r#"{"exp":1e400}"#,
        r#"{"exp":+1}"#,
        r#"{"exp":0x10}"#,
        "{'sub':'alice'}",
        "",
        "null",
        &deep,
    ] {
        assert_eq!(judge(&signed(header, bad)), Err("jws.payload_malformed"), "{bad:.60}");
    }
    let [header, payload, signature] = honest(JwsAlgorithm::Es256);
    for token in [
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}==.{signature}"),
        format!("{header}.{payload}.{signature}=="),
        format!("{header}.{payload}.{signature}\n"),
        format!(" {header}.{payload}.{signature}"),
        format!("{header}.{payload}.{}", signature.replace(['-', '_'], "+")) + "/",
        format!("{header}?.{payload}.{signature}"),
    ] {
        assert_eq!(judge(&token), Err("jws.not_base64url"), "{token}");
    }
    assert_eq!(judge(&"a".repeat(65 * 1024)), Err("jws.too_large"));
}

#[test]
fn class_16_key_sets() {
    let token = honest(JwsAlgorithm::Rs256).join(".");
    let ec = || TestKey::p256().jwk();
    // Two keys of one name: the right one counts, wherever it stands.
    let namesake = with(TestKey::p384().jwk(), &json!({"kid": "rsa"}));
    assert!(judge_with(&[namesake.clone(), TestKey::rsa().jwk()], &token).is_ok());
    // A name on a key of another type, and an algorithm that the key does not name.
    assert_eq!(judge_with(&[namesake], &token), Err("jws.key_unfit"));
    let other = with(TestKey::rsa().jwk(), &json!({"alg": "PS256"}));
    assert_eq!(judge_with(&[other, ec()], &token), Err("jws.key_unfit"));
    // Keys that cannot be used are as if they were not there; the others work.
    for change in [
        json!({"n": encode([0xff; 64])}),
        json!({"n": encode([0xff; 128])}),
        json!({"e": "AQ"}),
        json!({"e": "AQAA"}),
        json!({"d": "AQAB"}),
        json!({"k": "AQAB"}),
        json!({"use": "enc"}),
        json!({"key_ops": ["encrypt"]}),
        json!({"key_ops": []}),
        json!({"kty": "AKP"}),
        json!({"kty": "oct"}),
        json!({"alg": "ES256"}),
    ] {
        let bad = with(TestKey::rsa().jwk(), &change);
        assert_eq!(judge_with(&[bad.clone(), ec()], &token), Err("jws.key_unknown"), "{change}");
        assert!(judge_with(&[bad, ec()], &honest(JwsAlgorithm::Es256).join(".")).is_ok(), "{change}");
    }
    for change in [json!({"y": ec()["x"]}), json!({"crv": "secp256k1"}), json!({"kty": "OKP", "crv": "X25519"})] {
        let bad = with(ec(), &change);
        let keys = [bad, TestKey::rsa().jwk()];
        assert_eq!(judge_with(&keys, &honest(JwsAlgorithm::Es256).join(".")), Err("jws.key_unknown"), "{change}");
    }
    // Ten thousand keys: read up to a limit, or refused for their size.
    let crowd = json!({"keys": vec![json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}); 5_000]}).to_string();
    assert!(matches!(JwkSet::parse(crowd.as_bytes()), Err(JwkSetError::NoUsableKey { .. })));
    let crowd = json!({"keys": vec![ec(); 10_000]}).to_string();
    assert_eq!(JwkSet::parse(crowd.as_bytes()).unwrap_err(), JwkSetError::Malformed(JsonError::TooLarge));
}
