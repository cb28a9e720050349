use proptest::prelude::*;

use super::*;
use crate::config::SameSite;
use crate::session::seal::Purpose;
use crate::session::testing::{TestEntropy, policy};

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
const BINDING: Binding<'static> = Binding {
    purpose: Purpose::Form,
    issuer: "https://login.example.org",
    client_id: "portal",
    cookie_name: "__Host-latchkey",
    host: "portal.example.org",
};

fn public(host: &str) -> PublicUrl {
    PublicUrl { origin: format!("https://{host}"), authority: host.to_owned() }
}

fn target(path: &str) -> ReturnTarget {
    ReturnTarget::parse(path, &public("portal.example.org"), "/oauth2").unwrap()
}

fn take(body: impl AsRef<[u8]>) -> Option<PostedForm> {
    let body = body.as_ref().to_vec();
    PostedForm::take(body, &target("/orders?x=1"), &public("portal.example.org"), NOW, &mut TestEntropy::default())
}

fn lines(form: &PostedForm, policy: &SessionPolicy, response_mode: ResponseMode) -> Vec<String> {
    let (nothing, mut entropy) = (Headers::default(), TestEntropy::default());
    form.set_cookies(&nothing, policy, (&BINDING, response_mode), &mut entropy).unwrap()
}

/// The request headers of a browser that keeps `form`.
fn browser(form: &PostedForm) -> Headers {
    let lines = lines(form, &policy(), ResponseMode::Query);
    let pairs: Vec<_> = lines.iter().map(|line| line.split("; ").next().unwrap()).collect();
    Headers::new(vec![("cookie".to_owned(), pairs.join("; ").into_bytes())])
}

fn find(headers: &Headers, target: &ReturnTarget, host: &str, now: UnixTime) -> Option<PostedForm> {
    PostedForm::of_request(headers, &policy(), |_| Some(BINDING), (target, &public(host)), now)
}

#[test]
fn a_form_comes_back_to_where_it_was_to_go_and_nowhere_else() {
    let form = take("amount=12&note=a%20b%0D%0Ac&note=%C3%A4&empty=").unwrap();
    let fields = [("amount", "12"), ("note", "a b\r\nc"), ("note", "ä"), ("empty", "")];
    let fields: Vec<_> = fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(form.fields().collect::<Vec<_>>(), fields);
    let headers = browser(&form);
    let here = target("/orders?x=1").with(None, Some(form.id()));
    let host = "portal.example.org";
    assert_eq!(find(&headers, &here, host, NOW + LIFETIME), Some(form.clone()));
    assert_eq!(find(&headers, &here, host, NOW + LIFETIME + Duration::from_millis(1)), None, "too late");
    assert_eq!(find(&headers, &here, "other.example.org", NOW), None, "another origin, cookie shared or not");
    let elsewhere = target("/orders").with(None, Some(form.id()));
    assert_eq!(find(&headers, &elsewhere, host, NOW), None, "another path");
    assert_eq!(find(&headers, &target("/orders?x=1"), host, NOW), None, "a login without a form");
    let other = target("/orders?x=1").with(None, FormId::parse("AAAAAAAAAAAAAAAAAAAAAA"));
    assert_eq!(find(&headers, &other, host, NOW), None, "a login with another form");
}

#[test]
fn a_form_that_a_page_could_not_send_as_it_was_is_not_kept() {
    for body in
        [&b"a=%FF"[..], b"\xff=1", b"a=%00", b"a=%1B", b"=b", b"a=1&=2", b"a=%EF%BF%BD", b"_charset_=windows-1252"]
    {
        assert_eq!(take(body), None, "{body:?}");
    }
    assert!(take([b'a'; LARGEST_FORM]).is_some());
    assert!(take([b'a'; LARGEST_FORM + 1]).is_none());
    assert!(take(b"").is_some() && take(b"_charset_=UTF-8").is_some());
}

#[test]
fn the_cookies_are_short_lived_ours_and_reach_the_callback() {
    let mut policy = policy();
    policy.cookie.same_site = SameSite::Strict;
    policy.cookie.partitioned = true;
    let form = take(format!("a={}", "x".repeat(LARGEST_FORM - 2))).unwrap();
    let kept = lines(&form, &policy, ResponseMode::Query);
    assert!((3..=4).contains(&kept.len()), "{} cookies", kept.len());
    for line in &kept {
        assert!(line.starts_with("__Host-latchkey-form") && line.len() <= 4096);
        assert!(line.ends_with("; Path=/; Max-Age=900; HttpOnly; SameSite=Lax; Secure; Partitioned"), "{line}");
        let (name, _) = line.split_once('=').unwrap();
        assert!(crate::http::cookies::is_own(name.as_bytes(), &policy.cookie.name), "{name}");
    }
    assert!(lines(&form, &policy, ResponseMode::FormPost)[0].contains("SameSite=None"));
    assert_eq!(clear_cookies(&browser(&form), &policy.cookie).len(), kept.len());
    assert!(clear_cookies(&Headers::default(), &policy.cookie).is_empty());
}

#[test]
fn debug_output_shows_nothing_that_was_entered() {
    assert!(!format!("{:?}", take("password=hunter2")).contains("hunter2"));
}

proptest! {
    #[test]
    fn an_altered_truncated_or_respliced_form_is_none(
        length in 0_usize..7000,
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
        kind in 0_u8..4,
    ) {
        let form = take(format!("a={}", "x".repeat(length))).unwrap();
        let here = target("/orders?x=1").with(None, Some(form.id()));
        let whole = browser(&form).first_str("cookie").unwrap().to_owned();
        let at = at.index(whole.len());
        let mut bytes = whole.clone().into_bytes();
        match kind {
            0 => bytes[at] ^= 1 << bit,
            1 => bytes.truncate(at),
            2 => bytes.rotate_left(at),
            _ => drop(bytes.remove(at)),
        }
        prop_assume!(bytes != whole.as_bytes());
        let found = find(&Headers::new(vec![("cookie".to_owned(), bytes)]), &here, "portal.example.org", NOW);
        // What only moved whole pairs or white space is the same cookies.
        prop_assert!(found.is_none() || found == Some(form));
    }

    #[test]
    fn whatever_is_kept_is_sent_as_it_was(fields in prop::collection::vec((".{0,12}", ".{0,24}"), 0..8)) {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        if let Some(form) = take(body) {
            prop_assert_eq!(form.fields().collect::<Vec<_>>(), fields);
        }
    }
}
