//! Input that is no document at all, or any document.

use proptest::prelude::*;

use super::*;

#[test]
fn what_is_no_document_is_refused() {
    for document in ["", "null", "[]", "\"a\"", "1", "{}", "{", "{\"a\":1}}", "\u{feff}{}"] {
        let errors = Config::parse(document.as_bytes(), &environment).unwrap_err();
        assert!(!errors.problems().is_empty(), "{document}");
    }
}

#[test]
fn repeated_members_are_refused_wherever_they_are() {
    let minimal = minimal().to_string();
    for (from, to, expected) in [
        ("{\"providers\"", "{\"base_path\":\"/a\",\"base_path\":\"/b\",\"providers\"", "base_path: found a repeated"),
        (
            "\"cluster\":",
            "\"metadata\":{\"issuer\":1,\"issuer\":2},\"cluster\":",
            "providers[0].metadata.issuer: found a repeated",
        ),
        (
            "\"cluster\":",
            "\"audience\":[{\"a\":1,\"a\":2}],\"cluster\":",
            "providers[0].audience[0].a: found a repeated",
        ),
        ("\"cluster\":", "\"clu\\u0073ter\":\"b\",\"cluster\":", "providers[0].cluster: found a repeated"),
    ] {
        let document = minimal.replacen(from, to, 1);
        let problems = Config::parse(document.as_bytes(), &environment).unwrap_err().to_string();
        assert!(problems.contains(expected), "{document}: {problems}");
    }
}

/// Any JSON, with the interface's keys likelier than others.
fn any_json() -> impl Strategy<Value = Value> {
    let text =
        prop_oneof![Just("https://a.example".to_owned()), Just("/a".to_owned()), Just("30s".to_owned()), ".{0,12}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let key = prop_oneof![
        proptest::sample::select(vec![
            "providers",
            "session",
            "rules",
            "headers",
            "match",
            "methods",
            "keys",
            "env",
            "claims",
            "metadata",
            "clusters",
            "client_secret",
            "path",
            "path_regex",
            "require",
            "domain",
            "public_url",
            "cookie",
            "scope",
            "algorithms",
        ])
        .prop_map(str::to_owned),
        ".{0,8}",
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_panics(document in any_json()) {
        let _ = parse(&document);
    }

    #[test]
    fn no_value_in_any_place_panics(
        value in any_json(),
        pointer in proptest::sample::select(vec![
            "/providers", "/providers/0", "/providers/0/issuer", "/providers/0/metadata", "/providers/0/client_secret",
            "/providers/0/authorization_parameters", "/session", "/session/keys", "/session/domain", "/session/claims",
            "/rules", "/headers", "/public_url", "/base_path",
        ]),
    ) {
        if let Err(errors) = parse(&with(pointer, value)) {
            prop_assert!(!errors.problems().is_empty());
            prop_assert!(errors.to_string().lines().count() == errors.problems().len());
        }
    }

    #[test]
    fn no_bytes_panic(document in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Config::parse(&document, &environment);
    }
}
