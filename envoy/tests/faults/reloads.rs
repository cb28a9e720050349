//! The configuration changes while Envoy runs (LDS, from a file).

use std::net::SocketAddr;
use std::time::Duration;

use envoy_ring::{Caller, Expected, Filter, Listener, Way, wire};
use serde_json::json;
use wasm_host_tests::browser::Browser;
use wasm_host_tests::message::Request;
use wasm_host_tests::provider::{Behaviour, Endpoint};
use wasm_host_tests::setup::Setup;

use crate::stage::{ROUND, Stage, eventually, listener, put_load_on, setup};

/// What the gate demands, as the configuration of the day says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Closed,
}

#[test]
fn a_changed_configuration_takes_effect_and_disturbs_nobody() {
    let stage = Stage::set();
    let before = |stop| listener(&today(Gate::Open), "reloaded", stop, |filter| filter.in_vm("faults"));
    let listeners = [false, true].map(before);
    let addresses: Vec<_> = listeners.iter().map(Listener::address).collect();
    listeners.into_iter().for_each(|listener| stage.envoy.add(listener, Vec::new()));
    let replace = |setup: &Setup| {
        for (address, stop) in addresses.iter().zip([false, true]) {
            let listener = listener(setup, "reloaded", stop, |filter: Filter| filter.in_vm("faults"));
            stage.envoy.replace(listener.on_port(address.port()));
        }
    };
    stage.provider.knobs().behave(Endpoint::Token, Behaviour::Slow(Duration::from_millis(400)));
    let load = put_load_on(&addresses, stage.mix());
    load.goes_on_for(ROUND);
    let mut figures = Vec::new();
    for round in 0..4 {
        let gate = if round % 2 == 0 { Gate::Closed } else { Gate::Open };
        // Somebody is signing in meanwhile, and waits for the provider with the old configuration.
        let way = Way::new(addresses[round % 2], stage.provider.shared());
        let signs_in = std::thread::spawn(move || {
            let mut way = way;
            Browser::default().open(&mut way, "/private").exchange
        });
        let asked = stage.provider.knobs().count(Endpoint::Token);
        eventually("the provider is asked", || stage.provider.knobs().count(Endpoint::Token) > asked);
        replace(&today(gate));
        let signed_in = signs_in.join().unwrap();
        assert_eq!(signed_in.status(), 200, "{:?}", signed_in.response);
        eventually("the change takes effect", || (0..8).all(|_| addresses.iter().all(|address| is(gate, *address))));
        let expected = if gate == Gate::Open { Expected::Admitted } else { Expected::Refused };
        let callers = vec![Caller::new("at the gate", expected, |_| Request::fetch("/gate"))];
        let at_the_gate = put_load_on(&addresses, callers);
        at_the_gate.goes_on_for(ROUND / 2);
        figures.push(at_the_gate.end());
        load.goes_on_for(ROUND);
    }
    stage.envoy.assert_no_crash();
    // A mistake takes no effect. Envoy tells of it as of a VM that failed.
    replace(&today(Gate::Closed).top("sesion", json!({})));
    eventually("Envoy refuses it", || stage.envoy.log().contains("sesion"));
    load.goes_on_for(ROUND);
    assert!(addresses.iter().all(|address| is(Gate::Open, *address)));
    let figures = figures.into_iter().fold(load.end(), envoy_ring::Figures::and);
    figures.assert_faultless();
    stage.conclude("configuration_reloaded", figures);
}

/// With a closed gate comes another session key; sessions and sign-ins under the old one go on.
fn today(gate: Gate) -> Setup {
    let (authentication, keys) = match gate {
        Gate::Open => ("none", vec!["LATCHKEY_SESSION_KEY", "LATCHKEY_NEXT_SESSION_KEY"]),
        Gate::Closed => ("session", vec!["LATCHKEY_NEXT_SESSION_KEY", "LATCHKEY_SESSION_KEY"]),
    };
    let keys: Vec<_> = keys.into_iter().map(|name| json!({"env": name})).collect();
    let rule = json!({"name": "gate", "match": {"path": "/gate"}, "authentication": authentication});
    setup().rule(rule).session("keys", keys)
}

fn is(gate: Gate, address: SocketAddr) -> bool {
    let status = wire::exchange(address, &Request::fetch("/gate")).status;
    status == if gate == Gate::Open { 200 } else { 401 }
}
