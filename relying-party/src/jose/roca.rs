//! ROCA (CVE-2017-15361): RSA keys that a faulty library in smart cards and TPMs made, and that can be factored.

/// The generator of the residues, and how far the primes go that the library multiplied for keys of 2048 bits and more.
const GENERATOR: u32 = 65537;
const LARGEST_PRIME: u32 = 701;

/// Whether `modulus` (big-endian) bears the fingerprint: modulo every small prime it is a power of 65537 (Nemec, Sýs,
/// Švenda, Klinec, Matyáš: The Return of Coppersmith's Attack, CCS 2017, §2.1 and §4.1). An honest modulus does so by chance
/// once in 2^154.
pub(super) fn is_fingerprinted(modulus: &[u8]) -> bool {
    (2..=LARGEST_PRIME).filter(|number| is_prime(*number)).all(|prime| {
        let residue = modulus.iter().fold(0, |residue, byte| reduce(residue, 256, u32::from(*byte), prime));
        is_power_of_generator(residue, prime)
    })
}

fn is_prime(number: u32) -> bool {
    (2..number)
        .take_while(|factor| factor.saturating_mul(*factor) <= number)
        .all(|factor| !number.is_multiple_of(factor))
}

fn is_power_of_generator(residue: u32, prime: u32) -> bool {
    let mut power = 1;
    for _ in 1..prime {
        if power == residue {
            return true;
        }
        power = reduce(power, GENERATOR, 0, prime);
    }
    false
}

/// `a · b + c` modulo `prime`; everything is far below 2^32.
fn reduce(a: u32, b: u32, c: u32, prime: u32) -> u32 {
    a.wrapping_mul(b).wrapping_add(c).checked_rem(prime).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rsa::BigUint;

    use super::*;

    /// A number of the form k·M + 65537^a mod M, as all factors and products of that library have.
    #[expect(clippy::arithmetic_side_effects, reason = "these numbers have no bound")]
    fn made_like_the_library(bits: usize) -> BigUint {
        let primes = (2..=LARGEST_PRIME).filter(|number| is_prime(*number));
        let product = primes.map(BigUint::from).fold(BigUint::from(1_u8), |product, prime| product * prime);
        let residue = BigUint::from(GENERATOR).modpow(&BigUint::from(123_456_789_u32), &product);
        (BigUint::from(1_u8) << (bits - 1)) / &product * &product + &product + residue
    }

    #[test]
    fn the_fingerprint_is_recognised_and_others_are_not() {
        let modulus = made_like_the_library(2048);
        assert!(is_fingerprinted(&modulus.to_bytes_be()));
        assert!(is_fingerprinted(&[&[0, 0], &modulus.to_bytes_be()[..]].concat()));
        for other in 1_u8..100 {
            assert!(!is_fingerprinted(&(&modulus + BigUint::from(2 * other)).to_bytes_be()), "{other}");
        }
    }
}
