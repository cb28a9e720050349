//! Key sets as providers really publish them, and keys that change.

use std::time::Duration;

use serde_json::{Value, json};

use super::signed_in;
use crate::browser::Browser;
use crate::message::Request;
use crate::provider::Endpoint;
use crate::provider::keys::TestKey;
use crate::setup::Setup;
use crate::world::World;

fn add(keys: Vec<Value>) -> Setup {
    Setup::default().provider(|provider| {
        provider.change_keys(move |document| {
            let list = document["keys"].as_array_mut().expect("a list");
            for (number, key) in keys.iter().enumerate() {
                list.insert(number.min(list.len()), key.clone());
            }
        });
    })
}

pub fn keys_that_nobody_understands_are_passed_over<W: World>() {
    let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let (mut world, _) = signed_in::<W>(add(vec![
        json!({"kty": "QUANTUM", "kid": "future", "q": "AQAB"}),
        json!({"kid": "no-kty"}),
        json!({"kty": "RSA", "kid": "no-modulus", "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "bad-base64", "n": "!!!", "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "tiny", "n": "AQAB", "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "odd", "n": 7, "e": ["AQAB"]}),
        json!({"kty": "EC", "kid": "off-curve", "crv": "P-256", "x": "AAAA", "y": "AAAA"}),
        json!({"kty": "EC", "kid": "secp256k1", "crv": "secp256k1", "x": "AAAA", "y": "AAAA"}),
        json!({"kty": "OKP", "kid": "ed25519", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
        json!({"kty": "oct", "kid": "symmetric", "k": "c2VjcmV0"}),
        json!({"kty": "RSA", "kid": "for-encryption", "use": "enc", "n": modulus, "e": "AQAB"}),
        json!("not even an object"),
        json!(null),
        json!({"kty": "RSA", "kid": 7, "n": modulus, "e": "AQAB", "use": ["sig"]}),
    ]));
    assert_eq!(world.provider().complaints, Vec::<String>::new());
}

pub fn a_set_without_any_usable_key_is_refused<W: World>() {
    for set in [json!({"keys": []}), json!({"keys": {}}), json!({"keys": [{"kty": "oct", "k": "AAAA"}]}), json!({})] {
        let mut world = W::open(
            Setup::default().provider(|provider| provider.change_keys(move |document| *document = set.clone())),
        );
        let exchange = world.send(Request::navigation("/"));
        assert!([502, 503].contains(&exchange.status()) && exchange.upstream.is_none(), "{exchange:?}");
    }
}

fn without_kids(provider: &mut crate::provider::Provider) {
    provider.change_keys(|document| {
        for key in document["keys"].as_array_mut().expect("a list") {
            key.as_object_mut().map(|members| members.remove("kid"));
        }
    });
    provider.forge(|draft| {
        draft.header.as_object_mut().map(|members| members.remove("kid"));
    });
}

pub fn a_token_without_kid_is_accepted_when_one_key_fits<W: World>() {
    signed_in::<W>(Setup::default().provider(without_kids));
}

pub fn a_token_without_kid_is_refused_when_several_keys_fit<W: World>() {
    let mut world = W::open(Setup::default().provider(|provider| {
        provider.published_keys = TestKey::ALL.to_vec();
        without_kids(provider);
    }));
    Browser::default().open(&mut world, "/").exchange.refused_with(502).because_of("id_token.key_ambiguous");
}

pub fn an_elliptic_curve_signs_as_well<W: World>() {
    signed_in::<W>(Setup::default().provider(|provider| provider.signing_key = TestKey::P256A));
}

pub fn a_key_that_is_new_right_before_signing_is_fetched<W: World>() {
    let mut world = W::open(Setup::default());
    let mut browser = Browser::default();
    let tab = browser.open_until_callback(&mut world, "/");
    world.provider().rotate(TestKey::Rsa2);
    browser.follow(&mut world, tab).shows("/");
    assert_eq!(world.provider().count(Endpoint::Keys), 2);
    assert_eq!(world.provider().count(Endpoint::Discovery), 1);
}

pub fn keys_may_change_again_and_again<W: World>() {
    let mut world = W::open(Setup::default());
    for key in [TestKey::P256B, TestKey::Rsa2, TestKey::P256A, TestKey::Rsa1] {
        world.provider().rotate(key);
        Browser::default().open(&mut world, "/").shows("/");
    }
}

pub fn sixty_forged_key_ids_cause_one_fetch<W: World>() {
    let mut world = W::open(Setup::default().in_vms(3));
    world.settle();
    let before = world.provider().count(Endpoint::Keys);
    let mut number = 0;
    world.provider().forge(move |draft| {
        number += 1;
        draft.header["kid"] = format!("forged-{number}").into();
    });
    for _ in 0..60 {
        let page = Browser::default().open(&mut world, "/");
        page.exchange.refused_with(502).because_of("id_token.key_unknown");
        assert!(page.exchange.took < Duration::from_secs(1), "nobody waits for keys that will not be fetched");
    }
    let fetched = world.provider().count(Endpoint::Keys) - before;
    assert!(fetched <= 1, "{fetched} fetches");
}

pub fn a_withdrawn_key_is_no_longer_accepted_after_a_while<W: World>() {
    let mut world = W::open(Setup::default());
    Browser::default().open(&mut world, "/").shows("/");
    world.provider().published_keys = vec![TestKey::Rsa2];
    world.advance(Duration::from_secs(25 * 3600));
    let page = Browser::default().open(&mut world, "/");
    assert!(page.exchange.upstream.is_none(), "signed with a key that was withdrawn a day ago");
}

pub fn a_key_set_that_fails_later_leaves_the_old_keys_in_use<W: World>() {
    let mut world = W::open(Setup::default());
    world.settle();
    world.provider().behave(Endpoint::Keys, crate::provider::Behaviour::rubbish());
    world.advance(Duration::from_secs(3 * 3600));
    Browser::default().open(&mut world, "/").shows("/");
}
