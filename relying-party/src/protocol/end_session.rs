//! RP-Initiated Logout 1.0 §2: ending the session at the provider.

use url::Url;

use super::metadata::ProviderMetadata;
use crate::secret::Secret;

/// What the provider is told.
#[derive(Clone, Copy)]
pub struct EndSessionRequest<'a> {
    /// `client_id`
    pub client_id: &'a str,
    /// `id_token_hint`: what the provider once issued to say who is signed in.
    pub id_token_hint: Option<&'a Secret<String>>,
    /// `post_logout_redirect_uri`
    pub post_logout_redirect_uri: &'a str,
    /// `state`: comes back with the browser.
    pub state: &'a str,
}

/// Where to send the browser to end its session at the provider; `None` when the provider has no such endpoint.
pub fn end_session_url(metadata: &ProviderMetadata, request: &EndSessionRequest<'_>) -> Option<Url> {
    let mut url = metadata.end_session_endpoint.as_ref()?.url().clone();
    {
        let mut query = url.query_pairs_mut();
        if let Some(id_token) = request.id_token_hint {
            query.append_pair("id_token_hint", id_token.expose());
        }
        query.append_pair("client_id", request.client_id);
        query.append_pair("post_logout_redirect_uri", request.post_logout_redirect_uri);
        query.append_pair("state", request.state);
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::test_provider::metadata;

    #[test]
    fn a_logout_names_the_client_and_where_to_come_back() {
        let mut metadata = metadata();
        let request = EndSessionRequest {
            client_id: "portal & co",
            id_token_hint: None,
            post_logout_redirect_uri: "https://portal.example.org/bye?a=b",
            state: "s1",
        };
        let url = end_session_url(&metadata, &request).unwrap();
        assert_eq!(
            url.as_str(),
            "https://login.example.org/logout?client_id=portal+%26+co\
             &post_logout_redirect_uri=https%3A%2F%2Fportal.example.org%2Fbye%3Fa%3Db&state=s1"
        );
        let id_token = Secret::new("h.p.s".to_owned());
        let with_hint = EndSessionRequest { id_token_hint: Some(&id_token), ..request };
        let url = end_session_url(&metadata, &with_hint).unwrap();
        assert!(
            url.as_str().starts_with("https://login.example.org/logout?id_token_hint=h.p.s&client_id=portal+"),
            "{url}"
        );
        metadata.end_session_endpoint = None;
        assert_eq!(end_session_url(&metadata, &request), None);
    }
}
