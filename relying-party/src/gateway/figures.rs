//! The gateway's own part of the metrics: what happens in every request is told once a second at most, for telling the host costs
//! more than counting.

use std::time::Duration;

use super::Gateway;
use crate::config::Rule;
use crate::flow::provider::Generation;
use crate::http::CalloutOutcome;
use crate::metrics::{Metric, Series};
use crate::reason::Reason as _;
use crate::time::UnixTime;

/// How long a count may wait.
const PERIOD: Duration = Duration::from_secs(1);

/// What is there with 0 from the start, for each provider, as are the look-ups in the caches: rates begin there.
const FROM_THE_START: [Metric; 6] = [
    Metric::LoginsStarted,
    Metric::LoginsFinished,
    Metric::SessionsOpened,
    Metric::SessionsRefreshed,
    Metric::TokensVerified,
    Metric::KeyFetches,
];

impl Gateway {
    /// The host's name for a series of [`Effect::Measure`](super::Effect::Measure).
    pub fn metric_name(&self, series: &Series) -> String {
        series.name(&self.slots)
    }

    pub(super) fn begin_figures(&mut self) {
        for provider in 0..self.slots.len() {
            FROM_THE_START.into_iter().for_each(|metric| self.metrics.record(metric, Some(provider), None, 0));
        }
        let exchanges = |rule: &Rule| rule.authentication.demand().is_some_and(|demand| demand.exchange.is_some());
        for (cache, is_used) in [
            ("session", self.config.session.is_some()),
            ("token", self.config.describes_resources),
            ("exchanged_token", self.config.rules.iter().any(exchanges)),
        ] {
            for metric in [Metric::CacheHits, Metric::CacheMisses].into_iter().filter(|_| is_used) {
                self.metrics.record(metric, None, Some(cache), 0);
            }
        }
    }

    /// Tells what has come together, and how things are.
    pub(super) fn take_figures(&mut self, now: UnixTime) {
        let (sessions, tokens, exchanged) = (self.sessions.lookups(), self.tokens.lookups(), self.answers.lookups());
        for (cache, lookups) in [("session", sessions), ("token", tokens), ("exchanged_token", exchanged)] {
            lookups.tell(cache, &mut self.metrics);
        }
        for (provider, slot) in self.slots.iter().enumerate() {
            if let Some(loaded) = &slot.loaded {
                self.metrics.record(Metric::KeysFetchedAt, Some(provider), None, loaded.loaded_at.as_secs());
            }
        }
        if let Some(link) = &self.store {
            self.metrics.record(Metric::StoreReached, None, None, link.status().is_reached(now).into());
        }
    }

    /// When something is to be told that has been counted.
    pub(super) fn figures_due(&mut self, now: UnixTime) -> Option<UnixTime> {
        let waiting = [self.sessions.lookups(), self.tokens.lookups(), self.answers.lookups()];
        waiting.into_iter().any(|lookups| !lookups.is_empty()).then(|| now + PERIOD)
    }

    pub(super) fn measure_callout(&mut self, call: &'static str, outcome: &CalloutOutcome, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.metrics.record(Metric::CalloutTime, None, Some(call), took);
        // Hosts answer 503 or 504 in the place of somebody who does not.
        if !matches!(outcome, CalloutOutcome::Answered { status: ..500, .. }) {
            self.metrics.count(Metric::CalloutsFailed, None, Some(call));
        }
    }

    pub(super) fn generation(&self, provider: usize) -> Option<Generation> {
        self.slots.get(provider)?.loaded.as_ref().map(|loaded| loaded.generation)
    }

    /// A fetch may have ended: whether it brought something newer than `before`.
    pub(super) fn count_fetch(&mut self, provider: usize, before: Option<Generation>) {
        if self.loader.is_fetching(provider) {
            return;
        }
        let failure = self.slots.get(provider).and_then(|slot| slot.failure.as_ref());
        if self.generation(provider) != before {
            self.metrics.count(Metric::KeyFetches, Some(provider), None);
        } else if let Some(failure) = failure {
            self.metrics.count(Metric::KeyFetchesFailed, Some(provider), Some(failure.code()));
        }
    }
}
