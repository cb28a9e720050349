//! Ways out, as the suite's `AbstractOIDCCClientLogoutTest` and what is built on it have them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::suite::{self, ResponseMode, Run, SUBJECT};
use crate::browser::{Browser, Page, Tab};
use crate::jar::Initiator;
use crate::message::{ORIGIN, Request, Response};
use crate::provider::id_token::Draft;
use crate::provider::{Behaviour, CLIENT_ID, Endpoint, ISSUER};
use crate::scenarios::has_session;
use crate::setup::Setup;
use crate::world::{Exchange, World};

/// The session's name at the provider.
const SID: &str = "session-of-the-suite";
/// The registered `post_logout_redirect_uri`, without its origin.
const AFTERWARDS: &str = "/public/afterwards";
/// What the filter sends as `state`.
const STATE: &str = "latchkey-signed-out";
/// How soon every worker knows what one of them has ended.
const EVERYWHERE: Duration = Duration::from_millis(100);

/// A provider with session management and all logouts, and a relying party that keeps the ID token for it.
pub fn setup<M: ResponseMode>() -> Setup {
    suite::common::<M>().of_provider("id_token_hint", true).claim("sid", SID).provider(|provider| {
        suite::describe(provider, |metadata| {
            metadata["check_session_iframe"] = format!("{ISSUER}/check_session_iframe").into();
            metadata["end_session_endpoint"] = format!("{ISSUER}/logout").into();
            for channel in ["frontchannel", "backchannel"] {
                metadata[format!("{channel}_logout_supported")] = true.into();
                metadata[format!("{channel}_logout_session_supported")] = true.into();
            }
        });
    })
}

/// A person signs in; the response has a `session_state` (OIDC Session Management 1.0 §2), which is nothing to us.
pub fn sign_in<W: World>(setup: Setup) -> Run<W> {
    let mut world = W::open(setup);
    let mut browser = Browser::default();
    let mut tab = browser.open_until_callback(&mut world, "/");
    let target = format!("{}&session_state=a%2Fb.salt", tab.next.target());
    tab.next = tab.next.set(":path", target);
    suite::completes_by(world, browser, tab, "/")
}

/// The person leaves: the session ends here, and the browser is sent to the end-session endpoint. What it asks there is what the
/// suite wants to see.
pub fn leave<W: World, M: ResponseMode>(run: &mut Run<W>) -> Tab {
    let copy = run.browser.clone();
    let request = Request::navigation(&format!("/oauth2/logout?return_to={}", AFTERWARDS.replace('/', "%2F")));
    let redirect = run.browser.send(&mut run.world, request);
    redirect.refused_with(302);
    run.world.advance(EVERYWHERE);
    assert!(!has_session(&mut copy.clone(), &mut run.world));
    let asked = url::Url::parse(redirect.response.location()).expect("a URL");
    assert!(asked.as_str().starts_with(&format!("{ISSUER}/logout?")), "{asked}");
    let parameter = |name: &str| asked.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(parameter("post_logout_redirect_uri"), Some(format!("{ORIGIN}{AFTERWARDS}")), "the registered one");
    assert_eq!(parameter("state").as_deref(), Some(STATE));
    let hint = parameter("id_token_hint").expect("a hint");
    let (message, signature) = hint.rsplit_once('.').expect("a signature");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    assert!(M::SIGNS.verify(message.as_bytes(), &signature));
    let claims = URL_SAFE_NO_PAD.decode(message.split('.').nth(1).expect("claims")).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["sub"]),
        (&json!(ISSUER), &json!(CLIENT_ID), &json!(SUBJECT)),
        "the ID token of the login"
    );
    Tab::at_provider(asked.as_str())
}

/// The provider sends the browser back with this query, and the person is and stays signed out.
pub fn comes_back<W: World>(mut run: Run<W>, tab: Tab, query: &str) {
    let answer = Response::redirect(&format!("{ORIGIN}{AFTERWARDS}{query}"));
    run.world.provider().behave(Endpoint::EndSession, Behaviour::Answer(answer));
    let page = run.browser.follow(&mut run.world, tab);
    is_out(run, &page, query);
}

