//! The link to the store: what others have ended comes in, what was ended here goes out.
//!
//! One VM of a process reads, every second, and lets the others know through the revocations that all of them share; where it
//! stands is in a [`Record`]. Whoever ends something tells the store at once. When that fails, the record says so, and the VM
//! that reads tells it again as soon as the store answers: what is to be told is in shared memory, not in the VM that failed.

mod record;
mod telling;

use std::time::Duration;

use prost::Message as _;

use self::record::Record;
use self::telling::{Again, Outcome, Telling};
use super::{Effect, Env, Gateway, Purpose};
use crate::config::{OnStoreFailure, SessionPolicy, StorePolicy};
use crate::http::{CalloutOutcome, CalloutRequest};
use crate::log::LogLine;
use crate::reason::Reason as _;
use crate::session::revocation::{Revocation, Revocations};
use crate::shared::{Expected, OwnData, SharedData as _, SharedOrOwn};
use crate::store::{COMMAND_TIMEOUT, News, Note, OUTAGE_AFTER, StoreError, StoreStatus, Stream};
use crate::time::UnixTime;

/// How often the store is read.
const PERIOD: Duration = Duration::from_secs(1);
/// The same until it was read for the first time.
const IMPATIENT_PERIOD: Duration = Duration::from_millis(100);
/// How much later than the call's own timeout an answer is given up for lost.
const LOST_AFTER: Duration = Duration::from_secs(2);
/// Writers who meet try again this often.
const ATTEMPTS: usize = 16;
/// A floor that lies further ahead was set by a clock that is wrong: it would end sessions that are still to begin.
const CLOCKS_DIFFER_BY: Duration = Duration::from_secs(300);

/// A call to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreCall {
    /// What others have ended.
    Read,
    /// What was ended here.
    Tell,
}

/// This VM's link to the store.
pub(super) struct StoreLink {
    store: StorePolicy,
    /// Of the record.
    key: String,
    /// Where the record is when the host does not share it.
    own: OwnData,
    /// This VM as the holder of a lease; 0 until it is drawn.
    id: u64,
    reading: Reading,
    telling: Telling,
    looked_at: UnixTime,
    /// When this VM found the store reached that was not before.
    back_at: UnixTime,
    status: StoreStatus,
}

enum Reading {
    Idle { due: UnixTime },
    UnderWay { since: UnixTime },
}

impl StoreLink {
    /// The link that `session` asks for.
    pub(super) fn new(session: &SessionPolicy) -> Option<Self> {
        let store = session.store.clone()?;
        Some(Self {
            key: record::key(&store, session),
            own: OwnData::default(),
            id: 0,
            reading: Reading::Idle { due: UnixTime::from_secs(0) },
            telling: Telling::default(),
            looked_at: UnixTime::from_secs(0),
            back_at: UnixTime::from_secs(0),
            status: StoreStatus::unknown(store.on_failure),
            store,
        })
    }

    /// What is known of the store.
    pub(super) const fn status(&self) -> StoreStatus {
        self.status
    }

    /// When this VM found the store reached that was not before. What was read of it is in what all VMs share since then at the
    /// latest, and is to be heard before anybody is let in because the store is reached.
    pub(super) const fn back_at(&self) -> UnixTime {
        self.back_at
    }

    /// A request comes: it shall find what the VM that reads has found out, even if this one's timer is late. Who would be refused
    /// because of the store is not refused by yesterday's news.
    pub(super) fn look(&mut self, env: &mut Env<'_>) {
        let is_late = self.looked_at > env.now || env.now.since(self.looked_at) >= PERIOD;
        if is_late || !self.status.is_reached(env.now) {
            let (record, _) = self.read(env);
            self.take(&record, env.now);
        }
    }

    /// Takes what was ended here.
    pub(super) fn add(&mut self, revocations: &[Revocation], env: &mut Env<'_>) {
        if let Some(since) = self.telling.add(revocations) {
            self.change(env, |record| record.not_told(since));
        }
    }

