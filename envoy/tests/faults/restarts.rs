//! Envoy itself dies and is started again. Sessions are in cookies: they live on. That a session was ended lives on in the store.

use envoy_ring::store::Store;
use envoy_ring::{Caller, Expected, Figures};
use serde_json::Value;

use crate::stage::{Options, ROUND, Stage, eventually, expecting, put_load_on, setup};

const RESTARTS: usize = 2;

#[test]
fn sessions_live_on_when_envoy_is_killed_and_started_again() {
    let stage = Stage::set();
    // Without a store nobody remembers them.
    let callers = || without_those_who_signed_out(stage.mix());
    let figures = restart(&stage, callers(), callers());
    // What was forgotten is forgotten: the concluding round is without them as well.
    println!("figure: faults.envoy_restarted = {figures}");
    figures.assert_nobody_wronged();
    assert_eq!(stage.application.wrongly_admitted(), 0);
    stage.envoy.assert_no_crash();
}

#[test]
fn with_a_store_sessions_that_were_ended_stay_so_when_envoy_is_killed_and_started_again() {
    let store = Store::start();
    let example: Value = serde_json::from_str(include_str!("../../../examples/two-replicas/latchkey.json")).unwrap();
    let shared = example["session"]["store"].clone();
    assert_eq!(shared["on_failure"].as_str().unwrap_or("deny"), "deny");
    let cluster = shared["cluster"].as_str().unwrap().to_owned();
    let setup = setup().session("store", shared);
    let clusters = vec![(cluster, store.address())];
    let stage = Stage::with(Options { setup, clusters, ..Options::default() });
    // Until the store has been read, nobody is let in who might have signed out.
    let callers = expecting(stage.mix(), Expected::Admitted, Expected::AdmittedOrUnavailable);
    let figures = restart(&stage, callers, stage.mix());
    stage.conclude("envoy_restarted_with_store", figures);
    stage.envoy.assert_no_crash();
}

/// Kills Envoy and starts it under load: `meanwhile` while it does, `then` after that.
fn restart(stage: &Stage, meanwhile: Vec<Caller>, then: Vec<Caller>) -> Figures {
    let load = put_load_on(&stage.addresses, meanwhile);
    load.goes_on_for(ROUND);
    for _ in 0..RESTARTS {
        stage.envoy.kill();
        load.goes_on_for(ROUND / 5);
        stage.envoy.start_again();
        load.goes_on_for(ROUND);
    }
    let figures = load.end();
    assert!(figures.lost > 0, "nobody noticed");
    eventually("Envoy is ready", || stage.addresses.iter().all(|address| crate::stage::is_ready(*address)));
    let calm = put_load_on(&stage.addresses, then);
    calm.goes_on_for(ROUND);
    let calm = calm.end();
    calm.assert_faultless();
    figures.and(calm)
}

fn without_those_who_signed_out(mut callers: Vec<Caller>) -> Vec<Caller> {
    callers.retain(|caller| !caller.name().contains("ended"));
    callers
}
