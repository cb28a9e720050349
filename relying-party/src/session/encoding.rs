//! A session as bytes: a format byte, how many GUIDs and how many bytes of tokens there are, those, and then deflated text: two JSON
//! documents one after the other, and the JSON that was in tokens.
//!
//! Times are milliseconds, all but the login's counted from there. The claims are a document of their own so that they nest no
//! deeper here than they did in the ID token: what could be parsed there can be parsed here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::cookie::SessionTooLarge;
use super::deflate::{deflate, inflate};
use super::packing::{Packing, Parts, Unpacking, put_guids, take_guids};
use super::{RefreshToken, Session, Tokens};
use crate::policy::demand::AuthenticationEvent;
use crate::secret::Secret;
use crate::time::UnixTime;

/// Of the first byte; 1 and 2 were other formats.
const FORMAT: u8 = 3;

/// How many bytes a session may be before compression. Deflate can shrink 256 KiB to 300 bytes: what is written must be refused
/// by the same bound as what is read, or a login would end in a session that does not open.
const DECODED_LIMIT: usize = 256 * 1024;

/// What sessions have in common. What is likelier stands nearer to the end. A change makes all sessions unreadable.
const DICTIONARY: &[u8] = b"\"https://login.microsoftonline.com//v2.0\"https://accounts.google.com\"\
    offline_access\"upn\":\"\"tid\":\"\"oid\":\"\"hd\":\"\"roles\":[\"\"realm_access\":{\"roles\":[\"\"resource_access\":{\"\"zoneinfo\":\"\
    \"locale\":\"\"picture\":\"https://\"given_name\":\"\"family_name\":\"\"updated_at\":\"amr\":[\"pwd\",\"mfa\"],\
    \"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"{\"aud\":\"\"azp\":\"\"exp\":17\"iat\":17\"auth_time\":17\"scope\":\"openid profile email\"\
    \"email_verified\":true,\"preferred_username\":\"\"name\":\"admin users staff @gmail.com\"\
    {\"i\":[-16],\"p\":\"\",\"s\":[\"openid\",\"profile\",\"email\"],\"u\":3600000,\"r\":[\"\"n\":[-32],\"b\":0,\"h\":[\"t\":[\"o\":-1000,\"c\":\"1\",\
    \"f\":\"\",\"a\":17,\"e\":28800000,\"d\":1800000,\"w\":0}{\"email\":\".com\",\"groups\":[\"\",\"],\"iss\":\"https:///realms/\",\"sub\":\"\"}";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    #[serde(rename = "i")]
    id: Parts,
    #[serde(rename = "p")]
    provider: String,
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    left_elsewhere: Vec<String>,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    access_token: Option<Parts>,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    tokens_expire_at: Option<i64>,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Parts>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    nonce: Option<Parts>,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    obtained_at: Option<i64>,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    id_token: Option<Parts>,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(rename = "a")]
    authenticated_at: u64,
    #[serde(rename = "e")]
    expires_at: i64,
    #[serde(rename = "d")]
    idle_expires_at: i64,
    #[serde(rename = "w")]
    sealed_at: i64,
}

