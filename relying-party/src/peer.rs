//! Who is at the other end of a request's connection, as far as the host knows.

/// What the connection of the request that is being handled says of the client. It is asked only for tokens that need it, and only
/// while the request itself is being handled: a flow that goes on later takes a [`KnownPeer`] along.
pub trait Peer {
    /// SHA-256 of the certificate (DER) whose key the client has proved to have; `None` without one.
    ///
    /// Whether somebody vouches for the certificate does not matter here: the authorization server knows the client, and TLS
    /// proves the key (RFC 8705 §3).
    fn certificate_sha256(&self) -> Option<[u8; 32]>;
}

/// What is known of a peer, for later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownPeer {
    certificate_sha256: Option<[u8; 32]>,
}

impl KnownPeer {
    /// Asks `peer` now.
    pub fn of(peer: &dyn Peer) -> Self {
        Self { certificate_sha256: peer.certificate_sha256() }
    }

    /// A client with a certificate of this digest.
    pub const fn with_certificate(sha256: [u8; 32]) -> Self {
        Self { certificate_sha256: Some(sha256) }
    }
}

impl Peer for KnownPeer {
    fn certificate_sha256(&self) -> Option<[u8; 32]> {
        self.certificate_sha256
    }
}
