use proptest::prelude::*;

use super::*;
use crate::session::seal::{Purpose, provider_tag};
use crate::session::testing::{TestEntropy, cookie_policy, policy, session};

const START: UnixTime = UnixTime::from_secs(1_700_000_000);
const HOUR: Duration = Duration::from_secs(3600);

const BINDING: Binding<'static> = Binding {
    purpose: Purpose::Session,
    issuer: "https://login.example.org",
    client_id: "portal",
    cookie_name: "__Host-latchkey",
    host: "portal.example.org",
};

/// The request headers of a browser that stored `lines`.
fn browser(lines: &[String]) -> Headers {
    let pairs: Vec<_> =
        lines.iter().filter(|line| !line.contains("Max-Age=0;")).map(|line| line.split("; ").next().unwrap()).collect();
    cookie_header(pairs.join("; "))
}

fn cookie_header(value: impl AsRef<[u8]>) -> Headers {
    Headers::new(vec![("cookie".to_owned(), value.as_ref().to_vec())])
}

fn set(sealed: &[u8], present: PresentParts) -> Vec<String> {
    set_cookies(&cookie_policy(), 4, sealed, HOUR, present).unwrap()
}

fn candidates(headers: &Headers) -> Vec<Vec<u8>> {
    collect(headers, &cookie_policy(), 4).candidates().map(Cow::into_owned).collect()
}

fn present(parts: &[usize]) -> PresentParts {
    let mut present = PresentParts::default();
    parts.iter().for_each(|part| present.insert(*part));
    present
}

#[test]
fn a_session_comes_back_from_the_browser() {
    let policy = policy();
    let writing = Writing { keys: &policy.keys, binding: BINDING, policy: &policy.cookie, max_cookies: 4 };
    let mut session = session(START);
    let random = URL_SAFE_NO_PAD.encode((&mut TestEntropy::default() as &mut dyn Entropy).bytes::<6000>());
    for (picture, parts) in [(String::new(), 1), (random, 3)] {
        session.claims.insert("picture".to_owned(), picture.into());
        let lines = writing.write(&session, PresentParts::default(), START, &mut TestEntropy::default()).unwrap();
        assert_eq!(lines.len(), parts);
        let headers = browser(&lines);
        let candidate = collect(&headers, &policy.cookie, 4).candidates().next().unwrap();
        let find = |tag| (tag == provider_tag(BINDING.issuer, BINDING.client_id)).then_some(BINDING);
        let opened = open(&candidate, &policy.keys, find).unwrap();
        assert_eq!(opened, OpenedSession { session: session.clone(), resealing_due: false });
        assert_eq!(open(&candidate, &policy.keys, |_| None), None, "no such provider");
        let other_host = Binding { host: "other.example.org", ..BINDING };
        assert_eq!(open(&candidate, &policy.keys, |_| Some(other_host)), None, "a cookie of another host");
    }
}

#[test]
fn the_attributes_are_those_of_the_policy() {
    assert_eq!(
        set(b"x", PresentParts::default()),
        ["__Host-latchkey=1.eA; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"]
    );
    let policy = CookiePolicy {
        name: "__Secure-latchkey".to_owned(),
        domain: Some("example.org".to_owned()),
        same_site: SameSite::None,
        secure: true,
        partitioned: true,
    };
    assert_eq!(
        clear_cookies(&policy, PresentParts::default()),
        ["__Secure-latchkey=; Path=/; Max-Age=0; HttpOnly; SameSite=None; Secure; Domain=example.org; Partitioned"]
    );
}

#[test]
fn a_session_that_shrinks_deletes_its_stale_parts() {
    let lines = set(b"small", present(&[0, 1, 2, 7]));
    let names: Vec<_> = lines.iter().map(|line| line.split('=').next().unwrap()).collect();
    assert_eq!(names, ["__Host-latchkey", "__Host-latchkey-1", "__Host-latchkey-2", "__Host-latchkey-7"]);
    assert!(lines[1..].iter().all(|line| line.contains("=; Path=/; Max-Age=0;")));
    assert_eq!(candidates(&browser(&lines)), [b"1.c21hbGw".to_vec()]);
}

#[test]
fn after_logout_no_part_is_left() {
    let headers =
        cookie_header("__Host-latchkey-3=c; __Host-latchkey=2.a; __Host-latchkey-1=b; a=1; __Host-latchkey-63=z");
    let lines = clear_cookies(&cookie_policy(), collect(&headers, &cookie_policy(), 4).present());
    let names: Vec<_> = lines.iter().map(|line| line.split('=').next().unwrap()).collect();
    let numbered = [1, 3, 63].map(|part| format!("__Host-latchkey-{part}"));
    assert_eq!(names[0], "__Host-latchkey");
    assert_eq!(names[1..], numbered);
    assert!(lines.iter().all(|line| line.contains("Max-Age=0")));
}

