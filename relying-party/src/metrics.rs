//! What is counted and measured, for the host's statistics. Names and labels are part of the public interface: docs/src/monitoring.md.

use crate::flow::provider::ProviderSlot;

/// What is counted or measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Browsers sent to a provider; once for a silent attempt and the sign-in that follows it.
    LoginsStarted,
    /// Browsers that came back and have a session now.
    LoginsFinished,
    /// Logins that did not begin, or did not end in a session.
    LoginsFailed,
    /// Sessions begun, one with each login that finished.
    SessionsOpened,
    /// Sessions that go on with new tokens.
    SessionsRefreshed,
    /// Refreshes that failed, and left the session as it was.
    RefreshesFailed,
    /// Sessions that ended before their time.
    SessionsEnded,
    /// Sessions and tokens behind which there is no authentication that is recent or strong enough for a rule.
    StepUps,
    /// Access tokens verified, each once as long as it is remembered.
    TokensVerified,
    /// Requests whose access token is not good, or that bring none.
    TokensRefused,
    /// Requests refused for other reasons.
    RequestsRefused,
    /// Look-ups that found what was verified before.
    CacheHits,
    /// Look-ups that did not.
    CacheMisses,
    /// Times that a provider's keys were fetched.
    KeyFetches,
    /// Times that they could not be fetched.
    KeyFetchesFailed,
    /// When the keys in use were fetched (seconds since 1970).
    KeysFetchedAt,
    /// How long calls took (milliseconds).
    CalloutTime,
    /// Calls that were not answered, or with a server's error.
    CalloutsFailed,
    /// Whether the store can be reached: 1 or 0.
    StoreReached,
}

/// How a value is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is added.
    Counter,
    /// It replaces the last one.
    Gauge,
    /// It is one of many, to be counted by size.
    Histogram,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 19] = [
        Self::LoginsStarted,
        Self::LoginsFinished,
        Self::LoginsFailed,
        Self::SessionsOpened,
        Self::SessionsRefreshed,
        Self::RefreshesFailed,
        Self::SessionsEnded,
        Self::StepUps,
        Self::TokensVerified,
        Self::TokensRefused,
        Self::RequestsRefused,
        Self::CacheHits,
        Self::CacheMisses,
        Self::KeyFetches,
        Self::KeyFetchesFailed,
        Self::KeysFetchedAt,
        Self::CalloutTime,
        Self::CalloutsFailed,
        Self::StoreReached,
    ];

    /// Its name, before the labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoginsStarted => "logins_started_total",
            Self::LoginsFinished => "logins_finished_total",
            Self::LoginsFailed => "logins_failed_total",
            Self::SessionsOpened => "sessions_opened_total",
            Self::SessionsRefreshed => "sessions_refreshed_total",
            Self::RefreshesFailed => "refreshes_failed_total",
            Self::SessionsEnded => "sessions_ended_total",
            Self::StepUps => "step_ups_total",
            Self::TokensVerified => "tokens_verified_total",
            Self::TokensRefused => "tokens_refused_total",
            Self::RequestsRefused => "requests_refused_total",
            Self::CacheHits => "cache_hits_total",
            Self::CacheMisses => "cache_misses_total",
            Self::KeyFetches => "key_fetches_total",
            Self::KeyFetchesFailed => "key_fetches_failed_total",
            Self::KeysFetchedAt => "keys_fetched_timestamp_seconds",
            Self::CalloutTime => "callout_milliseconds",
            Self::CalloutsFailed => "callouts_failed_total",
            Self::StoreReached => "store_reached",
        }
    }

    /// How its values are taken.
    pub const fn kind(self) -> Kind {
        match self {
            Self::KeysFetchedAt | Self::StoreReached => Kind::Gauge,
            Self::CalloutTime => Kind::Histogram,
            _ => Kind::Counter,
        }
    }

    /// What [`Series::detail`] is.
    const fn label(self) -> &'static str {
        match self {
            Self::CacheHits | Self::CacheMisses => ".cache.",
            Self::CalloutTime | Self::CalloutsFailed => ".call.",
            _ => ".reason.",
        }
    }
}

