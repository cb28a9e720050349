//! The provider replaces its keys faster than any provider does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use envoy_ring::load::SUBJECT;
use envoy_ring::provider::now;
use envoy_ring::{Caller, Expected, rotation, wire};
use serde_json::json;
use wasm_host_tests::browser::Browser;
use wasm_host_tests::message::Request;
use wasm_host_tests::provider::{AUDIENCE, ISSUER};

use crate::stage::{ROUND, Stage, bearer, put_load_on};

const SECOND: Duration = Duration::from_secs(1);
/// Keys for unknown key ids are fetched at most so often (relying-party, `UNKNOWN_KEY_COOL_DOWN`), with what a busy machine adds.
const COOL_DOWN: Duration = Duration::from_secs(14);

#[test]
fn keys_that_are_rotated_every_second_refuse_nobody() {
    let stage = Stage::set();
    let newest = Arc::new(AtomicUsize::new(0));
    rotate(&stage, 0);
    let token_of = |age: usize, newest: &Arc<AtomicUsize>| {
        let newest = Arc::clone(newest);
        move |number| {
            let generation = newest.load(Ordering::SeqCst).saturating_sub(age);
            bearer(Request::get("/orders"), &token(generation, number)).with(SUBJECT, "ada")
        }
    };
    let mut callers = stage.mix();
    callers.insert(2, Caller::new("token of the newest key", Expected::Admitted, token_of(0, &newest)));
    callers.insert(9, Caller::new("token of the key before", Expected::Admitted, token_of(1, &newest)));
    let load = put_load_on(&stage.addresses, callers);
    let rotations = 10;
    for generation in 1..=rotations {
        rotate(&stage, generation);
        newest.store(generation, Ordering::SeqCst);
        let begun = Instant::now();
        let page = Browser::default().open(&mut stage.way(stage.addresses[generation % 2]), "/private");
        assert_eq!(page.exchange.status(), 200, "{:?}", page.exchange.response);
        std::thread::sleep(SECOND.saturating_sub(begun.elapsed()));
    }
    let figures = load.end();
    figures.assert_faultless();
    for address in &stage.addresses {
        let withdrawn = bearer(Request::get("/orders"), &token(1, 0));
        assert_eq!(wire::exchange(*address, &withdrawn).status, 401, "a token of a key that is withdrawn");
    }
    stage.conclude("keys_rotated", figures);
    stage.envoy.assert_no_crash();
}

/// Forged key ids may not make the filter ask the provider all the time. That is what they cost: a key that was not published before it
/// is used is found so much later.
#[test]
fn a_new_key_is_found_in_seconds_though_others_are_forged_all_the_time() {
    let stage = Stage::set();
    rotate(&stage, 0);
    let mut callers = stage.mix();
    callers.insert(
        3,
        Caller::new("forged key id", Expected::Refused, |number| {
            bearer(Request::get("/orders"), &token(1_000_000 + number, number))
        }),
    );
    let load = put_load_on(&stage.addresses, callers);
    load.goes_on_for(ROUND);
    let mut longest = Duration::ZERO;
    for generation in 1..=2 {
        rotate(&stage, generation);
        let start = Instant::now();
        for address in &stage.addresses {
            let request = bearer(Request::get("/orders"), &token(generation, 0));
            while wire::exchange(*address, &request).status != 200 {
                assert!(start.elapsed() < COOL_DOWN, "a new key is not found");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        longest = longest.max(start.elapsed());
    }
    let figures = load.end();
    figures.assert_faultless();
    println!("figure: faults.new_key_while_ids_are_forged = found after {:.1} s at most", longest.as_secs_f64());
    stage.conclude("key_ids_forged", figures);
    stage.envoy.assert_no_crash();
}

/// Publishes the key of this generation and the ones before it, and signs ID tokens with it.
fn rotate(stage: &Stage, generation: usize) {
    let mut provider = stage.provider.knobs();
    rotation::publish(&mut provider, generation);
    provider.forge(move |draft| rotation::sign_with(draft, generation));
}

fn token(generation: usize, number: usize) -> String {
    let now = now().as_secs();
    let claims = json!({
        "iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "client_id": "cli", "scope": "orders.read",
        "iat": now, "exp": now + 3600, "jti": number.to_string(),
    });
    rotation::token(generation, claims)
}
