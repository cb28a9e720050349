//! What happened in a browser lately, as its login cookie tells. It proves nothing, and admits nobody: it only says what is tried
//! next.

use std::time::Duration;

use super::browser::{ResponseMode, line, values};
use crate::config::CookiePolicy;
use crate::http::Headers;

/// Logins that follow each other within this time, without a session in between, go round in circles.
pub const ONE_ROUND: Duration = Duration::from_secs(60);
/// So many of them are enough.
const MOST_ROUNDS: u8 = 3;

/// The end of the latest login or of the latest session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Past {
    /// Nothing is known.
    #[default]
    Unknown,
    /// So many logins have ended well, each soon after the other.
    SignedIn(u8),
    /// The person has signed out.
    SignedOut,
}

impl Past {
    /// What the request's cookie says.
    pub fn of_request(headers: &Headers, policy: &CookiePolicy) -> Self {
        values(headers, policy).find_map(|value| split(value).map(|(past, _)| past)).unwrap_or_default()
    }

    /// Whether a browser without a session would only come back without one.
    pub const fn goes_round_in_circles(self) -> bool {
        matches!(self, Self::SignedIn(rounds) if rounds >= MOST_ROUNDS)
    }

    /// The `Set-Cookie` line for a login that has ended well after `took`: it replaces the browser's identifier, so that one that was
    /// planted before does not outlive it. Logins in other tabs are no loss, their callbacks find a live session.
    ///
    /// The browser's clock says how long ago it was: those of several instances may differ, which is one reason for circles.
    pub fn after_login(self, took: Duration, policy: &CookiePolicy, response_mode: ResponseMode) -> String {
        let before = match self {
            Self::SignedIn(rounds) if took < ONE_ROUND => rounds,
            Self::SignedIn(_) | Self::SignedOut | Self::Unknown => 0,
        };
        let past = Self::SignedIn(before.saturating_add(1).min(9));
        line(policy, &past.before_identifier(), response_mode, ONE_ROUND)
    }

    /// The `Set-Cookie` line for a browser whose person has signed out, and is not to be signed in again without being asked for as long
    /// as a session could have lasted.
    pub fn after_logout(lasting: Duration, policy: &CookiePolicy) -> String {
        line(policy, &Self::SignedOut.before_identifier(), ResponseMode::Query, lasting)
    }

    /// How it stands in the cookie, in front of the identifier.
    pub(super) fn before_identifier(self) -> String {
        match self {
            Self::Unknown => String::new(),
            Self::SignedIn(rounds) => format!("{rounds}."),
            Self::SignedOut => "out.".to_owned(),
        }
    }
}

/// A cookie's value: what happened, and the browser's identifier.
pub(super) fn split(value: &[u8]) -> Option<(Past, &[u8])> {
    let Some(dot) = value.iter().position(|byte| *byte == b'.') else { return Some((Past::Unknown, value)) };
    let (past, identifier) = value.split_at_checked(dot)?;
    let past = match past {
        b"out" => Past::SignedOut,
        [digit @ b'1'..=b'9'] => Past::SignedIn(digit.saturating_sub(b'0')),
        _ => return None,
    };
    Some((past, identifier.strip_prefix(b".")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::browser::BrowserId;
    use crate::session::testing::{TestEntropy, cookie_policy};

    const SOON: Duration = Duration::from_secs(5);

    /// The headers of a browser after this line.
    fn after(line: &str) -> Headers {
        Headers::new(vec![("cookie".to_owned(), line.split("; ").next().unwrap().as_bytes().to_vec())])
    }

    fn past(headers: &Headers) -> Past {
        Past::of_request(headers, &cookie_policy())
    }

    #[test]
    fn three_logins_one_soon_after_the_other_are_a_circle() {
        let mut headers = Headers::default();
        for round in 1..=3 {
            assert!(!past(&headers).goes_round_in_circles());
            // Another login begins in between and does not make it forgotten.
            let begun = BrowserId::random(&mut TestEntropy::default());
            headers = after(&begun.set_cookie(&cookie_policy(), ResponseMode::Query, past(&headers)));
            assert_eq!(BrowserId::of_request(&headers, &cookie_policy()), [begun]);
            let line = past(&headers).after_login(SOON, &cookie_policy(), ResponseMode::Query);
            assert!(line.contains("; Max-Age=60;"), "{line}");
            headers = after(&line);
            assert_eq!(past(&headers), Past::SignedIn(round));
            assert!(BrowserId::of_request(&headers, &cookie_policy()).is_empty(), "no identifier outlives its login");
        }
        assert!(past(&headers).goes_round_in_circles());
    }

    #[test]
    fn a_login_that_took_its_time_or_followed_a_sign_out_is_the_first_again() {
        let after_login = |past: Past, took| {
            let headers = after(&past.after_login(took, &cookie_policy(), ResponseMode::Query));
            Past::of_request(&headers, &cookie_policy())
        };
        assert_eq!(after_login(Past::SignedIn(2), ONE_ROUND), Past::SignedIn(1));
        assert_eq!(after_login(Past::SignedOut, SOON), Past::SignedIn(1));
        assert_eq!(after_login(Past::SignedIn(9), SOON), Past::SignedIn(9));
        let line = Past::after_logout(Duration::from_secs(28_800), &cookie_policy());
        assert_eq!(line, "__Host-latchkey-login=out.; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(past(&after(&line)), Past::SignedOut);
    }

    #[test]
    fn what_is_not_ours_says_nothing() {
        for value in ["", "x", "out", "0.", "10.", "x.y", ".", ".5", "out", "OUT."] {
            assert_eq!(past(&after(&format!("__Host-latchkey-login={value}"))), Past::Unknown, "{value}");
        }
        let id = "A".repeat(43);
        for value in [format!("x.{id}"), format!("3..{id}"), format!("out.{id}.")] {
            let headers = after(&format!("__Host-latchkey-login={value}"));
            assert!(BrowserId::of_request(&headers, &cookie_policy()).is_empty(), "{value}");
        }
    }
}
