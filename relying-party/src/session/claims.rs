//! Which claims a session keeps, and which of them make it large.

use serde_json::{Map, Value};

use super::{Session, Tokens};
use crate::policy::claim_selection::ClaimSelection;
use crate::reason::Reason;

/// How many claims are remembered that were left elsewhere, and how long their names may be (bytes).
const MOST_ELSEWHERE: usize = 16;
const LONGEST_NAME: usize = 64;

/// The claims that `selection` keeps; always `iss` and `sub`, which say whom a session is about.
pub fn select_claims(claims: &Map<String, Value>, selection: &ClaimSelection) -> Map<String, Value> {
    let kept = |name: &str| name == "iss" || name == "sub" || selection.names(name);
    claims.iter().filter(|(name, _)| kept(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The claims that `selection` would keep and that the provider did not send because they are to be fetched elsewhere: distributed
/// claims (OIDC Core 1.0 §5.6.2), which is how Entra ID says that somebody is in too many groups. Aggregated claims (the same
/// section) are not looked into either.
pub fn left_elsewhere(claims: &Map<String, Value>, selection: &ClaimSelection) -> Vec<String> {
    let wanted = |name: &str| selection.names(name);
    let named = claims.get("_claim_names").and_then(Value::as_object);
    let named = named.into_iter().flat_map(Map::keys).map(String::as_str);
    // Entra ID in tokens that travel in URLs.
    let has_groups = claims.get("hasgroups") == Some(&Value::Bool(true));
    let mut elsewhere: Vec<_> = named
        .chain(has_groups.then_some("groups"))
        .filter(|name| name.len() <= LONGEST_NAME && wanted(name) && claims.get(*name).is_none_or(Value::is_null))
        .map(str::to_owned)
        .take(MOST_ELSEWHERE)
        .collect();
    elsewhere.dedup();
    elsewhere
}

/// Claims that an expression looks at and that the provider left elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimsElsewhere {
    /// `groups`: the person is in more of them than the provider puts into a token.
    Groups,
    /// Others.
    Others,
}

impl ClaimsElsewhere {
    /// Those of `left_elsewhere` that are looked at.
    pub fn of(left_elsewhere: &[String], looked_at: &ClaimSelection) -> Option<Self> {
        let mut concerned = left_elsewhere.iter().filter(|name| looked_at.names(name)).peekable();
        concerned.peek()?;
        Some(if concerned.any(|name| name == "groups") { Self::Groups } else { Self::Others })
    }
}

impl ClaimsElsewhere {
    /// What an operator can do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Groups => {
                "the person is in more groups than the provider puts into a token (Entra ID: over 200): use app roles (`roles`), \
                 or let it send only the groups assigned to the application"
            }
            Self::Others => "the provider sends these claims as distributed or aggregated ones, which are not fetched",
        }
    }
}

impl Reason for ClaimsElsewhere {
    fn code(&self) -> &'static str {
        match self {
            Self::Groups => "claims.groups_overage",
            Self::Others => "claims.distributed",
        }
    }
}

/// The `count` largest claims by name and size as JSON (bytes), the largest first. Tokens count under their names.
pub fn largest_claims(session: &Session, count: usize) -> Vec<(String, usize)> {
    let size = |value: &Value| serde_json::to_vec(value).map_or(0, |json| json.len());
    let mut sizes: Vec<_> = session.claims.iter().map(|(name, value)| (name.clone(), size(value))).collect();
    let Tokens { access_token, refresh, id_token, .. } = &session.tokens;
    let refresh = refresh.as_ref().map(|refresh| &refresh.value);
    let tokens = [("access_token", access_token.as_ref()), ("refresh_token", refresh), ("id_token", id_token.as_ref())];
    sizes.extend(tokens.into_iter().filter_map(|(name, token)| Some((name.to_owned(), token?.expose().len()))));
    sizes.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    sizes.truncate(count);
    sizes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::session::testing::session;
    use crate::time::UnixTime;

    #[test]
    fn a_selection_keeps_what_it_names_and_always_iss_and_sub() {
        let claims = session(UnixTime::from_secs(0)).claims;
        let groups = ClaimSelection::Named(BTreeSet::from(["groups".to_owned(), "absent".to_owned()]));
        let kept = select_claims(&claims, &groups);
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["groups", "iss", "sub"]);
        assert_eq!(select_claims(&claims, &ClaimSelection::All), claims);
    }

    #[test]
    fn what_an_expression_looks_at_in_vain_has_a_code_and_advice() {
        let of = |left: &[&str], looked_at: &[&str]| {
            let left: Vec<_> = left.iter().map(|name| (*name).to_owned()).collect();
            let names = looked_at.iter().map(|name| (*name).to_owned()).collect();
            ClaimsElsewhere::of(&left, &ClaimSelection::Named(names))
        };
        assert_eq!(of(&["groups"], &["email"]), None);
        assert_eq!(of(&["photo", "groups"], &["groups", "photo"]), Some(ClaimsElsewhere::Groups));
        assert_eq!(of(&["photo", "groups"], &["photo"]), Some(ClaimsElsewhere::Others));
        for (elsewhere, code, advice) in [
            (ClaimsElsewhere::Groups, "claims.groups_overage", "roles"),
            (ClaimsElsewhere::Others, "claims.distributed", "not fetched"),
        ] {
            assert_eq!(elsewhere.code(), code);
            assert!(elsewhere.advice().contains(advice));
        }
    }

    #[test]
    fn claims_that_the_provider_left_elsewhere_are_known_by_name() {
        let elsewhere =
            |claims: Value, selection: &ClaimSelection| left_elsewhere(claims.as_object().unwrap(), selection);
        let used = ClaimSelection::Named(BTreeSet::from(["groups".to_owned(), "email".to_owned()]));
        let overage = serde_json::json!({"_claim_names": {"groups": "src1", "photo": "src2"}, "email": "a@b"});
        assert_eq!(elsewhere(overage.clone(), &used), ["groups"]);
        assert_eq!(elsewhere(overage, &ClaimSelection::All), ["groups", "photo"]);
        let sent = serde_json::json!({"_claim_names": {"groups": "src1"}, "groups": ["a"]});
        assert_eq!(elsewhere(sent, &used), [""; 0], "sent all the same, or added by UserInfo");
        assert_eq!(elsewhere(serde_json::json!({"hasgroups": true}), &used), ["groups"]);
        assert_eq!(elsewhere(serde_json::json!({"_claim_names": ["groups"], "hasgroups": "true"}), &used), [""; 0]);
        let many: Map<_, _> = (0..100).map(|n| (format!("claim-{n}"), "src".into())).collect();
        assert_eq!(elsewhere(serde_json::json!({"_claim_names": many}), &ClaimSelection::All).len(), MOST_ELSEWHERE);
    }

    #[test]
    fn the_largest_claims_are_named_with_the_access_token_among_them() {
        let session = session(UnixTime::from_secs(0));
        let largest = largest_claims(&session, 2);
        assert_eq!(largest, [("groups".to_owned(), 28), ("iss".to_owned(), 27)]);
        assert!(largest_claims(&session, 9).contains(&("access_token".to_owned(), 9)));
    }
}