#[test]
fn a_session_beyond_max_cookies_is_too_large() {
    assert_eq!(set_cookies(&cookie_policy(), 4, &[0; 13_000], HOUR, PresentParts::default()), Err(SessionTooLarge));
    assert_eq!(SessionTooLarge.code(), "session.too_large");
    assert!(set_cookies(&cookie_policy(), 5, &[0; 13_000], HOUR, PresentParts::default()).is_ok());
    assert!(set_cookies(&cookie_policy(), usize::MAX, &[0; 400_000], HOUR, PresentParts::default()).is_err());
    let endless = CookiePolicy { domain: Some("a".repeat(4096)), ..cookie_policy() };
    assert_eq!(set_cookies(&endless, 4, b"x", HOUR, PresentParts::default()), Err(SessionTooLarge));
    let nothing_else = LINE_LIMIT - 7 - attributes(&cookie_policy(), SameSite::Lax, HOUR).len();
    let long = CookiePolicy { name: "a".repeat(nothing_else), ..cookie_policy() };
    assert_eq!(set_cookies(&long, 4, b"x", HOUR, PresentParts::default()), Err(SessionTooLarge), "no room is left");
}

#[test]
fn absurd_part_counts_are_refused() {
    for value in ["99999999.a", "65.a", "5.a", "0.a", "-1.a", "+1.a", ".a", "a", "1", "", "001.a", "1 .a"] {
        assert!(
            candidates(&cookie_header(format!("__Host-latchkey={value}; __Host-latchkey-1=x"))).is_empty(),
            "{value}"
        );
    }
    assert!(candidates(&cookie_header("__Host-latchkey=3.a; __Host-latchkey-1=x")).is_empty(), "a part is missing");
    assert!(candidates(&cookie_header("__Host-latchkey=2.a; __Host-latchkey-01=x")).is_empty());
}

#[test]
fn planted_duplicates_do_not_hide_the_session_and_only_four_are_tried() {
    let headers = Headers::new(vec![
        ("cookie".to_owned(), b"__Host-latchkey=planted; __Host-latchkey=1.mine".to_vec()),
        ("cookie".to_owned(), b"\xff=\xfe; __Host-latchkey=1.\xff".to_vec()),
        ("cookie".to_owned(), "__Host-latchkey=1.z; ".repeat(50).into_bytes()),
    ]);
    assert_eq!(candidates(&headers), [b"1.mine".to_vec(), b"1.\xff".to_vec(), b"1.z".to_vec()]);
    assert_eq!(open(b"1.\xff", &policy().keys, |_| Some(BINDING)), None);
}

#[test]
fn the_first_of_duplicate_further_parts_counts_and_oversized_ones_do_not() {
    assert_eq!(
        candidates(&cookie_header("__Host-latchkey-1=b; __Host-latchkey-1=c; __Host-latchkey=2.a")),
        [b"2.ab".to_vec()]
    );
    let long = |length| cookie_header(format!("__Host-latchkey=1.{}", "x".repeat(length - 2)));
    assert_eq!(candidates(&long(LINE_LIMIT)).len(), 1);
    assert!(candidates(&long(LINE_LIMIT + 1)).is_empty());
}

#[test]
fn no_more_parts_are_kept_or_joined_than_are_allowed() {
    let parts = |count| {
        let further: Vec<_> = (1..=4).map(|part| format!("; __Host-latchkey-{part}=x")).collect();
        cookie_header(format!("__Host-latchkey={count}.a{}", further.concat().repeat(2)))
    };
    assert_eq!(candidates(&parts(4)), [b"4.axxx".to_vec()]);
    assert!(candidates(&parts(5)).is_empty());
    assert_eq!(collect(&parts(5), &cookie_policy(), 4).further_parts.len(), 3, "each once");
    let absurd = cookie_header("__Host-latchkey-64=x; __Host-latchkey-99=x");
    assert_eq!(collect(&absurd, &cookie_policy(), 99).present(), PresentParts::default());
}

