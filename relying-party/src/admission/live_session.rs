//! A session that was opened, and what was evaluated for it: the next request with the same cookie finds it ready.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::config::IdentityHeader;
use crate::policy::expression::Expression;
use crate::policy::identity::{Credential, Identity, Subject};
use crate::policy::request_view::RequestView;
use crate::session::Session;
use crate::time::UnixTime;

/// An opened session.
pub struct LiveSession {
    session: Session,
    host: String,
    resealing_due: bool,
    valid_until: UnixTime,
    identity: Identity,
    /// Rule index → whether its requirement holds. Only for requirements that do not look at the request.
    requirements: RefCell<BTreeMap<usize, bool>>,
    /// The identity headers that do not look at the request and have a value.
    headers: OnceCell<Rc<[(String, String)]>>,
}

impl LiveSession {
    /// `session` was sealed for `host`, with an older key if `resealing_due`.
    pub fn new(session: Session, host: String, resealing_due: bool, now: UnixTime) -> Self {
        let token = session.access_token.as_ref();
        let fresh_token = token.filter(|token| token.expires_at.is_none_or(|expires_at| now < expires_at));
        let identity = Identity {
            provider: session.provider.clone(),
            credential: Credential::Session,
            claims: session.claims.clone(),
            scopes: session.scopes.clone(),
            access_token: fresh_token.map(|token| token.value.clone()),
        };
        let token_expires_at = fresh_token.and_then(|token| token.expires_at);
        let session_ends_at = session.expires_at.min(session.idle_expires_at);
        let valid_until =
            token_expires_at.map_or(session_ends_at, |token_expires_at| session_ends_at.min(token_expires_at));
        let (requirements, headers) = (RefCell::default(), OnceCell::new());
        Self { session, host, resealing_due, valid_until, identity, requirements, headers }
    }

    /// The session itself.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Whether it was sealed with an older key.
    pub const fn resealing_due(&self) -> bool {
        self.resealing_due
    }

    /// Whether all that was evaluated for it still holds, for a request to `host`.
    pub fn is_valid(&self, host: &str, now: UnixTime) -> bool {
        self.host == host && now < self.valid_until
    }

    /// Whether `require`, of the rule with this index, holds. What cannot be evaluated does not hold.
    pub fn meets(&self, rule: usize, require: &Expression, request: Option<&RequestView<'_>>) -> bool {
        let evaluate = || require.holds(&Subject::new(&self.identity), request).unwrap_or(false);
        if require.references().request {
            return evaluate();
        }
        *self.requirements.borrow_mut().entry(rule).or_insert_with(evaluate)
    }

    /// The names and values of the identity headers that have a value.
    pub fn identity_headers(
        &self,
        headers: &[IdentityHeader],
        request: Option<&RequestView<'_>>,
    ) -> Rc<[(String, String)]> {
        let looks_at_request = |header: &&IdentityHeader| header.value.references().request;
        let constant = self.headers.get_or_init(|| {
            let subject = Subject::new(&self.identity);
            evaluate(headers, |header| header.value.text(&subject, None).filter(|_| !looks_at_request(&header)))
        });
        if !headers.iter().any(|header| looks_at_request(&header)) {
            return Rc::clone(constant);
        }
        let subject = Subject::new(&self.identity);
        evaluate(headers, |header| match constant.iter().find(|(name, _)| *name == header.name) {
            Some((_, value)) => Some(value.clone()),
            None => looks_at_request(&header).then(|| header.value.text(&subject, request)).flatten(),
        })
    }
}

fn evaluate(headers: &[IdentityHeader], value: impl Fn(&IdentityHeader) -> Option<String>) -> Rc<[(String, String)]> {
    headers.iter().filter_map(|header| Some((header.name.clone(), value(header)?))).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::session::testing::session;

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn live(now: UnixTime) -> LiveSession {
        LiveSession::new(session(START), "portal.example.org".to_owned(), false, now)
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
        assert_eq!(*live.identity_headers(&headers, None), expected);
        assert_eq!(*live.identity_headers(&headers, None), expected, "the second time from what was kept");
    }

    #[test]
    fn an_access_token_is_passed_on_until_it_expires() {
        let headers = [header("authorization", r#""Bearer " + access_token"#)];
        let token_ends_at = START + Duration::from_secs(300);
        assert_eq!(live(START).identity_headers(&headers, None).len(), 1);
        assert!(
            !live(START).is_valid("portal.example.org", token_ends_at),
            "evaluated anew when the token has expired"
        );
        let without_token = live(token_ends_at);
        assert!(without_token.identity_headers(&headers, None).is_empty());
        assert!(without_token.is_valid("portal.example.org", token_ends_at), "the session itself lives on");
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
            assert_eq!(live(START).meets(0, &Expression::compile(require).unwrap(), None), holds, "{require}");
        }
    }
}
