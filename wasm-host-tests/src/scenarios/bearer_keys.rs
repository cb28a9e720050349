//! Access tokens over time: what is remembered of them, keys that rotate, issuers that fail.

use std::time::Duration;

use super::{access_token, call};
use crate::message::Request;
use crate::provider::keys::TestKey;
use crate::provider::{Behaviour, Endpoint};
use crate::setup::Setup;
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn long_lived<W: World>(world: &mut W) -> String {
    let end = (world.now() + 48 * HOUR).as_secs();
    access_token(world, |draft| draft.claim("exp", end))
}

/// So many times, which is once in every VM when there are as many.
#[track_caller]
fn admitted<W: World>(world: &mut W, token: &str, times: usize) {
    for _ in 0..times {
        world.send(call("/orders", token)).forwarded();
    }
}

pub fn a_key_that_signs_for_the_first_time_is_fetched_once<W: World>() {
    let mut world = W::open(Setup::api().in_vms(2));
    let old = access_token(&mut world, |_| ());
    admitted(&mut world, &old, 2);
    world.settle();
    let before = world.provider().count(Endpoint::Keys);
    world.provider().rotate(TestKey::Rsa2);
    let new = access_token(&mut world, |_| ());
    for _ in 0..4 {
        world.send(call("/orders", &new)).forwarded();
    }
    assert_eq!(world.provider().count(Endpoint::Keys) - before, 1);
    // What the old key signed has ended with it, in every VM that knows.
    for _ in 0..2 {
        world.send(call("/orders", &old)).refused_with(401).because_of("jws.");
    }
}

pub fn sixty_tokens_with_forged_key_ids_cause_one_fetch<W: World>() {
    let mut world = W::open(Setup::api().in_vms(2));
    let good = access_token(&mut world, |_| ());
    admitted(&mut world, &good, 2);
    world.settle();
    let before = world.provider().count(Endpoint::Keys);
    for number in 0..60 {
        let token = access_token(&mut world, |draft| draft.header["kid"] = format!("forged-{number}").into());
        let exchange = world.send(call("/orders", &token));
        exchange.refused_with(401).because_of("jws.key_unknown");
        assert!(exchange.took < Duration::from_secs(1), "nobody waits for keys that will not be fetched");
    }
    let fetched = world.provider().count(Endpoint::Keys) - before;
    assert!(fetched <= 1, "{fetched} fetches");
    world.send(call("/orders", &good)).forwarded();
}

pub fn a_withdrawn_key_ends_its_tokens_with_the_next_fetch<W: World>() {
    let mut world = W::open(Setup::api().in_vms(3));
    let token = long_lived(&mut world);
    admitted(&mut world, &token, 3);
    world.provider().published_keys = vec![TestKey::P256A];
    admitted(&mut world, &token, 3);
    world.advance(52 * MINUTE);
    for _ in 0..4 {
        world.send(call("/orders", &token)).refused_with(401).because_of("jws.key_unknown");
    }
}

pub fn a_key_that_joins_ends_nothing<W: World>() {
    let mut world = W::open(Setup::api());
    let token = long_lived(&mut world);
    world.send(call("/orders", &token)).forwarded();
    world.provider().published_keys.push(TestKey::Rsa2);
    world.advance(2 * HOUR);
    world.provider().behave_everywhere(&Behaviour::Hang);
    let exchange = world.send(call("/orders", &token));
    exchange.forwarded();
    assert_eq!(exchange.took, Duration::ZERO);
}

pub fn a_token_that_is_remembered_ends_when_it_expires<W: World>() {
    let mut world = W::open(Setup::api().in_vms(2));
    let token = access_token(&mut world, |_| ());
    admitted(&mut world, &token, 2);
    // Five minutes, and what clocks may differ.
    world.advance(6 * MINUTE - Duration::from_secs(1));
    admitted(&mut world, &token, 2);
    world.advance(Duration::from_secs(2));
    for _ in 0..3 {
        world.send(call("/orders", &token)).refused_with(401).because_of("access_token.expired");
    }
}

