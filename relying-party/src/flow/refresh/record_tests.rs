use super::*;
use crate::shared::{self, OwnData};

const NOW: UnixTime = UnixTime::from_secs(1_900_000_000);
const LOGIN: UnixTime = UnixTime::from_secs(1_899_999_000);
const MINE: u64 = 1;
const OTHERS: u64 = 2;

fn place(token: &str) -> Place {
    Place::of(&SharedKey::new("test", [token.as_bytes()]))
}

#[test]
fn one_holds_the_lease_until_it_is_over() {
    let mut data = OwnData::default();
    let place = place("a");
    assert_eq!(place.look(LOGIN, NOW, &mut data), Found::Unused);
    assert_eq!(place.claim(LOGIN, MINE, NOW, &mut data), Ok(()));
    assert_eq!(place.claim(LOGIN, OTHERS, NOW, &mut data), Err(Found::UnderWay));
    assert_eq!(place.claim(LOGIN, MINE, NOW, &mut data), Ok(()), "its own is no obstacle");
    assert_eq!(place.look(LOGIN, NOW, &mut data), Found::UnderWay);
    let over = NOW + LEASE;
    assert_eq!(place.claim(LOGIN, OTHERS, over, &mut data), Ok(()), "its holder is gone");
    place.failed(MINE, Setback::NoAnswer, over, &mut data);
    assert_eq!(place.look(LOGIN, over, &mut data), Found::UnderWay, "who has lost the lease cannot end it");
}

#[test]
fn a_lease_from_the_future_is_not_believed() {
    let mut data = OwnData::default();
    assert_eq!(place("a").claim(LOGIN, OTHERS, NOW + Duration::from_secs(3600), &mut data), Ok(()));
    assert_eq!(place("a").claim(LOGIN, MINE, NOW, &mut data), Ok(()));
}

#[test]
fn what_came_of_a_refresh_is_served_for_a_while_and_its_token_stays_spent() {
    let mut data = OwnData::default();
    let place = place("a");
    place.claim(LOGIN, MINE, NOW, &mut data).unwrap();
    place.refreshed(b"sealed", true, NOW, &mut data);
    let refreshed = Found::Refreshed { sealed: b"sealed".to_vec(), at: NOW };
    assert_eq!(place.look(LOGIN, NOW, &mut data), refreshed);
    assert_eq!(place.claim(LOGIN, OTHERS, NOW, &mut data), Err(refreshed));
    for later in [GRACE, Duration::from_secs(3600)] {
        assert_eq!(place.look(LOGIN, NOW + later, &mut data), Found::Spent);
        assert_eq!(place.claim(LOGIN, OTHERS, NOW + later, &mut data), Err(Found::Spent));
    }
}

#[test]
fn a_token_that_the_provider_does_not_replace_is_used_again() {
    let mut data = OwnData::default();
    let place = place("a");
    place.claim(LOGIN, MINE, NOW, &mut data).unwrap();
    place.refreshed(b"sealed", false, NOW, &mut data);
    assert!(matches!(place.look(LOGIN, NOW, &mut data), Found::Refreshed { .. }));
    // The refreshed session has the same token, and was obtained with that refresh.
    let later = NOW + Duration::from_secs(5);
    assert_eq!(place.look(NOW, later, &mut data), Found::Unused);
    assert_eq!(place.claim(NOW, OTHERS, later, &mut data), Ok(()));
    assert_eq!(place.look(NOW, later, &mut data), Found::UnderWay);
    assert_eq!(place.look(LOGIN, later, &mut data), Found::UnderWay, "not what is about to be replaced");
}

