//! The token endpoint is at fault when sessions are to be refreshed. They go on with the access token that they have.

use std::time::{Duration, Instant};

use envoy_ring::load::SUBJECT;
use envoy_ring::{Caller, Expected};
use wasm_host_tests::message::Request;
use wasm_host_tests::provider::{Behaviour, Endpoint, RefreshTokens};

use crate::endpoints::faults;
use crate::stage::{Options, ROUND, Stage, cookie, eventually, put_load_on, setup, with_cookie};

/// How long access tokens live. They are refreshed when half of it is over.
const LIFETIME: Duration = Duration::from_secs(40);
/// By then the faults are over, so that a busy machine does not let a session end of age.
const LATEST: Duration = Duration::from_secs(34);
const SESSIONS: usize = 8;

#[test]
fn sessions_outlive_a_token_endpoint_that_does_anything_when_they_are_to_be_refreshed() {
    let setup = setup().header("authorization", "\"Bearer \" + access_token").provider(|provider| {
        // A token that was replaced by an answer that got lost would be gone: nobody could go on with it.
        provider.refresh_tokens = RefreshTokens::Lasting;
        provider.access_token_lifetime = LIFETIME;
    });
    let begun = Instant::now();
    let stage = Stage::with(Options { setup, ..Options::default() });
    let sessions: Vec<_> =
        (0..SESSIONS).map(|number| cookie(&stage.sign_in(stage.addresses[number % 2]).jar)).collect();
    let mut callers = stage.mix();
    callers.insert(
        5,
        Caller::new("session to be refreshed", Expected::Admitted, move |number| {
            with_cookie(Request::fetch("/private"), &sessions[number % SESSIONS]).with(SUBJECT, "ada")
        }),
    );
    let load = put_load_on(&stage.addresses, callers);
    let asked = || stage.provider.knobs().presented_refresh_tokens().len();
    stage.provider.knobs().behave(Endpoint::Token, Behaviour::Reset);
    eventually("sessions are to be refreshed", || asked() > 0);
    let mut faults = faults().into_iter().filter(|(fault, ..)| *fault != "slow").cycle();
    while begun.elapsed() < LATEST {
        let (_, behaviour, _) = faults.next().unwrap();
        stage.provider.knobs().behave(Endpoint::Token, behaviour);
        load.goes_on_for(ROUND / 2);
    }
    let failed = asked();
    let figures = load.end();
    figures.assert_faultless();
    stage.provider.knobs().behave(Endpoint::Token, Behaviour::Normal);
    println!("figure: faults.failed_refreshes = {failed} refreshes failed, and no session ended");
    // Who waits for a refresh that has failed often may be told so for some seconds; then it is well again.
    eventually("sessions are refreshed, and all are well", || {
        let load = put_load_on(&stage.addresses, crate::stage::must_be_admitted(stage.mix()));
        load.goes_on_for(ROUND / 5);
        load.end().wrongly_refused == 0 && asked() > failed
    });
    stage.conclude("refreshes", figures);
    stage.envoy.assert_no_crash();
}
