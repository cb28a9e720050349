//! The published schemas of custom resources.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use saphyr::LoadableYamlNode as _;

use super::command::{needed, repository};

fn crds() -> PathBuf {
    needed("LATCHKEY_CRDS", Some(repository().join("target/crds")), "no schemas: scripts/install-tools crds")
}

/// What the published schemas say of manifests: nothing, when they are right.
pub fn judge(manifests: &str) -> String {
    let documents: Vec<&str> = manifests.split("\n---\n").skip(1).collect();
    let json: Vec<serde_json::Value> = documents.iter().map(|document| as_json(document)).collect();
    let script = repository().join("cli/tests/schemas/judge.mjs");
    let node = needed(
        "NODE",
        Some(repository().join("target/npm/node_modules/.bin/node")),
        "no Node: scripts/install-tools node",
    );
    let mut command = Command::new(node);
    command.arg(script).arg(crds()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("Node");
    child.stdin.take().unwrap().write_all(serde_json::to_string(&json).unwrap().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), said.trim().is_empty(), "{said}");
    said
}

fn as_json(document: &str) -> serde_json::Value {
    let documents = saphyr::Yaml::load_from_str(document).unwrap_or_else(|error| panic!("{error}: {document}"));
    to_json(&documents[0])
}

fn to_json(yaml: &saphyr::Yaml<'_>) -> serde_json::Value {
    use saphyr::{Scalar, Yaml};
    match yaml {
        Yaml::Value(Scalar::Null) => serde_json::Value::Null,
        Yaml::Value(Scalar::Boolean(boolean)) => (*boolean).into(),
        Yaml::Value(Scalar::Integer(integer)) => (*integer).into(),
        Yaml::Value(Scalar::String(text)) => text.to_string().into(),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(members) => members
            .iter()
            .map(|(key, value)| (key.as_str().unwrap().to_owned(), to_json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => panic!("{other:?}"),
    }
}
