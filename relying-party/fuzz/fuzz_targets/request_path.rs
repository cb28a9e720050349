//! A request's path: its readings are paths, and what has one reading is not ambiguous.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relying_party::policy::path::RequestPath;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(path) = RequestPath::parse(text) else { return };
    let readings = [path.literal(), path.decoded(), path.resolved(), path.stripped()];
    assert!(readings.iter().all(|reading| reading.starts_with('/')));
    assert_eq!(path.has_one_reading(), readings.iter().all(|reading| *reading == readings[0]));
    assert!(!path.has_one_reading() || !path.is_contradictory());
    for reading in &readings[2..] {
        let leads_on = |segment: &str| matches!(segment, "" | "." | "..");
        let last = reading.split('/').count() - 1;
        let mut segments = reading.split('/').enumerate().skip(1);
        assert!(
            segments.all(|(place, segment)| !leads_on(segment) || segment.is_empty() && place == last),
            "{reading}"
        );
    }
    if !path.is_ambiguous() && !text.contains(['%', ';']) {
        assert!(path.has_one_reading(), "{text}");
    }
});
