//! The alerts about logins that fail, held against the reason codes: they fire for what the provider, the deployment or the network
//! has to answer for, and for nothing that somebody in front of a browser can do at will.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex_lite::Regex;

use super::Decision;
use crate::denial::reference::every::every;
use crate::documentation::{Line, lines};
use crate::reason::Reason as _;

/// Areas of codes that pass between proxy and provider alone.
const AT_THE_PROVIDER: [&str; 8] =
    ["client_authentication", "discovery", "id_token", "jwks", "par", "provider", "token", "userinfo"];
/// Areas of codes that depend on what a browser brings back, or asked for.
const BY_BROWSER: [&str; 3] = ["authorization", "authorization_response", "step_up"];

/// The codes that an alert is about.
struct Selector {
    reason: Regex,
    but: String,
}

impl Selector {
    fn of(alert: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/monitoring/alerts.yaml");
        let rules = fs::read_to_string(file).unwrap();
        let (_, rule) = rules.split_once(&format!("- alert: {alert}\n")).unwrap();
        let rule = rule.split("- alert: ").next().unwrap();
        assert!(rule.contains("latchkey_logins_failed_total{provider!=\"\""), "{alert}: whose they are is known");
        let quoted = |before: &str| {
            let (_, rest) = rule.split_once(before).unwrap();
            rest.split_once('"').unwrap().0.replace("\\\\", "\\")
        };
        // Prometheus anchors both ends.
        let reason = Regex::new(&format!("^(?:{})$", quoted("reason=~\""))).unwrap();
        Self { reason, but: quoted("reason!=\"") }
    }

    fn selects(&self, code: &str) -> bool {
        self.reason.is_match(code) && self.but != code
    }
}

#[test]
fn alerts_about_failed_logins_select_what_a_provider_a_deployment_or_a_network_answers_for() {
    let who: BTreeMap<String, String> = lines("reasons.txt")
        .into_iter()
        .filter_map(|line| match line {
            Line::Entry(fields) => Some((fields[0].clone(), fields[1].clone())),
            Line::Heading(_) | Line::Note(_) => None,
        })
        .collect();
    let (misbehaves, come_back_wrong) =
        (Selector::of("LatchkeyProviderMisbehaves"), Selector::of("LatchkeyLoginsComeBackWrong"));
    let of_logins = every().into_iter().filter(|denial| Decision::of(denial, Some("corp")) == Decision::LoginFailed);
    let codes: BTreeSet<_> = of_logins.map(|denial| denial.code()).collect();
    let mut alerted = [0, 0];
    for code in codes {
        let area = code.split('.').next().unwrap();
        let has_to_act = matches!(who[code].as_str(), "provider" | "deployment" | "network");
        let expected = [&AT_THE_PROVIDER[..], &BY_BROWSER].map(|areas| has_to_act && areas.contains(&area));
        assert_eq!([misbehaves.selects(code), come_back_wrong.selects(code)], expected, "{code}: {}", who[code]);
        let known = AT_THE_PROVIDER.iter().chain(&BY_BROWSER).chain(&["callback", "login", "session", "store"]);
        assert!(known.into_iter().any(|known| *known == area), "{code}: is there an alert?");
        alerted = [alerted[0] + usize::from(expected[0]), alerted[1] + usize::from(expected[1])];
    }
    assert!(alerted[0] > 60 && alerted[1] > 15, "{alerted:?}");
}
