//! Did you mean …?

/// Longer words are no slips of the pen (bytes).
const LONGEST: usize = 64;

/// The one of `candidates` that was probably meant by `found`, if any is near.
pub(crate) fn nearest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if found.len() > LONGEST {
        return None;
    }
    let found = found.to_ascii_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|candidate| {
            let spelling = candidate.to_ascii_lowercase().replace('-', "_");
            let is_beginning = found.len() >= 4 && spelling.starts_with(&found);
            (if is_beginning { 1 } else { strsim::damerau_levenshtein(&found, &spelling) }, candidate)
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_spelling_is_found_across_case_hyphens_and_slips() {
        let keys = ["path", "path_prefix", "path_regex", "host", "methods"];
        for (found, expected) in [
            ("path_prefx", Some("path_prefix")),
            ("path-prefix", Some("path_prefix")),
            ("pathPrefix", Some("path_prefix")),
            ("hots", Some("host")),
            ("method", Some("methods")),
            ("meth", Some("methods")),
            ("cookies", None),
            ("", None),
        ] {
            assert_eq!(nearest(found, keys), expected, "{found}");
        }
        assert_eq!(nearest(&"a".repeat(100_000), keys), None);
    }
}
