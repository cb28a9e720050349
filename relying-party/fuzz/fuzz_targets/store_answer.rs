//! What Webdis answers: read or refused; and what was sealed by others, whatever is inside.
//!
//! The first byte chooses between a whole answer and the inside of a note that was sealed with the right key.
#![no_main]

use std::cell::OnceCell;

use libfuzzer_sys::fuzz_target;
use relying_party::config::SessionPolicy;
use relying_party::session::reference::SessionReference;
use relying_party::session::seal::Purpose;
use relying_party::store::refresh::{self, Claim};
use relying_party::store::{Command, Cursor, StoreNames, Stream, sessions};
use relying_party_fuzz::{Counting, answered, config};

thread_local! {
    static POLICY: OnceCell<SessionPolicy> = const { OnceCell::new() };
}

fuzz_target!(|data: &[u8]| POLICY.with(|policy| {
    let Some((choice, bytes)) = data.split_first() else { return };
    let policy = policy.get_or_init(|| config("", "").session.expect("a session"));
    let stream = Stream::new(policy);
    if choice & 1 == 1 {
        let names = StoreNames::of_deployment(&policy.cookie);
        let key = names.key("ended");
        let place = (Purpose::StoredRevocation, key.as_str());
        let Ok(sealed) = names.seal(place, bytes, &policy.keys, &mut Counting(*choice)) else { return };
        let opened = names.open(place, &sealed, &policy.keys).expect("what was sealed");
        assert_eq!(*opened.plaintext, *bytes);
        assert!(names.open((Purpose::StoredRevocation, "elsewhere"), &sealed, &policy.keys).is_err());
        let answer = format!(r#"{{"EVAL":["g","1-1","{sealed}","2-1","{sealed}x"]}}"#);
        let news = stream.process_read(answered(200, answer.as_bytes())).expect("an answer");
        assert_eq!(news.notes.len() + news.unreadable, 2, "a note was lost");
        assert!(news.unreadable >= 1, "an altered note was read");
        if let Some(reference) = SessionReference::decode(bytes) {
            assert_eq!(reference.encode(), bytes);
        }
        return;
    }
    for status in [200, 403, 503] {
        let outcome = || answered(status, bytes);
        let is_read = [
            Command::process("GET", outcome()).is_ok(),
            refresh::process_leave(outcome()).is_ok(),
            Stream::process_tell(outcome()).is_ok(),
            sessions::process_save(outcome()).is_ok(),
        ];
        assert!(status == 200 || is_read == [false; 4]);
        if let Ok(news) = stream.process_read(outcome()) {
            assert!(status == 200 && news.notes.is_empty(), "a note that nobody sealed");
            let read_again = news.cursor.as_ref().map(|cursor| Cursor::parse(cursor.as_str()));
            assert_eq!(read_again.flatten(), news.cursor);
        }
        if let Ok(Claim::Refreshed(sealed)) = refresh::process_claim(outcome(), "me") {
            let names = StoreNames::of_deployment(&policy.cookie);
            assert!(names.open((Purpose::Session, "k"), &sealed, &policy.keys).is_err(), "nobody sealed this");
        }
        if let Ok(Some(stored)) = sessions::process_load(outcome()) {
            assert!(status == 200 && !stored.sealed.is_empty());
        }
    }
}));
