//! Something to be done without waiting for it.

use crate::http::{CalloutOutcome, CalloutRequest};
use crate::time::UnixTime;

/// A request whose answer nobody waits for.
pub struct Errand {
    /// The request.
    pub request: CalloutRequest,
    /// Until when it is repeated, if it fails; `None`: it is not.
    pub until: Option<UnixTime>,
    /// Whether this is how it ends well.
    pub is_done: fn(CalloutOutcome) -> bool,
}

impl Errand {
    /// Something that is tried once.
    pub fn once(request: CalloutRequest) -> Self {
        Self { request, until: None, is_done: |_| true }
    }
}