    /// The next call to tell something, if it is due.
    pub(super) fn tell(&mut self, session: &SessionPolicy, env: &mut Env<'_>) -> Option<CalloutRequest> {
        let notes = self.telling.next(env.now)?;
        // Notes are far smaller than the largest value.
        let command = Stream::new(session).tell(&notes, env.entropy).ok()?;
        Some(command.request(&self.store.cluster))
    }

    /// The next call to read, if it is due and no other VM reads.
    pub(super) fn ask(
        &mut self,
        session: &SessionPolicy,
        revocations: &mut Revocations,
        env: &mut Env<'_>,
        log: &mut Vec<LogLine>,
    ) -> Option<CalloutRequest> {
        match self.reading {
            Reading::Idle { due } if env.now >= due || due > env.now + PERIOD => {}
            Reading::Idle { .. } | Reading::UnderWay { .. } => return None,
        }
        let (mut record, expected) = self.read(env);
        self.take(&record, env.now);
        if self.id == 0 {
            self.id = u64::from_le_bytes(env.entropy.bytes()).max(1);
        }
        if record.is_held_by_another(self.id, env.now) {
            self.pause(env.now);
            return None;
        }
        record.hold(self.id, env.now);
        if !self.write(&record, expected, env) {
            self.pause(env.now);
            return None;
        }
        self.tell_again(&record, revocations, env, log);
        self.reading = Reading::UnderWay { since: env.now };
        Some(Stream::new(session).read(&record.cursor()).request(&self.store.cluster))
    }

    /// Takes the answer to a call.
    pub(super) fn answered(
        &mut self,
        call: StoreCall,
        outcome: CalloutOutcome,
        (session, revocations): (&SessionPolicy, &mut Revocations),
        env: &mut Env<'_>,
        log: &mut Vec<LogLine>,
    ) {
        match call {
            StoreCall::Tell => match self.telling.ended(Stream::process_tell(outcome)) {
                Outcome::Unchanged => {}
                Outcome::NotTold(since) => drop(self.change(env, |record| record.not_told(since))),
                Outcome::ToldAgain { untold_since, floor } => {
                    self.change(env, |record| record.told(untold_since, floor));
                }
            },
            StoreCall::Read => {
                self.pause(env.now);
                match Stream::new(session).process_read(outcome) {
                    Ok(news) => self.has_read(&news, revocations, env, log),
                    Err(error) => self.has_failed(error, env, log),
                }
            }
        }
    }

    /// Calls whose answer should have come long ago.
    pub(super) fn lost(&self, now: UnixTime) -> Vec<StoreCall> {
        let calls = [(StoreCall::Tell, self.telling.since()), (StoreCall::Read, self.reading_since())];
        let is_lost = |since: Option<UnixTime>| since.is_some_and(|since| now >= lost_at(since));
        calls.into_iter().filter(|(_, since)| is_lost(*since)).map(|(call, _)| call).collect()
    }

    /// When something is to be begun or given up.
    pub(super) fn next_due(&self) -> UnixTime {
        let reading = match self.reading {
            Reading::Idle { due } => due,
            Reading::UnderWay { since } => lost_at(since),
        };
        self.telling.since().map_or(reading, |since| lost_at(since).min(reading))
    }

    const fn reading_since(&self) -> Option<UnixTime> {
        match self.reading {
            Reading::UnderWay { since } => Some(since),
            Reading::Idle { .. } => None,
        }
    }

    /// The next reading is due after a while.
    fn pause(&mut self, now: UnixTime) {
        let pause = if self.status.reached_at.is_some() { PERIOD } else { IMPATIENT_PERIOD };
        self.reading = Reading::Idle { due: now + pause };
    }

