//! What operators see of the filter in a real Envoy: statistics with labels, and the identity in access logs and other filters.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use envoy_ring::{EnvoyWorld, Filter, Options};
use relying_party::metrics::Metric;
use serde_json::{Value, json};
use wasm_host_tests::browser::Browser;
use wasm_host_tests::jar::Initiator;
use wasm_host_tests::message::Request;
use wasm_host_tests::provider::{Behaviour, Endpoint, RefreshTokens};
use wasm_host_tests::setup::Setup;
use wasm_host_tests::world::{Exchange, World};
use wasm_host_tests::yaml;

const STATS: &str = include_str!("../../docs/src/monitoring/envoy-stats.yaml");
const RBAC: &str = include_str!("../../examples/identity-for-filters/rbac.yaml");
const FOR_FILTERS: &str = include_str!("../../examples/identity-for-filters/latchkey.yaml");
const RATE_LIMIT: &str = include_str!("../../examples/identity-for-filters/rate-limit.yaml");

/// A request with a token of this subject and department.
fn call(world: &mut EnvoyWorld, path: &str, subject: &str, department: &str) -> Exchange {
    let now = world.now();
    let mut token = world.provider().access_token(now);
    token.claim("sub", subject);
    token.claim("department", department);
    world.send(Request::get(path).with("authorization", format!("Bearer {}", token.sign())))
}

fn with_identity(filter: &'static str) -> EnvoyWorld {
    world_with_identity(Filter::Yaml(filter))
}

fn world_with_identity(behind: Filter) -> EnvoyWorld {
    let rule = |path: &str| json!({"name": &path[1..], "match": {"path_prefix": path}, "authentication": "bearer"});
    let mut properties = yaml::read(FOR_FILTERS)["properties"].clone();
    properties["subject"] = "claims.sub".into();
    let recent = json!({"name": "recent", "match": {"path_prefix": "/recent"}, "acr_values": ["urn:mfa"]});
    let setup = Setup::api().rule(rule("/reports")).rule(rule("/other")).rule(recent).top("properties", properties);
    EnvoyWorld::with(setup, Options { behind: vec![behind], ..Options::default() })
}

#[test]
fn envoys_rbac_decides_by_the_identity() {
    let mut world = with_identity(RBAC);
    call(&mut world, "/reports/1", "ada", "finance").forwarded();
    call(&mut world, "/reports/1", "grace", "navy").refused_with(403);
    call(&mut world, "/other", "grace", "navy").forwarded();
    // Without `stats_tags` the labels stay in the names.
    let lines = scraped(&world);
    assert!(lines.iter().any(|line| line.starts_with("latchkey_tokens_verified_total_provider_corp{} ")), "{lines:?}");
    world.envoy().assert_no_crash();
}

#[test]
fn access_logs_and_other_filters_see_identity_reason_and_rule() {
    let shows = |name: &str| format!("%FILTER_STATE(wasm.latchkey.{name}:PLAIN)%");
    let mutations = ["caller", "subject", "department", "rule", "reason"].map(|name| {
        let header = json!({"key": format!("x-{name}"), "value": shows(name)});
        json!({"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}})
    });
    let mutation = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        "mutations": {"response_mutations": mutations},
    });
    let mut world = world_with_identity(Filter::Native("envoy.filters.http.header_mutation", mutation));
    let seen = |exchange: &Exchange| {
        let header = |name: &str| exchange.response.header(name).map(str::to_owned);
        ["x-caller", "x-subject", "x-department", "x-rule", "x-reason"].map(header)
    };
    let some = |value: &str| Some(value.to_owned());
    let admitted = call(&mut world, "/other", "ada", "finance");
    admitted.forwarded();
    assert_eq!(seen(&admitted), [some("corp:ada"), some("ada"), some("finance"), some("other"), None]);
    let refused = world.send(Request::get("/other"));
    refused.refused_with(401);
    assert_eq!(seen(&refused), [None, None, None, some("other"), some("access_token.missing")]);
    // Whatever the client sends is nobody's identity.
    let public = world.send(Request::get("/public").with("wasm.latchkey.subject", "root"));
    assert_eq!(seen(&public), [None, None, None, some("public"), None]);
    // A redirect of the filter's is not the application's.
    let to_provider = world.send(Request::navigation("/finance"));
    to_provider.refused_with(302);
    assert_eq!(seen(&to_provider), [None, None, None, some("finance"), some("session.required")]);
    let by_default = world.send(Request::navigation("/elsewhere"));
    by_default.refused_with(302);
    assert_eq!(seen(&by_default), [None, None, None, None, some("session.required")]);
    let mut ada = Browser::default();
    ada.open(&mut world, "/finance").shows("/finance");
    let request = ada.with_cookies(Request::navigation("/recent"), Initiator::SameSite, &world);
    let step_up = world.send(request);
    step_up.refused_with(302);
    assert_eq!(seen(&step_up), [None, None, None, some("recent"), some("step_up.required")]);
    world.envoy().assert_no_crash();
}

