//! Somebody else begins the login, and says at which issuer (OIDC Core 1.0 §4).

use super::suite::{self, ResponseMode};
use crate::browser::{Browser, Tab};
use crate::provider::ISSUER;
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let issuer: String = form_urlencoded::byte_serialize(ISSUER.as_bytes()).collect();
    let tab = Tab::from_elsewhere(&format!("/oauth2/login?iss={issuer}"));
    let run = suite::completes_by(W::open(suite::common::<M>()), Browser::default(), tab, "/");
    assert_eq!(run.page.authorizations().len(), 1);
}