#[test]
fn attempts_are_spaced_and_a_success_forgets_the_failures() {
    let mut data = OwnData::default();
    let place = place("a");
    let mut now = NOW;
    let mut pauses = Vec::new();
    for _ in 0..7 {
        place.claim(LOGIN, MINE, now, &mut data).unwrap();
        place.failed(MINE, Setback::Unavailable, now, &mut data);
        let Found::Failing { setback: Setback::Unavailable, until } = place.look(LOGIN, now, &mut data) else {
            panic!("not failing")
        };
        assert!(place.claim(LOGIN, OTHERS, until - Duration::from_millis(1), &mut data).is_err());
        pauses.push(until.since(now).as_secs());
        now = until;
    }
    assert_eq!(pauses, [2, 4, 8, 16, 30, 30, 30]);
    place.claim(LOGIN, MINE, now, &mut data).unwrap();
    place.refreshed(b"sealed", false, now, &mut data);
    place.claim(now, MINE, now, &mut data).unwrap();
    place.failed(MINE, Setback::NoAnswer, now, &mut data);
    assert!(matches!(place.look(now, now, &mut data), Found::Failing { until, .. } if until.since(now).as_secs() == 2));
}

#[test]
fn an_end_does_not_undo_a_success() {
    let mut data = OwnData::default();
    let (place, other) = (place("a"), place("b"));
    place.refreshed(b"sealed", true, NOW, &mut data);
    place.ended(NOW, &mut data);
    assert!(matches!(place.look(LOGIN, NOW, &mut data), Found::Refreshed { .. }));
    other.ended(NOW, &mut data);
    assert_eq!(other.look(LOGIN, NOW, &mut data), Found::Spent);
}

/// Shared data that measures its largest value.
#[derive(Default)]
struct Measured {
    data: OwnData,
    keys: std::collections::BTreeSet<String>,
    largest: usize,
}

impl SharedData for Measured {
    fn read(&mut self, key: &str) -> Result<Option<shared::Entry>, SharedDataError> {
        self.data.read(key)
    }

    fn write(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<(), SharedDataError> {
        self.keys.insert(key.to_owned());
        self.largest = self.largest.max(value.len());
        self.data.write(key, value, expected)
    }
}

#[test]
fn memory_is_bounded_and_the_newest_stay() {
    let mut data = Measured::default();
    let crowded = |number: u16| {
        let mut digest = [0; DIGEST];
        digest[..2].copy_from_slice(&number.to_be_bytes());
        Place { slot: 0, digest }
    };
    for number in 0..400 {
        let size = if number < 300 { 12_000 } else { 10 };
        crowded(number).refreshed(&vec![7; size], true, NOW, &mut data);
    }
    assert!(data.largest < 60_000, "{}", data.largest);
    let found: Vec<_> = (0..400).map(|number| crowded(number).look(LOGIN, NOW, &mut data)).collect();
    let spent = |found: &&Found| **found == Found::Spent;
    assert_eq!(found.iter().filter(spent).count(), MOST_SPENT - MOST_ENTRIES);
    assert!(found[400 - MOST_ENTRIES..].iter().all(|found| matches!(found, Found::Refreshed { .. })));
    assert!(found[..400 - MOST_SPENT].iter().all(|found| *found == Found::Unused), "forgotten");

    for number in 0..10_000 {
        place(&number.to_string()).claim(LOGIN, MINE, NOW, &mut data).unwrap();
    }
    assert!(data.keys.len() <= usize::from(SLOTS), "{}", data.keys.len());
}

#[test]
fn what_others_left_there_is_nothing() {
    let mut data = OwnData::default();
    let place = place("a");
    place.claim(LOGIN, MINE, NOW, &mut data).unwrap();
    let mut rubbish = Measured::default();
    place.claim(LOGIN, MINE, NOW, &mut rubbish).unwrap();
    let key = rubbish.keys.first().unwrap().clone();
    for value in [b"rubbish".as_slice(), &[0xff; 100], b""] {
        data.write(&key, value, Expected::Anything).unwrap();
        assert_eq!(place.look(LOGIN, NOW, &mut data), Found::Unused);
        assert_eq!(place.claim(LOGIN, MINE, NOW, &mut data), Ok(()));
    }
}
