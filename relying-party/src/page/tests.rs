use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::*;

/// Breaks out of whatever it is put into unescaped.
const HOSTILE: &str = r#""'><script>alert(1)</script>&lt;"#;

const REQUEST_ID: Option<&str> = Some("6a9c1f0e-7b1d-4c39-9d6c-3f1f9be0a8d2");

const REFUSED: Page<'static> = Page {
    status: 502,
    title: "Signing in did not work",
    paragraphs: &[
        "The login service sent an answer that cannot be accepted. You are not signed in.",
        "Try again; if it happens again, tell whoever runs this site what is written below.",
    ],
    reason: Some("id_token.issuer_mismatch"),
    request_id: REQUEST_ID,
    actions: &[Action::Login { label: "Try again", href: "/oauth2/login?return_to=%2F" }],
    retry_after: None,
    refresh: None,
    framing: Framing::Nowhere,
};

fn refused() -> Response {
    render(&REFUSED)
}

fn unavailable() -> Response {
    render(&Page {
        status: 503,
        title: "Signing in is not possible right now",
        paragraphs: &["The login service cannot be reached. Please try again in a moment."],
        reason: Some("provider.not_ready"),
        request_id: REQUEST_ID,
        actions: &[],
        retry_after: Some(Duration::from_secs(5)),
        refresh: None,
        framing: Framing::Nowhere,
    })
}

fn sign_out() -> Response {
    render(&Page {
        status: 403,
        title: "Sign out?",
        paragraphs: &["Another site asked to sign you out. You are still signed in."],
        reason: Some("logout.cross_site"),
        request_id: REQUEST_ID,
        actions: &[
            Action::Post { label: "Sign out", href: "/oauth2/logout" },
            Action::Link { label: "Stay", href: "/" },
        ],
        retry_after: None,
        refresh: None,
        framing: Framing::Nowhere,
    })
}

fn too_large() -> Response {
    let claims = [("email".to_owned(), 24), ("groups".to_owned(), 18_224), ("entitlements".to_owned(), 2_310)];
    session_too_large(&claims, 16_384, "session.too_large", REQUEST_ID)
}

const PROVIDERS: &[(&str, &str)] =
    &[("Corporate login", "/oauth2/login?provider=corp"), ("Partner organisations", "/oauth2/login?provider=partners")];

fn sign_in_by_email() -> Response {
    let kept = [("return_to", "/reports?year=2026")];
    let email = Some(EmailForm { action: "/oauth2/login", kept: &kept, is_unknown: true });
    sign_in(&SignIn { providers: PROVIDERS, email, framing: Framing::Nowhere })
}

fn form() -> Vec<(String, String)> {
    [("amount", "12"), ("note", "two\r\nlines")].map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Every page, by name.
fn pages() -> Vec<(&'static str, Response)> {
    vec![
        ("refused", refused()),
        ("unavailable", unavailable()),
        ("signed_out", signed_out("/oauth2/login")),
        ("sign_out", sign_out()),
        ("sign_in", sign_in(&SignIn { providers: PROVIDERS, email: None, framing: Framing::Nowhere })),
        ("sign_in_by_email", sign_in_by_email()),
        ("continue_to", continue_to("/reports?year=2026&month=7", Framing::Nowhere)),
        ("begin_login", begin_login("/oauth2/login?return_to=%2F", Framing::Nowhere)),
        ("send_form", send_form("/orders", &form(), Framing::Nowhere)),
        ("form_lost", form_lost("/", Framing::Nowhere)),
        ("session_too_large", too_large()),
    ]
}

/// Every page with hostile values wherever a value can be given.
fn hostile_pages() -> Vec<Response> {
    let actions = [Action::Link { label: HOSTILE, href: HOSTILE }, Action::Post { label: HOSTILE, href: HOSTILE }];
    let path = format!("/{HOSTILE}");
    vec![
        render(&Page {
            status: 400,
            title: HOSTILE,
            paragraphs: &[HOSTILE],
            reason: None,
            request_id: Some(HOSTILE),
            actions: &actions,
            retry_after: None,
            refresh: None,
            framing: Framing::Nowhere,
        }),
        signed_out(&path),
        sign_in(&SignIn {
            providers: &[(HOSTILE, &path)],
            email: Some(EmailForm { action: &path, kept: &[(HOSTILE, HOSTILE)], is_unknown: true }),
            framing: Framing::Nowhere,
        }),
        continue_to(&path, Framing::Nowhere),
        begin_login(&path, Framing::Nowhere),
        send_form(&path, &[(HOSTILE.to_owned(), HOSTILE.to_owned())], Framing::Nowhere),
        form_lost(&path, Framing::Nowhere),
        session_too_large(&[(HOSTILE.to_owned(), 1)], 1, "session.too_large", Some(HOSTILE)),
    ]
}

fn html(response: &Response) -> String {
    String::from_utf8(response.body.clone()).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
}

/// The text between the first `start` and the next `end`.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).unwrap().0
}