fn is_out<W: World>(mut run: Run<W>, page: &Page, query: &str) {
    page.shows(&format!("{AFTERWARDS}{query}"));
    assert!(!has_session(&mut run.browser, &mut run.world));
    assert_eq!(run.world.provider().count(Endpoint::Authorize), 1);
    super::watch::nothing_was_wrong(&run.world.provider());
}

/// RP-initiated logout: the provider echoes, changes or drops `state`; `query` is what it sends back.
pub fn by_redirect<W: World, M: ResponseMode>(query: &str) {
    let mut run = sign_in::<W>(setup::<M>());
    let tab = leave::<W, M>(&mut run);
    comes_back(run, tab, query);
}

/// Back-channel logout: while the person is on the way to the end-session endpoint, the provider tells us of it. The person also
/// has another browser with that session of the provider, which shows whether the token ends anything. Returns its answer.
fn notified<W: World, M: ResponseMode>(setup: Setup, change: impl FnOnce(&mut Draft)) -> (Exchange, bool) {
    let mut run = sign_in::<W>(setup);
    let mut other = Browser::default();
    other.open(&mut run.world, "/").shows("/");
    // A token ends what began before the second in which it was issued.
    run.world.advance(Duration::from_secs(1));
    let tab = leave::<W, M>(&mut run);
    assert!(has_session(&mut other, &mut run.world));
    let now = run.world.now();
    let mut token = run.world.provider().logout_token(now);
    change(&mut token);
    let form = format!("logout_token={}&unknown_parameter=of+the+suite", token.sign());
    let request = Request::new("POST", "/oauth2/backchannel-logout")
        .with("content-type", "application/x-www-form-urlencoded")
        .with("content-length", form.len().to_string())
        .with_body(form);
    let answer = run.world.send(request);
    run.world.advance(EVERYWHERE);
    let alive = has_session(&mut other, &mut run.world);
    run.browser.follow(&mut run.world, tab).shows(&format!("{AFTERWARDS}?state={STATE}"));
    (answer, alive)
}

/// A logout token that is as it should be ends the session: 200, `no-store`.
pub fn is_told<W: World, M: ResponseMode>(change: impl FnOnce(&mut Draft)) {
    let (answer, alive) = notified::<W, M>(setup::<M>(), change);
    assert_eq!(answer.refused_with(200).response.header("cache-control"), Some("no-store"));
    assert!(!alive);
}

/// One that is not ends nothing: 400 exactly, `no-store`, and the reason.
pub fn is_not_told<W: World, M: ResponseMode>(setup: Setup, reason: &str, change: impl FnOnce(&mut Draft)) {
    let (answer, alive) = notified::<W, M>(setup, change);
    assert_eq!(answer.refused_with(400).because_of(reason).response.header("cache-control"), Some("no-store"));
    assert!(alive);
}

/// What the provider's page loads in a frame: our logout endpoint with `iss` and `sid`, shown and not refused.
pub fn frame<W: World>(browser: &Browser, world: &mut W) {
    let issuer: String = form_urlencoded::byte_serialize(ISSUER.as_bytes()).collect();
    let request = Request::navigation(&format!("/oauth2/frontchannel-logout?iss={issuer}&sid={SID}"))
        .set("sec-fetch-site", "cross-site")
        .set("sec-fetch-dest", "iframe")
        .without("sec-fetch-user");
    let answer = world.send(browser.with_cookies(request, Initiator::CrossSite, world));
    answer.refused_with(200);
    assert_eq!(answer.response.header("x-frame-options"), None);
    assert_eq!(answer.response.header("cache-control"), Some("no-store"));
    let policy = answer.response.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains(&format!("frame-ancestors {}", crate::provider::PROVIDER_ORIGIN)), "{policy}");
    world.advance(EVERYWHERE);
}
