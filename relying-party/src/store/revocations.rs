//! What instances tell each other of sessions that were ended: a stream, which each reads from where it stopped.
//!
//! Scripts, because Webdis shows no list within a list, and because what belongs together must not happen in part. Beside the
//! stream lies its generation, a random number that whoever writes first makes up: when it has changed, Redis has lost what it
//! knew (a restart without persistence, a failover), and everybody tells it again.

use std::time::Duration;

use crate::config::SessionPolicy;
use crate::entropy::Entropy;
use crate::session::cookie::SessionTooLarge;
use crate::session::revocation::Revocation;
use crate::session::seal::Purpose;
use crate::time::UnixTime;

use super::names::StoreNames;
use super::webdis::{Command, Reply, StoreError};
use crate::http::CalloutOutcome;

/// How many notes one command tells.
pub const NOTES_A_COMMAND: usize = 200;
/// How many one answer holds: 1000 of about 130 bytes are well below what is read.
const NOTES_AN_ANSWER: usize = 1000;
/// How many the stream keeps: as many as a process remembers one by one.
const NOTES_KEPT: u64 = 131_072;
/// How much longer than sessions live notes are kept: clocks differ.
const SLACK: Duration = Duration::from_secs(3600);

/// Appends notes, forgets old ones, and begins a generation if there is none.
pub const TELL: &str = "redis.call('SET',KEYS[2],ARGV[1],'NX') \
for i=4,#ARGV do redis.call('XADD',KEYS[1],'MAXLEN','~',ARGV[2],'*','n',ARGV[i]) end \
redis.call('XTRIM',KEYS[1],'MINID','~',string.format('%.0f',redis.call('TIME')[1]*1000-ARGV[3])) \
redis.call('PEXPIRE',KEYS[1],ARGV[3]) redis.call('PEXPIRE',KEYS[2],ARGV[3]) \
return #ARGV-3";

/// The generation, then each note after its place.
pub const READ: &str = "local a={redis.call('GET',KEYS[2]) or ''} \
for _,e in ipairs(redis.call('XRANGE',KEYS[1],ARGV[1],'+','COUNT',ARGV[2])) do a[#a+1]=e[1] a[#a+1]=e[2][2] end \
return a";

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Something was ended.
    Ended(Revocation),
    /// Everything that was begun until then was ended.
    Floor(UnixTime),
}

impl Note {
    fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Ended(revocation) => [&[1][..], &revocation.to_bytes()].concat(),
            Self::Floor(floor) => [&[2][..], &floor.as_millis().to_be_bytes()].concat(),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (1, revocation) => Revocation::from_bytes(revocation).map(Self::Ended),
            (2, floor) => Some(Self::Floor(UnixTime::from_millis(u64::from_be_bytes(floor.try_into().ok()?)))),
            _ => None,
        }
    }
}

/// How far the stream was read. Empty: not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// Reads what [`Self::as_str`] wrote, or what Redis calls an entry: two numbers.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let (time, sequence) = text.split_once('-')?;
        (number(time) && number(sequence)).then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the rest begins.
    fn rest(&self) -> String {
        if self.0.is_empty() { "-".to_owned() } else { format!("({}", self.0) }
    }
}

/// What the stream held.
#[derive(Debug, PartialEq, Eq)]
pub struct News {
    /// Which stream it is; empty while nobody has told anything.
    pub generation: String,
    /// What was told, in order.
    pub notes: Vec<Note>,
    /// How many could not be opened: their writers have other session keys.
    pub unreadable: usize,
    /// Where the rest begins, if there was anything.
    pub cursor: Option<Cursor>,
    /// Whether there may be more.
    pub has_more: bool,
}

/// The stream of all instances that use the same cookie.
pub struct Stream<'a> {
    policy: &'a SessionPolicy,
    names: StoreNames<'a>,
    key: String,
    generation_key: String,
}

impl<'a> Stream<'a> {
    /// The stream under `policy`.
    pub fn new(policy: &'a SessionPolicy) -> Self {
        let names = StoreNames::of_deployment(&policy.cookie);
        let (key, generation_key) = (names.key("ended"), names.key("ended-generation"));
        Self { policy, names, key, generation_key }
    }

    /// Tells all other instances.
    pub fn tell(&self, notes: &[Note], entropy: &mut dyn Entropy) -> Result<Command, SessionTooLarge> {
        let kept = self.policy.absolute_timeout.saturating_add(SLACK);
        let script = Command::new("EVAL")
            .with(TELL)
            .with_number(2)
            .with(&self.key)
            .with(&self.generation_key)
            .with(entropy.token())
            .with_number(NOTES_KEPT)
            .with_duration(kept);
        notes.iter().try_fold(script, |script, note| {
            let place = (Purpose::StoredRevocation, self.key.as_str());
            Ok(script.with(self.names.seal(place, &note.to_bytes(), &self.policy.keys, entropy)?))
        })
    }

    /// Whether it was told.
    pub fn process_tell(outcome: CalloutOutcome) -> Result<(), StoreError> {
        match Command::process("EVAL", outcome)? {
            Reply::Integer(_) => Ok(()),
            _ => Err(StoreError::Malformed),
        }
    }