    /// What others could not tell is told again once the store answers, and so is the floor.
    fn tell_again(
        &mut self,
        record: &Record,
        revocations: &mut Revocations,
        env: &mut Env<'_>,
        log: &mut Vec<LogLine>,
    ) {
        revocations.poll(env.shared, env.now, log);
        let (floor, untold_since) = (revocations.floor(), record.untold_since());
        let is_due = untold_since.is_some() || floor > record.floor_told();
        if !is_due
            || self.telling.is_telling_again()
            || record.failing_since().is_some()
            || self.status.reached_at.is_none()
        {
            return;
        }
        let since = untold_since.unwrap_or(env.now);
        let ended = revocations.iter().filter(|entry| entry.revoked_at >= since && env.now < entry.until);
        let mut notes: Vec<_> = ended.copied().map(Note::Ended).collect();
        notes.extend((floor > UnixTime::from_millis(0)).then_some(Note::Floor(floor)));
        if notes.is_empty() {
            self.change(env, |record| record.told(untold_since, floor));
        } else {
            self.telling.add_again(Again { notes, untold_since, floor });
        }
    }

    fn has_read(&mut self, news: &News, revocations: &mut Revocations, env: &mut Env<'_>, log: &mut Vec<LogLine>) {
        import(news, revocations, env, log);
        let (id, now) = (self.id, env.now);
        let progress = self.change(env, |record| {
            // Whoever has taken over reads for itself.
            if !record.is_held_by(id) {
                return Progress::Elsewhere;
            }
            if !record.is_of(&news.generation) {
                record.begin_again(&news.generation);
                return Progress::Anew;
            }
            if let Some(cursor) = &news.cursor {
                record.set_cursor(cursor);
            }
            if news.has_more {
                return Progress::Behind;
            }
            let outage = record.failing_since().filter(|_| record.is_reported());
            record.succeeded(now);
            Progress::CaughtUp { outage }
        });
        match progress {
            Some(Progress::Anew) => self.reading = Reading::Idle { due: now + IMPATIENT_PERIOD },
            Some(Progress::Behind) => self.reading = Reading::Idle { due: now },
            Some(Progress::CaughtUp { outage: Some(since) }) => {
                log.push(LogLine::info(format!("store: reached again after {} s", now.since(since).as_secs())));
            }
            Some(Progress::CaughtUp { outage: None } | Progress::Elsewhere) | None => {}
        }
    }

    fn has_failed(&mut self, error: StoreError, env: &mut Env<'_>, log: &mut Vec<LogLine>) {
        let (id, now) = (self.id, env.now);
        let is_news = self.change(env, |record| {
            if !record.is_held_by(id) {
                return false;
            }
            record.failed(error, now);
            let is_outage = record.failing_since().is_some_and(|since| now.since(since) >= OUTAGE_AFTER);
            let is_news = is_outage && !record.is_reported();
            if is_news {
                record.reported();
            }
            is_news
        });
        if is_news == Some(true) {
            let consequence = match self.store.on_failure {
                OnStoreFailure::Deny => "requests that need a session are answered 503",
                OnStoreFailure::Local => "what other instances end stays unnoticed here",
            };
            log.push(LogLine::warn(format!(
                "store: {}: {error} (cluster {}), for {} s now; until then {consequence}",
                error.code(),
                self.store.cluster,
                OUTAGE_AFTER.as_secs(),
            )));
        }
    }

    fn take(&mut self, record: &Record, now: UnixTime) {
        let was_away = !self.status.is_reached(now);
        self.looked_at = now;
        self.status.reached_at = record.reached_at(now);
        self.status.failure = record.failure();
        if was_away && self.status.is_reached(now) {
            self.back_at = now;
        }
    }

    /// Changes the record, and says what `change` says of it; `None` when others write all the time.
    fn change<T>(&mut self, env: &mut Env<'_>, mut change: impl FnMut(&mut Record) -> T) -> Option<T> {
        for _ in 0..ATTEMPTS {
            let (mut record, expected) = self.read(env);
            let result = change(&mut record);
            if self.write(&record, expected, env) {
                self.take(&record, env.now);
                return Some(result);
            }
        }
        None
    }

