//! How large the sessions of ordinary and of large logins are.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::cookie::{PresentParts, SessionTooLarge, Writing};
use super::seal::{Binding, Purpose};
use super::testing::{TestEntropy, policy, session};
use super::{RefreshToken, Session, Tokens};
use crate::policy::demand::AuthenticationEvent;
use crate::secret::Secret;
use crate::time::UnixTime;

const START: UnixTime = UnixTime::from_millis(1_790_000_000_123);

/// Something that looks random, the same in every run.
fn random(seed: &str, bytes: usize) -> Vec<u8> {
    let blocks = (0_usize..).flat_map(|block| Sha256::digest(format!("{seed} {block}")).to_vec());
    blocks.take(bytes).collect()
}

fn guid(seed: &str) -> String {
    let mut text = String::new();
    for (index, byte) in random(seed, 16).iter().enumerate() {
        let dash = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
        let _ = write!(text, "{dash}{byte:02x}");
    }
    text
}

fn guids(count: usize) -> Vec<String> {
    (0..count).map(|number| guid(&format!("group {number}"))).collect()
}

fn jwt(claims: &Value) -> Secret<String> {
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": URL_SAFE_NO_PAD.encode(random("kid", 20))});
    let parts = [header.to_string().into_bytes(), claims.to_string().into_bytes(), random("signature", 256)];
    Secret::new(parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join("."))
}

fn opaque(length: usize) -> Secret<String> {
    Secret::new(URL_SAFE_NO_PAD.encode(random("opaque", length)).chars().take(length).collect())
}

/// A session as a login at this provider leaves it, when headers use `sub`, `iss`, `email` and `groups`.
fn of(claims: Value, scopes: &str, sid: Option<String>) -> Session {
    Session {
        id: URL_SAFE_NO_PAD.encode(random("id", 16)),
        claims: claims.as_object().unwrap().clone(),
        scopes: scopes.split(' ').map(str::to_owned).collect(),
        tokens: Tokens::default(),
        authentication: AuthenticationEvent {
            auth_time: Some(UnixTime::from_secs(1_789_999_000)),
            acr: Some("1".to_owned()),
        },
        sid,
        ..session(START)
    }
}

fn keycloak(groups: &[String]) -> Session {
    let claims = json!({"iss": "https://keycloak.example.org/realms/corporate", "sub": guid("keycloak"),
        "email": "ada.lovelace@example.org", "groups": groups});
    of(claims, "openid email profile", Some(guid("sid")))
}

fn entra(groups: usize) -> Session {
    let claims = json!({"iss": format!("https://login.microsoftonline.com/{}/v2.0", guid("tenant")),
        "sub": URL_SAFE_NO_PAD.encode(random("sub", 32)), "email": "ada.lovelace@example.org", "groups": guids(groups)});
    of(claims, "openid profile email", None)
}

fn google() -> Session {
    let claims = json!({"iss": "https://accounts.google.com", "sub": "108204268033311374519", "email": "ada.lovelace@example.org"});
    of(
        claims,
        "https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile openid",
        None,
    )
}

fn few_groups() -> Vec<String> {
    ["/engineering", "/engineering/backend", "/finance/approvers", "/staff"].map(str::to_owned).to_vec()
}

/// The lengths of the `name=value` pairs that the browser sends back.
fn cookies(session: &Session) -> Result<Vec<usize>, SessionTooLarge> {
    let policy = policy();
    let issuer = session.claims["iss"].as_str().unwrap();
    let binding = Binding {
        purpose: Purpose::Session,
        issuer,
        client_id: "grants-portal",
        cookie_name: "__Host-latchkey",
        host: "portal.example.org",
    };
    let writing = Writing { keys: &policy.keys, binding, policy: &policy.cookie, max_cookies: policy.max_cookies };
    let lines = writing.write(session, PresentParts::default(), START, &mut TestEntropy::default())?;
    Ok(lines.iter().map(|line| line.split(';').next().unwrap().len()).collect())
}

#[test]
fn the_cookie_of_an_ordinary_login_has_at_most_700_bytes() {
    for (name, session) in [
        ("Google", google()),
        ("Keycloak, 4 groups", keycloak(&few_groups())),
        ("Entra ID, 10 groups", entra(10)),
        ("Entra ID, 15 groups", entra(15)),
    ] {
        let [size] = cookies(&session).unwrap()[..] else { panic!("one cookie") };
        println!("{name}: {size} bytes");
        assert!(size <= 700, "{name}: {size} bytes");
    }
}

#[test]
fn large_tokens_and_many_groups_fit_into_four_cookies() {
    let names: Vec<_> = (0..400).map(|number| format!("/departments/{number}/members")).collect();
    let with_token = |session: Session, access_token: Secret<String>| {
        let expires_at = Some(START + std::time::Duration::from_secs(3600));
        Session { tokens: Tokens { access_token: Some(access_token), expires_at, ..Tokens::default() }, ..session }
    };
    let roles: Vec<_> = (0..220).map(|number| format!("urn:example:application-{number}:role:reader")).collect();
    let keycloak_token = |groups: &[String]| {
        jwt(&json!({"iss": "https://keycloak.example.org/realms/corporate", "sub": guid("keycloak"), "aud": "account",
            "exp": 1_790_000_300, "iat": 1_790_000_000, "jti": guid("jti"), "typ": "Bearer", "azp": "portal", "sid": guid("sid"),
            "realm_access": {"roles": roles}, "scope": "openid profile email", "groups": groups}))
    };
    let entra_token = |groups: usize| {
        jwt(
            &json!({"aud": guid("api"), "iss": format!("https://sts.windows.net/{}/", guid("tenant")), "oid": guid("oid"),
            "groups": guids(groups), "scp": "access_as_user", "tid": guid("tenant"), "ver": "1.0", "wids": guids(3)}),
        )
    };
    let refresh = Some(RefreshToken {
        value: opaque(1500),
        nonce: URL_SAFE_NO_PAD.encode(random("nonce", 32)),
        obtained_at: START,
    });
    let mut everything = with_token(keycloak(&names), keycloak_token(&[]));
    everything.tokens.refresh = refresh;
    everything.tokens.id_token =
        Some(jwt(&json!({"iss": "https://keycloak.example.org/realms/corporate", "groups": names})));
    for (name, session) in [
        ("Keycloak, 400 groups", keycloak(&names)),
        ("Entra ID, 400 groups", entra(400)),
        ("Keycloak, 400 groups, 12 KB access token", with_token(keycloak(&names), keycloak_token(&[]))),
        ("Keycloak, 400 groups, access token with them", with_token(keycloak(&names), keycloak_token(&names))),
        ("Entra ID, 5 groups, 12 KB access token of 220 groups", with_token(entra(5), entra_token(220))),
        ("Entra ID, 200 groups and in the access token", with_token(entra(200), entra_token(200))),
        ("Entra ID, 400 groups and in the access token", with_token(entra(400), entra_token(400))),
        ("400 groups, opaque 12 KB access token", with_token(keycloak(&names), opaque(12 * 1024))),
        ("Keycloak, 400 groups, all tokens", everything),
    ] {
        let token = session.tokens.access_token.as_ref().map_or(0, |token| token.expose().len());
        let sizes = cookies(&session);
        println!("{name} (token {token}): {:?} = {:?}", sizes.as_ref().map(|sizes| sizes.iter().sum::<usize>()), sizes);
        assert!(sizes.is_ok_and(|sizes| sizes.len() <= 4), "{name}");
    }
}
