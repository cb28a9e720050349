//! Sealing: authenticated encryption of what the browser keeps for us.
//!
//! A sealed value is `version(1) | provider tag(4) | key id(4) | nonce(24) | ciphertext and tag`, XChaCha20-Poly1305 with a
//! random nonce: 192 bits are enough to draw at random for the life of a key. All purposes share a key; what separates them,
//! and everything else that must not be exchanged, is associated data.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};

use crate::entropy::Entropy;
use crate::secret::Secret;

const VERSION: u8 = 1;
const NONCE_LENGTH: usize = 24;

/// The keys of this deployment: the first seals, all of them open. Never empty.
#[derive(Debug)]
pub struct KeyRing {
    sealing: Key,
    retired: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    id: [u8; 4],
    bytes: Secret<[u8; 32]>,
}

/// What a sealed value belongs to. It opens only under an equal binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// What the value is for.
    pub purpose: Purpose,
    /// The provider's issuer identifier.
    pub issuer: &'a str,
    /// The client's identifier at the provider.
    pub client_id: &'a str,
    /// The full name of the session cookie.
    pub cookie_name: &'a str,
    /// The host (`host` or `host:port`, lower case) that the browser talks to, or the cookie's `Domain`; for what lies in the
    /// store, the name of its key there.
    pub host: &'a str,
}

/// What a sealed value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A session.
    Session,
    /// A login in progress.
    Login,
    /// A posted form that waits for a login.
    Form,
    /// A refreshed session on its way to requests that still carry the old one.
    Refreshed,
    /// A session that lies in the store.
    StoredSession,
    /// A revocation that instances tell each other.
    StoredRevocation,
}

/// A sealed value, opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// What was sealed.
    pub plaintext: Vec<u8>,
    /// It was sealed with a key that no longer seals: seal it again soon, so that the old key can go.
    pub resealing_due: bool,
}

impl KeyRing {
    /// A ring whose first key seals; `None` without any key.
    pub fn new(keys: Vec<Secret<[u8; 32]>>) -> Option<Self> {
        let mut keys = keys.into_iter().map(Key::new);
        let sealing = keys.next()?;
        Some(Self { sealing, retired: keys.collect() })
    }

    /// Seals `plaintext` for `binding`.
    pub fn seal(&self, binding: &Binding<'_>, plaintext: &[u8], entropy: &mut dyn Entropy) -> Vec<u8> {
        let Key { id, bytes } = &self.sealing;
        let nonce = entropy.bytes::<NONCE_LENGTH>();
        let associated = binding.associated_data(id);
        let payload = Payload { msg: plaintext, aad: &associated };
        // Fails for 256 GiB and more only; and what is empty then opens as nothing.
        let ciphertext = cipher(bytes).encrypt(XNonce::from_slice(&nonce), payload).unwrap_or_default();
        [&[VERSION], &binding.provider_tag()[..], &id[..], &nonce[..], &ciphertext].concat()
    }

    /// A name that this deployment always gives `fields`, and that nobody without its first key can make or check: the first half
    /// of an HMAC-SHA-256 (RFC 2104), for this purpose alone.
    pub fn pseudonym(&self, fields: &[&str]) -> String {
        let mut bytes = b"latchkey pseudonym".to_vec();
        fields.iter().for_each(|field| append_field(&mut bytes, field));
        let Ok(mac) = <Hmac<Sha256> as Mac>::new_from_slice(self.sealing.bytes.expose()) else { return String::new() };
        let mac = mac.chain_update(bytes).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode(mac.get(..16).unwrap_or_default())
    }

    /// Opens what [`Self::seal`] made under an equal binding with one of the ring's keys. Every failure looks the same.
    pub fn open(&self, binding: &Binding<'_>, sealed: &[u8]) -> Option<Opened> {
        let parts = Parts::split(sealed).filter(|parts| *parts.provider_tag == binding.provider_tag())?;
        let open = |key: &Key| (key.id == *parts.key_id).then(|| key.open(binding, &parts)).flatten();
        if let Some(plaintext) = open(&self.sealing) {
            return Some(Opened { plaintext, resealing_due: false });
        }
        let plaintext = self.retired.iter().find_map(open)?;
        Some(Opened { plaintext, resealing_due: true })
    }
}

/// Which provider a value was sealed for, so that its binding can be looked up. Not yet authenticated: opening does that.
pub fn sealed_provider_tag(sealed: &[u8]) -> Option<[u8; 4]> {
    Parts::split(sealed).map(|parts| *parts.provider_tag)
}

