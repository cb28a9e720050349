//! The VM crashes. Envoy fails closed, and with `failure_policy: FAIL_RELOAD` a new VM takes over.
//!
//! Envoy does not tell a new VM of requests that the old one had parked: they end by `stream_idle_timeout`.

use std::time::Duration;

use envoy_ring::{Connection, Expected, Filter, process, tools};
use wasm_host_tests::message::Request;
use wasm_host_tests::provider::{Behaviour, Endpoint};

use crate::crashing_module::{self, FATAL};
use crate::stage::{Options, ROUND, Stage, WORKERS, body, expecting, put_load_on};

/// How long Envoy lets a stream be idle.
const PATIENCE: Duration = Duration::from_secs(7);
/// How Envoy's log tells of it.
const CRASH: &str = "Function: proxy_on_request_body failed";

#[test]
fn a_vm_that_crashes_lets_nobody_in_and_is_replaced() {
    let stage = crashing(Filter::reloading);
    let callers = expecting(stage.mix(), Expected::Admitted, Expected::AdmittedOrUnavailable);
    let load = put_load_on(&stage.addresses, callers);
    load.goes_on_for(ROUND);
    // Requests wait for the provider when their VM goes.
    stage.provider.knobs().behave(Endpoint::Introspection, Behaviour::Slow(Duration::from_millis(300)));
    for crashes in 1..=4 {
        crash(&stage, crashes);
        load.goes_on_for(ROUND);
    }
    stage.provider.knobs().behave(Endpoint::Introspection, Behaviour::Normal);
    let figures = load.end();
    figures.assert_faultless();
    stage.conclude("vm_reloaded", figures);
}

#[test]
fn a_vm_that_crashes_and_is_not_replaced_lets_nobody_in() {
    let stage = crashing(|filter| filter);
    (1..=WORKERS).for_each(|crashes| crash(&stage, crashes));
    let callers = stage.mix().into_iter().map(|caller| caller.expecting(Expected::Refused)).collect();
    let load = put_load_on(&stage.addresses, callers);
    load.goes_on_for(ROUND);
    let figures = load.end();
    println!("figure: faults.vm_crashed = {figures}; all of them refused");
    figures.assert_faultless();
    assert_eq!(stage.application.wrongly_admitted(), 0);
}

fn crashing(policy: fn(Filter) -> Filter) -> Stage {
    let folder = process::folder("crashing");
    let module = crashing_module::write(&tools::latchkey_module(), &folder);
    let filter = Box::new(move |filter: Filter| policy(filter.of_module(module.clone())));
    let stage = Stage::with(Options { filter, patience: PATIENCE, ..Options::default() });
    // Envoy has read it.
    std::fs::remove_dir_all(folder).expect("a folder");
    stage
}

/// Crashes the VM of the worker that takes the next connection.
fn crash(stage: &Stage, crashes: usize) {
    let address = stage.addresses[crashes % 2];
    while stage.envoy.log().matches(CRASH).count() < crashes {
        let mut connection = Connection::open(address);
        // Whatever Envoy says: it is the crash that matters.
        let _ = connection.try_exchange(&body(Request::get("/public/crash"), FATAL));
        std::thread::sleep(Duration::from_millis(50));
    }
}
