//! Who is let through, by a session or an access token, and what for.

use std::time::Duration;

use serde_json::{Value, json};

use super::cache::Weighed as _;
use super::*;
use crate::http::credentials::TokenScheme;
use crate::http::{Headers, RequestHead};
use crate::jose::test_key::{TestKey, jwk_set, with};
use crate::jose::{JwsAlgorithm, Software};
use crate::peer::KnownPeer;
use crate::policy::demand::AuthenticationDemand;
use crate::policy::expression::Expression;
use crate::policy::managed_headers::ManagedHeaders;
use crate::policy::path::RequestPath;
use crate::policy::request_view::RequestView;
use crate::protocol::access_token::{ExpectedAccessToken, UnverifiedAccessToken};
use crate::protocol::confirmation::Confirmation;
use crate::protocol::dpop::DpopError;
use crate::protocol::test_provider::{ISSUER, metadata, provider};
use crate::protocol::token_exchange::{IssuedToken, process_token_exchange_response};
use crate::secret::Secret;
use crate::session::testing::session;

use crate::config::{IdentityHeader, Issuer};
use crate::flow::provider::{ProviderSlot, TrustEpoch};

const NOW: u64 = 1_800_000_000;

fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

/// Epochs come from slots alone: this one has seen so many keys withdrawn.
fn epoch(withdrawals: usize) -> TrustEpoch {
    let mut slot = ProviderSlot::new(Rc::new(provider()));
    for load in 0..=withdrawals {
        let key = if load % 2 == 0 { TestKey::rsa() } else { TestKey::p256() };
        slot.load(metadata(), jwk_set(&[key.jwk()]), now(), Duration::from_secs(60));
    }
    slot.loaded.unwrap().trust
}

fn token(changes: &Value) -> Rc<LiveToken> {
    let claims = json!({
        "iss": ISSUER, "sub": "alice", "aud": ["api", "billing"], "exp": NOW + 300, "scope": "read", "groups": ["staff"],
    });
    let text = TestKey::p256().sign(JwsAlgorithm::Es256, &with(claims, changes));
    let expected = ExpectedAccessToken {
        issuer: &Issuer::exact(ISSUER.to_owned()),
        client_ids: &[],
        must_be_typed: false,
        algorithms: &JwsAlgorithm::ALL,
        clock_skew: Duration::ZERO,
    };
    let keys = jwk_set(&[TestKey::p256().jwk()]);
    let verified = UnverifiedAccessToken::parse(&text).unwrap().verify(&expected, &keys, &Software, now());
    let verified = verified.map_err(|refused| refused.error).unwrap();
    let valid_until = verified.expires_at;
    let origin = TokenOrigin { provider: 3, name: "corp", trust: Some(epoch(0)), rule: 2 };
    Rc::new(LiveToken::new(verified, &text, origin, valid_until))
}

