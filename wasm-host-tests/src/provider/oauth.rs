//! The provider's authorization, token and end-session endpoints.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use relying_party::time::UnixTime;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::client::{all, form};
use super::id_token::{Draft, Signing};
use super::tokens::TOKEN_EXCHANGE;
use super::{Authorization, CLIENT_ID, ISSUER, Obedience, Provider};
use crate::message::{Request, Response};

/// How long a code may be redeemed.
const CODE_LIFETIME: Duration = Duration::from_secs(60);

/// What a code stands for.
pub struct Grant {
    redirect_uri: String,
    challenge: String,
    resource: Vec<String>,
    nonce: Option<String>,
    authentication: Authentication,
    at: UnixTime,
    redeemed: bool,
}

/// What an ID token says of how the user authenticated.
#[derive(Clone, Default)]
pub(super) struct Authentication {
    auth_time: Option<UnixTime>,
    acr: Option<String>,
}

impl Provider {
    /// RFC 6749 §4.1.1, OIDC Core 1.0 §3.1.2: the user is already signed in at the provider.
    pub(super) fn authorize(&mut self, request: &Request, now: UnixTime) -> Response {
        let parameters = match self.authorization_parameters(request, now) {
            Ok(parameters) => parameters,
            Err(problem) => return self.complain(400, problem),
        };
        let parameter = |name: &str| all(&parameters, name).into_iter().next();
        let redirect_uri = parameter("redirect_uri").unwrap_or_default();
        let state = parameter("state");
        let challenge = parameter("code_challenge").unwrap_or_default();
        let scope = parameter("scope").unwrap_or_default();
        let problems = [
            (parameter("response_type").as_deref() != Some("code"), "response_type is not `code`"),
            (parameter("client_id").as_deref() != Some(CLIENT_ID), "unknown client_id"),
            (!self.redirect_uris.contains(&redirect_uri), "redirect_uri is not registered"),
            (!scope.split(' ').any(|value| value == "openid"), "scope without `openid`"),
            (state.is_none(), "no state"),
            (parameter("code_challenge_method").as_deref() != Some("S256"), "no PKCE with S256"),
            (challenge.len() != 43, "code_challenge is not 43 characters"),
            (parameter("nonce").is_some_and(|nonce| nonce.len() > 43), "nonce over 43 characters"),
            (parameter("nonce").is_none(), "no nonce"),
            (parameter("request").is_some() || parameter("request_uri").is_some(), "request object"),
        ];
        if let Some((_, problem)) = problems.iter().find(|(found, _)| *found) {
            return self.complain(400, problem);
        }
        let mut answer = Vec::new();
        match self.authorization.clone() {
            Authorization::NeedsTheUser(code) if parameter("prompt").as_deref() == Some("none") => {
                answer.push(("error", code));
            }
            Authorization::Granted | Authorization::NeedsTheUser(_) => {
                self.issued += 1;
                let code = format!("{}{}", self.code_prefix, self.issued);
                answer.push(("code", code.clone()));
                let nonce = parameter("nonce");
                let authentication = self.authenticate_user(parameter("max_age"), parameter("acr_values"), now);
                let (redirect_uri, resource) = (redirect_uri.clone(), all(&parameters, "resource"));
                let grant =
                    Grant { redirect_uri, challenge, resource, nonce, authentication, at: now, redeemed: false };
                self.grants.insert(code, grant);
            }
            Authorization::Error { code, description } => {
                answer.extend([("error", code), ("error_description", description)]);
            }
        }
        answer.extend(state.map(|state| ("state", state)));
        let issuer = self.response_issuer.clone();
        let issuer = issuer.map(|issuer| if issuer == ISSUER { self.issuer_of(request) } else { issuer });
        answer.extend(issuer.map(|issuer| ("iss", issuer)));
        match parameter("response_mode").as_deref() {
            Some("form_post") => form_post(&redirect_uri, &answer),
            _ => {
                let mut target = Url::parse(&redirect_uri).expect("registered redirect URIs are URLs");
                target.query_pairs_mut().extend_pairs(answer);
                Response::redirect(target.as_str())
            }
        }
    }