proptest! {
    #[test]
    fn any_value_comes_back_and_no_line_is_longer_than_browsers_store(
        sealed in prop::collection::vec(any::<u8>(), 1..12_000),
        before in prop::collection::vec(0_usize..64, 0..5),
        domain in prop::option::of("[a-z]{1,60}\\.example"),
    ) {
        let policy = CookiePolicy { domain, partitioned: true, ..cookie_policy() };
        let lines = set_cookies(&policy, 5, &sealed, HOUR.saturating_mul(10_000), present(&before)).unwrap();
        prop_assert!(lines.iter().all(|line| line.len() <= 4096));
        let headers = browser(&lines);
        let cookies = collect(&headers, &policy, 5);
        let candidate = cookies.candidates().next().unwrap();
        prop_assert_eq!(URL_SAFE_NO_PAD.decode(part_count(&candidate).unwrap().1).unwrap(), sealed);
    }

    #[test]
    fn arbitrary_cookie_bytes_neither_panic_nor_open(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        count in "[0-9]{0,3}\\.?",
    ) {
        let keys = policy().keys;
        let headers = Headers::new(vec![
            ("cookie".to_owned(), noise.clone()),
            ("cookie".to_owned(), [b"__Host-latchkey=", count.as_bytes(), &noise].concat()),
            ("cookie".to_owned(), [b"__Host-latchkey-1=", noise.as_slice()].concat()),
        ]);
        let cookies = collect(&headers, &cookie_policy(), 4);
        prop_assert!(cookies.candidates().all(|candidate| open(&candidate, &keys, |_| Some(BINDING)).is_none()));
    }

    #[test]
    fn parts_that_were_renamed_swapped_dropped_doubled_or_cut_are_no_session(
        trick in 0_u8..7,
        first in 0_usize..3,
        second in 0_usize..3,
        at in any::<prop::sample::Index>(),
        number in "[0-9]{1,3}",
    ) {
        let (policy, session, mut pairs) = split_session();
        let at = at.index(pairs[first].1.len());
        match trick {
            0 => {
                let value = pairs[first].1.clone();
                pairs[first].1 = std::mem::replace(&mut pairs[second].1, value);
            }
            1 => drop(pairs.remove(first)),
            2 => pairs[first].0 = format!("__Host-latchkey-{number}"),
            3 => pairs[first].1 = pairs[second].1.clone(),
            4 => pairs[first].1.truncate(at),
            5 => pairs[0].1 = pairs[0].1.replacen("3.", &format!("{number}."), 1),
            _ => drop(pairs[first].1.remove(at)),
        }
        let found: Vec<_> = opened(&policy.keys, &pairs);
        // Where a trick changed nothing, it is the session that it was.
        let untouched = split_session().2 == pairs;
        prop_assert_eq!(found, if untouched { vec![session] } else { Vec::new() });
    }
}

/// A session of three parts, and the browser's cookies for it.
fn split_session() -> (crate::config::SessionPolicy, Session, Vec<(String, String)>) {
    let policy = policy();
    let mut session = session(START);
    let random = URL_SAFE_NO_PAD.encode((&mut TestEntropy::default() as &mut dyn Entropy).bytes::<6000>());
    session.claims.insert("picture".to_owned(), random.into());
    let writing = Writing { keys: &policy.keys, binding: BINDING, policy: &policy.cookie, max_cookies: 4 };
    let lines = writing.write(&session, PresentParts::default(), START, &mut TestEntropy::default()).unwrap();
    let pairs = lines.iter().map(|line| line.split("; ").next().and_then(|pair| pair.split_once('=')).unwrap());
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (policy, session, pairs)
}

fn opened(keys: &KeyRing, pairs: &[(String, String)]) -> Vec<Session> {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let headers = cookie_header(pairs.join("; "));
    let cookies = collect(&headers, &cookie_policy(), 4);
    let opened = |candidate: Cow<'_, [u8]>| open(&candidate, keys, |_| Some(BINDING)).map(|opened| opened.session);
    cookies.candidates().filter_map(opened).collect()
}

#[test]
fn a_value_of_another_purpose_client_or_host_is_no_session_in_this_cookie() {
    let policy = policy();
    let encoded = session(START).encode().unwrap();
    for binding in [
        Binding { purpose: Purpose::Login, ..BINDING },
        Binding { purpose: Purpose::Form, ..BINDING },
        Binding { client_id: "other", ..BINDING },
        Binding { host: "other.example.org", ..BINDING },
        Binding { cookie_name: "__Host-other", ..BINDING },
    ] {
        let sealed = policy.keys.seal(&binding, &encoded, &mut TestEntropy::default());
        let lines = set(&sealed, PresentParts::default());
        let headers = browser(&lines);
        let cookies = collect(&headers, &policy.cookie, 4);
        assert!(cookies.candidates().all(|candidate| open(&candidate, &policy.keys, |_| Some(BINDING)).is_none()));
        assert!(cookies.candidates().all(|candidate| open(&candidate, &policy.keys, |_| None).is_none()));
    }
}