pub fn a_token_that_begins_later_is_refused_until_then<W: World>() {
    let mut world = W::open(Setup::api());
    let begins = (world.now() + 3 * MINUTE).as_secs();
    let token = access_token(&mut world, |draft| draft.claim("nbf", begins));
    world.send(call("/orders", &token)).refused_with(401).because_of("access_token.not_yet_valid");
    world.advance(3 * MINUTE);
    world.send(call("/orders", &token)).forwarded();
}

pub fn tokens_are_verified_while_the_issuer_is_down<W: World>() {
    let mut world = W::open(Setup::api().in_vms(2));
    world.settle();
    world.provider().behave_everywhere(&Behaviour::Reset);
    for _ in 0..4 {
        let token = access_token(&mut world, |_| ());
        world.send(call("/orders", &token)).forwarded();
    }
    let token = access_token(&mut world, |draft| draft.header["kid"] = "never-seen".into());
    let exchange = world.send(call("/orders", &token));
    assert!(exchange.upstream.is_none() && [401, 503].contains(&exchange.status()), "{exchange:?}");
}

pub fn without_keys_nobody_is_admitted_and_nobody_is_blamed<W: World>() {
    let mut world = W::open(Setup::api().provider(|provider| {
        provider.behave_everywhere(&Behaviour::Reset);
        provider.behave(Endpoint::OtherKeys, Behaviour::html(503));
    }));
    let token = access_token(&mut world, |_| ());
    for path in ["/orders", "/either", "/welcome"] {
        let exchange = world.send(call(path, &token));
        exchange.refused_with(503);
        assert!(exchange.response.header("retry-after").is_some());
        assert!(exchange.response.header("www-authenticate").is_none(), "the token may be good");
        assert!(exchange.took < Duration::from_secs(4), "{:?}", exchange.took);
    }
    let partner = access_token(&mut world, |draft| {
        draft.claim("iss", crate::provider::OTHER_ISSUER);
        draft.sign_with(TestKey::P256B);
    });
    world.send(call("/orders", &partner)).refused_with(503);
    // Whose token it is, is decided before anybody is asked.
    let stranger = access_token(&mut world, |draft| draft.claim("iss", "https://evil.example"));
    world.send(call("/orders", &stranger)).refused_with(401).because_of("access_token.issuer_mismatch");
    world.send(Request::get("/orders")).refused_with(401).because_of("access_token.missing");
}

pub fn outdated_keys_admit_no_token_either<W: World>() {
    let mut world = W::open(Setup::api());
    let token = long_lived(&mut world);
    world.send(call("/orders", &token)).forwarded();
    world.provider().behave_everywhere(&Behaviour::html(503));
    world.advance(20 * HOUR);
    world.send(call("/orders", &token)).forwarded();
    world.advance(6 * HOUR);
    world.send(call("/orders", &token)).refused_with(503).because_of("provider.keys_outdated");
}

pub fn a_client_that_waits_for_keys_is_decided_when_they_come<W: World>() {
    let slow = Behaviour::Slow(Duration::from_millis(700));
    let mut world = W::open(Setup::api().provider(|provider| {
        provider.behave(Endpoint::Discovery, slow.clone());
        provider.behave(Endpoint::Keys, slow);
    }));
    let tokens = [access_token(&mut world, |_| ()), access_token(&mut world, |draft| draft.claim("sub", "bob"))];
    let bad = access_token(&mut world, |draft| draft.claim("aud", "x"));
    let waiting: Vec<_> = tokens.iter().chain(&tokens).map(|token| world.start(call("/orders", token))).collect();
    let refused = world.start(call("/orders", &bad).with_body("a body that must not slip through"));
    let gone = world.start(call("/orders", &tokens[0]));
    world.abandon(gone);
    for (ticket, subject) in waiting.into_iter().zip(["ada", "bob", "ada", "bob"]) {
        assert_eq!(world.finish(ticket).forwarded().header("x-auth-subject"), Some(subject));
    }
    world.finish(refused).refused_with(401).because_of("access_token.audience_mismatch");
    assert_eq!(world.provider().count(Endpoint::Keys), 1);
}
