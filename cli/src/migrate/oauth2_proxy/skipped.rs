//! Where nobody has to sign in: `skip_auth_routes`, `skip_auth_regex` and `skip_auth_preflight`.

use latchkey_explain::document::Tree;
use relying_party::policy::matcher::{Matcher, MatcherSpec};

use super::Carrying;
use crate::init::draft::{Line, texts};
use crate::migrate::path_pattern;
use crate::yaml;

/// A route as oauth2-proxy reads it: `METHOD=regex`, `METHOD!=regex`, or `regex` alone.
struct Route<'r> {
    method: String,
    regex: &'r str,
    is_negated: bool,
}

impl<'r> Route<'r> {
    /// Whatever stands before the first equals sign is a method; an exclamation mark before any of them negates.
    fn read(text: &'r str) -> Self {
        match text.split_once('=') {
            Some((method, regex)) => Self {
                method: method.strip_suffix('!').unwrap_or(method).to_ascii_uppercase(),
                regex,
                is_negated: text.contains("!="),
            },
            None => Self::everywhere(text),
        }
    }

    fn everywhere(regex: &'r str) -> Self {
        Self { method: String::new(), regex, is_negated: false }
    }
}

impl Carrying<'_> {
    /// A rule for each that can be carried over exactly. What the others let through needs a session from now on.
    pub(super) fn without_sign_in(&mut self) -> Vec<Vec<Line>> {
        let mut rules = Vec::new();
        if self.is_true("skip_auth_preflight", false) {
            let methods = Tree::Mapping(vec![("methods".to_owned(), texts(["OPTIONS"]))]);
            rules.push(vec![Line::member("match", methods), Line::member("authentication", "none")]);
        }
        for regex in self.list("skip_auth_regex") {
            rules.extend(self.route("skip_auth_regex", &regex, &Route::everywhere(&regex)));
        }
        for text in self.list("skip_auth_routes") {
            rules.extend(self.route("skip_auth_routes", &text, &Route::read(&text)));
        }
        rules
    }

    fn route(&mut self, option: &str, text: &str, route: &Route<'_>) -> Option<Vec<Line>> {
        let Route { method, regex, is_negated } = route;
        let methods = (!method.is_empty()).then(|| vec![method.clone()]);
        let of_method =
            MatcherSpec { methods: methods.clone(), path_prefix: Some("/".to_owned()), ..MatcherSpec::default() };
        let refusal = if *is_negated {
            Some("say which paths are public, not which are not")
        } else if Matcher::compile(of_method).is_err() {
            Some("it let nothing through: what stands before `=` is no method")
        } else if !path_pattern::is_understood(regex) {
            Some("it is not certain that `path_regex` would match the same")
        } else {
            None
        };
        if let Some(why) = refusal {
            self.change(option, format!("NOT CARRIED OVER: {}: {why}; a session is needed there", yaml::scalar(text)));
            return None;
        }
        let value = path_pattern::anywhere(regex);
        let is_exact = value.starts_with('/')
            && value.chars().all(path_pattern::is_plain)
            && Matcher::compile(MatcherSpec { path: Some(value.clone()), ..MatcherSpec::default() }).is_ok();
        if value.starts_with(".*") {
            let shown = (yaml::scalar(regex), yaml::scalar(&value));
            self.change(option, format!("{} matched anywhere; here it is {}: is that meant?", shown.0, shown.1));
        }
        let mut members = vec![(if is_exact { "path" } else { "path_regex" }.to_owned(), value.as_str().into())];
        members.extend(methods.map(|_| ("methods".to_owned(), texts([method.as_str()]))));
        Some(vec![Line::member("match", Tree::Mapping(members)), Line::member("authentication", "none")])
    }
}
