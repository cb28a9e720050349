//! A session after a refresh.

use serde_json::{Map, Value};

use super::claims::{left_elsewhere, select_claims};
use super::{Session, Tokens};
use crate::config::SessionPolicy;
use crate::policy::demand::AuthenticationEvent;
use crate::time::UnixTime;

/// What a refresh brought.
pub struct Refreshed {
    /// The claims of the new ID token; `None` when there was none.
    pub claims: Option<Map<String, Value>>,
    /// The scopes; `None` when nothing was said: they are what they were.
    pub scopes: Option<Vec<String>>,
    /// What is kept of the tokens.
    pub tokens: Tokens,
    /// `acr`, if it was said again.
    pub acr: Option<String>,
    /// `sid`, if it was said again.
    pub sid: Option<String>,
}

impl Session {
    /// This session with what a refresh brought now. Its id, its beginning and its end stay; its idle timeout starts again.
    #[must_use]
    pub fn refreshed(&self, brought: Refreshed, policy: &SessionPolicy, now: UnixTime) -> Self {
        let Refreshed { claims, scopes, tokens, acr, sid } = brought;
        let AuthenticationEvent { auth_time, acr: first_acr } = self.authentication.clone();
        let renewed = self.renewed(now, policy.idle_timeout);
        let (claims, left_elsewhere) = match claims {
            Some(claims) => (select_claims(&claims, &policy.claims), left_elsewhere(&claims, &policy.claims)),
            None => (renewed.claims, renewed.left_elsewhere),
        };
        Self {
            claims,
            left_elsewhere,
            scopes: scopes.unwrap_or(renewed.scopes),
            tokens,
            authentication: AuthenticationEvent { auth_time, acr: acr.or(first_acr) },
            sid: sid.or(renewed.sid),
            ..renewed
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::session::testing::{policy, session};

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn brought(claims: Option<Value>) -> Refreshed {
        let claims = claims.map(|claims| claims.as_object().unwrap().clone());
        Refreshed { claims, scopes: None, tokens: Tokens::default(), acr: None, sid: None }
    }

    #[test]
    fn what_is_new_replaces_what_was_and_the_end_stays() {
        let old = Session { sid: Some("s".to_owned()), ..session(START) };
        let now = START + Duration::from_secs(20 * 60);
        let claims = json!({"iss": "https://login.example.org", "sub": "alice", "groups": ["staff"]});
        let new = old.refreshed(brought(Some(claims.clone())), &policy(), now);
        assert_eq!(Value::Object(new.claims.clone()), claims, "what the new ID token does not say is gone");
        assert_eq!((&new.id, new.authenticated_at, new.expires_at), (&old.id, START, old.expires_at));
        assert_eq!(new.idle_expires_at, now + policy().idle_timeout);
        assert_eq!((new.scopes, new.sid), (old.scopes.clone(), old.sid.clone()));
        assert_eq!(old.refreshed(brought(None), &policy(), now).claims, old.claims, "no ID token says nothing");
    }

    #[test]
    fn what_is_said_again_counts_and_when_the_person_signed_in_stays() {
        let authentication = AuthenticationEvent { auth_time: Some(START), acr: Some("pwd".to_owned()) };
        let old = Session { sid: Some("s".to_owned()), authentication, ..session(START) };
        let refreshed = |acr: Option<&str>, sid: Option<&str>| {
            let scopes = Some(vec!["openid".to_owned()]);
            let (acr, sid) = (acr.map(str::to_owned), sid.map(str::to_owned));
            let new = old.refreshed(Refreshed { scopes, acr, sid, ..brought(None) }, &policy(), START);
            assert_eq!((new.scopes, new.tokens), (vec!["openid".to_owned()], Tokens::default()));
            assert_eq!(new.authentication.auth_time, Some(START));
            (new.authentication.acr, new.sid)
        };
        assert_eq!(refreshed(Some("mfa"), Some("t")), (Some("mfa".to_owned()), Some("t".to_owned())));
        assert_eq!(refreshed(None, None), (Some("pwd".to_owned()), Some("s".to_owned())));
    }

    #[test]
    fn a_refresh_never_extends_the_absolute_timeout() {
        let old = session(START);
        let late = Session { idle_expires_at: old.expires_at, ..old.clone() };
        let new = late.refreshed(brought(None), &policy(), old.expires_at - Duration::from_secs(1));
        assert_eq!((new.expires_at, new.idle_expires_at), (old.expires_at, old.expires_at));
    }
}