/// A metric for certain labels. There are no more of them than the code has reasons and the configuration providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// The metric.
    pub metric: Metric,
    /// The provider's index in the configuration.
    pub provider: Option<usize>,
    /// A reason code, the name of a cache or of a kind of call.
    pub detail: Option<&'static str>,
}

impl Series {
    /// The name for the host. Labels stand in it as hosts extract them: `latchkey.NAME.provider.P.reason.R`.
    pub fn name(&self, providers: &[ProviderSlot]) -> String {
        let mut name = format!("latchkey.{}", self.metric.name());
        if let Some(slot) = self.provider.and_then(|index| providers.get(index)) {
            name.extend([".provider.", &slot.config.name]);
        }
        if let Some(detail) = self.detail {
            name.extend([self.metric.label(), detail]);
        }
        name
    }
}

/// A value of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Of what.
    pub series: Series,
    /// The value.
    pub value: u64,
}

/// What has come together since the host was told last.
#[derive(Debug, Default)]
pub struct Metrics(Vec<Sample>);

impl Metrics {
    /// One more.
    pub fn count(&mut self, metric: Metric, provider: Option<usize>, detail: Option<&'static str>) {
        self.record(metric, provider, detail, 1);
    }

    /// A value.
    pub fn record(&mut self, metric: Metric, provider: Option<usize>, detail: Option<&'static str>, value: u64) {
        self.0.push(Sample { series: Series { metric, provider, detail }, value });
    }

    /// Takes all.
    pub fn drain(&mut self) -> impl Iterator<Item = Sample> {
        self.0.drain(..)
    }
}

/// Look-ups are counted where they happen, and told later: there is one in every request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// With success.
    pub hits: u64,
    /// Without.
    pub misses: u64,
}

impl Lookups {
    /// One more.
    pub const fn count(&mut self, is_hit: bool) {
        let counter = if is_hit { &mut self.hits } else { &mut self.misses };
        *counter = counter.wrapping_add(1);
    }

    /// Whether there is something to tell.
    pub const fn is_empty(self) -> bool {
        self.hits == 0 && self.misses == 0
    }

    /// Tells those of the cache of this name.
    pub fn tell(&mut self, cache: &'static str, metrics: &mut Metrics) {
        let Self { hits, misses } = std::mem::take(self);
        for (metric, count) in [(Metric::CacheHits, hits), (Metric::CacheMisses, misses)] {
            if count > 0 {
                metrics.record(metric, None, Some(cache), count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::rc::Rc;

    use super::*;
    use crate::protocol::test_provider::provider;

    #[test]
    fn a_name_says_metric_provider_and_detail() {
        let providers = [ProviderSlot::new(Rc::new(provider()))];
        let name = |metric, provider, detail| Series { metric, provider, detail }.name(&providers);
        for (metric, provider, detail, expected) in [
            (Metric::StoreReached, None, None, "latchkey.store_reached"),
            (Metric::LoginsStarted, Some(0), None, "latchkey.logins_started_total.provider.corp"),
            (
                Metric::LoginsFailed,
                Some(0),
                Some("id_token.expired"),
                "latchkey.logins_failed_total.provider.corp.reason.id_token.expired",
            ),
            (Metric::LoginsFailed, None, Some("login.loop"), "latchkey.logins_failed_total.reason.login.loop"),
            (Metric::CacheHits, None, Some("session"), "latchkey.cache_hits_total.cache.session"),
            (Metric::CalloutTime, None, Some("token"), "latchkey.callout_milliseconds.call.token"),
        ] {
            assert_eq!(name(metric, provider, detail), expected);
        }
    }

    #[test]
    fn names_are_distinct_and_say_what_they_count() {
        let names: BTreeSet<_> = Metric::ALL.map(Metric::name).into();
        assert_eq!(names.len(), Metric::ALL.len());
        for metric in Metric::ALL {
            assert_eq!(metric.kind() == Kind::Counter, metric.name().ends_with("_total"), "{metric:?}");
        }
    }
}
