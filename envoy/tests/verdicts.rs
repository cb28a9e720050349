//! Which tokens are accepted, beside a second library: `jose` on Node, with OpenSSL beneath it. It accepts whatever is accepted
//! here, with the same claims; what it accepts besides is refused here on purpose, for a reason that stands in a table.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use envoy_ring::{node, process};
use relying_party::jose::{JwkSet, JwsAlgorithm, Software, UnverifiedJwt};
use serde_json::{Map, Value, json};
use wasm_host_tests::simulation::Randomness;

const ALGORITHMS: [&str; 10] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
/// How often each signed token is damaged.
const DAMAGES: usize = 12;

/// What is refused here and accepted there: our error, and why we are stricter. Every line is seen in every run.
const STRICTER: &[(&str, &str)] = &[
    ("NotBase64Url", "RFC 7515 §2: base64url has no padding, no white space and one spelling of each text"),
    ("Header(DuplicateMember)", "RFC 7515 §4: two readers may take different ones of two members; we may refuse both"),
    ("Payload(DuplicateMember)", "RFC 7519 §4: the same for claims"),
    (
        "Header(Malformed)",
        "RFC 8259 §8.1: UTF-8 without a byte order mark; no half of a surrogate pair, no infinite number",
    ),
    ("Payload(Malformed)", "the same for claims"),
    ("Header(TooDeep)", "nobody nests a header 32 levels deep, and stacks are small in a proxy"),
    ("Payload(TooDeep)", "the same for claims"),
    ("HeaderMember", "RFC 7515 §4.1.4 and §4.1.9: `kid` and `typ` are strings"),
    ("CriticalExtension", "RFC 7797: whoever speaks of `b64` wants something that no token needs"),
    ("TooLarge", "a token longer than 64 KiB is no token"),
];

