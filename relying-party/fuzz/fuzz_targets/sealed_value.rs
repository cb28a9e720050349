//! Sealed values. What nobody sealed opens as nothing; and what is inside one, whatever it is, is read or refused.
//!
//! The first byte chooses: the bytes as they came, or sealed with the right key, as a session, a login or a form.
#![no_main]

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use relying_party::config::{Config, PublicUrl, SessionPolicy};
use relying_party::entropy::Entropy;
use relying_party::http::Headers;
use relying_party::login::attempt::{LoginAttempt, LoginAttemptError};
use relying_party::login::posted_form::{FormId, PostedForm};
use relying_party::login::return_to::ReturnTarget;
use relying_party::session::Session;
use relying_party::session::cookie;
use relying_party::session::seal::{Binding, Purpose};
use relying_party::time::UnixTime;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const CONFIGURATION: &str = r#"{
    "providers": [{"name": "a", "issuer": "https://a.example", "cluster": "c", "client_id": "p", "client_secret": "s"}],
    "session": {"keys": ["H3gX19lShk+re+O2RpGji2Fkx/+m8H5LnwdIvOtYSh0=", "hnLkNsPmwRkaBP7k2L/sgWBQUQfRDhk3U5VUWRqOAG4="]}
}"#;
const PURPOSES: [Purpose; 3] = [Purpose::Session, Purpose::Login, Purpose::Form];

const fn binding(purpose: Purpose) -> Binding<'static> {
    let (cookie_name, host) = ("__Host-latchkey", "portal.example.org");
    Binding { purpose, issuer: "https://a.example", client_id: "p", cookie_name, host }
}

struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, buffer: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        buffer.fill(self.0);
    }
}

thread_local! {
    static POLICY: RefCell<SessionPolicy> = RefCell::new(
        Config::parse(CONFIGURATION.as_bytes(), &|_| None).expect("valid").session.expect("a session"),
    );
}

fuzz_target!(|data: &[u8]| POLICY.with_borrow(|policy| {
    let Some((choice, bytes)) = data.split_first() else { return };
    if choice & 1 == 0 {
        for purpose in PURPOSES {
            assert!(policy.keys.open(&binding(purpose), bytes).is_none(), "nobody sealed this");
        }
        return;
    }
    let purpose = PURPOSES[usize::from(choice >> 1) % PURPOSES.len()];
    let sealed = policy.keys.seal(&binding(purpose), bytes, &mut Counting(*choice));
    for other in PURPOSES {
        let opened = policy.keys.open(&binding(other), &sealed);
        assert_eq!(opened.is_some(), other == purpose, "a value of another purpose");
    }
    let text = URL_SAFE_NO_PAD.encode(&sealed);
    match purpose {
        Purpose::Session => {
            let opened = cookie::open(format!("1.{text}").as_bytes(), &policy.keys, |_| Some(binding(purpose)));
            assert_eq!(opened.is_some(), Session::decode(bytes).is_some());
            if let Some(encoded) = opened.and_then(|opened| opened.session.encode().ok()) {
                assert!(Session::decode(&encoded).is_some(), "what is written again is read again");
            }
        }
        Purpose::Login => match LoginAttempt::open(&text, &policy.keys, |_| Some(binding(purpose)), &[], NOW) {
            Ok(_) => panic!("a login without a browser"),
            Err(LoginAttemptError::Unreadable) => {}
            Err(error) => assert!(error.attempt().is_some_and(|attempt| !attempt.return_to.as_str().is_empty())),
        },
        _ => {
            let cookie = format!("__Host-latchkey-form=1.{text}").into_bytes();
            let headers = Headers::new(vec![("cookie".to_owned(), cookie)]);
            let host = "portal.example.org";
            let public = PublicUrl { origin: format!("https://{host}"), authority: host.to_owned() };
            let target = ReturnTarget::root().with(None, FormId::parse("AAAAAAAAAAAAAAAAAAAAAA"));
            let form = PostedForm::of_request(&headers, policy, |_| Some(binding(purpose)), (&target, &public), NOW);
            assert!(form.is_none_or(|form| form.fields().count() <= bytes.len()));
        }
    }
}));
