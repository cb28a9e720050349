//! A session as bytes: a format byte, then two JSON documents one after the other, deflated when that is smaller.
//!
//! Times are milliseconds. The claims are a document of their own so that they nest no deeper here than they did in the ID
//! token: what could be parsed there can be parsed here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::cookie::SessionTooLarge;
use super::{RefreshToken, Session, Tokens};
use crate::policy::demand::AuthenticationEvent;
use crate::secret::Secret;
use crate::time::UnixTime;

const PLAIN: u8 = 1;
const DEFLATED: u8 = 2;

/// How many bytes a session may be before compression. Deflate can shrink 256 KiB to 300 bytes: what is written must be refused
/// by the same bound as what is read, or a login would end in a session that does not open.
const DECODED_LIMIT: usize = 256 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head<'a> {
    #[serde(rename = "i", borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(rename = "p", borrow)]
    provider: std::borrow::Cow<'a, str>,
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    left_elsewhere: Vec<String>,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    tokens_expire_at: Option<u64>,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    obtained_at: Option<u64>,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(rename = "a")]
    authenticated_at: u64,
    #[serde(rename = "e")]
    expires_at: u64,
    #[serde(rename = "d")]
    idle_expires_at: u64,
    #[serde(rename = "w")]
    sealed_at: u64,
}

impl Session {
    /// The session as bytes to seal.
    pub fn encode(&self) -> Result<Vec<u8>, SessionTooLarge> {
        let Tokens { access_token, expires_at, refresh, id_token } = &self.tokens;
        let text = |token: &Option<Secret<String>>| token.as_ref().map(|token| token.expose().clone());
        let head = Head {
            id: self.id.as_str().into(),
            provider: self.provider.as_str().into(),
            scopes: self.scopes.clone(),
            left_elsewhere: self.left_elsewhere.clone(),
            access_token: text(access_token),
            tokens_expire_at: expires_at.map(UnixTime::as_millis),
            refresh_token: refresh.as_ref().map(|refresh| refresh.value.expose().clone()),
            nonce: refresh.as_ref().map(|refresh| refresh.nonce.clone()),
            obtained_at: refresh.as_ref().map(|refresh| refresh.obtained_at.as_millis()),
            id_token: text(id_token),
            auth_time: self.authentication.auth_time.map(UnixTime::as_millis),
            acr: self.authentication.acr.clone(),
            sid: self.sid.clone(),
            authenticated_at: self.authenticated_at.as_millis(),
            expires_at: self.expires_at.as_millis(),
            idle_expires_at: self.idle_expires_at.as_millis(),
            sealed_at: self.sealed_at.as_millis(),
        };
        // Serialising strings, integers and JSON values into memory does not fail.
        let mut json = serde_json::to_vec(&head).map_err(|_| SessionTooLarge)?;
        json.append(&mut serde_json::to_vec(&self.claims).map_err(|_| SessionTooLarge)?);
        if json.len() > DECODED_LIMIT {
            return Err(SessionTooLarge);
        }
        let deflated = miniz_oxide::deflate::compress_to_vec(&json, 8);
        Ok(if deflated.len() < json.len() {
            [&[DEFLATED], &deflated[..]].concat()
        } else {
            [&[PLAIN], &json[..]].concat()
        })
    }

    /// Reads what [`Self::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&PLAIN, json) if json.len() <= DECODED_LIMIT => parse(json),
            (&DEFLATED, deflated) => {
                parse(&miniz_oxide::inflate::decompress_to_vec_with_limit(deflated, DECODED_LIMIT).ok()?)
            }
            _ => None,
        }
    }
}

fn parse(json: &[u8]) -> Option<Session> {
    let mut documents = serde_json::Deserializer::from_slice(json);
    let head = Head::deserialize(&mut documents).ok()?;
    let claims = Map::<String, Value>::deserialize(&mut documents).ok()?;
    documents.end().ok()?;

    let named = |name: &str| claims.get(name).is_some_and(Value::is_string);
    let well_formed = named("iss") && named("sub") && head.idle_expires_at <= head.expires_at;
    well_formed.then(|| Session {
        id: head.id.into_owned(),
        provider: head.provider.into_owned(),
        scopes: head.scopes,
        left_elsewhere: head.left_elsewhere,
        tokens: Tokens {
            access_token: head.access_token.map(Secret::new),
            expires_at: head.tokens_expire_at.map(UnixTime::from_millis),
            refresh: head.refresh_token.zip(head.nonce).zip(head.obtained_at).map(|((value, nonce), obtained_at)| {
                RefreshToken { value: Secret::new(value), nonce, obtained_at: UnixTime::from_millis(obtained_at) }
            }),
            id_token: head.id_token.map(Secret::new),
        },
        authentication: AuthenticationEvent { auth_time: head.auth_time.map(UnixTime::from_millis), acr: head.acr },
        sid: head.sid,
        authenticated_at: UnixTime::from_millis(head.authenticated_at),
        expires_at: UnixTime::from_millis(head.expires_at),
        idle_expires_at: UnixTime::from_millis(head.idle_expires_at),
        sealed_at: UnixTime::from_millis(head.sealed_at),
        claims,
    })
}

#[cfg(test)]
mod tests {
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
    }

    #[test]
    fn a_deflate_bomb_is_refused() {
        let bomb = miniz_oxide::deflate::compress_to_vec(&vec![b' '; 64 * 1024 * 1024], 9);
        assert!(bomb.len() < 100_000);
        assert_eq!(Session::decode(&[&[DEFLATED], &bomb[..]].concat()), None);
    }

    #[test]
    fn unknown_members_missing_subjects_and_trailing_bytes_are_refused() {
        let head = r#"{"i":"x","p":"corp","a":1,"e":9,"d":5,"w":1}"#;
        let claims = r#"{"iss":"https://a","sub":"b"}"#;
        let read = |json: String| Session::decode(&[&[PLAIN], json.as_bytes()].concat());
        assert!(read(format!("{head}{claims}")).is_some());
        assert!(read(format!("{head}{claims}x")).is_none());
        assert!(read(format!("{head}{}", r#"{"iss":"https://a","sub":7}"#)).is_none());
        assert!(read(format!("{}{claims}", head.replace("\"w\"", "\"z\""))).is_none());
        assert!(read(format!("{}{claims}", head.replace("\"d\":5", "\"d\":10"))).is_none());
        assert!(read(head.to_owned()).is_none());
        assert!(Session::decode(&[]).is_none());
        assert!(Session::decode(&[9, 9]).is_none());
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
            for format in [PLAIN, DEFLATED] {
                prop_assert_eq!(Session::decode(&[&[format], bytes.as_slice()].concat()), None);
            }
        }
    }
}
