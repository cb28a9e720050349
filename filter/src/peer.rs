//! The connection that a request came over.

use std::ptr::null_mut;

use relying_party::peer::Peer;

/// SHA-256 of the client's certificate, in hexadecimal. Envoy has it for a certificate that nobody vouches for as well, which is
/// enough: TLS has proved the key (RFC 8705 §3).
const CERTIFICATE: &[u8] = b"connection\0sha256_peer_certificate_digest";

/// `proxy_status_t`
const OK: u32 = 0;

#[cfg_attr(target_family = "wasm", link(wasm_import_module = "env"))]
unsafe extern "C" {
    fn proxy_get_property(path: *const u8, path_size: usize, value: *mut *mut u8, value_size: *mut usize) -> u32;
}

/// The connection of the stream that the host is calling us for.
pub(crate) struct HostPeer;

impl Peer for HostPeer {
    fn certificate_sha256(&self) -> Option<[u8; 32]> {
        sha256_of_hex(&property(CERTIFICATE)?)
    }
}

/// The SDK's own form of this call panics on every status that it does not expect.
fn property(path: &[u8]) -> Option<Vec<u8>> {
    let (mut value, mut size) = (null_mut(), 0);
    // SAFETY: pointers and lengths are those of a live slice and variables, which the host uses during the call only.
    match unsafe { proxy_get_property(path.as_ptr(), path.len(), &raw mut value, &raw mut size) } {
        // SAFETY: the host got this memory from the SDK's `proxy_on_memory_allocate`, a vector with that capacity, and filled it.
        OK if !value.is_null() => Some(unsafe { Vec::from_raw_parts(value, size, size) }),
        _ => None,
    }
}

fn sha256_of_hex(hex: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = hex.as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes?.try_into().ok().filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        assert_eq!(sha256_of_hex("0aFf".repeat(16).as_bytes()), Some([[0x0a, 0xff]; 16].concat().try_into().unwrap()));
        for other in ["", "0a", "0aff0", "zz"].map(str::to_owned).into_iter().chain(["0a".repeat(33), "0a".repeat(31)])
        {
            assert_eq!(sha256_of_hex(other.as_bytes()), None, "{other}");
        }
    }
}
