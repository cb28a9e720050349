//! The page of reason codes: every code that an answer or the log can have, from the values themselves.
//! `docs/reference/reasons.txt` adds who has to act, and cause and remedy where the code does not say them.

pub(crate) mod every;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;

use self::every::every;
use super::Denial;
use crate::documentation::{Line, assert_current, cell, lines, sources};
use crate::reason::Reason as _;

/// Errors that are never shown by their code, only as part of another one or of a configuration problem.
const PARTS: [&str; 6] =
    ["ConfigErrors", "EndpointError", "EvaluationError", "ExpressionError", "JsonError", "SkippedKey"];

/// Who may have to act.
const WHO: [&str; 6] = ["client", "deployment", "network", "nobody", "person", "provider"];

#[test]
fn the_page_of_reason_codes_is_current() {
    let mut refusals: BTreeMap<&str, Vec<Denial>> = BTreeMap::new();
    for denial in every() {
        refusals.entry(denial.code()).or_default().push(denial);
    }
    let mut page = String::new();
    let mut documented = BTreeSet::new();
    for line in lines("reasons.txt") {
        match line {
            Line::Heading(title) => write!(page, "\n## {title}\n\n").unwrap(),
            Line::Note(note) => {
                writeln!(page, "{note}\n\n| code, status, who has to act | cause | what to do |\n|---|---|---|")
                    .unwrap()
            }
            Line::Entry(fields) => {
                let [code, who, cause, remedy] = fields.try_into().unwrap();
                assert!(WHO.contains(&who.as_str()), "{code}: nobody is called `{who}`");
                let refusals = refusals.get(code.as_str()).map_or(&[][..], Vec::as_slice);
                let status = status(&code, refusals);
                let cause = said(&code, cause, refusals.iter().find_map(message));
                let remedy = said(&code, remedy, refusals.iter().find_map(Denial::advice).map(capitalised));
                writeln!(page, "| <a id=\"{code}\"></a>`{code}`<br>{status}, {who} | {cause} | {remedy} |").unwrap();
                assert!(documented.insert(code.clone()), "{code} is there twice");
            }
        }
    }
    let shown: BTreeSet<String> = refusals.keys().map(|code| (*code).to_owned()).collect();
    let written = written_codes();
    assert_eq!(shown.difference(&written).collect::<Vec<_>>(), [""; 0], "codes that no `impl Reason` has");
    assert_eq!(
        written.difference(&documented).collect::<Vec<_>>(),
        [""; 0],
        "codes without a line in docs/reference/reasons.txt"
    );
    assert_eq!(documented.difference(&written).collect::<Vec<_>>(), [""; 0], "lines of codes that do not exist");
    assert_current("reason-codes.md", page.trim_start());
}

/// What the page says: what the file has, or what the code has where that says `=`.
fn said(code: &str, written: String, from_code: Option<String>) -> String {
    cell(&match (written.as_str(), from_code) {
        ("=", from_code) => from_code.unwrap_or_else(|| panic!("{code}: the code says nothing, so the file must")),
        ("", _) => panic!("{code}: cause and remedy are needed"),
        _ => written,
    })
}

fn status(code: &str, refusals: &[Denial]) -> String {
    let statuses: BTreeSet<_> = refusals.iter().map(|denial| denial.wording().status.to_string()).collect();
    match (code, statuses.is_empty()) {
        ("configuration.missing", _) => "503".to_owned(), // The filter's own answer: there is no core.
        (_, true) => "log".to_owned(),
        (_, false) => Vec::from_iter(statuses).join(", "),
    }
}

fn capitalised(text: &str) -> String {
    let is_word = text
        .split(' ')
        .next()
        .is_some_and(|first| first.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-'));
    let mut letters = text.chars();
    let first = letters.next().map(|letter| if is_word { letter.to_ascii_uppercase() } else { letter });
    first.into_iter().chain(letters).chain((!text.ends_with(['?', '.'])).then_some('.')).collect()
}

/// The error behind a refusal and what caused it, in a sentence.
fn message(denial: &Denial) -> Option<String> {
    let error: &dyn Error = match denial {
        Denial::Path(error) => error,
        Denial::Bearer(error) => error,
        Denial::Introspection(error) => error,
        Denial::Exchange(error) => error,
        Denial::StepUp(error) => error,
        Denial::LogoutToken(error) => error,
        Denial::Callback(error) => error,
        Denial::Login(error) => error,
        Denial::Authorization(error) => error,
        Denial::ClientAuthentication(error) => error,
        Denial::PushedAuthorization(error) => error,
        Denial::Token(error) => error,
        Denial::IdToken(error) => error,
        Denial::Userinfo(error) => error,
        Denial::Provider(error) => error,
        _ => return None,
    };
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        write!(said, ": {error}").unwrap();
        source = error.source();
    }
    Some(capitalised(&said))
}

/// Every code in an `impl Reason`, those that the filter itself has, and those of sessions that end.
fn written_codes() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for source in sources("relying-party/src") {
        for implementation in source.split("\nimpl Reason for ").skip(1) {
            let (body, _) = implementation.split_once("\n}\n").unwrap();
            if !PARTS.iter().any(|part| body.starts_with(part)) {
                codes.extend(body.split('"').filter(|text| is_code(text)).map(str::to_owned));
            }
        }
    }
    for source in sources("filter/src") {
        let published = source.split("publish(\"reason\", \"").skip(1).filter_map(|text| text.split_once('"'));
        codes.extend(published.map(|(code, _)| code.to_owned()));
    }
    for source in sources("relying-party/src/flow") {
        codes.extend(source.split('"').filter(|text| text.starts_with("logout.") && is_code(text)).map(str::to_owned));
    }
    codes
}

fn is_code(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(is_letter);
    text.split_once('.').is_some_and(|(area, cause)| is_name(area) && is_name(cause))
}
