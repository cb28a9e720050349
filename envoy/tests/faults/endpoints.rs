//! Every endpoint of the provider that the filter calls answers slowly, not at all, in part, or something else.

use std::time::Duration;

use envoy_ring::Expected::{Admitted, AdmittedOrUnavailable};
use envoy_ring::{Caller, Load, Way, wire};
use serde_json::json;
use wasm_host_tests::browser::Browser;
use wasm_host_tests::message::{Request, Response};
use wasm_host_tests::provider::{AUDIENCE, Behaviour, Endpoint, ISSUER};

use crate::stage::{PAUSE, ROUND, Stage, bearer, eventually, expecting, is_ready, must_be_admitted, put_load_on};

/// What a fault does to those who need the endpoint's answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Works,
    Fails,
}

pub fn faults() -> [(&'static str, Behaviour, Effect); 10] {
    [
        ("slow", Behaviour::Slow(Duration::from_secs(1)), Effect::Works),
        ("hanging", Behaviour::Hang, Effect::Fails),
        ("reset", Behaviour::Reset, Effect::Fails),
        ("reset in the middle of the body", Behaviour::Changed(reset_in_the_middle), Effect::Fails),
        ("500", Behaviour::Answer(Response::json(500, &json!({"error": "server_error"}))), Effect::Fails),
        ("HTML", Behaviour::html(200), Effect::Fails),
        ("3 MB", Behaviour::large(), Effect::Fails),
        ("content-length too long", Behaviour::Changed(|answer| with_length(answer, 10)), Effect::Fails),
        ("content-length too short", Behaviour::Changed(|answer| with_length(answer, -10)), Effect::Fails),
        ("truncated JSON", Behaviour::Changed(truncated), Effect::Fails),
    ]
}

fn with_length(answer: Response, error: isize) -> Response {
    let length = answer.body.len().checked_add_signed(error).expect("a body");
    answer.with("content-length", length.to_string())
}

fn reset_in_the_middle(answer: Response) -> Response {
    let half = answer.body.len() / 2;
    let mut answer = with_length(answer, 0).with("connection", "close");
    answer.body.truncate(half);
    answer
}

fn truncated(mut answer: Response) -> Response {
    answer.body.truncate(answer.body.len() * 2 / 3);
    answer
}

#[test]
fn the_token_endpoint_may_do_anything() {
    withstands_while_people_sign_in(Endpoint::Token, "endpoint_token");
}

#[test]
fn the_userinfo_endpoint_may_do_anything() {
    withstands_while_people_sign_in(Endpoint::Userinfo, "endpoint_userinfo");
}

#[test]
fn the_endpoint_for_pushed_requests_may_do_anything() {
    withstands_while_people_sign_in(Endpoint::PushedAuthorization, "endpoint_par");
}

/// Who signs in meanwhile gets a page, and no session; then it works again.
fn withstands_while_people_sign_in(endpoint: Endpoint, figure: &str) {
    let stage = Stage::set();
    let load = stage.load();
    let mut logins = 0;
    for (fault, behaviour, effect) in faults() {
        stage.provider.knobs().behave(endpoint, behaviour);
        logins += everybody_signs_in(&stage, fault, effect);
        stage.provider.knobs().behave(endpoint, Behaviour::Normal);
        logins += everybody_signs_in(&stage, &format!("after {fault}"), Effect::Works);
    }
    let mut figures = load.end();
    figures.assert_faultless();
    figures.sent += logins;
    stage.conclude(figure, figures);
    stage.envoy.assert_no_crash();
}

/// One person at each listener, at once; the number of requests.
fn everybody_signs_in(stage: &Stage, fault: &str, effect: Effect) -> usize {
    let ways: Vec<_> = stage.addresses.iter().map(|address| stage.way(*address)).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = ways.into_iter().map(|way| scope.spawn(move || signs_in(way, fault, effect))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

fn signs_in(mut way: Way, fault: &str, effect: Effect) -> usize {
    let mut browser = Browser::default();
    let page = browser.open(&mut way, "/private");
    let (status, text) = (page.exchange.status(), page.exchange.response.text());
    let session = browser.fetch(&mut way, "/private").status();
    match effect {
        Effect::Works => assert_eq!((status, session), (200, 200), "{fault}: {text}"),
        Effect::Fails => assert!(matches!(status, 502 | 503) && session == 401, "{fault}: {status} {session} {text}"),
    }
    way.sent()
}

#[test]
fn the_introspection_endpoint_may_do_anything() {
    let stage = Stage::set();
    let load = stage.load();
    let mut number = 0;
    let mut ask_with_new_token = || {
        number += 1;
        let token = format!("fresh-{number}");
        let said = json!({"active": true, "iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "client_id": "cli"});
        stage.provider.knobs().opaque_tokens.insert(token.clone(), said);
        wire::exchange(stage.addresses[number % 2], &bearer(Request::get("/orders"), &token)).status
    };
    for (fault, behaviour, effect) in faults() {
        stage.provider.knobs().behave(Endpoint::Introspection, behaviour);
        let status = ask_with_new_token();
        assert_eq!(effect == Effect::Works, status == 200, "{fault}: {status}");
        assert!(matches!(status, 200 | 502 | 503), "{fault}: {status}");
        stage.provider.knobs().behave(Endpoint::Introspection, Behaviour::Normal);
        assert_eq!([ask_with_new_token(), ask_with_new_token()], [200, 200], "after {fault}");
    }
    let figures = load.end();
    figures.assert_faultless();
    stage.conclude("endpoint_introspection", figures);
    stage.envoy.assert_no_crash();
}

#[test]
fn the_discovery_document_may_be_anything_when_a_filter_starts() {
    withstands_at_the_start(Endpoint::Discovery, "endpoint_discovery");
}

#[test]
fn the_keys_may_be_anything_when_a_filter_starts() {
    withstands_at_the_start(Endpoint::Keys, "endpoint_keys");
}

/// A filter that starts meanwhile admits sessions, and tokens as soon as it has keys. One that has them already misses nothing.
fn withstands_at_the_start(endpoint: Endpoint, figure: &str) {
    let stage = Stage::set();
    let load = stage.load();
    let mut figures = Vec::new();
    for (number, (fault, behaviour, effect)) in faults().into_iter().enumerate() {
        stage.provider.knobs().behave(endpoint, behaviour);
        let vm = format!("new-{number}");
        let new = stage.another_filter(&vm);
        // What one process remembers of sessions that were ended, it remembers for the filters that share a VM's name.
        let mut callers = stage.mix();
        callers.retain(|caller| !caller.name().contains("ended"));
        let waits = |caller: &Caller| caller.name().contains("token") || caller.name().contains("person");
        let (patient, others) = callers.into_iter().partition(waits);
        let patient = expecting(patient, Admitted, AdmittedOrUnavailable);
        let meanwhile = Load::begin(&new, others, PAUSE).and(&new, patient, PAUSE);
        meanwhile.goes_on_for(ROUND);
        if effect == Effect::Fails {
            assert!(new.iter().all(|address| !is_ready(*address)), "{fault}");
        }
        stage.provider.knobs().behave(endpoint, Behaviour::Normal);
        eventually("the filter is ready", || new.iter().all(|address| is_ready(*address)));
        meanwhile.goes_on_for(ROUND);
        let meanwhile = meanwhile.end();
        meanwhile.assert_faultless();
        figures.push(meanwhile);
        let mut callers = must_be_admitted(stage.mix());
        callers.retain(|caller| !caller.name().contains("ended"));
        let calm = put_load_on(&new, callers);
        calm.goes_on_for(ROUND / 4);
        figures.push(calm.end());
        stage.envoy.remove(&[format!("{vm}-false"), format!("{vm}-true")]);
    }
    let before = load.end();
    before.assert_faultless();
    let figures = figures.into_iter().fold(before, envoy_ring::Figures::and);
    stage.conclude(figure, figures);
    stage.envoy.assert_no_crash();
}