    /// RFC 6749 §4.1.3, RFC 7636 §4.5, OIDC Core 1.0 §3.1.3.
    pub(super) fn token(&mut self, request: &Request, now: UnixTime) -> Response {
        if request.method() != "POST" {
            return self.complain(405, "token request is not POST");
        }
        if let Err(problem) = self.authenticate(request, now) {
            self.complaints.push(problem.to_owned());
            return Response::json(401, &json!({"error": "invalid_client"}));
        }
        if request.posted("grant_type").as_deref() == Some(TOKEN_EXCHANGE) {
            return self.exchange(request);
        }
        if request.posted("grant_type").as_deref() == Some("refresh_token") {
            return self.refresh(request, now);
        }
        if request.posted("grant_type").as_deref() != Some("authorization_code") {
            return self.complain(400, "unsupported grant_type");
        }
        let code = request.posted("code").unwrap_or_default();
        let verifier = request.posted("code_verifier").unwrap_or_default();
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let redirect_uri = request.posted("redirect_uri").unwrap_or_default();
        let Some(grant) = self.grants.get_mut(&code) else { return self.complain(400, "unknown code") };
        let problem = if grant.redeemed {
            Some("code redeemed twice")
        } else if now.since(grant.at) > CODE_LIFETIME {
            Some("code expired")
        } else if grant.redirect_uri != redirect_uri {
            Some("redirect_uri is not the one of the authorization request")
        } else if grant.resource != all(&form(&request.body), "resource") {
            // RFC 8707 §2.2 lets a client ask for less; this one never does.
            Some("resource is not the one of the authorization request")
        } else if grant.challenge != challenge || verifier.len() < 43 {
            Some("code_verifier does not fit")
        } else {
            None
        };
        grant.redeemed = true;
        let (nonce, authentication) = (grant.nonce.clone(), grant.authentication.clone());
        if let Some(problem) = problem {
            return self.complain(400, problem);
        }
        let access_token = format!("access-token-of-{code}");
        let issuer = self.issuer_of(request);
        let id_token = self.id_token((&issuer, nonce.clone()), authentication.clone(), &access_token, now);
        let mut document = json!({
            "access_token": access_token, "token_type": "Bearer", "id_token": id_token,
            "expires_in": self.access_token_lifetime.as_secs(),
        });
        if let Some(refresh_token) = self.first_refresh_token(nonce, authentication) {
            document["refresh_token"] = refresh_token.into();
        }
        (self.token_answer)(&mut document);
        Response::json(200, &document).with("cache-control", "no-store")
    }

    /// OIDC RP-Initiated Logout 1.0 §2.
    pub(super) fn end_session(&mut self, request: &Request) -> Response {
        let Some(target) = request.query("post_logout_redirect_uri") else {
            return Response::new(200, "text/html", "signed out");
        };
        let Ok(mut url) = Url::parse(&target) else {
            return self.complain(400, "post_logout_redirect_uri is no URL");
        };
        if let Some(state) = request.query("state") {
            url.query_pairs_mut().append_pair("state", &state);
        }
        Response::redirect(url.as_str())
    }

    /// OIDC Core 1.0 §3.1.2.1: the user is there and does whatever is asked for.
    fn authenticate_user(
        &mut self,
        max_age: Option<String>,
        acr_values: Option<String>,
        now: UnixTime,
    ) -> Authentication {
        let max_age = max_age.map(|seconds| seconds.parse().expect("max_age is a number"));
        let too_old = |at: UnixTime| max_age.is_some_and(|max_age| now.since(at) > Duration::from_secs(max_age));
        let obeys = self.max_age != Obedience::Ignores;
        let authenticated_at = self.authenticated_at.filter(|at| !(obeys && too_old(*at))).unwrap_or(now);
        self.authenticated_at = Some(authenticated_at);
        let says_when = max_age.is_some() && self.max_age != Obedience::IsSilent;
        let acr = acr_values.and_then(|values| values.split(' ').next_back().map(str::to_owned));
        Authentication {
            auth_time: says_when.then_some(authenticated_at),
            acr: match self.acr_values {
                Obedience::Obeys => acr,
                Obedience::Ignores => acr.map(|_| "0".to_owned()),
                Obedience::IsSilent => None,
            },
        }
    }

    pub(super) fn id_token(
        &mut self,
        (issuer, nonce): (&str, Option<String>),
        authentication: Authentication,
        access_token: &str,
        now: UnixTime,
    ) -> String {
        let mut claims = json!({
            "iss": issuer, "aud": CLIENT_ID, "iat": now.as_secs(), "exp": (now + self.token_lifetime).as_secs(),
            "at_hash": half_hash(access_token),
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        if let Some(auth_time) = authentication.auth_time {
            claims["auth_time"] = auth_time.as_secs().into();
        }
        if let Some(acr) = authentication.acr {
            claims["acr"] = acr.into();
        }
        if let (Some(claims), Some(user)) = (claims.as_object_mut(), self.user.as_object()) {
            claims.extend(user.clone());
        }
        let mut draft = Draft::new(self.signing_key, claims);
        (self.id_token)(&mut draft);
        if draft.signing == Signing::Unsigned {
            draft.header["alg"] = Value::from("none");
        }
        draft.sign()
    }

    pub(super) fn complain(&mut self, status: u16, problem: &str) -> Response {
        self.complaints.push(problem.to_owned());
        let error = if problem.contains("code") { "invalid_grant" } else { "invalid_request" };
        Response::json(status, &json!({"error": error, "error_description": problem}))
    }
}

/// OAuth 2.0 Form Post Response Mode. The page posts itself; the simulated browser does what the script would.
fn form_post(action: &str, fields: &[(&str, String)]) -> Response {
    let inputs: String = fields
        .iter()
        .map(|(name, value)| format!(r#"<input type="hidden" name="{name}" value="{}">"#, percent(value)))
        .collect();
    Response::new(
        200,
        "text/html",
        format!(r#"<body onload="submit()"><form method="post" action="{action}">{inputs}</form>"#),
    )
}

/// Fields are percent-encoded instead of escaped as HTML, which the simulated browser knows.
fn percent(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// `at_hash` (OIDC Core 1.0 §3.1.3.6) for algorithms with SHA-256.
fn half_hash(value: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(value.as_bytes())[..16])
}
