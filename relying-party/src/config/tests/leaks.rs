//! No secret reaches a message or a log, wherever somebody put it.

use serde_json::json;

use super::*;
use crate::jose::signing_key::tests::P256_JWK;

/// Looks like nothing else in any message.
const SECRET: &str = "hunter2-hunter2!";

fn assert_silent(document: &[u8]) {
    let environment = |name: &str| match name {
        "SECRET" => Some(SECRET.to_owned()),
        "BROKEN" => Some(format!("{SECRET}\n")),
        other => environment(other),
    };
    let shown = match Config::parse(document, &environment) {
        Ok(config) => format!("{config:?}"),
        Err(errors) => format!("{errors} {errors:?}"),
    };
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!shown.contains(CLIENT_SECRET) && !shown.contains(SESSION_KEY), "{shown}");
}

#[test]
fn secrets_are_not_printed_wherever_they_stand() {
    for (pointer, value) in [
        ("/providers/0/client_secret", json!(SECRET)),
        ("/providers/0/client_secret", json!(format!("{SECRET}\n"))),
        ("/providers/0/client_secret", json!({"env": "SECRET"})),
        ("/providers/0/client_secret", json!({"env": "BROKEN"})),
        ("/providers/0/client_secret", json!({"env": SECRET})),
        ("/providers/0/client_secret", json!({"env": [SECRET]})),
        ("/providers/0/client_secret", json!({SECRET: 1})),
        ("/providers/0/client_secret", json!({"value": SECRET})),
        ("/providers/0/client_secret", json!([SECRET])),
        ("/providers/0/client_secrt", json!(SECRET)),
        ("/providers/0/client_key", json!(SECRET)),
        ("/providers/0/issuer", json!(format!("https://user:{SECRET}@a.example"))),
        ("/providers/0/issuer", json!(format!("https://a.example?key={SECRET}"))),
        ("/providers/0/issuer", json!(format!("https://a.example/#{SECRET}"))),
        ("/providers/0/metadata", json!({"token_endpoint": format!("http://a.example?key={SECRET}")})),
        ("/providers/0/authorization_parameters", json!({"client_secret": SECRET})),
        ("/providers/0/authorization_parameters", json!({"response_mode": SECRET})),
        ("/assertion", json!({"key": SECRET})),
        ("/assertion", json!({"key": {"env": "SECRET"}, "other_keys": [SECRET, {"env": "BROKEN"}]})),
        ("/assertion", json!({"kye": SECRET})),
        ("/public_url", json!(format!("https://{SECRET}@a.example"))),
        ("/session/keys", json!(SECRET)),
        ("/session/keys", json!([SECRET])),
        ("/session/keys", json!([{"env": "SECRET"}])),
        ("/session/keys", json!([{"env": "LATCHKEY_SESSION_KEY"}, SESSION_KEY])),
        ("/session/keys", json!({"env": "SECRET"})),
        ("/session", json!(SECRET)),
        ("/headers", json!({"x-api-key": format!("\"{SECRET}")})),
        ("/headers", json!({"x-api-key": format!("claims.sub + '{SECRET}' '{SECRET}'")})),
        ("/headers", json!({"x-api-key": [SECRET]})),
    ] {
        assert_silent(with(pointer, value).to_string().as_bytes());
    }
}

#[test]
fn secrets_are_not_printed_from_repeated_members_and_broken_json() {
    let repeated = minimal().to_string().replacen("{\"env\":", &format!("{{\"{SECRET}\":1,\"{SECRET}\":2,\"env\":"), 1);
    assert_silent(repeated.as_bytes());
    for broken in [format!("{{\"client_secret\": \"{SECRET}"), format!("{{\"client_secret\": {SECRET}}}")] {
        assert_silent(broken.as_bytes());
    }
}

#[test]
fn the_debug_form_of_a_configuration_shows_no_secret() {
    let document = with("/session/keys", json!([SESSION_KEY, RETIRED_KEY]));
    let assertion = json!({"key": P256_JWK, "audience": "orders"});
    let shown = format!("{:?}", parse(&changed(document, "/assertion", assertion)).unwrap());
    let secret = serde_json::from_str::<Value>(P256_JWK).unwrap();
    assert!(shown.contains("ES256") && !shown.contains(secret["d"].as_str().unwrap()), "{shown}");
    assert!(shown.contains("[redacted]"));
    assert!(!shown.contains(CLIENT_SECRET) && !shown.contains(SESSION_KEY), "{shown}");
}