impl Session {
    /// The session as bytes to seal.
    pub fn encode(&self) -> Result<Vec<u8>, SessionTooLarge> {
        let Tokens { access_token, expires_at, refresh, id_token } = &self.tokens;
        let mut packing = Packing::default();
        let since_login = |time: UnixTime| offset(self.authenticated_at, time);
        let id = packing.pack(&self.id);
        let mut pack = |token: &Option<Secret<String>>| token.as_ref().map(|token| packing.pack(token.expose()));
        let (access_token, id_token) = (pack(access_token), pack(id_token));
        let head = Head {
            id,
            provider: self.provider.clone(),
            scopes: self.scopes.clone(),
            left_elsewhere: self.left_elsewhere.clone(),
            access_token,
            tokens_expire_at: expires_at.map(since_login),
            id_token,
            refresh_token: refresh.as_ref().map(|refresh| packing.pack(refresh.value.expose())),
            nonce: refresh.as_ref().map(|refresh| packing.pack(&refresh.nonce)),
            obtained_at: refresh.as_ref().map(|refresh| since_login(refresh.obtained_at)),
            auth_time: self.authentication.auth_time.map(since_login),
            acr: self.authentication.acr.clone(),
            sid: self.sid.clone(),
            authenticated_at: self.authenticated_at.as_millis(),
            expires_at: since_login(self.expires_at),
            idle_expires_at: since_login(self.idle_expires_at),
            sealed_at: since_login(self.sealed_at),
        };
        // Serialising strings, integers and JSON values into memory does not fail.
        let mut text = serde_json::to_vec(&head).map_err(|_| SessionTooLarge)?;
        text.append(&mut serde_json::to_vec(&self.claims).map_err(|_| SessionTooLarge)?);
        text.append(&mut packing.json);
        if text.len() > DECODED_LIMIT || packing.bytes.len() > DECODED_LIMIT {
            return Err(SessionTooLarge);
        }
        let (marked, guids) = take_guids(&text);
        let mut encoded = vec![FORMAT];
        write_length(&mut encoded, guids.len());
        write_length(&mut encoded, packing.bytes.len());
        encoded.extend(guids.into_iter().flatten());
        encoded.append(&mut packing.bytes);
        encoded.append(&mut deflate(&marked, DICTIONARY).ok_or(SessionTooLarge)?);
        Ok(encoded)
    }

    /// Reads what [`Self::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&FORMAT, mut rest) = bytes.split_first()? else { return None };
        let guids = read_length(&mut rest)?.checked_mul(16)?;
        let packed = read_length(&mut rest)?;
        let (guids, rest) = rest.split_at_checked(guids)?;
        let (packed, deflated) = rest.split_at_checked(packed)?;
        let marked = inflate(deflated, DICTIONARY, DECODED_LIMIT)?;
        parse(&put_guids(&marked, guids, DECODED_LIMIT)?, packed)
    }
}

fn parse(text: &[u8], packed: &[u8]) -> Option<Session> {
    let mut documents = serde_json::Deserializer::from_slice(text).into_iter::<Head>();
    let head = documents.next()?.ok()?;
    let text = text.get(documents.byte_offset()..)?;
    let mut documents = serde_json::Deserializer::from_slice(text).into_iter::<Map<String, Value>>();
    let claims = documents.next()?.ok()?;
    let mut packing = Unpacking { json: text.get(documents.byte_offset()..)?, bytes: packed };

    let login = UnixTime::from_millis(head.authenticated_at);
    let (expires_at, idle_expires_at) = (after(login, head.expires_at), after(login, head.idle_expires_at));
    let named = |name: &str| claims.get(name).is_some_and(Value::is_string);
    if !(named("iss") && named("sub") && idle_expires_at <= expires_at) {
        return None;
    }
    // In the order in which they were packed.
    let id = packing.unpack(&head.id)?;
    let mut unpack = |parts: Option<Parts>| parts.map(|parts| packing.unpack(&parts).ok_or(())).transpose().ok();
    let access_token = unpack(head.access_token)?.map(Secret::new);
    let id_token = unpack(head.id_token)?.map(Secret::new);
    let refresh_token = unpack(head.refresh_token)?.map(Secret::new);
    let refresh = refresh_token.zip(unpack(head.nonce)?).zip(head.obtained_at);
    packing.is_done().then(|| Session {
        id,
        provider: head.provider,
        scopes: head.scopes,
        left_elsewhere: head.left_elsewhere,
        tokens: Tokens {
            access_token,
            expires_at: head.tokens_expire_at.map(|time| after(login, time)),
            refresh: refresh.map(|((value, nonce), obtained_at)| RefreshToken {
                value,
                nonce,
                obtained_at: after(login, obtained_at),
            }),
            id_token,
        },
        authentication: AuthenticationEvent { auth_time: head.auth_time.map(|time| after(login, time)), acr: head.acr },
        sid: head.sid,
        authenticated_at: login,
        expires_at,
        idle_expires_at,
        sealed_at: after(login, head.sealed_at),
        claims,
    })
}

