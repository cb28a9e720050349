//! Clients go away while the provider is asked for them.

use std::net::Shutdown;
use std::time::Duration;

use envoy_ring::{Connection, Way};
use wasm_host_tests::browser::Browser;
use wasm_host_tests::jar::Initiator;
use wasm_host_tests::message::Request;
use wasm_host_tests::provider::{Behaviour, Endpoint};

use crate::stage::{ROUND, Stage, bearer, body};

/// Who goes away at each listener, of each kind.
const GONE: usize = 8;

#[test]
fn clients_that_go_away_while_the_provider_is_asked_for_them_disturb_nobody() {
    let stage = Stage::set();
    let load = stage.load();
    let (mut sent, mut waited) = (0, 0);
    for endpoint in [Endpoint::Token, Endpoint::Userinfo, Endpoint::PushedAuthorization, Endpoint::Introspection] {
        for (turn, address) in stage.addresses.iter().enumerate() {
            let requests: Vec<Request> =
                (0..GONE).map(|number| request(&stage, endpoint, stage.way(*address), number + turn * GONE)).collect();
            stage.provider.knobs().behave(endpoint, Behaviour::Slow(Duration::from_millis(600)));
            let waiting: Vec<Connection> = requests
                .iter()
                .map(|request| {
                    let mut connection = Connection::open(*address);
                    connection.send(request);
                    connection
                })
                .collect();
            sent += waiting.len();
            for (number, mut connection) in waiting.into_iter().enumerate() {
                // Some go at once, some when their request waits for certain.
                if number.is_multiple_of(2) {
                    waited += usize::from(connection.is_silent_for(Duration::from_millis(40)));
                }
                connection.handle().shutdown(Shutdown::Both).expect("a connection");
            }
            load.goes_on_for(ROUND / 2);
            stage.provider.knobs().behave(endpoint, Behaviour::Normal);
            let page = Browser::default().open(&mut stage.way(*address), "/private");
            assert_eq!(page.exchange.status(), 200, "{endpoint:?}: {:?}", page.exchange.response);
        }
    }
    let mut figures = load.end();
    figures.assert_faultless();
    figures.sent += sent;
    assert!(waited > sent / 4, "nobody waited");
    stage.conclude("client_gone", figures);
    stage.envoy.assert_no_crash();
}

/// A request for which this endpoint is asked.
fn request(stage: &Stage, endpoint: Endpoint, mut way: Way, number: usize) -> Request {
    match endpoint {
        Endpoint::Introspection => {
            let token = bearer(Request::get("/orders"), &format!("of-somebody-who-goes-{number}"));
            if number.is_multiple_of(2) { token } else { body(token, 50_000) }
        }
        Endpoint::PushedAuthorization => Request::navigation("/private"),
        _ => {
            let mut browser = Browser::default();
            let callback = browser.open_until_callback(&mut way, "/private").next;
            let request = browser.with_cookies(callback, Initiator::CrossSiteNavigation, &way);
            assert!(stage.provider.knobs().complaints.is_empty());
            request
        }
    }
}