/// Headers with `{alg}` and `{kid}` to be filled in; signed as they are.
fn headers() -> Vec<Vec<u8>> {
    let deep = format!(r#"{{"alg":"{{alg}}","x":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    let long = format!(r#"{{"alg":"{{alg}}","kid":"{}"}}"#, "k".repeat(2000));
    let huge = format!(r#"{{"alg":"{{alg}}","x":"{}"}}"#, "x".repeat(70_000));
    let texts = [
        r#"{"alg":"{alg}","kid":"{kid}"}"#,
        r#"{"alg":"{alg}","kid":"{kid}","typ":"JWT"}"#,
        r#"{"typ":"at+jwt","alg":"{alg}"}"#,
        r#"{"alg":"{alg}","kid":"{kid}","cty":"x","jku":"https://evil.example","x5t":"abc","zip":"DEF","enc":"A128GCM"}"#,
        r#"{"alg":"{alg}","kid":"{kid}","jwk":{"kty":"oct","k":"AAAA"},"x5c":["AAAA"],"x5u":"https://evil.example"}"#,
        r#"{"alg":"{alg}","kid":"other"}"#,
        r#"{"alg":"{alg}","kid":""}"#,
        r#"{"alg":"{alg}","kid":1}"#,
        r#"{"alg":"{alg}","kid":null}"#,
        r#"{"alg":"{alg}","typ":1}"#,
        r#"{"alg":"{alg}","typ":["JWT"]}"#,
        r#"{"alg":"none","kid":"{kid}"}"#,
        r#"{"alg":"HS256","kid":"{kid}"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"{alg} ","kid":"{kid}"}"#,
        r#"{"alg":"","kid":"{kid}"}"#,
        r#"{"alg":null,"kid":"{kid}"}"#,
        r#"{"alg":["{alg}"],"kid":"{kid}"}"#,
        r#"{"kid":"{kid}"}"#,
        r#"{"ALG":"{alg}","kid":"{kid}"}"#,
        r#"{"\u0061lg":"{alg}","k\u0069d":"{kid}"}"#,
        r#"{"alg":"none","alg":"{alg}","kid":"{kid}"}"#,
        r#"{"alg":"{alg}","kid":"other","kid":"{kid}"}"#,
        r#"{"alg":"{alg}","kid":"{kid}","x":{"a":1,"a":2}}"#,
        r#"{"alg":"{alg}","kid":"{kid}","__proto__":{"alg":"none"},"constructor":1}"#,
        r#"{"alg":"{alg}","kid":"{kid}","crit":[]}"#,
        r#"{"alg":"{alg}","kid":"{kid}","crit":["exp"],"exp":1}"#,
        r#"{"alg":"{alg}","kid":"{kid}","crit":["b64"],"b64":true}"#,
        r#"{"alg":"{alg}","kid":"{kid}","crit":["b64"],"b64":false}"#,
        r#"{"alg":"{alg}","kid":"{kid}","b64":true}"#,
        r#"{"alg":"{alg}","kid":"{kid}","b64":false}"#,
        r#"{"alg":"{alg}","kid":"{kid}","x":"\ud800"}"#,
        r#"{"alg":"{alg}","kid":"{kid}","x":1e400}"#,
        r#"{"alg":"{alg}","kid":"{kid}","x":-0.0e1}"#,
        r#"{"alg":"{alg}","kid":"{kid}","x":01}"#,
        r#"{"alg":"{alg}","kid":"{kid}",}"#,
        r#"{'alg':'{alg}'}"#,
        r#"{"alg":"{alg}","kid":"{kid}"} x"#,
        r#"{"alg":"{alg}","kid":"{kid}"}{}"#,
        r#"[{"alg":"{alg}"}]"#,
        r#""{alg}""#,
        "null",
        "{}",
        "",
        " \t\r\n{ \"alg\" : \"{alg}\" }\n",
        "\u{b}{\"alg\":\"{alg}\"}",
        "\u{feff}{\"alg\":\"{alg}\",\"kid\":\"{kid}\"}",
        "{\"alg\":\"{alg}\",\"x\":\"\u{0}\"}",
        "{\"alg\":\"{alg}\",\"x\":\"\u{e9}\u{1f511}\"}",
        &deep,
        &long,
        &huge,
    ];
    let not_utf8 = b"{\"alg\":\"{alg}\",\"x\":\"\xff\"}".to_vec();
    texts.into_iter().map(|text| text.as_bytes().to_vec()).chain([not_utf8]).collect()
}

fn payloads() -> Vec<Vec<u8>> {
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    let texts = [
        r#"{"iss":"https://a.example","sub":"ada","aud":["p"],"exp":1900000000,"x":{"y":[1,2.5,null,true]}}"#,
        "{}",
        " { } ",
        r#"{"sub":"ada","sub":"eve"}"#,
        r#"{"x":{"sub":"ada","s\u0075b":"eve"}}"#,
        r#"{"__proto__":{"sub":"eve"},"sub":"ada"}"#,
        r#"{"sub":"\u0000 \ud83d\udd11 é"}"#,
        r#"{"sub":"\udfff"}"#,
        r#"{"exp":1e400}"#,
        r#"{"exp":NaN}"#,
        r#"{"sub":"ada"}x"#,
        "\u{feff}{}",
        "[]",
        "\"ada\"",
        "1",
        "",
        "ada",
        &deep,
    ];
    texts.into_iter().map(|text| text.as_bytes().to_vec()).chain([b"{\"sub\":\"\xc0\xaf\"}".to_vec()]).collect()
}

/// Every header with the first payload, and every payload with the first header, by every algorithm.
fn cases() -> Vec<Value> {
    let (headers, payloads) = (headers(), payloads());
    let pairs: Vec<(&[u8], &[u8])> = headers
        .iter()
        .map(|header| (header.as_slice(), payloads[0].as_slice()))
        .chain(payloads.iter().map(|payload| (headers[0].as_slice(), payload.as_slice())))
        .collect();
    let case = |algorithm: &str, (header, payload): (&[u8], &[u8])| {
        let filled = [("{alg}", algorithm), ("{kid}", algorithm)]
            .iter()
            .fold(header.to_vec(), |header, (mark, value)| replace(&header, mark.as_bytes(), value.as_bytes()));
        json!({"alg": algorithm, "header": STANDARD.encode(filled), "payload": STANDARD.encode(payload)})
    };
    ALGORITHMS
        .iter()
        .flat_map(|algorithm| pairs.iter().map(|pair| case(algorithm, *pair)).collect::<Vec<_>>())
        .collect()
}

fn replace(text: &[u8], mark: &[u8], value: &[u8]) -> Vec<u8> {
    match text.windows(mark.len()).position(|window| window == mark) {
        Some(at) => [&text[..at], value, &text[at + mark.len()..]].concat(),
        None => text.to_vec(),
    }
}

/// The token, damaged at random.
fn damaged(token: &str, randomness: &mut Randomness) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n\t\0é";
    let bytes = randomness.draw(8);
    let letters: Vec<char> = LETTERS.chars().collect();
    let letter = letters[usize::from(bytes[0]) % letters.len()];
    let mut text: Vec<char> = token.chars().collect();
    let dots: Vec<usize> = (0..text.len()).filter(|at| text[*at] == '.').chain([text.len()]).collect();
    let part = usize::from(bytes[1]) % dots.len();
    let (from, to) = (if part == 0 { 0 } else { dots[part - 1] + 1 }, dots[part]);
    let at = from + usize::from(u16::from_le_bytes([bytes[2], bytes[3]])) % (to - from).max(1);
    match bytes[4] % 12 {
        0 | 1 => text.insert(at.min(text.len()), letter),
        2 => drop((at < text.len()).then(|| text.remove(at))),
        3 | 4 => drop(text.get_mut(at).map(|old| *old = letter)),
        // The last letter of a part has bits that stand for nothing.
        5 | 6 => drop(to.checked_sub(1).map(|last| text[last] = letter)),
        7 => text.insert(to, letter),
        8 => text.insert(to, '='),
        9 => text.truncate(at),
        10 => drop(text.splice(from..to, [])),
        _ => text.extend([letter, '=']),
    }
    text.into_iter().collect()
}

/// Lets the other library do something.
fn jose(task: &str, input: &Value) -> Value {
    let folder = process::folder("verdicts");
    let [given, made] = ["input", "output"].map(|name| folder.join(name));
    std::fs::write(&given, input.to_string()).expect("a file");
    node::run("tests/verdicts.mjs", &json!({"do": task, "input": given, "output": made}));
    let answer = serde_json::from_slice(&std::fs::read(&made).expect("what it made")).expect("JSON");
    std::fs::remove_dir_all(folder).expect("a folder of ours");
    answer
}

fn ours(token: &str, keys: &JwkSet) -> Result<Map<String, Value>, String> {
    let token = UnverifiedJwt::parse(token).map_err(|error| format!("{error:?}"))?;
    let verified = token.verify(keys, &JwsAlgorithm::ALL, &Software);
    verified.map(|token| token.into_claims()).map_err(|refused| format!("{:?}", refused.error()))
}

#[test]
fn a_second_library_accepts_whatever_is_accepted_here_and_more_only_on_purpose() {
    let signed = jose("sign", &json!(cases()));
    let texts = signed["tokens"].as_array().expect("tokens").iter().filter_map(Value::as_str);
    let mut randomness = Randomness::new(6);
    let mut tokens: Vec<String> = Vec::new();
    for text in texts {
        let times = if text.len() < 2000 { DAMAGES } else { 1 };
        tokens.extend((0..times).map(|_| damaged(text, &mut randomness)));
        tokens.push(text.to_owned());
    }
    let judged = jose("judge", &json!({"keys": signed["keys"], "tokens": tokens}));
    let keys = JwkSet::parse(signed["keys"].to_string().as_bytes()).expect("keys");
    assert_eq!(keys.keys().len(), ALGORITHMS.len(), "{:?}", keys.skipped());

    let (mut both, mut neither) = (0_usize, 0_usize);
    let mut only_there: BTreeMap<String, usize> = BTreeMap::new();
    for (token, judged) in tokens.iter().zip(judged.as_array().expect("verdicts")) {
        match (ours(token, &keys), judged.as_str()) {
            (Ok(claims), Some(theirs)) => {
                let theirs: Value = serde_json::from_str(theirs).expect("claims");
                assert_eq!(Value::Object(claims), theirs, "{token}");
                both += 1;
            }
            (Err(_), None) => neither += 1,
            (Ok(_), None) => panic!("accepted only here: {token}\n{}", signed["keys"]),
            (Err(error), Some(_)) => {
                let known = STRICTER.iter().any(|(strict, _)| *strict == error);
                assert!(known, "refused only here, as {error}: {token}\n{}", signed["keys"]);
                *only_there.entry(error).or_default() += 1;
            }
        }
    }
    println!(
        "figure: jws.beside_jose = {} tokens: {both} accepted by both, {neither} refused by both, 0 accepted only here, {} refused only \
         here, each for one of {} stated reasons",
        tokens.len(),
        only_there.values().sum::<usize>(),
        STRICTER.len()
    );
    let unseen: Vec<_> = STRICTER.iter().filter(|(error, _)| !only_there.contains_key(*error)).collect();
    assert!(unseen.is_empty(), "the other library is as strict, or these were not tried: {unseen:?}; {only_there:?}");
    assert!(both > 100 && neither > 1000, "every kind is among them");
}
