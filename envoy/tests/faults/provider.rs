//! The provider dies and comes back.

use wasm_host_tests::browser::Browser;

use crate::stage::{ROUND, Stage, eventually};

#[test]
fn a_provider_that_is_killed_and_started_again_is_missed_by_nobody_who_is_signed_in() {
    let mut stage = Stage::set();
    let load = stage.load();
    for _ in 0..3 {
        stage.provider.go_down();
        load.goes_on_for(ROUND);
        for address in stage.addresses.clone() {
            let page = Browser::default().open(&mut stage.way(address), "/private");
            assert_eq!(page.exchange.status(), 503, "{:?}", page.exchange.response);
        }
        stage.provider.come_up();
        load.goes_on_for(ROUND);
        for address in stage.addresses.clone() {
            eventually("people sign in again", || {
                Browser::default().open(&mut stage.way(address), "/private").exchange.status() == 200
            });
        }
    }
    let figures = load.end();
    figures.assert_faultless();
    stage.conclude("provider_killed", figures);
    stage.envoy.assert_no_crash();
}
