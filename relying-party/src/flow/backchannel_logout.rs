//! The provider ends sessions (OpenID Connect Back-Channel Logout 1.0): a request without browser and cookies, which proves by its
//! token who sends it.

use serde_json::json;

use crate::audit::Subject;
use crate::denial::Denial;
use crate::http::Response;
use crate::protocol::LogoutTokenError;
use crate::protocol::logout_token::{
    ExpectedLogoutToken, NotVerified, UnverifiedLogoutToken, VerifiedLogoutToken, Whom,
};
use crate::reason::Reason as _;
use crate::session::revocation::{At, Mark, Revocation, RevocationKey};

use super::decision::{About, Decision};
use super::provider::{LoadedProvider, ProviderSlot};
use super::visit::{Visit, request_id};
use super::{AwaitForm, AwaitProvider, Need, Reply, Scene, Step, Wait, revocation};

/// The largest form of a provider, in bytes.
const LARGEST_FORM: usize = 16 * 1024;

/// Takes a logout request (§2.5).
pub(super) fn take(visit: Visit) -> Step {
    Step::Wait(Wait::Body { limit: LARGEST_FORM, flow: AwaitForm::Logout(ReadLogoutToken { visit }) })
}

/// A logout request whose form is still to come.
pub struct ReadLogoutToken {
    visit: Visit,
}

impl ReadLogoutToken {
    pub(super) fn resume(self, body: Option<Vec<u8>>, scene: &mut Scene<'_>) -> Step {
        let Self { visit } = self;
        let token = body.ok_or(LogoutTokenError::BodyUnreadable).and_then(|form| UnverifiedLogoutToken::in_form(&form));
        let provider = token.and_then(|token| Ok((addressee(&token, scene)?, token)));
        match provider {
            Ok((provider, token)) => {
                let need = Need { provider, newer_than: None };
                let flow = VerifyLogoutToken { visit, need, token: Box::new(token) };
                Step::Wait(Wait::Provider { need, flow: AwaitProvider::LogoutToken(flow) })
            }
            Err(error) => refuse(&visit, error.into(), None, scene),
        }
    }
}

/// The index of the provider that the token claims to be from; of several with one issuer, that for whose client it is.
fn addressee(token: &UnverifiedLogoutToken, scene: &Scene<'_>) -> Result<usize, LogoutTokenError> {
    let of_issuer =
        |slot: &ProviderSlot| slot.config.client.is_some() && token.claims_to_come_from(&slot.config.issuer);
    if !scene.providers.iter().any(of_issuer) {
        return Err(LogoutTokenError::IssuerMismatch);
    }
    let is_for = |slot: &ProviderSlot| {
        of_issuer(slot) && slot.config.client.as_ref().is_some_and(|client| token.claims_to_be_for(&client.client_id))
    };
    scene.providers.iter().position(is_for).ok_or(LogoutTokenError::AudienceMismatch)
}

/// A logout token that waits for its provider, or for newer keys.
pub struct VerifyLogoutToken {
    visit: Visit,
    need: Need,
    token: Box<UnverifiedLogoutToken>,
}

impl VerifyLogoutToken {
    pub(super) fn resume(self, scene: &mut Scene<'_>) -> Step {
        let Self { visit, need, token } = self;
        let name = scene.provider_name(need);
        let provider = match scene.provider(need) {
            Ok(provider) => provider,
            Err(denial) => return refuse(&visit, denial, name.as_deref(), scene),
        };
        match verify(*token, &provider, scene) {
            Ok((token, client_id)) => {
                end(&token, &client_id, scene);
                let subject = token.subject().map(|subject| Subject { issuer: token.issuer(), subject });
                let (provider, reason) = (name.as_deref(), Some("logout.backchannel"));
                scene.tell(Decision::Logout, About { provider, reason, visit: Some(&visit), subject });
                accepted().into()
            }
            // A key that is not known may be newer than what is loaded: then once more with newer keys.
            Err(NotVerified { token: Some(token), .. }) if need.newer_than.is_none() => {
                let need = Need { newer_than: Some(provider.generation), ..need };
                let flow = Self { visit, need, token: Box::new(token) };
                Step::Wait(Wait::Provider { need, flow: AwaitProvider::LogoutToken(flow) })
            }
            Err(NotVerified { error, .. }) => refuse(&visit, error.into(), name.as_deref(), scene),
        }
    }
}

fn verify(
    token: UnverifiedLogoutToken,
    provider: &LoadedProvider,
    scene: &mut Scene<'_>,
) -> Result<(VerifiedLogoutToken, String), NotVerified> {
    let client = provider.config.client.as_ref().ok_or(LogoutTokenError::IssuerMismatch)?;
    let expected = ExpectedLogoutToken {
        issuer: &provider.config.issuer,
        client_id: &client.client_id,
        algorithms: &provider.config.algorithms,
        clock_skew: provider.config.clock_skew,
    };
    let token = token.verify(&expected, &provider.keys, scene.verifier, &mut scene.shared, scene.now)?;
    Ok((token, client.client_id.clone()))
}

/// Ends what the token names (§2.7): everything that was begun until now.
fn end(token: &VerifiedLogoutToken, client_id: &str, scene: &mut Scene<'_>) {
    let Some(policy) = &scene.config.session else { return };
    let at = At { issuer: token.issuer(), client_id };
    let marks = match token.whom() {
        Whom::Session(sid) => vec![Mark::ProviderSession(at, sid)],
        Whom::Person(sub) => vec![Mark::Person(at, sub)],
        Whom::SessionOf(sub, sid) => vec![Mark::ProviderSession(at, sid), Mark::Unnamed(at, sub)],
    };
    let until = scene.now + policy.absolute_timeout;
    let revocation = |mark| Revocation { key: RevocationKey::of(mark), revoked_at: scene.now, until };
    let revocations: Vec<_> = marks.into_iter().map(revocation).collect();
    revocation::add(&revocations, scene);
}

/// §2.8
fn accepted() -> Response {
    Response { status: 200, headers: vec![("cache-control".to_owned(), "no-store".to_owned())], body: Vec::new() }
}

/// §2.8: an error response as in RFC 6749 §5.2.
fn refuse(visit: &Visit, denial: Denial, provider: Option<&str>, scene: &mut Scene<'_>) -> Step {
    let request_id = request_id(&visit.head);
    let about = About { provider, reason: Some(denial.code()), visit: Some(visit), subject: None };
    scene.tell(Decision::Refusal, about);
    scene.log.extend(denial.log_line(provider, request_id));
    let wording = denial.wording();
    let error = if wording.status == 400 { "invalid_request" } else { "temporarily_unavailable" };
    let mut document = json!({
        "error": error, "error_description": wording.explanation, "reason": denial.code(),
    });
    if let (Some(members), Some(request_id)) = (document.as_object_mut(), request_id) {
        members.insert("request_id".to_owned(), request_id.into());
    }
    let mut response = Response::json(wording.status, &document);
    let retry_after = denial.retry_after().map(|delay| ("retry-after".to_owned(), delay.as_secs().max(1).to_string()));
    response.headers.extend(retry_after);
    Reply { response, reason: Some(denial.code()), rule: None }.into()
}
