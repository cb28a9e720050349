//! The core in a browser: what it says of a configuration, a request and who sends it. `page/` is what people see of it, and
//! `scripts/playground` makes one file of both.

mod answer;
mod question;

pub use answer::Answer;
pub use question::Question;
use relying_party::time::UnixTime;
use wasm_bindgen::prelude::wasm_bindgen;

/// The [`Answer`] to a [`Question`], both as JSON, at a time in seconds since 1970.
#[wasm_bindgen]
pub fn answer(question: &str, now: u32) -> String {
    let answer = match serde_json::from_str::<Question>(question) {
        Ok(question) => question.answer(UnixTime::from_secs(now.into())),
        Err(error) => Answer::to_no_question(&error),
    };
    serde_json::to_string(&answer).unwrap_or_default()
}
