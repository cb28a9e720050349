//! Every scenario once more over the core, looked over the shoulder: none may end with a secret where it does not belong. And what
//! only this ring can show: what lies in the store.

use serde_json::json;
use wasm_host_tests::CoreWorld;
use wasm_host_tests::attacks::leaks::{Kind, Place, Secrets, leaks};
use wasm_host_tests::browser::Browser;
use wasm_host_tests::provider::RefreshTokens;
use wasm_host_tests::setup::Setup;
use wasm_host_tests::world::World;

wasm_host_tests::scenarios!(wasm_host_tests::attacks::observed::Observed<wasm_host_tests::CoreWorld>);

#[test]
fn what_lies_in_the_store_says_nothing() {
    let store = json!({"cluster": "webdis", "kind": "webdis", "on_failure": "deny", "sessions": true});
    let setup = Setup::default().session("store", store).header("authorization", "\"Bearer \" + access_token");
    let mut world = CoreWorld::open(setup.claim("sid", "session-7301").provider(|provider| {
        provider.code_prefix = "authorization-code-";
        provider.refresh_tokens = RefreshTokens::Rotating;
        provider.access_token_lifetime = std::time::Duration::from_secs(4);
    }));
    world.settle();
    let mut browser = Browser::default();
    browser.open(&mut world, "/").shows("/");
    for _ in 0..3 {
        world.advance(std::time::Duration::from_secs(3));
        browser.fetch(&mut world, "/api").forwarded();
    }
    let mut secrets = Secrets::default();
    let cookies: Vec<String> = browser.jar.alive(world.now()).iter().map(|cookie| cookie.value.clone()).collect();
    cookies.iter().filter(|value| value.len() > 20).for_each(|value| secrets.add(Kind::Cookie, value));
    browser.open(&mut world, "/oauth2/logout");
    secrets.of_provider(&world.provider());
    assert!([Kind::RefreshToken, Kind::AccessToken, Kind::Claim, Kind::Cookie].iter().all(|kind| secrets.has(*kind)));
    let said = world.webdis().log.iter().map(|words| words.join(" ")).collect::<Vec<_>>();
    assert!(said.iter().any(|words| words.starts_with("SET")), "{said:?}");
    let content = world.webdis().content();
    let places = said.into_iter().chain([content]).chain(world.log()).map(|text| (Place::Log, text));
    assert_eq!(leaks(&secrets, places), Vec::<String>::new());
}
