//! What the suite fails a relying party for in every module, beside what the simulated provider complains about anyway.

use std::collections::BTreeSet;

use crate::message::Request;
use crate::provider::{Endpoint, Provider};

/// The parameters of an authorization request that must not come twice (RFC 6749 §3.1).
const ONCE: [&str; 8] =
    ["response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "response_mode"];

/// Asserts that the suite would have nothing to say about the requests so far.
#[track_caller]
pub fn nothing_was_wrong(provider: &Provider) {
    assert_eq!(provider.complaints, Vec::<String>::new());
    let mut challenges = BTreeSet::new();
    let mut verifiers = BTreeSet::new();
    for (endpoint, request) in &provider.log {
        match endpoint {
            Endpoint::Authorize if request.query("request_uri").is_some() => (),
            Endpoint::Authorize => {
                let query = request.target().split_once('?').map_or("", |(_, query)| query);
                authorization(&pairs(query.as_bytes()), &mut challenges);
            }
            Endpoint::PushedAuthorization => authorization(&pairs(&request.body), &mut challenges),
            Endpoint::Token if request.posted("grant_type").as_deref() == Some("authorization_code") => {
                let verifier = request.posted("code_verifier").expect("a verifier");
                let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
                assert!((43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved), "RFC 7636 §4.1");
                assert!(verifiers.insert(verifier), "a PKCE verifier was used twice");
            }
            Endpoint::Userinfo => userinfo(request),
            Endpoint::Unknown => panic!("an unexpected call to {}", request.target()),
            _ => (),
        }
    }
}

fn authorization(parameters: &[(String, String)], challenges: &mut BTreeSet<String>) {
    let all = |name: &str| parameters.iter().filter(|(key, _)| key == name).map(|(_, value)| value).collect::<Vec<_>>();
    for name in ONCE {
        assert!(all(name).len() <= 1, "{name} came twice");
    }
    let is = |name: &str, value: &str| all(name) == [value];
    assert!(is("response_type", "code") && is("code_challenge_method", "S256"), "{parameters:?}");
    assert!(!(is("max_age", "0") && is("prompt", "none")), "nobody can meet that");
    let nonce = all("nonce");
    let url_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    assert!(nonce.iter().all(|nonce| nonce.len() <= 43 && nonce.bytes().all(url_safe)), "{nonce:?}");
    for secret in ["client_secret", "code_verifier", "access_token"] {
        assert!(all(secret).is_empty(), "{secret} in an authorization request");
    }
    assert!(
        challenges.insert(all("code_challenge").into_iter().cloned().collect::<String>()),
        "a PKCE challenge was used twice"
    );
}

/// RFC 6750 §2: one method, and not the query.
fn userinfo(request: &Request) {
    assert_eq!(request.query("access_token"), None, "an access token in the query");
    assert_eq!(request.posted("access_token"), None, "an access token in header and body");
    assert_eq!(request.all("authorization").len(), 1);
}

fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    const PROPER: &str =
        "response_type=code&client_id=portal&scope=openid&nonce=n-0S6_WzA2Mj&code_challenge_method=S256";

    fn is_noticed(fill: impl FnOnce(&mut Provider)) -> bool {
        let mut provider = Provider::default();
        fill(&mut provider);
        catch_unwind(AssertUnwindSafe(|| nothing_was_wrong(&provider))).is_err()
    }

    fn authorization(query: &str) -> (Endpoint, Request) {
        (Endpoint::Authorize, Request::get(&format!("/authorize?{query}")))
    }

    fn token(verifier: &str) -> (Endpoint, Request) {
        (
            Endpoint::Token,
            Request::form("/token", &[("grant_type", "authorization_code"), ("code_verifier", verifier)], ""),
        )
    }

    fn userinfo(path: &str) -> Request {
        Request::get(path).with("authorization", "Bearer a")
    }

    #[test]
    fn what_the_suite_fails_a_relying_party_for_is_noticed() {
        let proper = |challenge: &str| authorization(&format!("{PROPER}&code_challenge={challenge}"));
        let (one, other) = ("v".repeat(43), "w".repeat(43));
        let good =
            vec![proper("a"), token(&one), (Endpoint::Userinfo, userinfo("/userinfo")), proper("b"), token(&other)];
        assert!(!is_noticed(|provider| provider.log = good));
        for bad in [
            vec![proper("a"), proper("a")],
            vec![token(&one), token(&one)],
            vec![token(&one[1..])],
            vec![authorization(&PROPER.replace("=code&", "=code+id_token&"))],
            vec![authorization(&PROPER.replace("n-0S6_WzA2Mj", "n%2B0S6"))],
            vec![authorization(&PROPER.replace("n-0S6_WzA2Mj", &"n".repeat(44)))],
            vec![authorization(&format!("{PROPER}&max_age=0&prompt=none"))],
            vec![authorization(&format!("{PROPER}&nonce=again"))],
            vec![authorization(&format!("{PROPER}&client_secret=s"))],
            vec![(Endpoint::Userinfo, userinfo("/userinfo?access_token=a"))],
            vec![(Endpoint::Userinfo, userinfo("/userinfo").with_body("access_token=a"))],
            vec![(Endpoint::Unknown, Request::get("/claims_endpoint"))],
        ] {
            assert!(is_noticed(|provider| provider.log.clone_from(&bad)), "{bad:?}");
        }
        assert!(is_noticed(|provider| provider.complaints.push("anything".to_owned())));
    }
}