/// A short name for a client registration: the first bytes of SHA-256 over issuer and client identifier.
pub fn provider_tag(issuer: &str, client_id: &str) -> [u8; 4] {
    let mut fields = Vec::new();
    append_field(&mut fields, issuer);
    append_field(&mut fields, client_id);
    first_of_digest(&[b"latchkey provider", &fields])
}

impl Binding<'_> {
    /// [`provider_tag`] of this binding's provider.
    pub fn provider_tag(&self) -> [u8; 4] {
        provider_tag(self.issuer, self.client_id)
    }

    /// Fields carry their length, so that no byte can move from one to the next.
    fn associated_data(&self, key_id: &[u8; 4]) -> Vec<u8> {
        let purpose = match self.purpose {
            Purpose::Session => b's',
            Purpose::Login => b'l',
            Purpose::Form => b'f',
            Purpose::Refreshed => b'r',
            Purpose::StoredSession => b'S',
            Purpose::StoredRevocation => b'V',
        };
        let mut associated = vec![VERSION, purpose];
        associated.extend_from_slice(&self.provider_tag());
        associated.extend_from_slice(key_id);
        for field in [self.issuer, self.client_id, self.cookie_name, self.host] {
            append_field(&mut associated, field);
        }
        associated
    }
}

impl Key {
    fn new(bytes: Secret<[u8; 32]>) -> Self {
        Self { id: first_of_digest(&[b"latchkey key id", bytes.expose()]), bytes }
    }

    fn open(&self, binding: &Binding<'_>, parts: &Parts<'_>) -> Option<Vec<u8>> {
        let associated = binding.associated_data(&self.id);
        let payload = Payload { msg: parts.ciphertext, aad: &associated };
        cipher(&self.bytes).decrypt(XNonce::from_slice(parts.nonce), payload).ok()
    }
}

struct Parts<'a> {
    provider_tag: &'a [u8; 4],
    key_id: &'a [u8; 4],
    nonce: &'a [u8; NONCE_LENGTH],
    ciphertext: &'a [u8],
}

impl<'a> Parts<'a> {
    fn split(sealed: &'a [u8]) -> Option<Self> {
        let rest = sealed.strip_prefix(&[VERSION])?;
        let (provider_tag, rest) = rest.split_first_chunk()?;
        let (key_id, rest) = rest.split_first_chunk()?;
        let (nonce, ciphertext) = rest.split_first_chunk()?;
        Some(Self { provider_tag, key_id, nonce, ciphertext })
    }
}

fn cipher(key: &Secret<[u8; 32]>) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}

