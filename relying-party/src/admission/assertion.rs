//! What a backend is told about an identity in a way that it can verify: a JWT, signed once for many requests.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Admitted, Passage};
use crate::config::{AssertionPolicy, OWN_CLAIMS};
use crate::policy::identity::Identity;
use crate::time::UnixTime;

/// `typ`: no token of another kind is taken for one of these, nor one of these for another (RFC 8725 §3.11).
const TYP: &str = "latchkey-assertion+jwt";

/// What an assertion of an ordinary identity takes of the memory, about (bytes).
pub const WEIGHT: usize = 1024;

/// A signed identity.
#[derive(PartialEq, Eq)]
pub struct Assertion {
    header: Rc<str>,
    jwt: String,
    replaced_at: UnixTime,
}

impl Assertion {
    /// The name of the header that carries it.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// The JWT in compact form.
    pub fn jwt(&self) -> &str {
        &self.jwt
    }
}

impl Passage {
    /// The identity's assertion; `None` when nobody is known. Signed when the last one has a fifth of its time left, so that a
    /// request arrives with a good one: always, but for the last second of what it is made of, as a JWT's times are whole seconds.
    pub fn assertion(&self, policy: &AssertionPolicy, now: UnixTime) -> Option<Rc<Assertion>> {
        let identity = self.who.identity()?;
        let mut kept = identity.assertion.borrow_mut();
        match &*kept {
            Some(assertion) if now < assertion.replaced_at => {}
            _ => *kept = sign(identity.identity(), self.who.ends_at(), policy, now).map(Rc::new),
        }
        kept.clone()
    }
}

impl Admitted {
    /// When that by which somebody is admitted ends.
    fn ends_at(&self) -> UnixTime {
        match self {
            // Not its idle timeout: this request has just put that off.
            Self::Session(session) => session.session().expires_at,
            Self::Token(token) => token.valid_until(),
            Self::Anonymous => UnixTime::from_millis(0),
        }
    }
}

/// Lifetimes below it may be a second longer than configured.
const ROUNDED_UP: Duration = Duration::from_secs(10);

fn sign(identity: &Identity, ends_at: UnixTime, policy: &AssertionPolicy, now: UnixTime) -> Option<Assertion> {
    // As `exp` says it, in whole seconds. What is cut off may be most of a short lifetime: that is rounded up.
    let added = u64::from(policy.lifetime < ROUNDED_UP);
    let expires_at = UnixTime::from_secs((now + policy.lifetime).as_secs().saturating_add(added));
    let replaced_at = expires_at - policy.lifetime.checked_div(5).unwrap_or_default();
    // No longer than what it is made of; and then a newer one would not be good for longer.
    let (expires_at, replaced_at) = if ends_at < expires_at { (ends_at, ends_at) } else { (expires_at, replaced_at) };
    let claims = Value::Object(claims(identity, policy, now, expires_at));
    let jwt = policy.key.sign(TYP, &claims)?;
    Some(Assertion { header: Rc::clone(&policy.header), jwt, replaced_at })
}

