//! ID tokens that must be refused, and odd ones that must not (OIDC Core 1.0 §3.1.3.7, §3.1.3.8).

use serde_json::{Value, json};

use super::has_session;
use crate::browser::Browser;
use crate::provider::id_token::{Draft, Signing};
use crate::provider::keys::TestKey;
use crate::setup::Setup;
use crate::world::World;

/// The login ends in a 502 with this reason, and without a session.
fn refused<W: World>(reason: &str, change: impl FnMut(&mut Draft) + Send + 'static) {
    let mut world = W::open(Setup::default().provider(|provider| provider.forge(change)));
    let mut browser = Browser::default();
    let page = browser.open(&mut world, "/target");
    page.exchange.refused_with(502).because_of(reason);
    assert!(!has_session(&mut browser, &mut world));
}

fn accepted<W: World>(change: impl FnMut(&mut Draft) + Send + 'static) {
    let mut world = W::open(Setup::default().provider(|provider| provider.forge(change)));
    Browser::default().open(&mut world, "/target").shows("/target");
}

fn shifted(draft: &mut Draft, name: &str, seconds: i64) {
    let value = draft.claims[name].as_i64().expect("a time") + seconds;
    draft.claim(name, value);
}

pub fn an_id_token_of_another_issuer_is_refused<W: World>() {
    refused::<W>("id_token.issuer_mismatch", |draft| draft.append("iss", "1"));
    refused::<W>("id_token.", |draft| draft.remove("iss"));
}

pub fn an_id_token_for_another_client_is_refused<W: World>() {
    refused::<W>("id_token.audience_mismatch", |draft| draft.append("aud", "1"));
    refused::<W>("id_token.audience_missing", |draft| draft.remove("aud"));
    for audience in [json!([]), json!(["other"]), json!(7), json!({"portal": true}), json!([7]), json!("portal other")]
    {
        refused::<W>("id_token.audience", move |draft| draft.claim("aud", audience.clone()));
    }
}

pub fn several_audiences_need_azp<W: World>() {
    refused::<W>("id_token.azp_missing", |draft| draft.claim("aud", json!(["portal", "other"])));
    refused::<W>("id_token.azp_mismatch", |draft| draft.claim("azp", "other"));
    accepted::<W>(|draft| {
        draft.claim("aud", json!(["other", "portal"]));
        draft.claim("azp", "portal");
    });
    accepted::<W>(|draft| draft.claim("aud", json!(["portal"])));
}

pub fn an_id_token_without_subject_or_times_is_refused<W: World>() {
    refused::<W>("id_token.sub_missing", |draft| draft.remove("sub"));
    refused::<W>("id_token.exp_missing", |draft| draft.remove("exp"));
    refused::<W>("id_token.iat_missing", |draft| draft.remove("iat"));
    refused::<W>("id_token.sub", |draft| draft.claim("sub", ""));
    refused::<W>("id_token.sub", |draft| draft.claim("sub", json!(["ada"])));
}

pub fn an_id_token_outside_its_time_is_refused<W: World>() {
    refused::<W>("id_token.expired", |draft| shifted(draft, "exp", -300 - 90));
    refused::<W>("id_token.issued_in_the_future", |draft| shifted(draft, "iat", 90));
    for value in [json!(1e300), json!("1900000300"), json!(-1), json!(null)] {
        let is_text = !value.is_number();
        let reason = if is_text { "id_token.exp" } else { "id_token.e" };
        refused::<W>(reason, move |draft| draft.claim("exp", value.clone()));
    }
    refused::<W>("id_token.not_yet_valid", |draft| {
        let later = draft.claims["iat"].as_i64().expect("a time") + 90;
        draft.claim("nbf", later);
    });
}

pub fn a_clock_that_differs_a_little_is_tolerated<W: World>() {
    accepted::<W>(|draft| shifted(draft, "exp", -300 - 30));
    accepted::<W>(|draft| shifted(draft, "iat", 30));
}

pub fn an_id_token_of_another_login_is_refused<W: World>() {
    refused::<W>("id_token.nonce_mismatch", |draft| draft.append("nonce", "1"));
    refused::<W>("id_token.nonce_missing", |draft| draft.remove("nonce"));
    refused::<W>("id_token.nonce", |draft| draft.claim("nonce", Value::Null));
}

pub fn a_bad_signature_is_refused<W: World>() {
    refused::<W>("id_token.signature_invalid", |draft| draft.signing = Signing::Corrupted(TestKey::Rsa1));
    refused::<W>("id_token.signature_invalid", |draft| draft.signing = Signing::With(TestKey::Rsa2));
    refused::<W>("id_token.signature_invalid", |draft| {
        draft.header = json!({"alg": "ES256", "kid": TestKey::P256A.kid()});
        draft.signing = Signing::Corrupted(TestKey::P256A);
    });
    refused::<W>("id_token.signature_invalid", |draft| {
        draft.header = json!({"alg": "ES256", "kid": TestKey::P256A.kid()});
        draft.signing = Signing::With(TestKey::P256B);
    });
}