fn append_field(bytes: &mut Vec<u8>, field: &str) {
    bytes.extend_from_slice(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
    bytes.extend_from_slice(field.as_bytes());
}

fn first_of_digest(inputs: &[&[u8]]) -> [u8; 4] {
    let mut digest = Sha256::new();
    for input in inputs {
        digest.update(input);
    }
    let [a, b, c, d, ..]: [u8; 32] = digest.finalize().into();
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::session::testing::TestEntropy;

    fn ring(keys: &[u8]) -> KeyRing {
        KeyRing::new(keys.iter().map(|byte| Secret::new([*byte; 32])).collect()).unwrap()
    }

    const BINDING: Binding<'static> = Binding {
        purpose: Purpose::Session,
        issuer: "https://login.example.org",
        client_id: "portal",
        cookie_name: "__Host-latchkey",
        host: "portal.example.org",
    };

    fn seal(ring: &KeyRing, plaintext: &[u8]) -> Vec<u8> {
        ring.seal(&BINDING, plaintext, &mut TestEntropy::default())
    }

    #[test]
    fn a_ring_without_keys_does_not_exist() {
        assert!(KeyRing::new(Vec::new()).is_none());
    }

    #[test]
    fn a_retired_key_still_opens_and_asks_for_resealing() {
        let sealed = seal(&ring(&[1]), b"hello");
        let opened = ring(&[2, 1]).open(&BINDING, &sealed).unwrap();
        assert_eq!((opened.plaintext.as_slice(), opened.resealing_due), (b"hello".as_slice(), true));
        assert!(!ring(&[1, 2]).open(&BINDING, &sealed).unwrap().resealing_due);
        assert!(ring(&[2]).open(&BINDING, &sealed).is_none());
    }

    #[test]
    fn a_pseudonym_is_an_hmac_under_the_first_key() {
        let of = |keys: &[u8], fields: &[&str]| ring(keys).pseudonym(fields);
        let fields = ["https://login.example.org", "alice"];
        // By Python's `hmac`.
        assert_eq!(of(&[1], &fields), "HaYdGJWZ4CVaE4a1w_jcDQ");
        assert_eq!(of(&[1, 2], &fields), of(&[1], &fields));
        assert_ne!(of(&[2, 1], &fields), of(&[1], &fields));
        assert_ne!(of(&[1], &["https://login.example.orga", "lice"]), of(&[1], &fields));
    }

    #[test]
    fn a_value_of_another_purpose_provider_client_cookie_or_host_does_not_open() {
        let ring = ring(&[1]);
        let sealed = seal(&ring, b"hello");
        for other in [
            Binding { purpose: Purpose::Login, ..BINDING },
            Binding { purpose: Purpose::Form, ..BINDING },
            Binding { issuer: "https://login.example.org/", ..BINDING },
            Binding { client_id: "Portal", ..BINDING },
            Binding { cookie_name: "__Host-latchkey2", ..BINDING },
            Binding { host: "other.example.org", ..BINDING },
        ] {
            assert!(ring.open(&other, &sealed).is_none(), "{other:?}");
        }
    }

    #[test]
    fn bytes_cannot_move_between_bound_fields() {
        let ring = ring(&[1]);
        let first = Binding { issuer: "https://a", client_id: "bc", cookie_name: "de", host: "f", ..BINDING };
        let second = Binding { issuer: "https://ab", client_id: "c", ..first };
        let third = Binding { cookie_name: "d", host: "ef", ..first };
        let sealed = ring.seal(&first, b"hello", &mut TestEntropy::default());
        assert!(ring.open(&first, &sealed).is_some());
        assert!(ring.open(&second, &sealed).is_none());
        assert!(ring.open(&third, &sealed).is_none());
        assert_ne!(first.provider_tag(), second.provider_tag());
    }

    #[test]
    fn a_sealed_value_names_its_provider_and_hides_its_content() {
        let sealed = seal(&ring(&[1]), b"confidential");
        assert_eq!(sealed_provider_tag(&sealed), Some(provider_tag(BINDING.issuer, BINDING.client_id)));
        assert!(!sealed.windows(12).any(|window| window == b"confidential"));
        assert_eq!(sealed_provider_tag(b""), None);
        assert_eq!(sealed_provider_tag(&sealed[..20]), None);
    }

    #[test]
    fn every_single_bit_matters() {
        let ring = ring(&[1, 2]);
        let sealed = seal(&ring, b"hello");
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(ring.open(&BINDING, &flipped).is_none(), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_whole_and_never_truncated_or_extended(
            plaintext in prop::collection::vec(any::<u8>(), 0..600),
            cut in any::<prop::sample::Index>(),
            extra in prop::collection::vec(any::<u8>(), 1..20),
        ) {
            let ring = ring(&[1]);
            let sealed = seal(&ring, &plaintext);
            prop_assert_eq!(ring.open(&BINDING, &sealed).unwrap().plaintext, plaintext);
            prop_assert!(ring.open(&BINDING, &sealed[..cut.index(sealed.len())]).is_none());
            prop_assert!(ring.open(&BINDING, &[sealed, extra].concat()).is_none());
        }

        #[test]
        fn two_sealed_values_cannot_be_spliced(
            first in prop::collection::vec(any::<u8>(), 32..200),
            second in prop::collection::vec(any::<u8>(), 32..200),
            at in any::<prop::sample::Index>(),
        ) {
            let ring = ring(&[1]);
            let mut entropy = TestEntropy::default();
            let first = ring.seal(&BINDING, &first, &mut entropy);
            let second = ring.seal(&BINDING, &second, &mut entropy);
            // Version, provider tag and key id are equal in both: splicing there changes nothing.
            let (head, first) = first.split_at(9);
            let second = &second[9..];
            let at = at.index(first.len().min(second.len()));
            let spliced = [&first[..at], &second[at..]].concat();
            prop_assume!(spliced != first && spliced != second);
            prop_assert!(ring.open(&BINDING, &[head, &spliced].concat()).is_none());
        }

        #[test]
        fn arbitrary_bytes_never_open(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(ring(&[1]).open(&BINDING, &bytes).is_none());
            prop_assert!(ring(&[1]).open(&BINDING, &[&[VERSION], bytes.as_slice()].concat()).is_none());
        }
    }
}