/// The tags of `html` in order, such as `p` and `/p`; fails when an element is not closed where it must be.
fn balanced_tags(html: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut tags = Vec::new();
    for piece in html.split('<').skip(1) {
        let (tag, content) = piece.split_once('>').unwrap_or_else(|| panic!("a tag that does not end: {piece}"));
        assert!(!content.contains('>'), "a stray > after <{tag}>: {content}");
        assert_eq!(tag.matches('"').count() % 2, 0, "an attribute that does not end: <{tag}>");
        let name = tag.split_whitespace().next().unwrap().to_owned();
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop().as_deref(), Some(closed), "</{closed}> closes another element"),
            None if matches!(name.as_str(), "!doctype" | "meta" | "input") => {}
            None => open.push(name.clone()),
        }
        tags.push(name);
    }
    assert_eq!(open, Vec::<String>::new(), "elements left open");
    tags
}

#[test]
fn markup_in_a_value_stays_text_on_every_page() {
    for page in hostile_pages() {
        let html = html(&page);
        assert_eq!(
            balanced_tags(&html).iter().filter(|tag| *tag == "script").count(),
            html.matches(script::SCRIPT).count()
        );
        assert!(!html.contains(HOSTILE), "{html}");
    }
}

#[test]
fn every_page_is_one_complete_small_document() {
    for (name, page) in pages() {
        let html = html(&page);
        let tags = balanced_tags(&html);
        assert!(html.starts_with("<!doctype html><html lang=\"en\">"), "{name}");
        assert!(html.contains("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"), "{name}");
        assert_eq!(between(&html, "<title>", "</title>"), between(&html, "<h1>", "</h1>"), "{name}");
        for once in ["title", "h1", "main", "style"] {
            assert_eq!(tags.iter().filter(|tag| *tag == once).count(), 1, "{name}: <{once}>");
        }
        assert!(html.len() <= 4096, "{name} has {} bytes", html.len());
    }
}

#[test]
fn the_policy_allows_exactly_the_style_and_the_script_that_are_sent() {
    let hash = |text: &str| base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
    for (name, page) in pages() {
        let html = html(&page);
        let mut policy =
            format!("default-src 'none'; style-src 'sha256-{}'", hash(between(&html, "<style>", "</style>")));
        if html.contains("<script>") {
            policy.push_str(&format!("; script-src 'sha256-{}'", hash(between(&html, "<script>", "</script>"))));
        }
        if name == "send_form" {
            policy.push_str("; form-action 'self'");
        }
        policy.push_str("; base-uri 'none'; frame-ancestors 'none'");
        assert_eq!(header(&page, "content-security-policy"), Some(policy.as_str()), "{name}");
        for inline in [" style=", " onload=", " onclick=", "javascript:"] {
            assert!(!html.contains(inline), "{name} has {inline}, which the policy forbids");
        }
    }
}

