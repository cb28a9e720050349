//! Calls to a provider on behalf of all who wait for the same thing.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::{Scene, Step, exchange, introspection};
use crate::denial::Denial;
use crate::http::{CalloutOutcome, CalloutRequest};

/// What is waited for, as a digest: a token in it is neither kept nor shown. Costs a hash of the whole token, so it is made only
/// when nothing is known of the token yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SharedKey([u8; 32]);

impl SharedKey {
    /// The key of those who want the same `purpose` fulfilled for the same `parts`.
    pub(crate) fn new<'a>(purpose: &'a str, parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut digest = Sha256::new();
        for part in std::iter::once(purpose.as_bytes()).chain(parts) {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SharedKey")
    }
}

/// A flow that waits for the answer to a call that it may share with others.
pub enum AwaitShared {
    /// What the issuer says of an access token.
    Introspection(introspection::AwaitIntrospection),
    /// A token for the backend.
    Exchange(exchange::AwaitExchange),
}

impl AwaitShared {
    /// The call, if nobody has made it yet.
    pub fn request(&self, scene: &mut Scene<'_>) -> Result<CalloutRequest, Denial> {
        match self {
            Self::Introspection(flow) => flow.request(scene),
            Self::Exchange(flow) => flow.request(scene),
        }
    }

    /// Goes on with the answer, or with what the first of those who waited made of it.
    pub fn resume(self, outcome: CalloutOutcome, scene: &mut Scene<'_>) -> Step {
        match self {
            Self::Introspection(flow) => flow.resume(outcome, scene),
            Self::Exchange(flow) => flow.resume(outcome, scene),
        }
    }

    /// Ends without the call.
    pub fn refuse(self, denial: Denial, scene: &mut Scene<'_>) -> Step {
        match self {
            Self::Introspection(flow) => flow.refuse(denial, scene),
            Self::Exchange(flow) => flow.refuse(denial, scene),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_things_do_not_meet() {
        let key = |purpose: &str, parts: &[&[u8]]| SharedKey::new(purpose, parts.iter().copied());
        assert_eq!(key("a", &[b"b", b"c"]), key("a", &[b"b", b"c"]));
        for other in [key("ab", &[b"c"]), key("a", &[b"bc"]), key("a", &[b"c", b"b"]), key("a", &[b"b", b"c", b""])] {
            assert_ne!(key("a", &[b"b", b"c"]), other);
        }
        assert_eq!(format!("{:?}", key("a", &[b"secret"])), "SharedKey");
    }
}
