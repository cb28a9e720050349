//! The provider of the FAPI 2.0 client tests, as the suite's `AbstractFAPI2SPFinalClientTest` sets it up in its variants `plain_fapi`,
//! `oidc`, `unsigned`, `plain_response` and `sender_constrain=mtls`: Envoy's cluster shows the certificate that access tokens are bound to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::suite::{self, Run, SUBJECT};
use crate::browser::{Browser, Tab};
use crate::provider::id_token::Draft;
use crate::provider::keys::TestKey;
use crate::provider::{Endpoint, ISSUER, MTLS_ISSUER};
use crate::setup::Setup;
use crate::world::World;

/// The relying party, which knows the algorithms that were agreed on, and the provider, which requires pushed requests and names
/// itself in its responses.
fn without_client() -> Setup {
    Setup::default()
        .without_provider_key("client_secret")
        .of_provider("userinfo", true)
        .of_provider("algorithms", json!(["PS256", "ES256"]))
        .provider(|provider| {
            provider.user = json!({"sub": SUBJECT});
            provider.requires_pushed_requests = true;
            provider.signing_key = TestKey::P256A;
            provider.published_keys = vec![TestKey::P256A, TestKey::Rsa1];
            provider.response_issuer = Some(ISSUER.to_owned());
            provider.change_metadata(|metadata| {
                let algorithms = json!(["PS256", "ES256", "EdDSA"]);
                metadata["response_types_supported"] = json!(["code"]);
                metadata["id_token_signing_alg_values_supported"] = algorithms.clone();
                metadata["token_endpoint_auth_signing_alg_values_supported"] = algorithms;
                metadata["tls_client_certificate_bound_access_tokens"] = true.into();
                metadata["mtls_endpoint_aliases"]["userinfo_endpoint"] = format!("{MTLS_ISSUER}/userinfo").into();
            });
        })
}

/// With `client_auth_type=private_key_jwt`. Such a client says itself where the endpoints for its certificate are.
pub fn setup() -> Setup {
    without_client()
        .of_provider("token_endpoint_auth_method", "private_key_jwt")
        .of_provider("client_key", TestKey::P256B.private_pem())
        .of_provider(
            "metadata",
            json!({
                "token_endpoint": format!("{MTLS_ISSUER}/token"),
                "userinfo_endpoint": format!("{MTLS_ISSUER}/userinfo"),
                "pushed_authorization_request_endpoint": format!("{MTLS_ISSUER}/par"),
            }),
        )
        .provider(|provider| {
            provider.client_authentication = "private_key_jwt";
            provider.client_key = TestKey::P256B;
        })
}

/// With `client_auth_type=mtls`.
pub fn with_certificate() -> Setup {
    without_client()
        .of_provider("token_endpoint_auth_method", "tls_client_auth")
        .provider(|provider| provider.client_authentication = "tls_client_auth")
}

/// Changes every ID token before it is signed.
pub fn forging(change: impl FnMut(&mut Draft) + Send + 'static) -> Setup {
    setup().provider(|provider| provider.forge(change))
}

/// The login completes with the call to UserInfo; all calls came where certificates are shown.
pub fn completes<W: World>(setup: Setup) {
    let mut run = suite::completes::<W>(setup);
    follows_the_profile(&mut run);
    let provider = run.world.provider();
    for endpoint in [Endpoint::PushedAuthorization, Endpoint::Token, Endpoint::Userinfo] {
        let request = provider.last(endpoint).expect("a request");
        assert_eq!(request.header(":authority"), Some("mtls.provider.test"), "{endpoint:?}");
    }
}

/// The relying party stops after the ID token.
pub fn stops_at_id_token<W: World>(reason: &str, change: impl FnMut(&mut Draft) + Send + 'static) {
    follows_the_profile(&mut suite::stops::<W>(forging(change), reason));
}

/// The relying party stops after the authorization response, whose parameters were changed: no token call.
pub fn stops_at_response<W: World>(reason: &str, change: impl Fn(&str, String) -> Option<String>) {
    let mut world = W::open(setup());
    let mut browser = Browser::default();
    let mut tab: Tab = browser.open_until_callback(&mut world, "/");
    let (path, query) = tab.next.target().split_once('?').expect("a query");
    let pairs = form_urlencoded::parse(query.as_bytes());
    let changed = pairs.filter_map(|(name, value)| Some((name.clone(), change(&name, value.into_owned())?)));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(changed).finish();
    let target = format!("{path}?{query}");
    assert_ne!(target, tab.next.target());
    tab.next = tab.next.set(":path", target);
    let mut run = suite::refused_by(world, browser, tab, 400, reason);
    follows_the_profile(&mut run);
    assert_eq!(run.world.provider().count(Endpoint::Token), 0);
}

/// The request was pushed, by a client whose assertion is for the issuer, as a string (FAPI 2.0 Security Profile §5.3.3.1).
fn follows_the_profile<W: World>(run: &mut Run<W>) {
    let provider = run.world.provider();
    assert_eq!((provider.count(Endpoint::PushedAuthorization), provider.count(Endpoint::Authorize)), (1, 1));
    let assertions = provider.log.iter().filter_map(|(_, request)| request.posted("client_assertion"));
    for assertion in assertions {
        let claims = assertion.split('.').nth(1).expect("claims");
        let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
        let claims: Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!(claims["aud"], ISSUER);
    }
}