/// There is no `jti`: an assertion comes with many requests, and nobody shall take the second for a replay.
fn claims(identity: &Identity, policy: &AssertionPolicy, now: UnixTime, expires_at: UnixTime) -> Map<String, Value> {
    let own = identity.claims.by_name();
    let selected = |name: &str| policy.claims.names(name) && !OWN_CLAIMS.contains(&name);
    let mut claims: Map<_, _> = own.iter().filter(|(name, _)| selected(name)).map(owned).collect();
    let mut add = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
    add("iss", policy.issuer.as_str().into());
    add("aud", policy.audience.as_str().into());
    add("iat", now.as_secs().into());
    add("exp", expires_at.as_secs().into());
    add("provider", identity.provider.as_str().into());
    add("credential", identity.credential.name().into());
    if !identity.scopes.is_empty() {
        add("scope", identity.scopes.join(" ").into());
    }
    if let Some(Value::String(subject)) = own.get("sub") {
        // RFC 7519 §4.1.2: unique for the issuer, which is this deployment. A provider's name contains no colon.
        let unique = if policy.sole_provider { subject.clone() } else { [&identity.provider, ":", subject].concat() };
        add("sub", unique.into());
        // Who it is for everybody else, too (RFC 9493 §3.2.4).
        let named = own.iter().filter(|(name, _)| *name == "iss" || *name == "sub").map(owned);
        let format = ("format".to_owned(), "iss_sub".into());
        add("sub_id", named.chain([format]).collect());
    }
    claims
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

#[cfg(test)]
mod tests {

    use serde_json::json;

    use super::*;
    use crate::admission::passage::Credentials;
    use crate::admission::{LiveSession, Upkeep};
    use crate::config::Config;
    use crate::jose::signing_key::tests::P256_PEM;
    use crate::jose::test_key::jwk_set;
    use crate::jose::{JwsAlgorithm, Software, UnverifiedJwt};
    use crate::policy::identity::Credential;
    use crate::session::testing::session;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn policy(headers: &Value) -> AssertionPolicy {
        policy_for("100s", headers)
    }

    fn policy_for(lifetime: &str, headers: &Value) -> AssertionPolicy {
        let document = json!({
            "providers": [{"name": "corp", "issuer": "https://login.example.org", "cluster": "idp", "audience": ["api"]}],
            "rules": [{"authentication": "bearer"}],
            "headers": headers,
            "assertion": {"key": P256_PEM, "audience": "orders", "lifetime": lifetime},
        });
        Config::parse(document.to_string().as_bytes(), &|_| None).unwrap().assertion.unwrap()
    }

    fn identity(claims: &Value) -> Identity {
        Identity {
            provider: "corp".to_owned(),
            credential: Credential::Bearer,
            claims: Rc::new(claims.as_object().unwrap().clone()),
            scopes: Vec::new(),
            access_token: None,
        }
    }

    fn claims_of(policy: &AssertionPolicy, identity: &Identity) -> Value {
        claims_in(policy, &sign(identity, NOW + Duration::from_secs(1000), policy, NOW).unwrap())
    }

    fn claims_in(policy: &AssertionPolicy, assertion: &Assertion) -> Value {
        let jwt = UnverifiedJwt::parse(assertion.jwt()).unwrap();
        assert_eq!((jwt.typ(), jwt.kid()), (Some(TYP), Some(policy.key.kid())));
        let keys = jwk_set(policy.key_set()["keys"].as_array().unwrap());
        Value::Object(jwt.verify(&keys, &[JwsAlgorithm::Es256], &Software).unwrap().into_claims())
    }

    #[test]
    fn no_claim_of_the_identity_takes_the_place_of_the_assertions_own() {
        let policy = policy(&json!({"x-all": "json(claims)"}));
        let mut claims = json!({"name": "Ada", "act": {"sub": "helper"}});
        for own in OWN_CLAIMS {
            claims[own] = "of the identity".into();
        }
        let expected = json!({
            "iss": "latchkey", "aud": "orders", "iat": NOW.as_secs(), "exp": NOW.as_secs() + 100,
            "sub": "of the identity", "provider": "corp", "credential": "bearer",
            "sub_id": {"format": "iss_sub", "iss": "of the identity", "sub": "of the identity"},
            "name": "Ada", "act": {"sub": "helper"},
        });
        assert_eq!(claims_of(&policy, &identity(&claims)), expected);
    }

    #[test]
    fn what_was_not_selected_is_not_told_and_who_has_no_subject_gets_none() {
        let policy = policy(&json!({"x-email": "claims.email"}));
        let claims = claims_of(&policy, &identity(&json!({"email": "a@example.org", "groups": ["staff"], "sub": 7})));
        let names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["aud", "credential", "email", "exp", "iat", "iss", "provider"]);
    }

    #[test]
    fn an_assertion_serves_all_requests_until_a_fifth_of_its_time_is_left() {
        let (policy, for_ever) = (policy(&json!({})), UnixTime::from_millis(u64::MAX));
        let live = LiveSession::new(session(NOW), "portal.example.org".to_owned(), Upkeep::Usual, for_ever, NOW);
        let passage = Passage { who: Admitted::Session(Rc::new(live)), credentials: Credentials::Presented };
        let after = |seconds| passage.assertion(&policy, NOW + Duration::from_secs(seconds)).unwrap();
        let first = after(0);
        assert!(Rc::ptr_eq(&first, &after(79)) && !Rc::ptr_eq(&first, &after(80)));
        let nobody = Passage { who: Admitted::Anonymous, credentials: Credentials::Presented };
        assert!(nobody.assertion(&policy, NOW).is_none());
    }

    #[test]
    fn an_assertion_is_replaced_in_time_and_lasts_no_longer_than_what_it_is_made_of() {
        let policy = policy(&json!({}));
        for (left, expires_in, replaced_in) in [(1000, 100, 80), (100, 100, 80), (99, 99, 99), (1, 1, 1), (0, 0, 0)] {
            let after = |seconds| NOW + Duration::from_secs(seconds);
            let assertion = sign(&identity(&json!({"sub": "ada"})), after(left), &policy, NOW).unwrap();
            assert_eq!(assertion.replaced_at, after(replaced_in), "{left}");
            assert_eq!(claims_in(&policy, &assertion)["exp"], after(expires_in).as_secs(), "{left}");
        }
    }

    #[test]
    fn an_assertion_is_replaced_before_it_expires_at_whatever_moment_it_is_signed() {
        for (lifetime, millis) in [("10s", 0), ("10s", 999), ("1s", 0), ("1s", 1), ("1s", 999), ("3s", 499)] {
            let policy = policy_for(lifetime, &json!({}));
            let signed_at = NOW + Duration::from_millis(millis);
            let ends_at = signed_at + Duration::from_secs(1000);
            let assertion = sign(&identity(&json!({"sub": "ada"})), ends_at, &policy, signed_at).unwrap();
            let expires_at = claims_in(&policy, &assertion)["exp"].as_u64().unwrap();
            assert_eq!(
                assertion.replaced_at + policy.lifetime / 5,
                UnixTime::from_secs(expires_at),
                "{lifetime} {millis}"
            );
            assert!(assertion.replaced_at > signed_at, "{lifetime} {millis}");
            assert!(expires_at <= (signed_at + policy.lifetime).as_secs() + 1, "{lifetime} {millis}");
        }
    }
}
