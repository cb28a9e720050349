//! A session that was opened.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::cache::{Weighed, weight_of_claims, weight_of_text};
use super::live_identity::LiveIdentity;
use crate::flow::StoredPlace;
use crate::policy::demand::AuthenticationDemand;
use crate::policy::identity::{Claims, Credential, Identity};
use crate::session::Session;
use crate::session::revocation::Clearance;
use crate::time::UnixTime;

/// How long the way from the end of a login to the page that it was for may take.
const ARRIVAL: Duration = Duration::from_secs(2);

/// An opened session.
pub struct LiveSession {
    session: Rc<Session>,
    host: String,
    upkeep: Upkeep,
    valid_until: UnixTime,
    identity: LiveIdentity,
    clearance: Clearance,
    stored: Option<Rc<StoredPlace>>,
}

/// What is to be done about what the browser has of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upkeep {
    /// It is written again when its idle timeout is to be moved.
    Usual,
    /// The browser has it in an older form, sealed with an older key or not refreshed yet: it is written at once.
    WritingDue,
    /// It is being refreshed: nothing is written, for it could reach the browser after what is newer.
    Suspended,
}

impl LiveSession {
    /// `session` was sealed for `host` and is what it is at most until then.
    pub fn new(session: Session, host: String, upkeep: Upkeep, until: UnixTime, now: UnixTime) -> Self {
        let session = Rc::new(session);
        let access_token = session.tokens.usable_access_token(now);
        let identity = Identity {
            provider: session.provider.clone(),
            credential: Credential::Session,
            claims: Rc::<Session>::clone(&session),
            scopes: session.scopes.clone(),
            access_token: access_token.cloned(),
        };
        let token_expires_at = access_token.and(session.tokens.expires_at);
        let session_ends_at = session.expires_at.min(session.idle_expires_at).min(until);
        let valid_until =
            token_expires_at.map_or(session_ends_at, |token_expires_at| session_ends_at.min(token_expires_at));
        let (identity, clearance) = (LiveIdentity::new(identity), Clearance::default());
        Self { session, host, upkeep, valid_until, identity, clearance, stored: None }
    }

    /// The same for a session that lies in the store.
    #[must_use]
    pub fn stored_at(self, stored: Option<Rc<StoredPlace>>) -> Self {
        Self { stored, ..self }
    }

    /// Where it lies in the store, if it does.
    pub const fn stored(&self) -> Option<&Rc<StoredPlace>> {
        self.stored.as_ref()
    }

    /// Whose session it is.
    pub const fn identity(&self) -> &LiveIdentity {
        &self.identity
    }

    /// The session itself.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// As of when it is known that nobody has ended it.
    pub const fn clearance(&self) -> &Clearance {
        &self.clearance
    }

    /// Whether its owner authenticated as `demand` asks. What was recent enough for the login is so until the browser has come
    /// from there: a short `max_age` must not send it round for ever.
    pub fn was_authenticated(&self, demand: &AuthenticationDemand, now: UnixTime) -> bool {
        let signed_in_at = self.session.authenticated_at;
        let has_just_arrived = now.since(signed_in_at) < ARRIVAL;
        self.session.authentication.meets(demand, if has_just_arrived { signed_in_at } else { now })
    }

    /// What is to be done about what the browser has of it.
    pub const fn upkeep(&self) -> Upkeep {
        self.upkeep
    }

    /// Whether all that was evaluated for it still holds, for a request to `host`.
    pub fn is_valid(&self, host: &str, now: UnixTime) -> bool {
        self.host == host && now < self.valid_until
    }
}

impl Claims for Session {
    fn by_name(&self) -> &Map<String, Value> {
        &self.claims
    }
}