    fn read(&mut self, env: &mut Env<'_>) -> (Record, Expected) {
        let entry = SharedOrOwn { shared: env.shared, own: &mut self.own }.read(&self.key).ok().flatten();
        // What cannot be read is replaced.
        let record = entry.as_ref().and_then(|entry| Record::decode(entry.value.as_slice()).ok());
        (record.unwrap_or_default(), Expected::of(entry.as_ref()))
    }

    /// Whether the record was written; not when another has written since it was read.
    fn write(&mut self, record: &Record, expected: Expected, env: &mut Env<'_>) -> bool {
        let value = record.encode_to_vec();
        SharedOrOwn { shared: env.shared, own: &mut self.own }.write(&self.key, &value, expected).is_ok()
    }
}

impl Gateway {
    /// What was ended here goes out; what others have ended comes in, if it `may_read`.
    pub(super) fn link_to_others(&mut self, may_read: bool, env: &mut Env<'_>, effects: &mut Vec<Effect>) {
        let made_here = self.revocations.take_made_here();
        let (Some(link), Some(session)) = (&mut self.store, &self.config.session) else { return };
        if !made_here.is_empty() {
            link.add(&made_here, env);
        }
        let told = link.tell(session, env).map(|request| (StoreCall::Tell, request));
        let revocations = &mut self.revocations;
        let read = may_read.then(|| link.ask(session, revocations, env, &mut self.log)).flatten();
        for (call, request) in told.into_iter().chain(read.map(|request| (StoreCall::Read, request))) {
            let callout = self.number(Purpose::Store(call), &request, env.now);
            effects.push(Effect::Dispatch { callout, stream: None, request });
        }
    }

    /// A call to the store has ended.
    pub(super) fn store_answered(&mut self, call: StoreCall, outcome: CalloutOutcome, env: &mut Env<'_>) {
        if let (Some(link), Some(session)) = (&mut self.store, &self.config.session) {
            link.answered(call, outcome, (session, &mut self.revocations), env, &mut self.log);
            self.revocations.expect_news(link.back_at());
            self.revocations.poll(env.shared, env.now, &mut self.log);
        }
    }

    /// Ends calls whose answer the host has lost.
    pub(super) fn give_up_lost_store_calls(&mut self, env: &mut Env<'_>) {
        for call in self.store.iter().flat_map(|link| link.lost(env.now)).collect::<Vec<_>>() {
            self.callouts.retain(|_, outstanding| !matches!(outstanding.purpose, Purpose::Store(of) if of == call));
            self.store_answered(call, CalloutOutcome::Failed, env);
        }
    }
}

/// How far a reading has come.
enum Progress {
    /// Another VM reads by now.
    Elsewhere,
    /// The store has lost what it knew.
    Anew,
    /// There is more.
    Behind,
    /// Everything is known here, after an outage since then that the log knows of.
    CaughtUp { outage: Option<UnixTime> },
}

/// Takes what others have ended.
fn import(news: &News, revocations: &mut Revocations, env: &mut Env<'_>, log: &mut Vec<LogLine>) {
    let mut ended = Vec::new();
    for note in &news.notes {
        match note {
            Note::Ended(revocation) => ended.push(*revocation),
            Note::Floor(floor) if *floor <= env.now + CLOCKS_DIFFER_BY => {
                revocations.import_floor(*floor, env.shared);
            }
            Note::Floor(_) => {}
        }
    }
    revocations.import(&ended, env.shared, env.now);
    if news.unreadable > 0 {
        log.push(LogLine::warn(format!(
            "store: {} notes of other instances cannot be opened here: do all have the same session keys, and this cookie name \
             to themselves?",
            news.unreadable
        )));
    }
}

/// When the answer to a call of then is given up.
fn lost_at(since: UnixTime) -> UnixTime {
    since + COMMAND_TIMEOUT + LOST_AFTER
}
