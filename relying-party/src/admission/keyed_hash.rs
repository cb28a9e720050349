//! SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, <https://www.aumasson.jp/siphash/siphash.pdf>, and the authors'
//! reference code): a pseudo-random function under a secret key.
//!
//! Whoever does not know the key finds two inputs with one output only by guessing 128 bits right. So an output stands for its
//! input where the input comes from outside, and comparing outputs is comparing inputs.

use crate::entropy::Entropy;

/// A secret key, drawn when it is first needed and never shown.
pub(super) struct HashKey([u64; 2]);

/// What stands for an input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint(pub(super) [u64; 2]);

impl HashKey {
    pub(super) fn draw(entropy: &mut dyn Entropy) -> Self {
        Self([u64::from_le_bytes(entropy.bytes()), u64::from_le_bytes(entropy.bytes())])
    }

    pub(super) fn fingerprint(&self, input: &[u8]) -> Fingerprint {
        let Self([k0, k1]) = self;
        let mut state = State([
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ]);
        let (words, rest) = input.as_chunks::<8>();
        words.iter().for_each(|word| state.take(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
        // The highest byte is the input's length, modulo 256.
        let [length, ..] = input.len().to_le_bytes();
        state.take(u64::from_le_bytes(last) | u64::from(length) << 56);
        let first = state.output(2, 0xee);
        Fingerprint([first, state.output(1, 0xdd)])
    }
}

struct State([u64; 4]);

impl State {
    fn take(&mut self, word: u64) {
        self.0[3] ^= word;
        self.round();
        self.round();
        self.0[0] ^= word;
    }

    fn output(&mut self, place: usize, mark: u64) -> u64 {
        if let Some(word) = self.0.get_mut(place) {
            *word ^= mark;
        }
        (0..4).for_each(|_| self.round());
        self.0.iter().fold(0, |output, word| output ^ word)
    }

    fn round(&mut self) {
        let [mut v0, mut v1, mut v2, mut v3] = self.0;
        v0 = v0.wrapping_add(v1);
        v1 = v1.rotate_left(13) ^ v0;
        v0 = v0.rotate_left(32);
        v2 = v2.wrapping_add(v3);
        v3 = v3.rotate_left(16) ^ v2;
        v0 = v0.wrapping_add(v3);
        v3 = v3.rotate_left(21) ^ v0;
        v2 = v2.wrapping_add(v1);
        v1 = v1.rotate_left(17) ^ v2;
        v2 = v2.rotate_left(32);
        self.0 = [v0, v1, v2, v3];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_the_reference_implementation() {
        // `vectors_sip128` of the reference code: the key 00 01 … 0f, inputs of 0, 1, 2 … bytes 00 01 02 ….
        let key = HashKey([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);
        for (length, expected) in [
            (0, "a3817f04ba25a8e66df67214c7550293"),
            (1, "da87c1d86b99af44347659119b22fc45"),
            (2, "8177228da4a45dc7fca38bdef60affe4"),
            (3, "9c70b60c5267a94e5f33b6b02985ed51"),
        ] {
            let input: Vec<u8> = (0..length).collect();
            let Fingerprint([first, second]) = key.fingerprint(&input);
            let bytes = [first.to_le_bytes(), second.to_le_bytes()].concat();
            assert_eq!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected, "{length}");
        }
    }
}
