//! YAML as JSON, for files that people read.

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value};

/// The only document in `text`. Panics when it is none.
pub fn read(text: &str) -> Value {
    let documents = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("no YAML: {error}"));
    let [document] = &documents[..] else { panic!("{} documents in one file", documents.len()) };
    value(document)
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(scalar) => of_scalar(scalar),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(members) => {
            Value::Object(members.iter().map(|(key, of)| (name(key), value(of))).collect::<Map<_, _>>())
        }
        other => panic!("no JSON can be made of {other:?}"),
    }
}

fn name(key: &Yaml) -> String {
    key.as_str().unwrap_or_else(|| panic!("a key that is no text: {key:?}")).to_owned()
}

fn of_scalar(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => (*value).into(),
        Scalar::Integer(value) => (*value).into(),
        Scalar::FloatingPoint(value) => (**value).into(),
        Scalar::String(text) => text.as_ref().into(),
    }
}
