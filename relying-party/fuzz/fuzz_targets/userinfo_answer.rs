//! A UserInfo answer: what is accepted is about the person of the ID token, whatever else it says.
//!
//! The first byte chooses: JSON, a JWT as it came, or a JWT of these claims whose signature is taken for good.
#![no_main]

use std::cell::OnceCell;

use libfuzzer_sys::fuzz_target;
use relying_party::config::Config;
use relying_party::http::{CalloutOutcome, Headers};
use relying_party::protocol::{
    ProviderMetadata, Registration, UserinfoAnswer, merge_claims, process_discovery_response,
};
use relying_party_fuzz::{CallsEverythingGood, ISSUER, METADATA, NOW, config, keys, signed};
use serde_json::json;

thread_local! {
    static KNOWN: OnceCell<(Config, ProviderMetadata)> = const { OnceCell::new() };
}

fn known() -> (Config, ProviderMetadata) {
    let config = config("", "");
    let metadata = process_discovery_response(&config.providers[0], 200, METADATA.as_bytes()).expect("valid");
    (config, metadata)
}

fuzz_target!(|data: &[u8]| KNOWN.with(|known_once| {
    let Some((choice, body)) = data.split_first() else { return };
    let (config, metadata) = known_once.get_or_init(known);
    let registration = Registration::of(&config.providers[0], metadata).expect("a client");
    let (media_type, body) = match choice & 3 {
        0 | 1 => ("application/json", body.to_vec()),
        2 => ("application/jwt", body.to_vec()),
        _ => ("application/jwt;charset=utf-8", signed(r#"{"alg":"ES256"}"#, body).into_bytes()),
    };
    let headers = Headers::new(vec![("content-type".to_owned(), media_type.into())]);
    let answer = UserinfoAnswer::of(CalloutOutcome::Answered { status: 200, headers, body }).expect("an answer");
    let Ok(claims) = answer.claims("ada", registration, &keys(), &CallsEverythingGood, NOW) else { return };
    assert_eq!(claims.get("sub"), Some(&json!("ada")), "about somebody else");
    let of_id_token = json!({"iss": ISSUER, "sub": "ada", "aud": "p", "nonce": "n", "exp": 1, "acr": "1"});
    let of_id_token = of_id_token.as_object().expect("claims");
    let merged = merge_claims(of_id_token.clone(), claims);
    assert!(of_id_token.iter().all(|(name, value)| merged.get(name) == Some(value)), "the login was rewritten");
}));