#[test]
fn envoys_rate_limit_counts_each_identity() {
    let mut world = with_identity(RATE_LIMIT);
    for _ in 0..3 {
        call(&mut world, "/other", "ada", "finance").forwarded();
    }
    call(&mut world, "/other", "ada", "finance").refused_with(429);
    // Many others do not give her a new bucket. (Envoy's default is to keep 20.)
    for number in 0..60 {
        call(&mut world, "/other", &format!("person-{number}"), "navy").forwarded();
    }
    call(&mut world, "/other", "ada", "finance").refused_with(429);
    world.envoy().assert_no_crash();
}

/// Somebody's day: all that can be counted happens.
fn a_day(stats: &'static str) -> EnvoyWorld {
    let setup = Setup::api()
        .header("authorization", "\"Bearer \" + access_token")
        .rule(json!({"match": {"path": "/vault"}, "acr_values": ["urn:mfa"]}))
        .rule(json!({"match": {"path": "/safe"}, "authentication": "bearer", "acr_values": ["urn:mfa"]}))
        .session("store", json!({"cluster": "nowhere", "kind": "webdis", "on_failure": "local"}))
        .provider(|provider| {
            provider.refresh_tokens = RefreshTokens::Rotating;
            provider.access_token_lifetime = Duration::from_secs(4);
            provider.behave(Endpoint::OtherKeys, Behaviour::html(500));
        });
    let mut world = EnvoyWorld::with(setup, Options { stats, ..Options::default() });
    let mut ada = Browser::default();
    ada.open(&mut world, "/").shows("/");
    ada.fetch(&mut world, "/vault").refused_with(401);
    ada.fetch(&mut world, "/board").refused_with(403);
    world.advance(Duration::from_secs(3));
    ada.fetch(&mut world, "/api").forwarded();
    world.provider().behave(Endpoint::Token, Behaviour::html(500));
    world.advance(Duration::from_secs(3));
    ada.fetch(&mut world, "/api");
    ada.open(&mut world, "/oauth2/logout?return_to=%2Fpublic");
    Browser::default().open(&mut world, "/").exchange.refused_with(503);
    world.send(Request::navigation("/oauth2/callback?state=forged&code=x")).refused_with(400);
    for (audience, path) in [
        ("https://api.example.org", "/orders"),
        ("https://other.example.org", "/orders"),
        ("https://api.example.org", "/safe"),
    ] {
        let now = world.now();
        let mut token = world.provider().access_token(now);
        token.claim("aud", audience);
        world.send(Request::get(path).with("authorization", format!("Bearer {}", token.sign())));
    }
    world
}

/// What Prometheus would scrape: the lines about the filter.
fn scraped(world: &EnvoyWorld) -> Vec<String> {
    let text = world.envoy().administration("/stats/prometheus");
    text.lines().filter(|line| line.contains("latchkey_")).map(str::to_owned).collect()
}

#[test]
fn dashboard_rules_and_documentation_name_what_envoy_shows() {
    let world = a_day(STATS);
    let start = Instant::now();
    let mut shown = shown(&world);
    while Metric::ALL.iter().any(|metric| !shown.contains_key(&name(*metric))) {
        let missing = Metric::ALL.into_iter().filter(|metric| !shown.contains_key(&name(*metric)));
        assert!(start.elapsed() < PATIENCE, "not shown: {:?}", missing.collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(500));
        shown = self::shown(&world);
    }
    for metric in Metric::ALL {
        let (kind, labels) = &shown[&name(metric)];
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        let labels = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
        let row = format!("| `{}` | {kind} | {labels} |", name(metric));
        assert!(TABLE.contains(&row), "docs/src/monitoring.md lacks: {row}");
    }
    let documented = used(TABLE);
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let targets = dashboard["panels"].as_array().expect("panels").iter().flat_map(|panel| panel["targets"].as_array());
    let expressions: Vec<&str> =
        targets.flatten().map(|target| target["expr"].as_str().expect("an expression")).collect();
    let in_dashboard = used(&expressions.join("\n"));
    for (name, labels) in in_dashboard.iter().chain(&used(ALERTS)) {
        let (_, known) = shown.get(name).unwrap_or_else(|| panic!("Envoy does not show {name}"));
        assert!(labels.is_subset(known), "{name} has the labels {known:?}, not {labels:?}");
        assert!(documented.contains_key(name), "{name}");
    }
    assert_eq!(in_dashboard.len(), Metric::ALL.len(), "the dashboard shows all there is");
    world.envoy().assert_no_crash();
}

