use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::ring::Ring;
use super::*;
use crate::log::LogLine;
use crate::session::testing::session;
use crate::shared::{Entry, Expected, Namespace, OwnData, SharedData, SharedDataError};

const START: UnixTime = UnixTime::from_secs(1_700_000_000);
const MILLISECOND: Duration = Duration::from_millis(1);
const TEN_MILLISECONDS: Duration = Duration::from_millis(10);
const LIFETIME: Duration = Duration::from_secs(8 * 3600);
const AT: At<'static> = At { issuer: "https://login.example.org", client_id: "portal" };

/// A host that shares nothing.
struct Nothing;

impl SharedData for Nothing {
    fn read(&mut self, _: &str) -> Result<Option<Entry>, SharedDataError> {
        Err(SharedDataError::NotOffered)
    }

    fn write(&mut self, _: &str, _: &[u8], _: Expected) -> Result<(), SharedDataError> {
        Err(SharedDataError::NotOffered)
    }
}

/// A map in which somebody else is faster a number of times, and in which reads are counted.
#[derive(Default)]
struct Busy {
    data: OwnData,
    lost_races: usize,
    reads: usize,
}

impl SharedData for Busy {
    fn read(&mut self, key: &str) -> Result<Option<Entry>, SharedDataError> {
        self.reads = self.reads.saturating_add(1);
        self.data.read(key)
    }

