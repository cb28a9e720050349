//! What the modules share: the provider that the suite's `AbstractOIDCCClientTest` sets up, and how a module ends.

use serde_json::{Value, json};

use super::watch;
use crate::browser::{Browser, Page, Tab};
use crate::provider::id_token::Draft;
use crate::provider::keys::TestKey;
use crate::provider::{Endpoint, Provider};
use crate::scenarios::has_session;
use crate::setup::Setup;
use crate::world::World;

/// Who signs in at the suite's provider.
pub const SUBJECT: &str = "user-subject-1234531";

/// The variant `response_mode` of a plan.
pub trait ResponseMode {
    /// What the authorization request says, if anything.
    const PARAMETER: Option<&'static str>;
    /// Which of the two RSA keys signs. The suite throws dice; here each of them signs in one of the plans.
    const SIGNS: TestKey;
}

/// `default`: the query of a redirect.
pub enum Query {}

impl ResponseMode for Query {
    const PARAMETER: Option<&'static str> = None;
    const SIGNS: TestKey = TestKey::Rsa1;
}

/// `form_post`
pub enum FormPost {}

impl ResponseMode for FormPost {
    const PARAMETER: Option<&'static str> = Some("form_post");
    const SIGNS: TestKey = TestKey::Rsa2;
}

/// The provider of all modules, and a relying party that asks it for UserInfo: that call ends a module.
pub fn common<M: ResponseMode>() -> Setup {
    let setup = Setup::default().of_provider("userinfo", true).provider(|provider| {
        provider.user = json!({"sub": SUBJECT});
        provider.userinfo = json!({
            "name": "Demo T. User", "given_name": "Demo", "family_name": "User", "preferred_username": "d.tu",
            "email": "user@example.com", "email_verified": false,
        });
        provider.response_issuer = None;
        provider.signing_key = M::SIGNS;
        provider.published_keys = TestKey::ALL.to_vec();
        publish(provider, |_| ());
        describe(provider, |_| ());
    });
    match M::PARAMETER {
        Some(mode) => setup.of_provider("authorization_parameters", json!({"response_mode": mode})),
        None => setup,
    }
}

/// Public keys whose private halves nobody has, by their names.
pub fn public_keys(names: &[&str]) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(include_str!("public-keys.json")).expect("a list of keys");
    let find = |name: &&str| all.iter().find(|key| key["kid"] == *name).expect("a name in the file").clone();
    names.iter().map(find).collect()
}

/// The JWK set: two RSA and two P-256 keys, secp256k1, Ed25519, and two for encryption, all with `kid`, none with `alg`; then
/// changed by the module.
pub fn publish(provider: &mut Provider, mut change: impl FnMut(&mut Vec<Value>) + Send + 'static) {
    provider.change_keys(move |document| {
        let keys = document["keys"].as_array_mut().expect("a list");
        keys.extend(public_keys(&["secp256k1", "ed25519", "rsa-enc", "p256-enc"]));
        change(keys);
    });
}

