//! A simulated Webdis with a small Redis behind it, as a plain value: a request and the time in, an answer out. It knows the
//! filter's scripts by heart and runs no Lua; that Redis runs them is for envoy/tests/store.rs to show.

use std::collections::BTreeMap;
use std::time::Duration;

use relying_party::store::{refresh, revocations, sessions};
use relying_party::time::UnixTime;
use serde_json::{Value, json};

use crate::message::{Request, Response};
use crate::provider::Answer;

/// The host's cluster that leads to it.
pub const CLUSTER: &str = "webdis";

/// How it behaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// As it should.
    #[default]
    Normal,
    /// As it should, after a while.
    Slow(Duration),
    /// With this answer, and without doing anything.
    Answer(Response),
    /// Not at all.
    Hang,
    /// By closing the connection.
    Reset,
}

impl Behaviour {
    /// Webdis without Redis.
    pub fn without_redis() -> Self {
        Self::Answer(Response::new(503, "text/plain", ""))
    }
}

/// The store.
#[derive(Clone, Default)]
pub struct Webdis {
    /// How it behaves.
    pub behaviour: Behaviour,
    /// Every command, in order: its name and its arguments.
    pub log: Vec<Vec<String>>,
    texts: BTreeMap<String, (String, UnixTime)>,
    streams: BTreeMap<String, Vec<(u64, String)>>,
    entries: u64,
}

impl Webdis {
    /// Answers `request`.
    pub fn answer(&mut self, request: &Request, now: UnixTime) -> Answer {
        match self.behaviour.clone() {
            Behaviour::Normal => Answer::Respond(self.run(request, now)),
            Behaviour::Slow(pause) => Answer::Delay(pause, self.run(request, now)),
            Behaviour::Answer(response) => Answer::Respond(response),
            Behaviour::Hang => Answer::Hang,
            Behaviour::Reset => Answer::Reset,
        }
    }

    /// Redis begins anew, with nothing.
    pub fn forget_everything(&mut self) {
        self.texts.clear();
        self.streams.clear();
    }

    /// Everything that lies there, with the names of the keys.
    pub fn content(&self) -> String {
        let texts = self.texts.iter().map(|(key, (value, _))| format!("{key} {value}\n"));
        let streams = self.streams.iter().map(|(key, entries)| format!("{key} {entries:?}\n"));
        texts.chain(streams).collect()
    }

    /// How often a command was given whose name or script this is.
    pub fn count(&self, command: &str) -> usize {
        self.log.iter().filter(|words| words.iter().take(2).any(|word| word == command)).count()
    }

    fn run(&mut self, request: &Request, now: UnixTime) -> Response {
        assert_eq!((request.method(), request.path()), ("POST", "/"));
        let body = String::from_utf8(request.body.clone()).expect("text");
        let decode = |word: &str| percent_encoding::percent_decode_str(word).decode_utf8().expect("text").into_owned();
        let words: Vec<String> = body.split('/').map(decode).collect();
        self.log.push(words.clone());
        self.texts.retain(|_, (_, until)| now < *until);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let reply = match words.as_slice() {
            ["SET", key, value, "PX", lifetime] => {
                self.set(key, value, lifetime, now);
                json!([true, "OK"])
            }
            ["DEL", key] => json!(i32::from(self.texts.remove(*key).is_some())),
            ["PEXPIRE", key, lifetime] => match self.texts.get_mut(*key) {
                Some((_, until)) => {
                    *until = now + milliseconds(lifetime);
                    json!(1)
                }
                None => json!(0),
            },
            ["EVAL", revocations::TELL, "2", stream, generation, number, _, _, notes @ ..] => {
                self.texts
                    .entry((*generation).to_owned())
                    .or_insert(((*number).to_owned(), now + milliseconds("99999999")));
                for note in notes {
                    self.entries += 1;
                    self.streams.entry((*stream).to_owned()).or_default().push((self.entries, (*note).to_owned()));
                }
                json!(notes.len())
            }
            ["EVAL", revocations::READ, "2", stream, generation, from, count] => {
                let after = from
                    .strip_prefix('(')
                    .and_then(|id| id.strip_suffix("-0"))
                    .map_or(0, |id| id.parse().expect("an entry"));
                let mut reply = vec![json!(self.text(generation))];
                let entries = self.streams.get(*stream).into_iter().flatten().filter(|(id, _)| *id > after);
                for (id, note) in entries.take(count.parse().expect("a number")) {
                    reply.extend([json!(format!("{id}-0")), json!(note)]);
                }
                Value::Array(reply)
            }
            ["EVAL", refresh::CLAIM, "1", key, holder, lease] => {
                let value = self.text(key);
                if value.is_empty() {
                    self.set(key, holder, lease, now);
                }
                json!(value)
            }
            ["EVAL", refresh::LEAVE, "1", key, value, grace] => {
                self.set(key, value, grace, now);
                json!(1)
            }
            ["EVAL", refresh::LEAVE, "2", key, session_key, value, grace, session, lifetime] => {
                self.set(key, value, grace, now);
                if self.texts.contains_key(*session_key) {
                    self.set(session_key, session, lifetime, now);
                }
                json!(1)
            }
            ["EVAL", sessions::LOAD, "1", key] => {
                let left = self
                    .texts
                    .get(*key)
                    .map_or(-2, |(_, until)| i64::try_from(until.since(now).as_millis()).expect("short"));
                json!([self.text(key), left.to_string()])
            }
            other => panic!("an unexpected command: {other:?}"),
        };
        Response::json(200, &json!({ words[0]: reply }))
    }

    fn set(&mut self, key: &str, value: &str, lifetime: &str, now: UnixTime) {
        self.texts.insert(key.to_owned(), (value.to_owned(), now + milliseconds(lifetime)));
    }

    fn text(&self, key: &str) -> String {
        self.texts.get(key).map(|(value, _)| value.clone()).unwrap_or_default()
    }
}

fn milliseconds(text: &str) -> Duration {
    Duration::from_millis(text.parse().expect("a number"))
}
