//! Requests whose answers nobody waits for. Some are repeated until they are answered as they should be, or nobody needs them any
//! more.

use std::time::Duration;

use crate::http::CalloutOutcome;
use crate::store::Errand;
use crate::time::UnixTime;

use super::{CalloutId, Effect, Env, Gateway, Purpose};

/// How soon an errand is run again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How many may be under way or waiting. Beyond that they are not repeated.
const MOST_KEPT: usize = 256;

/// The errands that may have to be repeated.
#[derive(Default)]
pub(super) struct Errands {
    /// By the call, while one is under way.
    under_way: Vec<(CalloutId, Errand)>,
    /// With the time when it is run again.
    waiting: Vec<(UnixTime, Errand)>,
}

impl Errands {
    /// When the first of them is run again.
    pub(super) fn next_due(&self) -> Option<UnixTime> {
        self.waiting.iter().map(|(due, _)| *due).min()
    }

    fn has_room(&self) -> bool {
        self.under_way.len().saturating_add(self.waiting.len()) < MOST_KEPT
    }
}

impl Gateway {
    /// Runs what is new and what is due.
    pub(super) fn run_errands(&mut self, env: &Env<'_>, effects: &mut Vec<Effect>) {
        // An answer that the host has lost makes room.
        self.errands.under_way.retain(|(_, errand)| errand.until.is_some_and(|until| env.now < until));
        let due = self.errands.waiting.extract_if(.., |(due, _)| env.now >= *due).map(|(_, errand)| errand);
        let due: Vec<_> = due.chain(self.new_errands.drain(..)).collect();
        for errand in due {
            let callout = self.number(Purpose::Errand, &errand.request, env.now);
            effects.push(Effect::Dispatch { callout, stream: None, request: errand.request.clone() });
            if errand.until.is_some() && self.errands.has_room() {
                self.errands.under_way.push((callout, errand));
            }
        }
    }

    /// An errand has been run, well or not.
    pub(super) fn errand_ended(&mut self, callout: CalloutId, outcome: CalloutOutcome, now: UnixTime) {
        let place = self.errands.under_way.iter().position(|(of, _)| *of == callout);
        let Some((_, errand)) = place.map(|place| self.errands.under_way.swap_remove(place)) else { return };
        let due = now + AGAIN_AFTER;
        if errand.until.is_some_and(|until| due < until) && !(errand.is_done)(outcome) {
            self.errands.waiting.push((due, errand));
        }
    }
}