/// How many milliseconds `time` is after `from`; a time before it is negative.
fn offset(from: UnixTime, time: UnixTime) -> i64 {
    let millis = |time: UnixTime| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    millis(time).saturating_sub(millis(from))
}

fn after(from: UnixTime, offset: i64) -> UnixTime {
    UnixTime::from_millis(from.as_millis().saturating_add_signed(offset))
}

/// Seven bits a byte, the lowest first; the last byte has no eighth bit.
fn write_length(target: &mut Vec<u8>, length: usize) {
    let mut rest = length;
    loop {
        let (low, high) = (u8::try_from(rest & 127).unwrap_or_default(), rest >> 7);
        if high == 0 {
            return target.push(low);
        }
        target.push(low | 128);
        rest = high;
    }
}

/// Up to 2^21, which is more than anything that is written.
fn read_length(source: &mut &[u8]) -> Option<usize> {
    let mut length = 0;
    for shift in [0, 7, 14] {
        let (byte, rest) = source.split_first()?;
        *source = rest;
        length |= usize::from(byte & 127) << shift;
        if byte & 128 == 0 {
            return Some(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::session::testing::session;

    const START: UnixTime = UnixTime::from_millis(1_700_000_000_123);

    fn with_claim(name: &str, value: Value) -> Session {
        let mut session = session(START);
        session.claims.insert(name.to_owned(), value);
        session
    }

    #[test]
    fn lengths_come_back_up_to_two_megabytes() {
        for length in [0, 1, 127, 128, 300, 16_383, 16_384, 2_097_151] {
            let mut bytes = Vec::new();
            write_length(&mut bytes, length);
            let mut rest = bytes.as_slice();
            assert_eq!((read_length(&mut rest), rest), (Some(length), &[][..]));
        }
        assert_eq!(read_length(&mut &[128, 128, 128, 1][..]), None);
    }

    #[test]
    fn a_session_reads_as_it_was_written() {
        let full = session(START);
        let bare = Session { scopes: Vec::new(), tokens: Tokens::default(), ..session(START) };
        let secret = |text: &str| Some(Secret::new(text.to_owned()));
        let kept = Session {
            tokens: Tokens {
                access_token: None,
                expires_at: Some(START),
                refresh: Some(RefreshToken {
                    value: Secret::new("r".to_owned()),
                    nonce: "n".to_owned(),
                    obtained_at: START,
                }),
                id_token: secret("a.b.c"),
            },
            authentication: AuthenticationEvent { auth_time: Some(START), acr: Some("mfa".to_owned()) },
            sid: Some("s-1".to_owned()),
            left_elsewhere: vec!["groups".to_owned()],
            ..session(START)
        };
        for session in [full, bare, kept] {
            assert_eq!(Session::decode(&session.encode().unwrap()), Some(session));
        }
    }

    #[test]
    fn a_long_list_of_groups_is_deflated() {
        let groups: Vec<_> = (0..500).map(|n| format!("department-{n}")).collect();
        let session = with_claim("groups", json!(groups));
        let encoded = session.encode().unwrap();
        assert!(encoded.len() < 2000, "{}", encoded.len());
        assert_eq!(Session::decode(&encoded), Some(session));
    }

    #[test]
    fn claims_as_deep_as_an_id_token_can_nest_them_read_back() {
        let mut deep = json!("end");
        for _ in 0..126 {
            deep = json!([deep]);
        }
        let session = with_claim("deep", deep);
        let token_payload = serde_json::to_vec(&session.claims).unwrap();
        assert!(serde_json::from_slice::<Value>(&token_payload).is_ok());
        assert_eq!(Session::decode(&session.encode().unwrap()), Some(session));
    }

    #[test]
    fn a_session_that_would_not_be_read_is_not_written() {
        assert!(with_claim("big", json!("a".repeat(DECODED_LIMIT))).encode().is_err());
        // Behind the format and two lengths stand the 16 bytes of the id.
        let text = inflate(&with_claim("big", json!("")).encode().unwrap()[19..], DICTIONARY, DECODED_LIMIT).unwrap();
        let with_text = |length: usize| with_claim("big", json!("a".repeat(length - text.len())));
        let with_token = |length: usize| {
            let token = Secret::new(URL_SAFE_NO_PAD.encode(vec![7; length - 16]));
            Session { tokens: Tokens { access_token: Some(token), ..Tokens::default() }, ..session(START) }
        };
        for with in [&with_text as &dyn Fn(usize) -> Session, &with_token] {
            let largest = with(DECODED_LIMIT);
            assert_eq!(Session::decode(&largest.encode().unwrap()), Some(largest));
            assert!(with(DECODED_LIMIT + 1).encode().is_err());
        }
    }

    fn encoded(text: &[u8]) -> Vec<u8> {
        [&[FORMAT, 0, 0], &deflate(text, DICTIONARY).unwrap()[..]].concat()
    }

    #[test]
    fn a_bomb_is_refused() {
        assert_eq!(Session::decode(&encoded(&vec![b' '; 8 * 1024 * 1024])), None);
        // One GUID, named often.
        let marked = [&[1_u8][..], &b"\x02@@@".repeat(DECODED_LIMIT / 8)].concat();
        let bomb = [&[FORMAT, 1, 0][..], &[7; 16], &deflate(&marked, DICTIONARY).unwrap()].concat();
        assert_eq!(Session::decode(&bomb), None);
    }

    #[test]
    fn times_before_the_login_and_at_the_ends_of_time_read_back() {
        let at = UnixTime::from_millis;
        let early = Session { sealed_at: at(0), ..session(START) };
        let late = Session { expires_at: at(u64::MAX >> 1), idle_expires_at: at(u64::MAX >> 1), ..session(START) };
        for session in [early, late] {
            assert_eq!(Session::decode(&session.encode().unwrap()), Some(session));
        }
    }

    #[test]
    fn unknown_members_missing_subjects_and_trailing_bytes_are_refused() {
        let head = r#"{"i":["x"],"p":"corp","a":1,"e":9,"d":5,"w":1}"#;
        let claims = r#"{"iss":"https://a","sub":"b"}"#;
        let read = |json: String| Session::decode(&encoded(json.as_bytes()));
        assert!(read(format!("{head}{claims}")).is_some());
        assert!(read(format!("{head}{claims}x")).is_none());
        assert!(read(format!("{head}{}", r#"{"iss":"https://a","sub":7}"#)).is_none());
        assert!(read(format!("{}{claims}", head.replace("\"w\"", "\"z\""))).is_none());
        assert!(read(format!("{}{claims}", head.replace("\"d\":5", "\"d\":10"))).is_none());
        assert!(read(head.to_owned()).is_none());
        assert!(read(format!("{}{claims}", head.replace("\"x\"", "-3"))).is_none());
        for bytes in [&[][..], &[9, 9], &[FORMAT], &[FORMAT, 0], &[FORMAT, 0, 0], &[FORMAT, 255, 255, 255, 255]] {
            assert!(Session::decode(bytes).is_none());
        }
    }

    proptest! {
        #[test]
        fn any_claims_read_back_and_arbitrary_bytes_do_not_panic(
            strings in prop::collection::btree_map(".{0,20}", ".{0,200}", 0..20),
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut session = session(START);
            session.claims.extend(strings.into_iter().filter(|(name, _)| name != "iss" && name != "sub").map(|(n, v)| (n, json!(v))));
            prop_assert_eq!(Session::decode(&session.encode().unwrap()), Some(session));
            prop_assert_eq!(Session::decode(&[&[FORMAT, 0, 0], bytes.as_slice()].concat()), None);
            let _ = Session::decode(&[&[FORMAT], bytes.as_slice()].concat());
            let _ = Session::decode(&encoded(&bytes));
        }
    }
}
