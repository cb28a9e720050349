//! The provider posts an error (OAuth 2.0 Form Post Response Mode §2, OIDC Core 1.0 §3.1.2.6). The suite asks for `max_age=0` with
//! `prompt=none`, which nobody can meet; the shortest age that can be configured for sessions is a second.

use serde_json::json;

use super::suite::{self, ResponseMode};
use crate::provider::{Authorization, Endpoint};
use crate::world::World;

pub fn module<W: World, M: ResponseMode>() {
    let parameters = json!({"response_mode": M::PARAMETER, "prompt": "none"});
    let setup = suite::common::<M>()
        .of_provider("authorization_parameters", parameters)
        .rule(json!({"match": {"path": "/"}, "max_age": "1s"}))
        .provider(|provider| {
            let (code, description) = ("login_required".to_owned(), "Error response using form_post".to_owned());
            provider.authorization = Authorization::Error { code, description };
        });
    let mut run = suite::refused::<W>(setup, 400, "authorization.login_required");
    assert!(!run.page.exchange.response.text().contains("Error response"), "words of the provider");
    let authorization = run.page.authorizations().remove(0);
    let asked =
        |name: &str| authorization.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!((asked("prompt").as_deref(), asked("max_age").as_deref()), (Some("none"), Some("1")));
    assert_eq!(run.world.provider().count(Endpoint::Token), 0);
}