    /// Asks for what was told after `cursor`.
    pub fn read(&self, cursor: &Cursor) -> Command {
        Command::new("EVAL")
            .with(READ)
            .with_number(2)
            .with(&self.key)
            .with(&self.generation_key)
            .with(cursor.rest())
            .with_number(u64::try_from(NOTES_AN_ANSWER).unwrap_or(u64::MAX))
    }

    /// What was told.
    pub fn process_read(&self, outcome: CalloutOutcome) -> Result<News, StoreError> {
        let Reply::Texts(texts) = Command::process("EVAL", outcome)? else { return Err(StoreError::Malformed) };
        let (generation, entries) = texts.split_first().ok_or(StoreError::Malformed)?;
        if generation.len() > 64 || entries.len() % 2 != 0 {
            return Err(StoreError::Malformed);
        }
        let mut news = News {
            generation: generation.clone(),
            notes: Vec::new(),
            unreadable: 0,
            cursor: None,
            has_more: entries.len() / 2 >= NOTES_AN_ANSWER,
        };
        for entry in entries.chunks_exact(2) {
            let [id, value] = entry else { continue };
            news.cursor = Some(Cursor::parse(id).ok_or(StoreError::Malformed)?);
            let place = (Purpose::StoredRevocation, self.key.as_str());
            let opened = self.names.open(place, value, &self.policy.keys).ok();
            match opened.and_then(|opened| Note::from_bytes(&opened.plaintext)) {
                Some(note) => news.notes.push(note),
                None => news.unreadable = news.unreadable.saturating_add(1),
            }
        }
        Ok(news)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::http::Headers;
    use crate::secret::Secret;
    use crate::session::revocation::{Mark, RevocationKey};
    use crate::session::seal::KeyRing;
    use crate::session::testing::{TestEntropy, policy};

    const NOW: UnixTime = UnixTime::from_secs(1_900_000_000);

    fn ended(id: &str) -> Note {
        let key = RevocationKey::of(Mark::Session(id));
        Note::Ended(Revocation { key, revoked_at: NOW, until: NOW + Duration::from_secs(60) })
    }

    fn answered(reply: &Value) -> CalloutOutcome {
        let body = json!({"EVAL": reply}).to_string().into_bytes();
        CalloutOutcome::Answered { status: 200, headers: Headers::default(), body }
    }

    /// The arguments of what a command sends.
    fn arguments(command: &Command) -> Vec<String> {
        let body = String::from_utf8(command.request("webdis").body).unwrap();
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
        body.split('/').map(decode).collect()
    }

    #[test]
    fn what_one_instance_tells_another_reads() {
        let policy = policy();
        let stream = Stream::new(&policy);
        let told = [ended("a"), ended("b"), Note::Floor(NOW)];
        let command = stream.tell(&told, &mut TestEntropy::default()).unwrap();
        let sent = arguments(&command);
        assert_eq!((sent[0].as_str(), sent[2].as_str(), sent.len()), ("EVAL", "2", 11));
        assert_eq!(Stream::process_tell(answered(&json!(3))), Ok(()));

        let reply = json!(["g", "17-0", sent[8], "17-1", sent[9], "18-0", sent[10]]);
        let news = stream.process_read(answered(&reply)).unwrap();
        assert_eq!((news.notes.as_slice(), news.unreadable, news.has_more), (told.as_slice(), 0, false));
        assert_eq!(news.generation, "g");
        assert_eq!(arguments(&stream.read(&news.cursor.unwrap()))[5], "(18-0");
        assert_eq!(arguments(&stream.read(&Cursor::default()))[5], "-");
        assert_eq!(stream.process_read(answered(&json!([""]))).unwrap().cursor, None);
    }

    #[test]
    fn notes_that_cannot_be_opened_are_counted_and_passed_over() {
        let other = SessionPolicy { keys: KeyRing::new(vec![Secret::new([8; 32])]).unwrap(), ..policy() };
        let told = Stream::new(&other).tell(&[ended("a")], &mut TestEntropy::default()).unwrap();
        let policy = policy();
        let reply = json!(["g", "17-0", arguments(&told)[8], "17-1", "rubbish", "17-2", ""]);
        let news = Stream::new(&policy).process_read(answered(&reply)).unwrap();
        assert_eq!((news.notes.len(), news.unreadable), (0, 3));
        assert_eq!(news.cursor, Cursor::parse("17-2"));
    }

    #[test]
    fn answers_that_are_no_stream_are_refused() {
        let policy = policy();
        for reply in [
            json!([]),
            json!(null),
            json!("g"),
            json!(3),
            json!(["g", "17-0"]),
            json!(["g", "17", "x"]),
            json!(["g", "a-b", "x"]),
            json!(["g", "17-0)", "x"]),
            json!(["g", "-", "x"]),
            json!(["g".repeat(65)]),
        ] {
            assert_eq!(Stream::new(&policy).process_read(answered(&reply)), Err(StoreError::Malformed), "{reply}");
        }
        assert_eq!(Stream::process_tell(answered(&json!("OK"))), Err(StoreError::Malformed));
    }
}
