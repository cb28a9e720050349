//! Durations: `30s`, `15m`, `8h`, `7d`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::cursor::Cursor;
use super::problem::quoted;

/// Browsers keep no cookie longer (RFC 6265bis §5.5), so nothing here lasts longer.
pub(super) const MAX_DURATION: Duration = Duration::from_secs(400 * DAY);

const DAY: u64 = 24 * 60 * 60;

/// Reads a duration within `range`.
pub(super) fn read(cursor: &Cursor<'_>, range: RangeInclusive<Duration>) -> Option<Duration> {
    let text = cursor.text("a duration such as `30s`, `15m`, `8h` or `7d`")?;
    match parse(text) {
        Some(duration) if range.contains(&duration) => Some(duration),
        Some(_) => {
            let (least, most) = (shown(*range.start()), shown(*range.end()));
            cursor.refuse(quoted(text), format_args!("a duration from `{least}` to `{most}`"));
            None
        }
        None => {
            cursor.refuse(quoted(text), "a duration such as `30s`, `15m`, `8h` or `7d`");
            None
        }
    }
}

fn parse(text: &str) -> Option<Duration> {
    let unit = match text.bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 60 * 60,
        b'd' => DAY,
        _ => return None,
    };
    let digits = text.get(..text.len().checked_sub(1)?)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than a number holds is still a duration, only a much too long one.
    let count = digits.parse::<u64>().unwrap_or(u64::MAX);
    Some(Duration::from_secs(count.saturating_mul(unit)))
}

/// The shortest spelling of a duration.
pub(super) fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    [(DAY, 'd'), (60 * 60, 'h'), (60, 'm')]
        .into_iter()
        .find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit))
        .map_or_else(|| format!("{seconds}s"), |(unit, letter)| format!("{}{letter}", seconds.div_euclid(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, seconds) in [("30s", 30), ("15m", 900), ("8h", 28_800), ("7d", 604_800), ("007s", 7), ("0s", 0)] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "30", "30 s", " 30s", "-1s", "+1s", "1.5h", "1h30m", "30S", "30ms", "٣s", "1w", "ä"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("99999999999999999999d"), Some(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn a_duration_is_shown_in_its_largest_unit() {
        for text in ["1s", "90s", "15m", "8h", "400d", "0s"] {
            assert_eq!(shown(parse(text).unwrap()), text);
        }
    }
}
