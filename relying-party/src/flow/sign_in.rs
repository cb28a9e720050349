//! What becomes of a token response: the ID token is verified (OIDC Core 1.0 §3.1.3.7), and a session begins.

use crate::config::{Client, KeptTokens, SameSite, SessionPolicy};
use crate::denial::Denial;
use crate::http::Response;
use crate::login::browser::{ResponseMode, clear_cookie};
use crate::page;
use crate::policy::demand::AuthenticationEvent;
use crate::protocol::{Expected, IdTokenError, Registration, TokenResponse, VerifiedIdToken};
use crate::session::claims::{largest_claims, select_claims};
use crate::session::{IssuedTokens, Session, SignIn, Tokens};

use super::callback::Login;
use super::provider::LoadedProvider;
use super::{AwaitProvider, Need, Scene, Step, Wait, session_cookie};

/// How many claims the page about a session that is too large names.
const CLAIMS_NAMED: usize = 5;

/// A login whose ID token waits for newer keys.
pub struct VerifyIdToken {
    login: Login,
    need: Need,
    tokens: TokenResponse,
}

impl VerifyIdToken {
    /// With the keys of the provider that was asked for the tokens.
    pub(super) fn begin(
        login: Login,
        provider: usize,
        tokens: TokenResponse,
        loaded: &LoadedProvider,
        scene: &mut Scene<'_>,
    ) -> Step {
        let need = Need { provider, newer_than: Some(loaded.generation) };
        Self { login, need, tokens }.conclude(loaded, true, scene)
    }

    pub(super) fn resume(self, scene: &mut Scene<'_>) -> Step {
        match scene.provider(Need { newer_than: None, ..self.need }) {
            Ok(provider) => self.conclude(&provider, false, scene),
            Err(denial) => self.login.refuse(denial, scene),
        }
    }

    /// A key that is not known may be newer than what is loaded: then once more with newer keys, if that `may_wait`.
    fn conclude(self, provider: &LoadedProvider, may_wait: bool, scene: &mut Scene<'_>) -> Step {
        let (Some(registration), Some(session)) = (provider.registration(), &scene.config.session) else {
            return self.login.refuse(Denial::LoginUnavailable, scene);
        };
        match self.check(provider, registration.client, scene) {
            Ok(id_token) => self.sign_in(registration, session, &id_token, scene),
            Err(error) if may_wait && error.newer_keys_may_help() => {
                Step::Wait(Wait::Provider { need: self.need, flow: AwaitProvider::IdToken(self) })
            }
            Err(error) => self.login.refuse(error, scene),
        }
    }

    fn check(
        &self,
        provider: &LoadedProvider,
        client: &Client,
        scene: &Scene<'_>,
    ) -> Result<VerifiedIdToken, IdTokenError> {
        let expected = Expected {
            issuer: &provider.config.issuer,
            client_id: &client.client_id,
            nonce: &self.login.attempt.nonce,
            algorithms: &provider.config.algorithms,
            clock_skew: provider.config.clock_skew,
            access_token: &self.tokens.access_token,
        };
        self.tokens.id_token.verify(&expected, &provider.keys, scene.verifier, scene.now)
    }

    fn sign_in(
        self,
        Registration { provider, client, .. }: Registration<'_>,
        policy: &SessionPolicy,
        id_token: &VerifiedIdToken,
        scene: &mut Scene<'_>,
    ) -> Step {
        let Self { login, tokens, .. } = self;
        let config = scene.config;
        let granted = tokens.scope.as_deref().unwrap_or(&client.scope);
        let issued = IssuedTokens {
            access_token: tokens.access_token,
            expires_in: tokens.expires_in,
            refresh_token: tokens.refresh_token,
            nonce: login.attempt.nonce.clone(),
        };
        let sign_in = SignIn {
            provider: provider.name.clone(),
            claims: select_claims(id_token.claims(), &policy.claims),
            scopes: granted.split_ascii_whitespace().map(str::to_owned).collect(),
            tokens: Tokens::keep(issued, KeptTokens::of(config), scene.now),
            authentication: AuthenticationEvent {
                auth_time: id_token.auth_time(),
                acr: id_token.acr().map(str::to_owned),
            },
            sid: id_token.sid().map(str::to_owned),
        };
        let session = Session::begin(sign_in, policy, scene.now, scene.entropy);
        match session_cookie::write(&login.visit, (provider, client), &session, policy, scene) {
            Ok(mut cookies) => {
                cookies.push(clear_cookie(&policy.cookie, ResponseMode::of(client)));
                arrive(&login, policy.cookie.same_site).with_cookies(cookies).into()
            }
            Err(_) => {
                let claims = largest_claims(&session, CLAIMS_NAMED);
                login.refuse(Denial::SessionTooLarge { claims, limit: policy.max_cookies.saturating_mul(4096) }, scene)
            }
        }
    }
}

/// To where the login was to lead. After a redirect from another site browsers withhold `SameSite=Strict` cookies, so then
/// a page of ours leads on.
fn arrive(login: &Login, same_site: SameSite) -> Response {
    let target = login.attempt.return_to.as_str();
    match same_site {
        SameSite::Strict => page::continue_to(target),
        SameSite::Lax | SameSite::None => Response::redirect(target),
    }
}
