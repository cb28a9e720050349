//! Where a person may be sent back to, and with which fragment: whatever it is, it is a place on this origin.
//!
//! A line each: the target, the fragment.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relying_party::config::PublicUrl;
use relying_party::login::fragment::Fragment;
use relying_party::login::return_to::ReturnTarget;
use url::{Position, Url};

const ORIGIN: &str = "https://portal.example.org";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (target, fragment) = text.split_once('\n').unwrap_or((text, ""));
    let public = PublicUrl { origin: ORIGIN.to_owned(), authority: "portal.example.org".to_owned() };
    let Some(target) = ReturnTarget::parse(target, &public, "/oauth2") else { return };
    let plain = Url::parse(&target.url(&public)).expect("a URL");
    assert!(!plain.path().starts_with("/oauth2/"), "an endpoint of the filter");
    let fragment = Fragment::parse(fragment);
    let location = target.with(fragment.clone(), None).location();
    assert!(location.starts_with('/') && location.bytes().all(|byte| byte.is_ascii_graphic()));
    for page in ["/", "/oauth2/callback?code=1&state=2"] {
        let url = Url::parse(ORIGIN).and_then(|origin| origin.join(page)).expect("a URL");
        let followed = url.join(&location).expect("a URL");
        assert_eq!(followed.origin(), plain.origin(), "another origin");
        assert!(followed.username().is_empty() && followed.password().is_none());
        assert_eq!(followed[..Position::AfterQuery], plain[..Position::AfterQuery], "the fragment moved something");
        assert_eq!(followed.fragment(), fragment.as_ref().map(Fragment::as_str));
    }
});
