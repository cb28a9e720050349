//! Sealing: authenticated encryption of what the browser keeps for us.

use crate::secret::Secret;

/// The keys of this deployment: the first seals, all of them open.
#[derive(Debug)]
pub struct KeyRing {
    #[allow(dead_code)]
    keys: Vec<Secret<[u8; 32]>>,
}