/// The metadata in the suite's odd order and with all it promises; then changed by the module.
pub fn describe(provider: &mut Provider, mut change: impl FnMut(&mut Value) + Send + 'static) {
    const KEPT: [&str; 6] = [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
        "token_endpoint_auth_methods_supported",
    ];
    provider.change_metadata(move |document| {
        let signatures = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES256K", "ES384", "EdDSA"];
        let with_none: Vec<&str> = ["none", "HS256", "HS384", "HS512"].into_iter().chain(signatures).collect();
        let mut metadata = json!({
            "registration_endpoint": format!("{}/register", crate::provider::ISSUER),
            "scopes_supported": ["openid", "phone", "profile", "email", "address", "offline_access"],
            "response_types_supported":
                ["code", "id_token code", "token code id_token", "id_token", "token id_token", "token code", "token"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "token_endpoint_auth_signing_alg_values_supported": signatures,
            "grant_types_supported": ["authorization_code", "implicit"],
            "claims_parameter_supported": true,
            "acr_values_supported": ["PASSWORD"],
            "subject_types_supported": ["public", "pairwise"],
            "claim_types_supported": ["normal", "aggregated", "distributed"],
            "claims_supported": ["sub", "name", "email", "email_verified", "address", "phone_number"],
            "id_token_signing_alg_values_supported": with_none,
            "id_token_encryption_alg_values_supported": ["RSA1_5", "RSA-OAEP", "ECDH-ES", "dir"],
            "id_token_encryption_enc_values_supported": ["A128CBC-HS256", "A256GCM"],
            "request_object_signing_alg_values_supported": with_none,
            "userinfo_signing_alg_values_supported": signatures,
        });
        for name in KEPT {
            metadata[name] = document[name].take();
        }
        change(&mut metadata);
        *document = metadata;
    });
}

/// Changes every ID token before it is signed.
pub fn forging<M: ResponseMode>(change: impl FnMut(&mut Draft) + Send + 'static) -> Setup {
    common::<M>().provider(|provider| provider.forge(change))
}

/// Where a run of a module has come to.
pub struct Run<W> {
    /// The relying party and the provider.
    pub world: W,
    /// The person's browser.
    pub browser: Browser,
    /// What it shows.
    pub page: Page,
}

/// A person signs in, and nothing is wrong: the login completes with the call to UserInfo.
pub fn completes<W: World>(setup: Setup) -> Run<W> {
    completes_by(W::open(setup), Browser::default(), Tab::new("/"), "/")
}

/// The same with a tab that is already under way to `path`.
pub fn completes_by<W: World>(mut world: W, mut browser: Browser, tab: Tab, path: &str) -> Run<W> {
    let before = world.provider().count(Endpoint::Userinfo);
    let page = browser.follow(&mut world, tab);
    page.shows(path);
    assert!(has_session(&mut browser, &mut world));
    assert_eq!(world.provider().count(Endpoint::Userinfo), before + 1);
    watch::nothing_was_wrong(&world.provider());
    Run { world, browser, page }
}

/// A person signs in, and the relying party stops after the ID token: it says so, makes no use of any token, and the application
/// gets nothing.
pub fn stops<W: World>(setup: Setup, reason: &str) -> Run<W> {
    let mut run = refused::<W>(setup, 502, reason);
    assert_eq!(run.world.provider().count(Endpoint::Token), 1);
    assert_eq!(run.world.provider().count(Endpoint::Userinfo), 0, "an access token was used");
    run
}

/// The same with the module's ID token.
pub fn stops_at_id_token<W: World, M: ResponseMode>(reason: &str, change: impl FnMut(&mut Draft) + Send + 'static) {
    stops::<W>(forging::<M>(change), reason);
}

/// A person wants to sign in, and gets a page with this reason instead of the application, and no session.
pub fn refused<W: World>(setup: Setup, status: u16, reason: &str) -> Run<W> {
    refused_by(W::open(setup), Browser::default(), Tab::new("/"), status, reason)
}

/// The same with a tab that is already under way.
pub fn refused_by<W: World>(mut world: W, mut browser: Browser, tab: Tab, status: u16, reason: &str) -> Run<W> {
    let page = browser.follow(&mut world, tab);
    page.exchange.refused_with(status).because_of(reason);
    // What is called later than that would be wrong as well.
    world.settle();
    assert!(!has_session(&mut browser, &mut world));
    watch::nothing_was_wrong(&world.provider());
    Run { world, browser, page }
}

/// Takes all keys their names.
pub fn without_kids(keys: &mut [Value]) {
    for key in keys {
        key.as_object_mut().map(|members| members.remove("kid"));
    }
}

/// Replaces a set by one whose keys have other names.
pub fn renew(keys: &mut [Value]) {
    for key in keys {
        let name = format!("{}-new", key["kid"].as_str().expect("a name"));
        key["kid"] = name.into();
    }
}

/// Signs with a key of the set that [`renew`] makes, which has not signed yet.
pub fn sign_with_new_key(token: &mut Draft) {
    let other = if token.header["kid"] == TestKey::Rsa1.kid() { TestKey::Rsa2 } else { TestKey::Rsa1 };
    token.sign_with(other);
    token.header["kid"] = format!("{}-new", other.kid()).into();
}