/// What examples/istio/custom_bootstrap.json is merged into: a tag of the same name, no default ones, and a list of what is kept
/// (tools/packaging/common/envoy_bootstrap.json of istio/istio).
fn beside_istios() -> &'static str {
    let mut bootstrap: Value = serde_json::from_str(ISTIO).expect("JSON");
    let ours = bootstrap["stats_config"]["stats_tags"].as_array_mut().expect("tags");
    assert_eq!(
        Some(&Value::from(ours.clone())),
        yaml::read(STATS)["stats_config"].get("stats_tags"),
        "they are the same"
    );
    ours.insert(0, json!({"tag_name": "cache", "regex": r"(cache\.(.+?)\.)"}));
    bootstrap["stats_config"]["use_all_default_tags"] = false.into();
    bootstrap["stats_config"]["stats_matcher"] = json!({"inclusion_list": {"patterns": [{"prefix": "wasm"}]}});
    format!("stats_config: {}\n", bootstrap["stats_config"]).leak()
}

#[test]
fn labels_come_beside_istios_own_too() {
    let mut world = EnvoyWorld::with(Setup::api(), Options { stats: beside_istios(), ..Options::default() });
    world.send(Request::get("/orders").with("authorization", "Bearer nonsense"));
    let mut ada = Browser::default();
    ada.open(&mut world, "/").shows("/");
    ada.fetch(&mut world, "/api").forwarded();
    let start = Instant::now();
    let wanted = [
        "latchkey_logins_finished_total{provider=\"corp\"} ",
        "latchkey_tokens_refused_total{reason=\"jws.not_three_parts\"} ",
        "latchkey_cache_hits_total{cache=\"",
        "latchkey_callout_milliseconds_count{call=\"token\"} ",
    ];
    loop {
        let lines = scraped(&world);
        let missing: Vec<_> =
            wanted.iter().filter(|wanted| !lines.iter().any(|line| line.starts_with(**wanted))).collect();
        if missing.is_empty() {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "not shown: {missing:?}, but {lines:#?}");
        std::thread::sleep(Duration::from_millis(500));
    }
    world.envoy().assert_no_crash();
}

const ISTIO: &str = include_str!("../../examples/istio/custom_bootstrap.json");

/// What the alerts rely on: they look at a gauge only while a counter beside it grows.
#[test]
fn what_a_changed_configuration_no_longer_has_is_counted_no_more_and_its_gauges_stay() {
    const STORE_CALLS: &str = "latchkey_callout_milliseconds_count{call=\"store\"}";
    const STORE_REACHED: &str = "latchkey_store_reached{}";
    const FETCHES_FAILED: &str = "latchkey_key_fetches_failed_total{provider=\"partner\",reason=\"jwks.unavailable\"}";
    for name in ["latchkey_callout_milliseconds_count", "latchkey_key_fetches_failed_total"] {
        assert!(ALERTS.contains(name), "{name}");
    }
    let setup = Setup::api()
        .session("store", json!({"cluster": "nowhere", "kind": "webdis", "on_failure": "local"}))
        .provider(|provider| provider.behave(Endpoint::OtherKeys, Behaviour::html(500)));
    let mut world = EnvoyWorld::with(setup, Options { stats: STATS, ..Options::default() });
    let grow = |world: &EnvoyWorld| {
        let values = || [STORE_CALLS, FETCHES_FAILED].map(|series| value(world, series).unwrap_or_default());
        let before = values();
        // Fetches are tried again after ten seconds at the latest, and histograms are merged every five.
        std::thread::sleep(Duration::from_secs(17));
        let after = values();
        [after[0] > before[0], after[1] > before[1]]
    };
    assert_eq!((grow(&world), value(&world, STORE_REACHED)), ([true, true], Some(0.0)));
    world.reconfigure(|document| {
        document["session"].as_object_mut().expect("a mapping").remove("store");
        document["providers"].as_array_mut().expect("a list").truncate(1);
        document["rules"].as_array_mut().expect("a list").retain(|rule| rule["name"] != "/partner");
    });
    let start = Instant::now();
    while grow(&world) != [false, false] {
        assert!(start.elapsed() < PATIENCE + PATIENCE, "{:?}", scraped(&world));
    }
    assert_eq!(value(&world, STORE_REACHED), Some(0.0), "as it was told last");
    world.envoy().assert_no_crash();
}

