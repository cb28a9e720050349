//! `exchange` of a rule.

use serde_json::{Value, json};

use super::*;
use crate::policy::demand::Exchange;

fn rule(authentication: &str, exchange: Value) -> Value {
    let document = changed(minimal(), "/providers/0/audience", json!(["https://api.example.org"]));
    let verifier = json!({"name": "verifier", "issuer": "https://v.example.org", "cluster": "v", "audience": ["a"]});
    let document = changed(document, "/providers/1", verifier);
    changed(document, "/rules", json!([{"authentication": authentication, "exchange": exchange}]))
}

#[test]
fn an_exchange_is_read() {
    for (exchange, audience, scope) in [
        (
            json!({"provider": "corp", "audience": "https://b.example.org", "scope": "a b"}),
            Some("https://b.example.org"),
            Some("a b"),
        ),
        (json!({"provider": "corp", "audience": "b"}), Some("b"), None),
        (json!({"provider": "corp", "scope": "a"}), None, Some("a")),
    ] {
        for authentication in ["session", "bearer", "any", "optional"] {
            let config = parse(&rule(authentication, exchange.clone())).unwrap();
            let expected = Exchange {
                provider: "corp".to_owned(),
                audience: audience.map(str::to_owned),
                scope: scope.map(str::to_owned),
            };
            let demand = config.rules[0].authentication.demand().unwrap();
            assert_eq!(demand.exchange.as_deref(), Some(&expected), "{authentication}");
        }
    }
}

#[test]
fn an_exchange_that_could_not_work_is_refused() {
    for (exchange, problem) in [
        (json!({"provider": "corp"}), "rules[0].exchange: found neither `audience` nor `scope`"),
        (json!({"audience": "b"}), "rules[0].exchange.provider: found nothing"),
        (json!({"provider": "crop", "audience": "b"}), "did you mean `corp`?"),
        (
            json!({"provider": "verifier", "audience": "b"}),
            "rules[0].exchange.provider: found `verifier`, which has no `client_id`",
        ),
        (json!({"provider": "corp", "audience": ""}), "rules[0].exchange.audience"),
        (json!({"provider": "corp", "audience": "a\nb"}), "rules[0].exchange.audience"),
        (json!({"provider": "corp", "scope": "a  b"}), "rules[0].exchange.scope"),
        (json!({"provider": "corp", "scope": "\"a"}), "rules[0].exchange.scope"),
        (
            json!({"provider": "corp", "audience": "b", "resource": "c"}),
            "rules[0].exchange.resource: found an unknown key",
        ),
        (json!("corp"), "rules[0].exchange"),
    ] {
        let found = problems(&rule("bearer", exchange.clone()));
        assert!(found.contains(problem), "{exchange}: {found}");
    }
    let public = problems(&rule("none", json!({"provider": "corp", "audience": "b"})));
    assert!(public.contains("rules[0].exchange: found a setting without effect"), "{public}");
}
