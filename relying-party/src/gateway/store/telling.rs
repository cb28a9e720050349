//! What goes out: one call at a time, what was just ended before what is told again.

use crate::session::revocation::Revocation;
use crate::store::{NOTES_A_COMMAND, Note, StoreError};
use crate::time::UnixTime;

/// How many notes may wait in this VM. Beyond that they are told again by the VM that reads.
const MOST_WAITING: usize = 4096;

/// What a VM has to tell.
#[derive(Default)]
pub(super) struct Telling {
    stage: Stage,
    /// What was ended here.
    waiting: Vec<Revocation>,
    again: Option<Again>,
}

#[derive(Default)]
enum Stage {
    #[default]
    Idle,
    /// Something that was ended here, the earliest of it then.
    News { since: UnixTime, earliest: UnixTime },
    /// Something that may have been told before.
    Again { since: UnixTime },
}

/// Everything that was ended from a moment on.
pub(super) struct Again {
    pub(super) notes: Vec<Note>,
    /// What the record said when this began.
    pub(super) untold_since: Option<UnixTime>,
    pub(super) floor: UnixTime,
}

/// What the record has to say after a call.
pub(super) enum Outcome {
    /// Nothing new.
    Unchanged,
    /// What was ended from then on is not told.
    NotTold(UnixTime),
    /// Everything is told, as far as the record said so when it began.
    ToldAgain { untold_since: Option<UnixTime>, floor: UnixTime },
}

impl Telling {
    /// Takes what was ended here. There is no room for what was ended at the returned time or later.
    pub(super) fn add(&mut self, revocations: &[Revocation]) -> Option<UnixTime> {
        let room = MOST_WAITING.saturating_sub(self.waiting.len()).min(revocations.len());
        let (fits, rest) = revocations.split_at_checked(room)?;
        self.waiting.extend_from_slice(fits);
        earliest(rest)
    }

    /// Takes what is to be told again.
    pub(super) fn add_again(&mut self, again: Again) {
        self.again = Some(again);
    }

    pub(super) const fn is_telling_again(&self) -> bool {
        self.again.is_some()
    }

    /// When the call that is under way began.
    pub(super) const fn since(&self) -> Option<UnixTime> {
        match self.stage {
            Stage::News { since, .. } | Stage::Again { since } => Some(since),
            Stage::Idle => None,
        }
    }

    /// What the next call tells, unless one is under way.
    pub(super) fn next(&mut self, now: UnixTime) -> Option<Vec<Note>> {
        if !matches!(self.stage, Stage::Idle) {
            return None;
        }
        if let Some(earliest) = earliest(&self.waiting) {
            self.stage = Stage::News { since: now, earliest };
            let count = self.waiting.len().min(NOTES_A_COMMAND);
            return Some(self.waiting.drain(..count).map(Note::Ended).collect());
        }
        let again = self.again.as_mut()?;
        self.stage = Stage::Again { since: now };
        let count = again.notes.len().min(NOTES_A_COMMAND);
        Some(again.notes.drain(..count).collect())
    }

    /// The call has ended.
    pub(super) fn ended(&mut self, result: Result<(), StoreError>) -> Outcome {
        match (std::mem::take(&mut self.stage), result) {
            (Stage::Idle, _) | (Stage::News { .. }, Ok(())) => Outcome::Unchanged,
            // The rest would fail as well.
            (Stage::News { earliest: of_call, .. }, Err(_)) => {
                let rest = earliest(&std::mem::take(&mut self.waiting));
                Outcome::NotTold(rest.map_or(of_call, |rest| rest.min(of_call)))
            }
            (Stage::Again { .. }, Ok(())) => match self.again.take_if(|again| again.notes.is_empty()) {
                Some(Again { untold_since, floor, .. }) => Outcome::ToldAgain { untold_since, floor },
                None => Outcome::Unchanged,
            },
            // The record still says what is to be told.
            (Stage::Again { .. }, Err(_)) => {
                self.again = None;
                Outcome::Unchanged
            }
        }
    }
}

fn earliest(revocations: &[Revocation]) -> Option<UnixTime> {
    revocations.iter().map(|revocation| revocation.revoked_at).min()
}