    fn write(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<(), SharedDataError> {
        if let Some(left) = self.lost_races.checked_sub(1) {
            self.lost_races = left;
            return Err(SharedDataError::Conflict);
        }
        self.data.write(key, value, expected)
    }
}

fn small() -> Revocations {
    Revocations::new(Ring::new(4, 3))
}

fn person(number: usize) -> RevocationKey {
    RevocationKey::of(Mark::Person(AT, &number.to_string()))
}

fn revocation(number: usize, revoked_at: UnixTime) -> Revocation {
    Revocation { key: person(number), revoked_at, until: revoked_at + LIFETIME }
}

/// Where a segment lies.
fn place(segment: u64) -> String {
    Namespace::new("revocations", &[]).key(&segment.to_string())
}

fn poll(vm: &mut Revocations, shared: &mut dyn SharedData, now: UnixTime) -> Vec<LogLine> {
    let mut log = Vec::new();
    vm.poll(shared, now, &mut log);
    log
}

#[test]
fn a_revocation_reaches_every_vm_and_ends_what_was_begun_before() {
    let (mut shared, mut one, mut other) = (OwnData::default(), small(), small());
    poll(&mut other, &mut shared, START);
    one.revoke(&[revocation(1, START)], &mut shared, START);
    assert!(one.covers(&[person(1)], START), "who made it knows at once");
    assert!(!other.covers(&[person(1)], START));
    poll(&mut other, &mut shared, START + MILLISECOND * 9);
    assert!(!other.covers(&[person(1)], START), "not asked so soon again");
    poll(&mut other, &mut shared, START + MILLISECOND * 10);
    assert!(other.covers(&[person(2), person(1)], START) && other.covers(&[person(1)], START - LIFETIME));
    assert!(!other.covers(&[person(1)], START + MILLISECOND), "a login after it");
    assert!(!other.covers(&[person(2)], START));
    assert_eq!((one.take_made_here().len(), one.take_made_here().len(), other.take_made_here().len()), (1, 0, 0));
}

#[test]
fn who_expects_news_does_not_wait_for_them() {
    let (mut shared, mut one, mut other) = (OwnData::default(), small(), small());
    poll(&mut other, &mut shared, START + MILLISECOND);
    one.revoke(&[revocation(1, START)], &mut shared, START);
    other.expect_news(START);
    poll(&mut other, &mut shared, START + MILLISECOND);
    assert!(!other.covers(&[person(1)], START), "they are older than what was read");
    other.expect_news(START + MILLISECOND);
    poll(&mut other, &mut shared, START + MILLISECOND);
    assert!(other.covers(&[person(1)], START));
}

#[test]
fn a_session_is_ended_by_its_id_its_sid_or_its_owner_at_the_same_client() {
    let session = Session { sid: Some("s1".to_owned()), ..session(START) };
    let elsewhere = At { client_id: "other", ..AT };
    let foreign = At { issuer: "https://evil.example.org", ..AT };
    for (mark, ends) in [
        (Mark::Session(&session.id), true),
        (Mark::ProviderSession(AT, "s1"), true),
        (Mark::Person(AT, "alice"), true),
        (Mark::Session("another"), false),
        (Mark::ProviderSession(AT, "s2"), false),
        (Mark::Person(AT, "s1"), false),
        (Mark::ProviderSession(AT, "alice"), false),
        (Mark::ProviderSession(elsewhere, "s1"), false),
        (Mark::Person(foreign, "alice"), false),
    ] {
        let (mut shared, mut vm) = (OwnData::default(), small());
        let clearance = Clearance::default();
        let is_revoked = |vm: &Revocations| clearance.is_revoked(&session, || Some("portal"), vm);
        assert!(!is_revoked(&vm));
        let revocation = Revocation { key: RevocationKey::of(mark), revoked_at: START, until: START + LIFETIME };
        vm.revoke(&[revocation], &mut shared, START);
        assert_eq!((is_revoked(&vm), is_revoked(&vm)), (ends, ends));
    }
}

#[test]
fn as_long_as_nothing_changes_only_the_head_is_read_and_no_more_than_every_ten_milliseconds() {
    let (mut shared, mut vm) = (Busy::default(), small());
    let revocations: Vec<_> = (0..5).map(|number| revocation(number, START)).collect();
    small().revoke(&revocations, &mut shared, START);
    poll(&mut vm, &mut shared, START);
    let version = vm.version();
    shared.reads = 0;
    for millisecond in 1..=100 {
        poll(&mut vm, &mut shared, START + MILLISECOND * millisecond);
    }
    assert_eq!((shared.reads, vm.version()), (10, version));
    poll(&mut vm, &mut shared, START - LIFETIME);
    assert_eq!(shared.reads, 11, "a clock that went back delays nothing");
}

#[test]
fn what_cannot_be_told_at_once_is_told_later() {
    let (mut shared, mut one, mut other) = (Busy { lost_races: 64, ..Busy::default() }, small(), small());
    one.revoke(&[revocation(1, START)], &mut shared, START);
    poll(&mut other, &mut shared, START);
    assert!(one.covers(&[person(1)], START) && !other.covers(&[person(1)], START));
    poll(&mut one, &mut shared, START + MILLISECOND * 10);
    poll(&mut other, &mut shared, START + MILLISECOND * 10);
    assert!(other.covers(&[person(1)], START));
}

#[test]
fn a_writer_that_died_before_the_head_moved_is_no_obstacle() {
    struct Dying(OwnData);
    impl SharedData for Dying {
        fn read(&mut self, key: &str) -> Result<Option<Entry>, SharedDataError> {
            self.0.read(key)
        }
        fn write(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<(), SharedDataError> {
            if key.ends_with("/head") { Err(SharedDataError::NotOffered) } else { self.0.write(key, value, expected) }
        }
    }
    let mut dying = Dying(OwnData::default());
    for number in 0..3 {
        small().revoke(&[revocation(number, START)], &mut dying, START);
    }
    let (mut shared, mut vm) = (dying.0, small());
    small().revoke(&[revocation(3, START)], &mut shared, START);
    poll(&mut vm, &mut shared, START);
    assert!((0..4).all(|number| vm.covers(&[person(number)], START)));
}

#[test]
fn when_the_ring_is_full_of_what_is_needed_everybody_before_is_signed_out() {
    let (mut shared, mut writer, mut late) = (OwnData::default(), small(), small());
    for number in 0..13 {
        let now = START + MILLISECOND * u32::try_from(number).unwrap();
        writer.revoke(&[revocation(number, now)], &mut shared, now);
    }
    let log = poll(&mut late, &mut shared, START + MILLISECOND * 20);
    assert_eq!(late.floor(), START + MILLISECOND * 2, "of the three that made room");
    assert!(log[0].message.contains("everybody who signed in before is signed out"), "{log:?}");
    assert!(late.covers(&[], START + MILLISECOND * 2) && !late.covers(&[], START + MILLISECOND * 3));
    assert_eq!(poll(&mut late, &mut shared, START + MILLISECOND * 40), []);
    poll(&mut writer, &mut shared, START + MILLISECOND * 20);
    assert_eq!(writer.floor(), late.floor());
}

#[test]
fn what_is_not_needed_any_more_makes_room_and_is_forgotten() {
    let (mut shared, mut vm) = (OwnData::default(), small());
    for number in 0..100 {
        let now = START + LIFETIME * u32::try_from(number / 8).unwrap();
        vm.revoke(&[revocation(number, now)], &mut shared, now);
        poll(&mut vm, &mut shared, now);
    }
    assert_eq!(vm.floor(), UnixTime::from_millis(0));
    assert!(vm.iter().count() <= 16, "{}", vm.iter().count());
    let (mut shared, mut expired) = (OwnData::default(), small());
    expired.import(&[revocation(1, START)], &mut shared, START + LIFETIME);
    assert_eq!((expired.iter().count(), shared.read(&place(0)).unwrap()), (0, None));
    expired.revoke(&[revocation(1, START)], &mut shared, START);
    for (now, known) in [(START, 1), (START + LIFETIME, 0)] {
        poll(&mut expired, &mut shared, now);
        assert_eq!(expired.iter().count(), known);
    }
}

#[test]
fn without_shared_data_a_vm_remembers_by_itself_within_the_same_bounds() {
    let mut vm = small();
    for number in 0..100 {
        let now = START + MILLISECOND * u32::try_from(number).unwrap();
        vm.revoke(&[revocation(number, now)], &mut Nothing, now);
        poll(&mut vm, &mut Nothing, now);
        assert!(vm.iter().count() <= 18);
        assert!((0..=number).all(|number| vm.covers(&[person(number)], START)));
    }
}

#[test]
fn half_of_what_is_known_is_given_up_only_when_nothing_has_expired() {
    let at = |number: usize| START + MILLISECOND * u32::try_from(number).unwrap();
    let mut vm = small();
    let mut revoke = |number, now| {
        vm.revoke(&[revocation(number, now)], &mut Nothing, now);
        (vm.iter().count(), vm.floor())
    };
    let epoch = UnixTime::from_millis(0);
    assert!((0..17).map(|number| revoke(number, START)).all(|(_, floor)| floor == epoch));
    assert_eq!(revoke(17, START + LIFETIME), (18, epoch), "as long as there is room, nobody looks what has expired");
    assert_eq!(revoke(18, START + LIFETIME), (2, epoch));
    let mut vm = small();
    for number in 0..18 {
        vm.revoke(&[revocation(number, at(number))], &mut Nothing, at(number));
    }
    assert_eq!((vm.iter().count(), vm.floor()), (18, epoch));
    vm.revoke(&[revocation(18, at(18))], &mut Nothing, at(18));
    assert_eq!((vm.iter().count(), vm.floor()), (9, at(9)));
    let at_once: Vec<_> = (0..19).map(|number| revocation(number, START)).collect();
    let mut vm = small();
    vm.revoke(&at_once, &mut Nothing, START);
    assert_eq!((vm.iter().count(), vm.floor()), (0, START));
}

#[test]
fn what_the_floor_covers_is_not_told_again() {
    let (mut shared, mut vm) = (OwnData::default(), small());
    vm.import_floor(START, &mut shared);
    poll(&mut vm, &mut shared, START);
    vm.revoke(&[revocation(1, START)], &mut shared, START);
    assert_eq!(shared.read(&place(0)).unwrap(), None);
    assert!(vm.covers(&[person(1)], START));
}

#[test]
fn who_comes_late_to_a_ring_that_has_gone_on_overwrites_nothing() {
    /// Shows the head once as it was at the beginning.
    struct Late(OwnData, bool);
    impl SharedData for Late {
        fn read(&mut self, key: &str) -> Result<Option<Entry>, SharedDataError> {
            if key.ends_with("/head") && std::mem::take(&mut self.1) { Ok(None) } else { self.0.read(key) }
        }
        fn write(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<(), SharedDataError> {
            self.0.write(key, value, expected)
        }
    }
    let (mut shared, mut writer, mut vm) = (OwnData::default(), small(), small());
    for number in 0..13 {
        let now = START + LIFETIME * u32::try_from(number).unwrap();
        writer.revoke(&[revocation(number, now)], &mut shared, now);
    }
    let now = START + LIFETIME * 12;
    let mut shared = Late(shared, true);
    small().revoke(&[revocation(13, now)], &mut shared, now);
    poll(&mut vm, &mut shared, now);
    assert!(vm.covers(&[person(12)], now) && vm.covers(&[person(13)], now));
}

#[test]
fn what_comes_from_elsewhere_is_told_once_and_not_sent_back() {
    let (mut shared, mut one, mut other) = (Busy::default(), small(), small());
    one.import(&[revocation(1, START)], &mut shared, START);
    one.import(&[revocation(1, START)], &mut shared, START);
    one.import_floor(START - LIFETIME, &mut shared);
    poll(&mut other, &mut shared, START);
    assert!(other.covers(&[person(1)], START) && other.covers(&[], START - LIFETIME));
    assert!(one.take_made_here().is_empty());
    let written = shared.data.read(&place(0)).unwrap().unwrap();
    assert_eq!(written.value.len(), 8 + Revocation::SIZE);
}

#[test]
fn what_others_left_there_is_no_obstacle() {
    for value in [&b""[..], b"short", &[0xff; 8], &[0xff; 100]] {
        let mut shared = OwnData::default();
        for segment in 0..4 {
            shared.write(&place(segment), value, Expected::Anything).unwrap();
        }
        let (mut one, mut other) = (small(), small());
        one.revoke(&[revocation(1, START)], &mut shared, START);
        poll(&mut other, &mut shared, START);
        assert!(one.covers(&[person(1)], START));
    }
    let bytes = revocation(7, START).to_bytes();
    assert_eq!(Revocation::from_bytes(&bytes), Some(revocation(7, START)));
    assert_eq!(Revocation::from_bytes(&bytes[1..]), None);
    assert_eq!(Revocation::from_bytes(&[&bytes[..], b"x"].concat()), None);
}

/// What happens in a process: somebody ends something, or looks.
#[derive(Clone, Debug)]
enum Deed {
    Revoke { vm: usize, people: Vec<usize> },
    Poll { vm: usize },
    NewVm { vm: usize },
}

fn deeds() -> impl Strategy<Value = Vec<(u32, Deed)>> {
    let vm = 0..3_usize;
    let deed = prop_oneof![
        4 => (vm.clone(), prop::collection::vec(0..40_usize, 1..9)).prop_map(|(vm, people)| Deed::Revoke { vm, people }),
        3 => vm.clone().prop_map(|vm| Deed::Poll { vm }),
        1 => vm.prop_map(|vm| Deed::NewVm { vm }),
    ];
    prop::collection::vec((0..1_000_u32, deed), 1..60)
}

proptest! {
    /// In any order of appends by several VMs, with lost races in between, and however often the ring goes round: every VM that
    /// has looked counts as ended whatever anybody has ended, and never what was begun after everything.
    #[test]
    fn nothing_is_ever_lost(deeds in deeds(), lost_races in 0..10_usize, lifetime in 1..20_000_u64) {
        let mut shared = Busy { lost_races, ..Busy::default() };
        let mut vms = [small(), small(), small()];
        let mut ended: BTreeMap<usize, UnixTime> = BTreeMap::new();
        let mut now = START;
        for (pause, deed) in deeds {
            now = now + MILLISECOND.saturating_mul(pause);
            match deed {
                Deed::Revoke { vm, people } => {
                    let until = now + Duration::from_millis(lifetime);
                    let entries = people.iter().map(|person_| Revocation { key: person(*person_), revoked_at: now, until });
                    vms[vm].revoke(&entries.collect::<Vec<_>>(), &mut shared, now);
                    ended.extend(people.iter().map(|person| (*person, now)));
                    for person_ in people {
                        prop_assert!(vms[vm].covers(&[person(person_)], now));
                    }
                }
                Deed::Poll { vm } => drop(poll(&mut vms[vm], &mut shared, now)),
                Deed::NewVm { vm } => vms[vm] = small(),
            }
        }
        now = now + TEN_MILLISECONDS;
        for vm in &mut vms {
            poll(vm, &mut shared, now);
        }
        for (person_, at) in ended {
            let is_needed = now < at + Duration::from_millis(lifetime);
            for vm in &vms {
                prop_assert!(!is_needed || vm.covers(&[person(person_)], at), "{} at {:?}", person_, at);
                prop_assert!(!vm.covers(&[person(person_)], now));
                prop_assert!(vm.iter().count() <= 18);
            }
        }
    }
}
