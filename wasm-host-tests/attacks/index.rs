//! That nothing is missing: every scenario is registered, every corpus has cases.

const REGISTRY: &str = include_str!("registry.rs");
const SOURCES: [&str; 8] = [
    include_str!("headers.rs"),
    include_str!("markup.rs"),
    include_str!("redirects.rs"),
    include_str!("robustness.rs"),
    include_str!("rules.rs"),
    include_str!("secrets.rs"),
    include_str!("sessions.rs"),
    include_str!("tokens.rs"),
];

#[test]
fn every_attack_is_registered_once() {
    for line in SOURCES.iter().flat_map(|source| source.lines()).filter(|line| line.contains("<W: World>()")) {
        let Some((name, _)) = line.strip_prefix("pub fn ").and_then(|rest| rest.split_once('<')) else { continue };
        let listed = |line: &&str| line.trim().split([' ', ',']).next() == Some(name);
        assert_eq!(REGISTRY.lines().filter(listed).count(), 1, "{name}");
    }
}

#[test]
fn every_corpus_has_cases_that_can_be_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/attacks/corpus");
    let mut corpora = 0;
    for entry in std::fs::read_dir(folder).expect("the corpora") {
        let text = std::fs::read_to_string(entry.expect("a file").path()).expect("text");
        assert!(!super::corpus::cases(text.leak()).is_empty());
        corpora += 1;
    }
    assert!(corpora >= 3, "{corpora} corpora");
}
