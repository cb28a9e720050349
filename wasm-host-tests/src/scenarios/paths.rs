//! Which rule a request falls under. The rules and the application read the same path, or nobody does.

use serde_json::json;

use super::signed_in;
use crate::message::Request;
use crate::setup::Setup;
use crate::world::World;

pub fn paths_that_can_be_read_in_two_ways_are_refused<W: World>() {
    let (mut world, mut browser) = signed_in::<W>(Setup::default());
    for path in [
        "/public/../private",
        "/public/..",
        "/public/./x",
        "/public/.",
        "/public//private",
        "//public",
        "/public/..\\private",
        "/public\\..\\private",
        "/public/%2e%2e/private",
        "/public/%2E%2E/private",
        "/public/.%2e/private",
        "/public%2f..%2fprivate",
        "/public/..%2Fprivate",
        "/public/%5c..%5cprivate",
        "/public/%5C",
        "/public/%00",
        "/public/x%00.html",
        "/public/%",
        "/public/%zz",
        "/public/%2",
        "/welcome/../private",
        "/welcome//x",
    ] {
        for exchange in [world.send(Request::fetch(path)), browser.fetch(&mut world, path)] {
            exchange.refused_with(400);
        }
    }
}

pub fn ordinary_escapes_are_no_offence<W: World>() {
    let mut world = W::open(Setup::default());
    for path in [
        "/public/a%20b",
        "/public/%C3%A4",
        "/public/a.b/..c/d..",
        "/public/x;v=1",
        "/public/?a=/../b//c\\%2f",
        "/public/*",
    ] {
        assert_eq!(world.send(Request::fetch(path)).forwarded().target(), path);
    }
}

pub fn the_query_and_the_fragment_open_nothing<W: World>() {
    let mut world = W::open(Setup::default());
    for path in [
        "/private?x=/public",
        "/private?/public/x",
        "/private#/public",
        "/private%23/public",
        "/private%3f/public",
        "/private;/public",
        "/?/public",
    ] {
        let exchange = world.send(Request::fetch(path));
        assert!(exchange.upstream.is_none(), "{path}: {:?}", exchange.upstream);
        assert!([400, 401].contains(&exchange.status()), "{path}: {}", exchange.status());
    }
}

pub fn a_prefix_matches_whole_segments<W: World>() {
    let mut world = W::open(Setup::default());
    for path in ["/publicity", "/public-notes", "/PUBLIC", "/Public/x", "/publi", "/pub%6cicity"] {
        world.send(Request::fetch(path)).refused_with(401);
    }
    for path in ["/public", "/public/", "/public/a/b", "/public?x"] {
        world.send(Request::fetch(path)).forwarded();
    }
}

pub fn the_first_rule_that_matches_decides<W: World>() {
    let rules = json!([
        {"match": {"path": "/a/closed"}, "authentication": "session"},
        {"match": {"path_prefix": "/a"}, "authentication": "none"},
        {"match": {"path_prefix": "/a/late", "methods": ["GET"]}, "authentication": "session"},
    ]);
    let rules = json!(rules.as_array().map(|rules| rules[..2].to_vec()));
    let mut world = W::open(Setup::default().top("rules", rules));
    world.send(Request::fetch("/a/closed")).refused_with(401);
    world.send(Request::fetch("/a/closed/")).forwarded();
    world.send(Request::fetch("/a/open")).forwarded();
    world.send(Request::fetch("/b")).refused_with(401);
}

pub fn a_rule_matches_by_method_host_and_pattern<W: World>() {
    let rules = json!([
        {"match": {"path": "/healthz", "methods": ["GET"]}, "authentication": "none"},
        {"match": {"host": "status.example.org"}, "authentication": "none"},
        {"match": {"host": "*.static.example.org", "path_prefix": "/img"}, "authentication": "none"},
        {"match": {"path_regex": "/v[0-9]+/ping"}, "authentication": "none"},
    ]);
    let urls = json!(["https://portal.example.org", "https://status.example.org", "https://a.static.example.org"]);
    let mut world = W::open(Setup::default().top("rules", rules).top("public_url", urls));
    let at = |host: &str, path: &str| Request::fetch(path).set(":authority", host);
    world.send(Request::fetch("/healthz")).forwarded();
    world.send(Request::fetch("/healthz").set(":method", "POST")).refused_with(401);
    world.send(Request::fetch("/healthz/x")).refused_with(401);
    world.send(at("status.example.org", "/x")).forwarded();
    world.send(at("STATUS.example.org", "/x")).forwarded();
    world.send(at("a.static.example.org", "/img/x")).forwarded();
    world.send(at("a.static.example.org", "/x")).refused_with(401);
    world.send(Request::fetch("/v12/ping")).forwarded();
    for path in ["/x/v12/ping", "/v12/ping/x", "/vx/ping", "/v12/ping%0a"] {
        let exchange = world.send(Request::fetch(path));
        assert!(exchange.upstream.is_none(), "{path}");
    }
}

pub fn the_endpoints_cannot_be_reached_under_another_spelling<W: World>() {
    let mut world = W::open(Setup::default());
    for path in [
        "/oauth2/x/../session",
        "//oauth2/session",
        "/oauth2//session",
        "/oauth2/%73ession",
        "/OAUTH2/session",
        "/oauth2/session/",
        "/oauth2%2fsession",
        "/oauth2",
    ] {
        let exchange = world.send(Request::fetch(path));
        assert!(exchange.upstream.is_none(), "{path} was forwarded");
        assert!((400..500).contains(&exchange.status()), "{path}: {}", exchange.status());
        assert!(exchange.response.document().get("authenticated").is_none(), "{path} reached the endpoint");
    }
}

pub fn another_base_path_moves_the_endpoints<W: World>() {
    let setup = Setup::default().top("base_path", "/_auth");
    let setup = setup
        .provider(|provider| provider.redirect_uris = vec!["https://portal.example.org/_auth/callback".to_owned()]);
    let mut world = W::open(setup);
    let location = world.send(Request::navigation("/")).response.location().to_owned();
    assert!(location.contains("%2F_auth%2Fcallback"), "{location}");
    world.send(Request::fetch("/_auth/session")).refused_with(401);
    world.send(Request::fetch("/oauth2/session")).refused_with(401).because_of("session.required");
}

pub fn without_public_url_the_request_says_where_we_are<W: World>() {
    let mut setup = Setup::default();
    setup.document.as_object_mut().expect("a document").remove("public_url");
    let mut world = W::open(setup);
    let location = world.send(Request::navigation("/")).response.location().to_owned();
    assert!(location.contains("redirect_uri=https%3A%2F%2Fportal.example.org%2Foauth2%2Fcallback"), "{location}");
}
