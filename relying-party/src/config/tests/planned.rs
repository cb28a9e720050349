//! What the interface has and this version has not: refused, never accepted and ignored.

use serde_json::json;

use super::*;

/// Every key of the interface that does not work yet, with a value that would be right.
#[test]
fn what_is_not_built_yet_is_refused_as_such() {
    let problems = problems(&with("/assertion", json!({"header": "x-latchkey-assertion"})));
    let said = "is known, but not supported by this version yet";
    assert!(problems.lines().any(|line| line.ends_with(said)), "{problems}");
}