#[test]
fn only_pages_on_which_nothing_can_be_done_may_be_shown_inside_others() {
    let frames = |page: &Response| !header(page, "content-security-policy").unwrap().contains("frame-ancestors 'none'");
    assert!(frames(&continue_to("/", Framing::Anywhere)) && frames(&send_form("/", &form(), Framing::Anywhere)));
    let mut page = Page { framing: Framing::Anywhere, ..REFUSED };
    assert!(frames(&render(&page)));
    page.actions = &[Action::Post { label: "Sign out", href: "/oauth2/logout" }];
    assert!(!frames(&render(&page)));
}

#[test]
fn a_page_that_leads_on_does_so_with_its_script_and_without() {
    for (page, mark) in [
        (continue_to("/a?b=c&d", Framing::Nowhere), r#"data-fragment="own" data-go href="/a?b=c&amp;d""#),
        (begin_login("/a?b=c&d", Framing::Nowhere), r#"data-fragment data-go href="/a?b=c&amp;d""#),
    ] {
        let html = html(&page);
        assert!(html.contains(mark), "{html}");
        let refresh = r#"<noscript><meta http-equiv="refresh" content="0;url=/a?b=c&amp;d"></noscript>"#;
        assert!(html.contains(refresh), "{html}");
    }
}

#[test]
fn a_form_is_sent_with_its_fields_as_they_were() {
    let html = html(&send_form("/orders?x=1&y", &form(), Framing::Nowhere));
    assert!(html.contains(r#"<form method="post" data-go action="/orders?x=1&amp;y">"#), "{html}");
    assert!(html.contains("<input type=\"hidden\" name=\"note\" value=\"two\r\nlines\">"), "{html}");
    assert!(html.contains(r#"<button class="button">Send</button></form>"#), "{html}");
}

#[test]
fn every_page_forbids_caching_sniffing_and_sending_its_address_elsewhere() {
    for (name, page) in pages() {
        assert_eq!(header(&page, "content-type"), Some("text/html; charset=utf-8"), "{name}");
        assert_eq!(header(&page, "cache-control"), Some("no-store"), "{name}");
        assert_eq!(header(&page, "x-content-type-options"), Some("nosniff"), "{name}");
        let expected = if matches!(name, "sign_out" | "send_form") { "same-origin" } else { "no-referrer" };
        assert_eq!(header(&page, "referrer-policy"), Some(expected), "{name}");
    }
    assert_eq!(header(&unavailable(), "retry-after"), Some("5"));
    assert_eq!(header(&refused(), "retry-after"), None);
}

#[test]
fn a_refusal_shows_its_reason_and_request_id() {
    let html = html(&refused());
    assert!(html.contains("<dt>Reason</dt><dd><code>id_token.issuer_mismatch</code></dd>"));
    assert!(html.contains("<dt>Request</dt><dd><code>6a9c1f0e-7b1d-4c39-9d6c-3f1f9be0a8d2</code></dd>"));
}

#[test]
fn only_what_looks_like_a_request_id_is_shown() {
    let longest = "a".repeat(128);
    for shown in ["1", "A-b_c.9", &longest] {
        assert_eq!(shown_request_id(shown), Some(shown));
    }
    let too_long = "a".repeat(129);
    for hidden in ["", "a b", "<b>", "é", "a\n", &too_long] {
        assert_eq!(shown_request_id(hidden), None, "{hidden:?}");
    }
}

#[test]
fn a_session_that_is_too_large_names_the_largest_claims_first() {
    let claims: Vec<(String, usize)> = (1..=20_usize).map(|size| (format!("claim{size}"), size)).collect();
    let html = html(&session_too_large(&claims, 4096, "session.too_large", None));
    assert_eq!(html.matches("<tr>").count(), CLAIMS_SHOWN);
    assert_eq!(between(&html, "<tbody>", "</tr>"), "<tr><th scope=\"row\"><bdi>claim20</bdi></th><td>20 bytes</td>");
    assert!(html.contains("4096 bytes"));
}

/// Not to compare, but to look at: `target/pages` holds what people will see.
#[test]
fn every_page_is_left_in_target_pages_to_be_looked_at() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/pages");
    fs::create_dir_all(&directory).unwrap();
    for (name, page) in pages() {
        fs::write(directory.join(format!("{name}.html")), &page.body).unwrap();
    }
}