impl Weighed for LiveSession {
    /// What is kept of the session, and as much as half its claims for the headers that are made of them.
    fn weight(&self) -> usize {
        let Session { claims, scopes, tokens, .. } = &*self.session;
        let refresh = tokens.refresh.as_ref().map(|refresh| &refresh.value);
        let tokens = [tokens.access_token.as_ref(), tokens.id_token.as_ref(), refresh].into_iter().flatten();
        // An access token that is passed on is in a header, too.
        let tokens = tokens.map(|token| weight_of_text(token.expose()).saturating_mul(2));
        let scopes =
            scopes.iter().map(|scope| size_of::<String>().saturating_add(weight_of_text(scope)).saturating_mul(2));
        let claims = weight_of_claims(claims);
        let fixed = size_of::<Self>().saturating_add(size_of::<Session>());
        tokens.chain(scopes).chain([claims, claims / 2]).fold(fixed, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::IdentityHeader;
    use crate::policy::expression::Expression;
    use crate::session::revocation::Revocations;
    use crate::session::testing::session;
    use crate::shared::OwnData;

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn live(now: UnixTime) -> LiveSession {
        LiveSession::new(
            session(START),
            "portal.example.org".to_owned(),
            Upkeep::Usual,
            UnixTime::from_millis(u64::MAX),
            now,
        )
    }

    fn header(name: &str, value: &str) -> IdentityHeader {
        IdentityHeader { name: name.to_owned(), value: Expression::compile(value).unwrap() }
    }

    #[test]
    fn headers_without_a_value_are_left_out() {
        let headers = [
            header("x-sub", "claims.sub"),
            header("x-mail", "claims.email"),
            header("x-groups", r#"claims.groups.join(",")"#),
        ];
        let expected = [("x-sub", "alice"), ("x-groups", "finance-approver,staff")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let live = live(START);
        assert_eq!(*live.identity().headers(&headers, None), expected);
        assert_eq!(*live.identity().headers(&headers, None), expected, "the second time from what was kept");
    }

    #[test]
    fn an_access_token_is_passed_on_until_it_expires() {
        let headers = [header("authorization", r#""Bearer " + access_token"#)];
        let token_ends_at = START + Duration::from_secs(300);
        assert_eq!(live(START).identity().headers(&headers, None).len(), 1);
        assert!(
            !live(START).is_valid("portal.example.org", token_ends_at),
            "evaluated anew when the token has expired"
        );
        let without_token = live(token_ends_at);
        assert!(without_token.identity().headers(&headers, None).is_empty());
        assert!(without_token.is_valid("portal.example.org", token_ends_at), "the session itself lives on");
    }

    #[test]
    fn who_owns_a_session_is_asked_once_however_often_it_is_looked_at() {
        let (live, mut asked) = (live(START), 0);
        let mut revocations = Revocations::default();
        for at in 1..=3 {
            // Something was ended meanwhile: else nothing is to be looked at.
            revocations.import_floor(UnixTime::from_secs(at), &mut OwnData::default());
            let client_id = || {
                asked += 1;
                Some("portal")
            };
            assert!(!live.clearance().is_revoked(live.session(), client_id, &revocations));
        }
        assert_eq!(asked, 1);
    }

    #[test]
    fn a_session_is_recent_for_as_long_as_the_rule_says_and_until_the_browser_has_arrived() {
        let asked =
            |seconds| AuthenticationDemand { max_age: Some(Duration::from_secs(seconds)), acr_values: Vec::new() };
        let at = |seconds| START + Duration::from_secs(seconds);
        let mut session = session(START);
        session.authentication.auth_time = Some(START);
        let for_ever = UnixTime::from_millis(u64::MAX);
        let live = LiveSession::new(session, "portal.example.org".to_owned(), Upkeep::Usual, for_ever, START);
        for (max_age, now, is_recent) in [(60, 60, true), (60, 61, false), (1, 1, true), (1, 2, false), (0, 1, true)] {
            assert_eq!(live.was_authenticated(&asked(max_age), at(now)), is_recent, "{max_age} {now}");
        }
        let unknown = self::live(START);
        assert!(!unknown.was_authenticated(&asked(60), START), "what the provider did not say did not happen");
        assert!(unknown.was_authenticated(&AuthenticationDemand::default(), at(9999)));
    }

    #[test]
    fn what_cannot_be_evaluated_does_not_hold() {
        for (require, holds) in [
            (r#""staff" in claims.groups"#, true),
            (r#""admin" in claims.groups"#, false),
            ("claims.missing == 1", false),
            ("claims.sub", false),
            (r#"request.method == "GET""#, false),
        ] {
            assert_eq!(
                live(START).identity().meets(0, &Expression::compile(require).unwrap(), None),
                holds,
                "{require}"
            );
        }
    }
}
