//! Bearer tokens as issuers make them, and Envoy's own filter for them.

use relying_party::time::UnixTime;
use serde_json::{Value, json};
use wasm_host_tests::provider::ISSUER;
use wasm_host_tests::provider::id_token::Draft;
use wasm_host_tests::provider::keys::TestKey;

/// What the tokens are meant for.
pub const AUDIENCE: &str = "https://api.example.org";

/// Headers for the backend, and the claims they are made of: all of them texts, because Envoy's filter encodes lists otherwise.
pub const HEADERS: [(&str, &str); 4] =
    [("x-auth-subject", "sub"), ("x-auth-email", "email"), ("x-auth-name", "name"), ("x-auth-scope", "scope")];

/// `count` tokens of about 900 bytes (RS256), each for another person.
pub fn sign(key: TestKey, count: usize, now: UnixTime) -> Vec<String> {
    let now = now.as_secs();
    let token = |number: usize| {
        let claims = json!({
            "iss": ISSUER, "sub": format!("5f0c1d2e-7a8b-4c9d-8e1f-{number:012x}"), "aud": AUDIENCE, "azp": "orders-client",
            "exp": now + 86_400, "iat": now, "nbf": now, "jti": format!("at-{number:024x}"), "client_id": "orders-client",
            "scope": "openid profile email orders.read orders.write", "email": format!("person.{number}@example.org"),
            "name": format!("Person Number {number}"), "groups": ["staff", "finance-approver"],
        });
        let mut draft = Draft::new(key, claims);
        draft.header["typ"] = json!("at+jwt");
        draft.sign()
    };
    (0..count).map(token).collect()
}

/// Envoy's `jwt_authn` for these tokens. It passes the token on, as ours does.
pub fn jwt_authn(key: TestKey, cached: bool, claims_to_headers: bool) -> Value {
    let mut jwk = key.jwk();
    jwk["alg"] = key.algorithm().into();
    let mut provider = json!({
        "issuer": ISSUER, "audiences": [AUDIENCE], "forward": true,
        "local_jwks": {"inline_string": json!({"keys": [jwk]}).to_string()},
    });
    if cached {
        provider["jwt_cache_config"] = json!({"jwt_cache_size": 20_000});
    }
    if claims_to_headers {
        let headers = HEADERS.map(|(header, claim)| json!({"header_name": header, "claim_name": claim}));
        provider["claim_to_headers"] = json!(headers);
    }
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"corp": provider},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "corp"}}],
    })
}