fn admit(token: &Rc<LiveToken>, demand: &Demand, audience: &[&str]) -> Result<Admission, BearerError> {
    let possession = Possession::shown(&Confirmation::default(), TokenScheme::Bearer, &KnownPeer::default(), |_| {
        Err(DpopError::Missing)
    })
    .unwrap();
    let audience: Vec<_> = audience.iter().map(|audience| (*audience).to_owned()).collect();
    Admission::by_token(Rc::clone(token), &possession, (0, demand), &audience, None::<&RequestView<'_>>, now())
}

fn requiring(require: &str) -> Demand {
    Demand { require: Some(Expression::compile(require).unwrap()), ..Demand::default() }
}

#[test]
fn a_token_is_admitted_for_its_own_audience_and_provider() {
    let live = token(&json!({}));
    for (audience, admitted) in
        [(["api"].as_slice(), true), (&["x", "billing"], true), (&["ap"], false), (&["API"], false), (&[], false)]
    {
        let refused = admit(&live, &Demand::default(), audience).err();
        let expected = (!admitted).then_some(BearerError::AccessToken(AccessTokenError::AudienceMismatch));
        assert_eq!(refused, expected, "{audience:?}");
    }
    let of = |provider: &str| Demand { providers: Some(vec![provider.to_owned()]), ..Demand::default() };
    assert!(admit(&live, &of("corp"), &["api"]).is_ok());
    assert_eq!(admit(&live, &of("other"), &["api"]).err(), Some(AccessTokenError::IssuerMismatch.into()));
    let for_nobody = token(&json!({"aud": null}));
    assert_eq!(admit(&for_nobody, &Demand::default(), &["api"]).err(), Some(AccessTokenError::AudienceMismatch.into()));
}

fn header(name: &str, value: &str) -> IdentityHeader {
    IdentityHeader { name: name.to_owned(), value: Expression::compile(value).unwrap() }
}

#[test]
fn an_admission_names_whoever_owns_the_token() {
    let live = token(&json!({}));
    let admission = admit(&live, &requiring("credential == 'bearer' && provider == 'corp'"), &["api"]).unwrap();
    let identity = admission.identity().unwrap();
    assert_eq!(
        *identity.headers(&[header("x", "claims.sub + ' ' + scopes[0]")], None),
        [("x".to_owned(), "alice read".to_owned())]
    );
    assert!(identity.identity().access_token.is_some());
}

#[test]
fn headers_that_look_at_the_request_change_with_it_and_the_others_stay() {
    let headers = [
        header("x-sub", "claims.sub"),
        header("x-path", "claims.sub + request.path"),
        header("x-provider", "provider"),
    ];
    let (live, managed) = (token(&json!({})), ManagedHeaders::new(["x-sub"]));
    for path in ["/a", "/b"] {
        let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let head = RequestHead::new(Headers::new(vec![field(":method", "GET"), field(":path", path)]));
        let path = RequestPath::parse(path).unwrap();
        let evaluated = live.identity().headers(&headers, Some(&RequestView::new(&head, &path, &managed)));
        let expected = [("x-sub", "alice"), ("x-path", &format!("alice{}", path.literal())), ("x-provider", "corp")];
        assert_eq!(*evaluated, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}

#[test]
fn a_refusal_says_what_would_help() {
    // What a rule requires is evaluated once for a token, so each case has its own.
    let admit_fresh = |require: &str| admit(&token(&json!({})), &requiring(require), &["api"]);
    for (require, scopes) in [
        ("'write' in scopes", Some(&["write"] as &[&str])),
        ("'write' in scopes && 'admin' in scopes", Some(&["admin", "write"])),
        ("'read' in scopes && 'write' in scopes", Some(&["write"])),
        ("'write' in scopes && 'admin' in claims.groups", None),
        ("'admin' in claims.groups", None),
        ("claims.missing == 1", None),
        ("!('read' in scopes)", None),
    ] {
        let expected = scopes.map_or(BearerError::RequirementNotMet, |scopes| {
            BearerError::InsufficientScope(scopes.iter().map(|scope| (*scope).to_owned()).collect())
        });
        assert_eq!(admit_fresh(require).err(), Some(expected), "{require}");
    }
    assert!(admit_fresh("'staff' in claims.groups").is_ok());
}

#[test]
fn what_a_token_does_not_say_of_its_sign_in_did_not_happen() {
    let demand = |max_age: Option<u64>, acr: &[&str]| Demand {
        authentication: AuthenticationDemand {
            max_age: max_age.map(Duration::from_secs),
            acr_values: acr.iter().map(|acr| (*acr).to_owned()).collect(),
        },
        ..Demand::default()
    };
    let recent = token(&json!({"auth_time": NOW - 60, "acr": "mfa"}));
    let silent = token(&json!({}));
    for (live, demand, admitted) in [
        (&recent, demand(Some(60), &["mfa"]), true),
        (&recent, demand(Some(59), &["mfa"]), false),
        (&recent, demand(None, &["key", "mfa"]), true),
        (&recent, demand(None, &["key"]), false),
        (&silent, demand(Some(u64::from(u32::MAX)), &[]), false),
        (&silent, demand(None, &["mfa"]), false),
        (&silent, demand(None, &[]), true),
    ] {
        let refused = admit(live, &demand, &["api"]).err();
        let expected = (!admitted).then(|| BearerError::Authentication(demand.authentication.clone()));
        assert_eq!(refused, expected);
    }
}

#[test]
fn a_token_is_good_until_it_ends_or_a_key_is_withdrawn() {
    let live = token(&json!({}));
    assert!(live.is_valid(Some(epoch(0)), now()));
    assert!(live.is_valid(Some(epoch(0)), UnixTime::from_secs(NOW + 299)));
    assert!(!live.is_valid(Some(epoch(0)), UnixTime::from_secs(NOW + 300)));
    assert!(!live.is_valid(Some(epoch(1)), now()), "a key was withdrawn");
    assert!(!live.is_valid(None, now()), "there are no keys any more");
    assert_eq!((live.provider(), live.rule()), (3, 2), "who has verified it, and for which rule");
}

#[test]
fn only_rules_that_ask_nothing_admit_nobody_in_particular() {
    let rule = |authentication| Rule {
        name: "a".to_owned(),
        matcher: crate::policy::matcher::Matcher::compile(crate::policy::matcher::MatcherSpec {
            path: Some("/a".to_owned()),
            ..Default::default()
        })
        .unwrap(),
        authentication,
    };
    for (authentication, admits) in [
        (Authentication::Session(Demand::default()), false),
        (Authentication::Bearer(Demand::default()), false),
        (Authentication::Any(Demand::default()), false),
        (Authentication::Optional(Demand::default()), true),
        (Authentication::Public, true),
    ] {
        let admission = Admission::anonymous(&rule(authentication));
        assert_eq!(admission.is_some(), admits);
        assert!(admission.is_none_or(|admission| admission.identity().is_none()));
    }
}

/// Alice's session, in which the provider left some claims elsewhere.
fn live_session(left_elsewhere: &[&str]) -> Rc<LiveSession> {
    let mut session = session(now());
    session.left_elsewhere = left_elsewhere.iter().map(|name| (*name).to_owned()).collect();
    Rc::new(LiveSession::new(session, "portal.example.org".to_owned(), Upkeep::Usual, now() + HOUR, now()))
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_session_is_admitted_when_it_is_what_the_rule_asks_for() {
    let by_session = |left: &[&str], demand: &Demand| {
        Admission::by_session(live_session(left), Some((0, demand)), None, now()).err()
    };
    assert!(Admission::by_session(live_session(&[]), None, None, now()).is_ok(), "no rule asks for anything");
    assert_eq!(by_session(&[], &Demand::default()), None);
    assert_eq!(by_session(&[], &requiring("'staff' in claims.groups")), None);
    assert_eq!(by_session(&[], &requiring("'admin' in claims.groups")), Some(NotAdmitted::Requirement));
    assert_eq!(
        by_session(&["groups"], &requiring("'admin' in claims.groups")),
        Some(NotAdmitted::ClaimsElsewhere(ClaimsElsewhere::Groups))
    );
    let authentication = AuthenticationDemand { acr_values: vec!["mfa".to_owned()], ..Default::default() };
    let strong = Demand { authentication: authentication.clone(), ..Demand::default() };
    assert_eq!(by_session(&[], &strong), Some(NotAdmitted::Authentication(authentication)));
}

fn exchanging() -> Demand {
    let exchange = Exchange { provider: "corp".to_owned(), audience: Some("backend".to_owned()), scope: None };
    Demand { exchange: Some(Rc::new(exchange)), ..Demand::default() }
}

fn issued(expires_in: Option<u64>) -> IssuedToken {
    issued_as("for-the-backend", expires_in)
}

fn issued_as(access_token: &str, expires_in: Option<u64>) -> IssuedToken {
    let answer = json!({
        "access_token": access_token, "token_type": "Bearer", "expires_in": expires_in,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    });
    process_token_exchange_response(200, answer.to_string().as_bytes()).unwrap()
}

fn pending(admission: Admission) -> PendingExchange {
    match admission.onward() {
        Onward::Exchange(pending) => pending,
        Onward::Open(_) | Onward::TokenMissing => panic!("a token is to be exchanged"),
    }
}

#[test]
fn an_exchanged_token_is_used_no_longer_than_it_or_what_it_was_issued_for_lives() {
    let by_session = || Admission::by_session(live_session(&[]), Some((0, &exchanging())), None, now()).unwrap();
    let by_token = || admit(&token(&json!({})), &exchanging(), &["api"]).unwrap();
    // Both end after 300 seconds.
    for admission in [&by_session, &by_token] as [&dyn Fn() -> Admission; 2] {
        for (expires_in, seconds) in [(Some(100), 70), (Some(3600), 300), (None, 60)] {
            let pending = pending(admission());
            assert_eq!(pending.exchange().audience.as_deref(), Some("backend"));
            let token = pending.issued(issued(expires_in), now());
            let after = |seconds| now() + Duration::from_secs(seconds);
            assert!(token.is_valid(after(seconds - 1)) && !token.is_valid(after(seconds)), "{expires_in:?}");
        }
    }
}

#[test]
fn the_backend_sees_the_exchanged_token_and_no_other() {
    let headers = [header("x", "claims.sub + ' ' + access_token")];
    let text = |passage: &Passage| passage.headers(&headers, None)[0].1.clone();
    let live = token(&json!({}));
    let pass = |issued: &str| {
        let pending = pending(admit(&live, &exchanging(), &["api"]).unwrap());
        assert_eq!(pending.subject().expose(), live.identity().identity().access_token.as_ref().unwrap().expose());
        let token = Rc::new(pending.issued(issued_as(issued, None), now()));
        assert_eq!(*token.authorization().expose(), format!("Bearer {issued}"));
        pending.with(token)
    };
    let passage = pass("for-the-backend");
    assert_eq!(text(&passage), "alice for-the-backend");
    assert!(Rc::ptr_eq(&passage.headers(&headers, None), &passage.headers(&headers, None)), "evaluated once");
    assert!(passage.withholds_credentials());
    assert_eq!(passage.exchanged().unwrap().access_token().expose(), "for-the-backend");
    assert_eq!(*passage.headers(&[header("x", "claims.sub")], None), [("x".to_owned(), "alice".to_owned())]);

    assert_eq!(text(&pass("for-another")), "alice for-another");

    let Onward::Open(presented) = admit(&live, &Demand::default(), &["api"]).unwrap().onward() else {
        panic!("nothing is left to do");
    };
    assert!(!presented.withholds_credentials() && presented.exchanged().is_none());
    assert_ne!(text(&presented), "alice for-the-backend");
}

#[test]
fn who_has_nothing_to_exchange_brings_nothing_along() {
    let mut without = session(now());
    without.tokens.access_token = None;
    let live = LiveSession::new(without, "portal.example.org".to_owned(), Upkeep::Usual, now() + HOUR, now());
    let admission = Admission::by_session(Rc::new(live), Some((0, &exchanging())), None, now()).unwrap();
    assert!(matches!(admission.onward(), Onward::TokenMissing));
    let anonymous = Admission { who: Admitted::Anonymous, exchange: exchanging().exchange };
    let Onward::Open(passage) = anonymous.onward() else { panic!("nobody has no token") };
    assert!(passage.withholds_credentials() && passage.exchanged().is_none());
    assert!(passage.properties(&[header("person", "claims.sub")], None).is_none());
}

#[test]
fn the_host_gets_to_know_what_is_configured_and_nothing_else() {
    let Onward::Open(passage) = admit(&token(&json!({})), &Demand::default(), &["api"]).unwrap().onward() else {
        panic!("nothing is left to do");
    };
    assert!(passage.properties(&[], None).is_none());
    let headers = passage.headers(&[header("x-provider", "provider")], None);
    let properties = passage.properties(&[header("person", "claims.sub")], None).unwrap();
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!((&*headers, &*properties), (&[text("x-provider", "corp")][..], &[text("person", "alice")][..]));
}

#[test]
fn what_is_remembered_weighs_what_it_holds() {
    let text = "x".repeat(1000);
    let token_with = |text: &str| token(&json!({"note": text}));
    // A token is kept as it came, too: its claims in base64.
    let more = token_with(&text).weight() - token_with("").weight();
    assert!((2300..3500).contains(&more), "{more}");
    let session_with = |note: &str, secret: &str| {
        let mut session = session(now());
        session.claims.insert("note".to_owned(), note.into());
        session.tokens.access_token = Some(Secret::new(secret.to_owned()));
        LiveSession::new(session, "portal.example.org".to_owned(), Upkeep::Usual, now() + HOUR, now()).weight()
    };
    let little = session_with("", "");
    assert_eq!(session_with(&text, "") - little, 1500, "a claim, and half of it in headers");
    assert_eq!(session_with("", &text) - little, 2000, "a token, and once more in a header");
    let exchanged = pending(admit(&token(&json!({})), &exchanging(), &["api"]).unwrap()).issued(issued(None), now());
    let texts = exchanged.access_token().expose().len() + exchanged.authorization().expose().len();
    assert!(exchanged.weight() > texts && exchanged.weight() < texts + 300);
}
