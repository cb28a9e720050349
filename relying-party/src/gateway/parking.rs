//! Requests that wait for something. Whatever is parked here is decided later; nothing is ever merely let go.

use std::collections::BTreeMap;

use crate::flow::{AwaitCallout, AwaitForm, AwaitProvider, AwaitTask, Need, SharedKey};
use crate::time::UnixTime;

use super::{CalloutId, StreamId};

/// A stream's flow and what it waits for.
pub(super) enum Parked {
    /// The end of its own call to a provider.
    Callout { callout: CalloutId, flow: AwaitCallout },
    /// The end of a task that it shares with others.
    Task { key: SharedKey, flow: AwaitTask },
    /// Its request's body, until `deadline`.
    Body { flow: AwaitForm, deadline: UnixTime },
    /// A provider's metadata or keys, until `deadline`.
    Provider { need: Need, flow: AwaitProvider, deadline: UnixTime },
}

#[derive(Default)]
pub(super) struct ParkingLot(BTreeMap<StreamId, Parked>);

impl ParkingLot {
    pub(super) fn park(&mut self, stream: StreamId, parked: Parked) {
        self.0.insert(stream, parked);
    }

    pub(super) fn remove(&mut self, stream: StreamId) -> Option<Parked> {
        self.0.remove(&stream)
    }

    pub(super) fn take_awaiting_callout(&mut self, stream: StreamId) -> Option<AwaitCallout> {
        match self.0.remove(&stream)? {
            Parked::Callout { flow, .. } => Some(flow),
            other => self.put_back(stream, other),
        }
    }

    pub(super) fn take_awaiting_task(&mut self, stream: StreamId) -> Option<AwaitTask> {
        match self.0.remove(&stream)? {
            Parked::Task { flow, .. } => Some(flow),
            other => self.put_back(stream, other),
        }
    }

    pub(super) fn take_awaiting_body(&mut self, stream: StreamId) -> Option<AwaitForm> {
        match self.0.remove(&stream)? {
            Parked::Body { flow, .. } => Some(flow),
            other => self.put_back(stream, other),
        }
    }

    /// Takes every stream that waits for a provider and for which `is_over(need, deadline)` holds.
    pub(super) fn take_ready(&mut self, is_over: impl Fn(Need, UnixTime) -> bool) -> Vec<(StreamId, AwaitProvider)> {
        self.0
            .extract_if(.., |_, parked| match parked {
                Parked::Provider { need, deadline, .. } => is_over(*need, *deadline),
                Parked::Callout { .. } | Parked::Task { .. } | Parked::Body { .. } => false,
            })
            .filter_map(|(stream, parked)| match parked {
                Parked::Provider { flow, .. } => Some((stream, flow)),
                Parked::Callout { .. } | Parked::Task { .. } | Parked::Body { .. } => None,
            })
            .collect()
    }

    /// Takes every stream whose body should have come by now.
    pub(super) fn take_overdue_forms(&mut self, now: UnixTime) -> Vec<(StreamId, AwaitForm)> {
        self.0
            .extract_if(.., |_, parked| matches!(parked, Parked::Body { deadline, .. } if now >= *deadline))
            .filter_map(|(stream, parked)| match parked {
                Parked::Body { flow, .. } => Some((stream, flow)),
                Parked::Callout { .. } | Parked::Task { .. } | Parked::Provider { .. } => None,
            })
            .collect()
    }

    /// Whether a stream waits for a provider.
    pub(super) fn awaits_provider(&self) -> bool {
        self.0.values().any(|parked| matches!(parked, Parked::Provider { .. }))
    }

    /// When the patience of the first waiting stream ends. Calls have a timeout of the host's.
    pub(super) fn next_deadline(&self) -> Option<UnixTime> {
        self.0
            .values()
            .filter_map(|parked| match parked {
                Parked::Provider { deadline, .. } | Parked::Body { deadline, .. } => Some(*deadline),
                Parked::Callout { .. } | Parked::Task { .. } => None,
            })
            .min()
    }

    fn put_back<T>(&mut self, stream: StreamId, parked: Parked) -> Option<T> {
        self.0.insert(stream, parked);
        None
    }
}
