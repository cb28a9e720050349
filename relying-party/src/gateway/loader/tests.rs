//! The loader alone, in virtual time: what is in the record is input, and is judged.

use std::rc::Rc;
use std::time::Duration;

use prost::Message as _;
use serde_json::{Value, json};

use super::record::{self, Record};
use super::*;
use crate::entropy::Entropy;
use crate::http::Headers;
use crate::jose::{NoHostSigner, Software};
use crate::peer::KnownPeer;
use crate::protocol::test_provider::{document, provider};
use crate::shared::{Entry, Expected, OwnData, SharedData, SharedDataError};

struct Counter(u8);

impl Entropy for Counter {
    fn fill(&mut self, buffer: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        buffer.fill(self.0);
    }
}

/// One VM with one provider.
struct Vm {
    loader: Loader,
    slots: Vec<ProviderSlot>,
    entropy: Counter,
    log: Vec<LogLine>,
}

const KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const OTHER_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

fn key(kid: &str, key: &str) -> Value {
    let mut key: Value = serde_json::from_str(key).unwrap();
    key["kid"] = kid.into();
    key
}

fn answer(document: &Value) -> CalloutOutcome {
    let body = document.to_string().into_bytes();
    CalloutOutcome::Answered { status: 200, headers: Headers::default(), body }
}

impl Vm {
    fn new(seed: u8) -> Self {
        let slots = vec![ProviderSlot::new(Rc::new(provider()))];
        Self { loader: Loader::new(&slots), slots, entropy: Counter(seed), log: Vec::new() }
    }

    fn begin(&mut self, shared: &mut dyn SharedData, now: UnixTime) -> Vec<String> {
        let mut env = Env {
            now,
            entropy: &mut self.entropy,
            verifier: &Software,
            signer: &NoHostSigner,
            shared,
            peer: &KnownPeer::default(),
        };
        self.loader.begin(&mut self.slots, &mut env).into_iter().map(|(_, request)| request.path).collect()
    }

    fn answered(&mut self, outcome: CalloutOutcome, shared: &mut dyn SharedData, now: UnixTime) {
        let mut env = Env {
            now,
            entropy: &mut self.entropy,
            verifier: &Software,
            signer: &NoHostSigner,
            shared,
            peer: &KnownPeer::default(),
        };
        self.loader.answered(0, &mut self.slots, outcome, &mut env, &mut self.log);
    }

    /// A whole fetch that brings these keys.
    fn fetch(&mut self, keys: &[Value], shared: &mut dyn SharedData, now: UnixTime) {
        assert_eq!(self.begin(shared, now), ["/.well-known/openid-configuration"]);
        self.answered(answer(&document()), shared, now);
        assert_eq!(self.begin(shared, now), ["/jwks"]);
        self.answered(answer(&json!({"keys": keys})), shared, now);
    }

    fn loaded(&self) -> &crate::flow::provider::LoadedProvider {
        self.slots[0].loaded.as_ref().expect("loaded")
    }
}

const START: UnixTime = UnixTime::from_secs(1_900_000_000);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn trust_changes_when_a_key_goes_and_only_then() {
    let (mut vm, mut shared) = (Vm::new(0), OwnData::default());
    let mut now = START;
    let mut last = None;
    for (keys, rises) in [
        (vec![key("a", KEY)], false),
        (vec![key("a", KEY)], false),
        (vec![key("b", OTHER_KEY), key("a", KEY)], false),
        (vec![key("b", OTHER_KEY)], true),
        // The same id for another key.
        (vec![key("b", KEY)], true),
    ] {
        vm.fetch(&keys, &mut shared, now);
        let (trust, generation) = (vm.loaded().trust, vm.loaded().generation);
        if let Some((before, older)) = last {
            assert_eq!(trust > before, rises, "{keys:?}");
            assert!(generation > older);
        }
        last = Some((trust, generation));
        now = now + HOUR;
    }
    let lines: Vec<&str> = vm.log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(
        lines,
        [
            "provider corp: the keys have changed: added b",
            "provider corp: the keys have changed: withdrawn a",
            "provider corp: the keys have changed: added b; withdrawn b",
        ]
    );
}

#[test]
fn a_holder_that_was_overtaken_publishes_nothing() {
    let (mut slow, mut quick, mut shared) = (Vm::new(0), Vm::new(100), OwnData::default());
    assert_eq!(slow.begin(&mut shared, START).len(), 1);
    slow.answered(answer(&document()), &mut shared, START);
    assert_eq!(slow.begin(&mut shared, START), ["/jwks"]);
    assert_eq!(quick.begin(&mut shared, START), Vec::<String>::new());

    let later = START + record::LEASE;
    quick.fetch(&[key("new", OTHER_KEY)], &mut shared, later);
    slow.answered(answer(&json!({"keys": [key("old", KEY)]})), &mut shared, later);

    for vm in [&slow, &quick] {
        assert_eq!(vm.loaded().keys.keys()[0].kid.as_deref(), Some("new"));
    }
}

#[test]
fn a_record_that_claims_too_much_is_not_believed() {
    let name = record::key(&provider());
    let far = (START + 1000 * HOUR).as_millis();
    let mut held = Record::default();
    held.hold(7, START + 100 * HOUR);
    let mut never_due = Record::default();
    never_due.set_due(UnixTime::from_millis(far));
    for value in [b"\xff\xff rubbish".to_vec(), Vec::new(), held.encode_to_vec(), never_due.encode_to_vec()] {
        let (mut vm, mut shared) = (Vm::new(0), OwnData::default());
        shared.write(&name, &value, Expected::Anything).unwrap();
        assert_eq!(vm.begin(&mut shared, START).len(), 1, "nothing is fetched: {value:?}");
    }
}

#[test]
fn a_host_that_refuses_the_documents_leaves_a_vm_to_itself() {
    struct Small(OwnData);
    impl SharedData for Small {
        fn read(&mut self, key: &str) -> Result<Option<Entry>, SharedDataError> {
            self.0.read(key)
        }
        fn write(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<(), SharedDataError> {
            if value.len() > 64 { Err(SharedDataError::NotOffered) } else { self.0.write(key, value, expected) }
        }
    }
    let (mut vm, mut shared) = (Vm::new(0), Small(OwnData::default()));
    vm.fetch(&[key("a", KEY)], &mut shared, START);
    assert_eq!(vm.loaded().keys.keys().len(), 1);
    vm.fetch(&[key("b", OTHER_KEY)], &mut shared, START + HOUR);
    assert_eq!(vm.loaded().keys.keys()[0].kid.as_deref(), Some("b"));
}

#[test]
fn records_are_shared_by_those_who_fetch_the_same_in_the_same_way() {
    let own = record::key(&provider());
    let with = |change: fn(&mut crate::config::Provider)| {
        let mut provider = provider();
        change(&mut provider);
        record::key(&provider)
    };
    assert_eq!(own, with(|provider| provider.name = "other".to_owned()));
    assert_eq!(own, with(|provider| provider.clock_skew = Duration::ZERO));
    for other in [
        with(|provider| provider.issuer = crate::config::Issuer::exact("https://other.example".to_owned())),
        with(|provider| provider.client = None),
        with(|provider| provider.cluster = "other".to_owned()),
        with(|provider| provider.clusters.push(("keys.example.org".to_owned(), "keys".to_owned()))),
        with(|provider| provider.discovery_url.as_mut().unwrap().set_path("/other")),
        with(|provider| drop(provider.metadata.insert("jwks_uri".to_owned(), "https://a.example/k".into()))),
    ] {
        assert_ne!(own, other);
    }
}
