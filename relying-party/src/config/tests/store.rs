//! `session.store`

use serde_json::json;

use super::*;
use crate::config::{OnStoreFailure, StorePolicy};

#[test]
fn a_store_denies_while_it_is_away_and_keeps_no_sessions_unless_told_so() {
    let store = |store| parse(&with("/session/store", store)).unwrap().session.unwrap().store.unwrap();
    let cluster = "webdis".to_owned();
    assert_eq!(
        store(json!({"cluster": "webdis", "kind": "webdis"})),
        StorePolicy { cluster: cluster.clone(), keeps_sessions: false, on_failure: OnStoreFailure::Deny }
    );
    assert_eq!(
        store(json!({"cluster": "webdis", "kind": "webdis", "sessions": true, "on_failure": "local"})),
        StorePolicy { cluster, keeps_sessions: true, on_failure: OnStoreFailure::Local }
    );
}

#[test]
fn stores_that_make_no_sense_are_refused() {
    for (pointer, value, problem) in [
        ("/session/store", json!(null), "session.store: found null, expected a mapping"),
        ("/session/store", json!({"kind": "webdis"}), "session.store.cluster: found nothing"),
        ("/session/store", json!({"cluster": "webdis"}), "session.store.kind: found nothing, expected `webdis`"),
        ("/session/store", json!({"cluster": "webdis", "kind": "redis"}), "session.store.kind: found \"redis\""),
        ("/session/store", json!({"cluster": "", "kind": "webdis"}), "session.store.cluster: found \"\""),
        (
            "/session/store",
            json!({"cluster": "webdis", "kind": "webdis", "on_failure": "lokal"}),
            "session.store.on_failure: found \"lokal\", expected `deny` or `local`; did you mean `local`?",
        ),
        (
            "/session/store",
            json!({"cluster": "webdis", "kind": "webdis", "clusters": true}),
            "session.store.clusters: found an unknown key; did you mean `cluster`?",
        ),
    ] {
        let problems = problems(&with(pointer, value.clone()));
        assert!(problems.contains(problem), "{value}: {problems}");
    }
}