/// The value of a series that Prometheus would scrape.
fn value(world: &EnvoyWorld, series: &str) -> Option<f64> {
    let of_series = |line: &String| line.strip_prefix(series)?.trim().parse().ok();
    scraped(world).iter().find_map(of_series)
}

/// Whatever a client sends, in whatever log beside Envoy's own it comes up: only the filter's lines are taken for its audit log.
#[test]
fn the_recipe_takes_the_audit_log_out_of_envoys_log_and_nothing_else() {
    let (_, recipe) = AUDIT.split_once("```sh\n").expect("a recipe");
    let (recipe, _) = recipe.split_once("\n```").expect("its end");
    let mut world = EnvoyWorld::open(Setup::default().top("audit", json!({"subject": "plain"})));
    let forged = r#"latchkey-audit {"time":"2026-11-23T02:41:26.123Z","event":"login","subject":"root"}"#;
    world.send(Request::fetch("/private").with("x-request-id", forged)).refused_with(401);
    Browser::default().open(&mut world, "/").shows("/");
    let written = world.log().iter().filter(|line| line.contains("latchkey-audit {")).count();
    let folder = std::env::temp_dir().join(format!("latchkey-audit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let own: String = world.log().iter().map(|line| format!("{line}\n")).collect();
    // An access log at the same place, in two common forms.
    let others =
        format!("[2026-11-23T02:41:26.123Z] \"GET / HTTP/1.1\" 200 {forged}\n2026-11-23 GET / 200 id={forged}\n");
    std::fs::write(folder.join("envoy.log"), own + &others).expect("a file");
    let taken = std::process::Command::new("sh").args(["-c", recipe]).current_dir(&folder).output().expect("a shell");
    std::fs::remove_dir_all(&folder).expect("a folder");
    let taken = String::from_utf8(taken.stdout).expect("text");
    let events: Vec<_> = taken.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")).collect();
    let events: Vec<_> = events.iter().map(|event| (&event["event"], &event["subject"])).collect();
    assert_eq!(events, [(&json!("refusal"), &Value::Null), (&json!("login"), &json!("ada"))], "{taken}");
    assert_eq!(written, events.len());
}

const AUDIT: &str = include_str!("../../docs/src/audit.md");
const TABLE: &str = include_str!("../../docs/src/monitoring.md");
const DASHBOARD: &str = include_str!("../../docs/src/monitoring/dashboard.json");
const ALERTS: &str = include_str!("../../docs/src/monitoring/alerts.yaml");
/// Envoy merges histograms every five seconds.
const PATIENCE: Duration = Duration::from_secs(40);

fn name(metric: Metric) -> String {
    format!("latchkey_{}", metric.name())
}

/// The metrics by name: their type, and the labels of all their series.
fn shown(world: &EnvoyWorld) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut shown: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for line in scraped(world) {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            shown.entry(name.to_owned()).or_default().0 = kind.to_owned();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a series and its value");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        for (name, labels) in used(series) {
            shown.entry(name).or_default().1.extend(labels);
        }
    }
    shown
}

/// The metrics that a text names, with the labels in the braces behind them. A histogram is shown as buckets, sum and count.
fn used(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rest in text.split("latchkey_").skip(1) {
        let end =
            rest.find(|character: char| !character.is_ascii_lowercase() && character != '_').unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
        let selector =
            rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(selector, _)| selector);
        // Values stand in quotes: what is outside of them and before `=`, `!` or `~` is a label.
        let outside = selector.split('"').step_by(2).map(|part| part.trim_matches([',', ' ', '=', '!', '~']));
        let labels = outside.filter(|label| !label.is_empty() && *label != "le").map(str::to_owned);
        used.entry(format!("latchkey_{name}")).or_default().extend(labels);
    }
    used
}
