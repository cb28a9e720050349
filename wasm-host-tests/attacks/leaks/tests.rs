//! That the search finds what it is for.

use super::*;

fn secrets() -> Secrets {
    let mut secrets = Secrets::default();
    secrets.add(Kind::Code, "code-of-this-login");
    secrets.add(Kind::AccessToken, "access-token-of-code-of-this-login");
    secrets.add(Kind::Claim, "ada+x@example.org");
    secrets
}

fn found(place: Place, text: &str) -> usize {
    leaks(&secrets(), [(place, text.to_owned())].into_iter()).len()
}

#[test]
fn a_secret_is_found_in_whatever_letters() {
    for text in [
        "ada+x@example.org",
        "x=ada%2Bx%40example.org&y",
        "YWRhK3hAZXhhbXBsZS5vcmc",
        "prefix code-of-this-login suffix",
        "Bearer access-token-of-code-of-this-login",
    ] {
        assert!(found(Place::Log, text) > 0, "{text}");
        assert!(found(Place::Page, text) > 0, "{text}");
    }
    assert_eq!(found(Place::Log, "ada@example.org, code-of-that-login"), 0);
}

#[test]
fn what_belongs_somewhere_hides_nothing_else() {
    let upstream = |holds_token| Place::Upstream { name: "authorization".to_owned(), is_managed: true, holds_token };
    assert_eq!(found(upstream(true), "Bearer access-token-of-code-of-this-login"), 0);
    assert!(found(upstream(false), "Bearer access-token-of-code-of-this-login") > 0);
    assert!(found(upstream(true), "access-token-of-code-of-this-login code-of-this-login") > 0);
    assert_eq!(found(Place::SessionEndpoint, r#"{"email":"ada+x@example.org"}"#), 0);
    assert!(found(Place::Target(Endpoint::Token), "/token?code=code-of-this-login") > 0);
    assert_eq!(found(Place::Call(Endpoint::Token), "code=code-of-this-login"), 0);
    assert!(found(Place::Call(Endpoint::Keys), "code=code-of-this-login") > 0);
}