pub fn an_unsigned_id_token_is_refused<W: World>() {
    refused::<W>("id_token.algorithm", |draft| draft.signing = Signing::Unsigned);
    for name in ["none", "None", "NONE", "nOnE", ""] {
        refused::<W>("id_token.", move |draft| {
            draft.header_text = Some(json!({"alg": name, "kid": "rsa-1"}).to_string());
            draft.signing = Signing::Unsigned;
        });
    }
}

pub fn a_public_key_is_no_shared_secret<W: World>() {
    for name in ["HS256", "HS384", "HS512"] {
        refused::<W>("id_token.algorithm", move |draft| {
            draft.header["alg"] = name.into();
            draft.signing = Signing::HmacOfPublicKey(TestKey::Rsa1);
        });
    }
    refused::<W>("id_token.", |draft| draft.signing = Signing::HmacOfPublicKey(TestKey::Rsa1));
}

pub fn an_algorithm_that_does_not_fit_the_key_is_refused<W: World>() {
    refused::<W>("id_token.", |draft| draft.header = json!({"alg": "ES256", "kid": "rsa-1"}));
    refused::<W>("id_token.", |draft| draft.header = json!({"alg": "RS256", "kid": "p256-a"}));
    refused::<W>("id_token.", |draft| draft.header = json!({"alg": "RS1", "kid": "rsa-1"}));
    refused::<W>("id_token.", |draft| draft.header = json!({"alg": ["RS256"], "kid": "rsa-1"}));
    refused::<W>("id_token.", |draft| draft.header = json!({"kid": "rsa-1"}));
}

pub fn a_key_in_the_header_is_never_used<W: World>() {
    refused::<W>("id_token.", |draft| {
        draft.header = json!({"alg": "RS256", "jwk": TestKey::Rsa2.jwk(), "jku": "https://evil.example/keys"});
        draft.signing = Signing::With(TestKey::Rsa2);
    });
    refused::<W>("id_token.", |draft| {
        draft.header = json!({"alg": "RS256", "kid": "rsa-2", "jwk": TestKey::Rsa2.jwk()});
        draft.signing = Signing::With(TestKey::Rsa2);
    });
}

pub fn an_unknown_critical_header_is_refused<W: World>() {
    refused::<W>("id_token.critical_extension", |draft| draft.header["crit"] = json!(["exp"]));
    refused::<W>("id_token.critical_extension", |draft| {
        draft.header["crit"] = json!(["b64"]);
        draft.header["b64"] = json!(false);
    });
}

pub fn a_token_of_another_kind_is_refused<W: World>() {
    for kind in ["at+jwt", "logout+jwt", "dpop+jwt"] {
        refused::<W>("id_token.wrong_type", move |draft| draft.header["typ"] = kind.into());
    }
    accepted::<W>(|draft| {
        draft.header.as_object_mut().map(|members| members.remove("typ"));
    });
}

pub fn duplicate_members_are_refused<W: World>() {
    refused::<W>("id_token.", |draft| {
        draft.claims_text = Some(draft.claims.to_string().replacen('{', "{\"sub\":\"mallory\",", 1));
    });
    refused::<W>("id_token.", |draft| {
        draft.header_text = Some(draft.header.to_string().replacen('{', "{\"alg\":\"none\",", 1));
    });
}

pub fn what_is_no_json_object_is_refused<W: World>() {
    for text in ["", "null", "[]", "\"ada\"", "{", "{}x", "\u{feff}{}"] {
        refused::<W>("id_token.", move |draft| draft.claims_text = Some(text.to_owned()));
        refused::<W>("id_token.", move |draft| draft.header_text = Some(text.to_owned()));
    }
}

pub fn an_access_token_that_was_exchanged_is_noticed<W: World>() {
    refused::<W>("id_token.at_hash_mismatch", |draft| draft.claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"));
    accepted::<W>(|draft| draft.remove("at_hash"));
}

pub fn what_real_providers_do_is_accepted<W: World>() {
    accepted::<W>(|draft| draft.claim("auth_time", 1_899_999_990.25));
    accepted::<W>(|draft| draft.claim("auth_time", 0));
    accepted::<W>(|draft| draft.claim("nbf", 1_000_000_000));
    accepted::<W>(|draft| draft.claim("c_hash", "of the code flow"));
    accepted::<W>(|draft| draft.claim("_claim_names", json!({"groups": "src1"})));
    accepted::<W>(|draft| {
        let exp = draft.claims["exp"].as_i64().expect("a time");
        draft.claims_text = Some(draft.claims.to_string().replace(&exp.to_string(), &format!("{exp}.5")));
    });
}
