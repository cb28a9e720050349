//! RP-Initiated Logout 1.0 §2: ending the session at the provider.

use url::Url;

use super::metadata::ProviderMetadata;

/// Where to send the browser to end its session at the provider; `None` when the provider has no such endpoint.
pub fn end_session_url(
    metadata: &ProviderMetadata,
    client_id: &str,
    post_logout_redirect_uri: &str,
    state: Option<&str>,
) -> Option<Url> {
    let mut url = metadata.end_session_endpoint.as_ref()?.url().clone();
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("client_id", client_id);
        query.append_pair("post_logout_redirect_uri", post_logout_redirect_uri);
        if let Some(state) = state {
            query.append_pair("state", state);
        }
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
        let url = end_session_url(&metadata, "portal & co", "https://portal.example.org/bye?a=b", Some("s1")).unwrap();
        assert_eq!(
            url.as_str(),
            "https://login.example.org/logout?client_id=portal+%26+co\
             &post_logout_redirect_uri=https%3A%2F%2Fportal.example.org%2Fbye%3Fa%3Db&state=s1"
        );
        metadata.end_session_endpoint = None;
        assert_eq!(end_session_url(&metadata, "portal", "https://portal.example.org/", None), None);
    }
}
