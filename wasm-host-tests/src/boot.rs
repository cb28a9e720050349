//! What a relying party in a simulated proxy starts with.

use crate::setup::Setup;
use crate::shared::SharedMap;
use crate::webdis;

/// What a relying party starts with.
#[derive(Clone)]
pub struct Boot {
    /// The configuration document as JSON.
    pub configuration: Vec<u8>,
    /// The environment of the VM.
    pub environment: Vec<(String, String)>,
    /// The clusters that exist.
    pub clusters: Vec<String>,
    /// What it shares with the other VMs of its process.
    pub shared: SharedMap,
    /// Whether the host has cryptography of its own.
    pub cryptography: bool,
    /// How the host verifies signatures.
    pub verification: Verification,
    /// Distinguishes the randomness of one instance from that of the next.
    pub instance: u64,
}

impl Boot {
    /// The start of the instance with this number.
    pub fn new(setup: &Setup, instance: u64) -> Self {
        Self {
            configuration: setup.document.to_string().into_bytes(),
            environment: setup.environment.clone(),
            clusters: setup.provider_clusters().into_iter().chain([webdis::CLUSTER.to_owned()]).collect(),
            shared: if setup.shares_data { SharedMap::default() } else { SharedMap::closed() },
            cryptography: setup.host_cryptography,
            verification: setup.verification,
            instance,
        }
    }
}

/// How a host verifies signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// As it should.
    Right,
    /// Not at all.
    Absent,
    /// It calls everything good.
    AlwaysYes,
    /// It calls nothing good.
    AlwaysNo,
}
