//! What stands for randomness.

use relying_party::entropy::Entropy;

/// Counts. Nothing that is made of it is shown or leaves the process.
#[derive(Debug, Default)]
pub struct Placeholders(u8);

impl Entropy for Placeholders {
    fn fill(&mut self, buffer: &mut [u8]) {
        for byte in buffer {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
    }
}
