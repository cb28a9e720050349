//! `cookie` fields, one a line: no session comes of them but the one that was sealed, and what is ours stays here.
//!
//! `{session}` stands for a good session cookie's value, so that what surrounds it is tried as well.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relying_party::config::{Config, SessionPolicy};
use relying_party::entropy::Entropy;
use relying_party::http::Headers;
use relying_party::http::cookies::{self, WithoutOwn};
use relying_party::login::browser::BrowserId;
use relying_party::login::past::Past;
use relying_party::login::posted_form;
use relying_party::session::cookie::{self, PresentParts, Writing};
use relying_party::session::seal::{Binding, Purpose};
use relying_party::session::{Session, SignIn, Tokens};
use relying_party::time::UnixTime;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const CONFIGURATION: &str = r#"{
    "providers": [{"name": "a", "issuer": "https://a.example", "cluster": "c", "client_id": "p", "client_secret": "s"}],
    "session": {"keys": ["H3gX19lShk+re+O2RpGji2Fkx/+m8H5LnwdIvOtYSh0="]}
}"#;
const BINDING: Binding<'static> = Binding {
    purpose: Purpose::Session,
    issuer: "https://a.example",
    client_id: "p",
    cookie_name: "__Host-latchkey",
    host: "portal.example.org",
};

struct AlwaysSeven;

impl Entropy for AlwaysSeven {
    fn fill(&mut self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

struct Known {
    policy: SessionPolicy,
    session: Session,
    cookie: String,
}

impl Known {
    fn new() -> Self {
        let config = Config::parse(CONFIGURATION.as_bytes(), &|_| None).expect("valid");
        let policy = config.session.expect("a session");
        let claims = serde_json::json!({"iss": "https://a.example", "sub": "ada"});
        let sign_in = SignIn {
            provider: "a".to_owned(),
            claims: claims.as_object().expect("claims").clone(),
            scopes: Vec::new(),
            tokens: Tokens::default(),
            authentication: Default::default(),
            sid: None,
        };
        let session = Session::begin(sign_in, &policy, NOW, &mut AlwaysSeven);
        let writing = Writing { keys: &policy.keys, binding: BINDING, policy: &policy.cookie, max_cookies: 4 };
        let lines = writing.write(&session, PresentParts::default(), NOW, &mut AlwaysSeven).expect("small");
        let cookie = lines[0].split(['=', ';']).nth(1).expect("a value").to_owned();
        Self { policy, session, cookie }
    }
}

thread_local! {
    static KNOWN: Known = Known::new();
}

fuzz_target!(|data: &[u8]| KNOWN.with(|known| {
    let fields = data.split(|byte| *byte == b'\n').map(|line| {
        let text = String::from_utf8_lossy(line);
        let value = if text.contains("{session}") {
            text.replace("{session}", &known.cookie).into_bytes()
        } else {
            line.to_vec()
        };
        ("cookie".to_owned(), value)
    });
    let headers = Headers::new(fields.collect());
    let (name, keys) = (&known.policy.cookie.name, &known.policy.keys);
    let found = cookie::collect(&headers, &known.policy.cookie, 4);
    assert!(found.candidates().count() <= 4);
    for candidate in found.candidates() {
        if let Some(opened) = cookie::open(&candidate, keys, |_| Some(BINDING)) {
            assert_eq!(opened.session, known.session, "a session that was never sealed");
            assert_eq!(*candidate, *known.cookie.as_bytes(), "another way to write it");
        }
        assert!(cookie::open(&candidate, keys, |_| Some(Binding { host: "other.example.org", ..BINDING })).is_none());
    }
    assert!(cookie::clear_cookies(&known.policy.cookie, found.present()).len() <= 64);
    assert!(BrowserId::of_request(&headers, &known.policy.cookie).len() <= 4);
    let _ = Past::of_request(&headers, &known.policy.cookie).goes_round_in_circles();
    assert!(posted_form::clear_cookies(&headers, &known.policy.cookie).len() <= 64);
    for line in headers.all("cookie") {
        let rest = match cookies::without_own(line, |cookie| cookies::is_own(cookie, name)) {
            WithoutOwn::Unchanged => line.to_vec(),
            WithoutOwn::Changed(rest) => rest,
            WithoutOwn::Empty => Vec::new(),
        };
        assert!(cookies::parse(&rest).all(|(cookie, _)| !cookies::is_own(cookie, name)), "a cookie of ours got out");
    }
}));
