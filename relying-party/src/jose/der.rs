//! The little DER (ITU-T X.690) that hosts want: keys as SubjectPublicKeyInfo, ECDSA signatures as a sequence of integers.

use super::JwsAlgorithm;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// SEQUENCE { rsaEncryption, NULL } (RFC 3279 §2.3.1)
const RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
/// SEQUENCE { id-ecPublicKey, secp256r1 } (RFC 5480 §2.1.1)
pub(super) const P256: &[u8] = b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// SEQUENCE { id-ecPublicKey, secp384r1 }
pub(super) const P384: &[u8] = b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";
/// SEQUENCE { id-ecPublicKey, secp521r1 }
pub(super) const P521: &[u8] = b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23";
/// SEQUENCE { id-Ed25519 } (RFC 8410 §3)
pub(super) const ED25519: &[u8] = b"\x30\x05\x06\x03\x2b\x65\x70";

/// An RSA key as SubjectPublicKeyInfo (RFC 3279 §2.3.1).
pub(super) fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    public_key(RSA, &value(SEQUENCE, &[integer(modulus), integer(exponent)].concat()))
}

/// A key as SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
pub(super) fn public_key(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let bits = value(BIT_STRING, &[&[0], key].concat());
    value(SEQUENCE, &[algorithm, &bits].concat())
}

/// The ECDSA signature r‖s (RFC 7518 §3.4) as Ecdsa-Sig-Value (RFC 3279 §2.2.3). `None` when it cannot be one: another
/// length, or a number that is not between 1 and the curve's order.
pub fn ecdsa_signature(algorithm: JwsAlgorithm, signature: &[u8]) -> Option<Vec<u8>> {
    let order = order(algorithm)?;
    if signature.len() != order.len().checked_mul(2)? {
        return None;
    }
    let (r, s) = signature.split_at_checked(order.len())?;
    let in_range = |number: &[u8]| number < order && number.iter().any(|byte| *byte != 0);
    (in_range(r) && in_range(s)).then(|| value(SEQUENCE, &[integer(r), integer(s)].concat()))
}

/// The order of the algorithm's curve (FIPS 186-5, SP 800-186 §3.2.1).
const fn order(algorithm: JwsAlgorithm) -> Option<&'static [u8]> {
    match algorithm {
        JwsAlgorithm::Es256 => Some(
            b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\
              \xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51",
        ),
        JwsAlgorithm::Es384 => Some(
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
              \xc7\x63\x4d\x81\xf4\x37\x2d\xdf\x58\x1a\x0d\xb2\x48\xb0\xa7\x7a\xec\xec\x19\x6a\xcc\xc5\x29\x73",
        ),
        JwsAlgorithm::Es512 => Some(
            b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
              \xff\xff\xff\xff\xff\xff\xff\xff\xff\xfa\x51\x86\x87\x83\xbf\x2f\x96\x6b\x7f\xcc\x01\x48\xf7\x09\
              \xa5\xd0\x3b\xb5\xc9\xb8\x89\x9c\x47\xae\xbb\x6f\xb7\x1e\x91\x38\x64\x09",
        ),
        JwsAlgorithm::Rs256
        | JwsAlgorithm::Rs384
        | JwsAlgorithm::Rs512
        | JwsAlgorithm::Ps256
        | JwsAlgorithm::Ps384
        | JwsAlgorithm::Ps512
        | JwsAlgorithm::EdDsa => None,
    }
}

/// An unsigned number: without leading zeros, but with one where the first bit would read as a sign.
fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = number.get(zeros..).unwrap_or_default();
    let sign: &[u8] = if number.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
    value(INTEGER, &[sign, number].concat())
}

fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(content.len().saturating_add(4));
    encoded.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => encoded.push(short),
        // X.690 §8.1.3.5: the length of the length first.
        _ => {
            let length = content.len().to_be_bytes();
            let zeros = length.iter().take_while(|byte| **byte == 0).count();
            let length = length.get(zeros..).unwrap_or_default();
            encoded.push(0x80 | u8::try_from(length.len()).unwrap_or_default());
            encoded.extend_from_slice(length);
        }
    }
    encoded.extend_from_slice(content);
    encoded
}
