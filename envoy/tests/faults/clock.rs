//! The provider's clock differs from ours: a little is forgiven (`clock_skew`, 60 s), more is not, to neither side.

use envoy_ring::load::SUBJECT;
use envoy_ring::{Caller, Expected, Figures, wire};
use wasm_host_tests::browser::Browser;
use wasm_host_tests::message::Request;
use wasm_host_tests::provider::keys::TestKey;

use crate::stage::{Stage, Token, bearer, eventually, put_load_on};

/// Seconds that are forgiven for certain, and seconds that are not, though the machine may be busy.
const FORGIVEN: i64 = 45;
const TOO_MANY: i64 = 65;
/// How long the simulated provider's ID tokens are valid.
const ID_TOKEN_LIFETIME: i64 = 300;

#[test]
fn a_clock_that_differs_is_forgiven_for_as_long_as_it_is_said() {
    let stage = Stage::set();
    let mut callers = stage.mix();
    let token = |times: fn(usize) -> Token| {
        move |number| bearer(Request::get("/orders"), &times(number).sign()).with(SUBJECT, "ada")
    };
    callers.extend([
        Caller::new(
            "token that has just expired",
            Expected::Admitted,
            token(|number| Token { number, key: TestKey::P256A, from_now: -FORGIVEN, ..Token::default() }),
        ),
        Caller::new(
            "token that expired before",
            Expected::Refused,
            token(|number| Token { number, key: TestKey::P256A, from_now: -TOO_MANY, ..Token::default() }),
        ),
        Caller::new(
            "token that is almost valid",
            Expected::Admitted,
            token(|number| Token { number, key: TestKey::P256A, valid_from_now: FORGIVEN, ..Token::default() }),
        ),
        Caller::new(
            "token that is not yet valid",
            Expected::Refused,
            token(|number| Token { number, key: TestKey::P256A, valid_from_now: TOO_MANY + 10, ..Token::default() }),
        ),
    ]);
    // This one is remembered, and ends while it is.
    let ends = Token { number: usize::MAX, from_now: 12 - 60, ..Token::default() }.sign();
    let load = put_load_on(&stage.addresses, callers);
    let ask = || {
        stage.addresses.iter().map(|address| wire::exchange(*address, &bearer(Request::get("/orders"), &ends)).status)
    };
    assert!(ask().all(|status| status == 200), "it is still forgiven");

    let mut sent = 0;
    for (ahead, signs_in) in [
        (0, true),
        (FORGIVEN, true),
        (TOO_MANY + 10, false),
        (-FORGIVEN, true),
        (-ID_TOKEN_LIFETIME - FORGIVEN, true),
        (-ID_TOKEN_LIFETIME - TOO_MANY, false),
    ] {
        stage.provider.knobs().forge(move |draft| {
            for name in ["iat", "exp"] {
                let time = draft.claims[name].as_i64().unwrap();
                draft.claim(name, time + ahead);
            }
        });
        for address in &stage.addresses {
            let (mut way, mut browser) = (stage.way(*address), Browser::default());
            let page = browser.open(&mut way, "/private");
            let session = browser.fetch(&mut way, "/private").status();
            let expected = if signs_in { (200, 200) } else { (502, 401) };
            assert_eq!((page.exchange.status(), session), expected, "{ahead} s: {:?}", page.exchange.response);
            sent += way.sent();
        }
    }
    eventually("a token that is remembered ends", || ask().all(|status| status == 401));
    load.goes_on_for(crate::stage::ROUND);
    let figures = load.end();
    figures.assert_faultless();
    stage.conclude("clock_skewed", Figures { sent: figures.sent + sent, ..figures });
    stage.envoy.assert_no_crash();
}
