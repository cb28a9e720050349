//! The examples of the repository: each `latchkey.yaml` as it stands there, and the `cases.yaml` beside it, line by line, in any ring.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::browser::{Browser, Page, Scripts, Tab};
use crate::message::{AUTHORITY, Request};
use crate::provider::id_token::Draft;
use crate::provider::{CLIENT_ID, CLIENT_SECRET, Obedience, Provider};
use crate::setup::Setup;
use crate::world::{Exchange, World};
use crate::yaml;

const SESSION_KEY: &str = "Mv6p2vCqVJ3oQ0k1mX0m8cR5j0cQn7yq1bq2h9d0f3s";
/// What a case may say. Anything else is a mistake in the example.
const WORDS: [&str; 16] = [
    "it",
    "by",
    "with",
    "open",
    "fetch",
    "call",
    "send",
    "body",
    "chooses",
    "types",
    "leads_to",
    "admitted",
    "refused",
    "challenge",
    "page",
    "answer",
];

/// An example's files.
pub struct Example {
    /// `latchkey.yaml`.
    pub configuration: Value,
    people: Value,
    tokens: Value,
    cases: Vec<Value>,
}

/// A folder below `examples`.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("examples").join(name)
}

/// A file of an example.
pub fn file(name: &str, file: &str) -> String {
    let path = folder(name).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Example {
    /// Reads the example of this name.
    pub fn read(name: &str) -> Self {
        let cases = yaml::read(&file(name, "cases.yaml"));
        Self {
            configuration: yaml::read(&file(name, "latchkey.yaml")),
            people: cases["people"].clone(),
            tokens: cases["tokens"].clone(),
            cases: cases["cases"].as_array().expect("a list of cases").clone(),
        }
    }

    /// Plays every case; how many there were.
    pub fn keeps_its_promises<W: World>(&self) -> usize {
        let mut stage = Stage::<W>::set(self);
        for case in &self.cases {
            let unknown = case.as_object().expect("a case").keys().find(|word| !WORDS.contains(&word.as_str()));
            assert_eq!(unknown, None, "in {case}");
            stage.play(case);
        }
        assert_eq!(stage.world.provider().complaints, Vec::<String>::new());
        self.cases.len()
    }

    fn providers(&self) -> impl Iterator<Item = &Value> {
        self.configuration["providers"].as_array().expect("providers").iter()
    }

    fn issuer(&self, name: &Value) -> &str {
        let provider = self.providers().find(|provider| provider["name"] == *name);
        provider.and_then(|provider| provider["issuer"].as_str()).unwrap_or_else(|| panic!("no provider {name}"))
    }

    /// Origins under which people come.
    fn origin(&self) -> &str {
        let url = &self.configuration["public_url"];
        url.as_str().or(url[0].as_str()).expect("an example says its public_url")
    }

    fn setup(&self) -> Setup {
        let texts =
            |key: &str| self.providers().filter_map(|provider| provider[key].as_str()).map(str::to_owned).collect();
        assert!(self.providers().all(|provider| provider["client_id"].as_str().is_none_or(|id| id == CLIENT_ID)));
        let mut environment = Vec::new();
        variables(&self.configuration, "", &mut environment);
        let mut provider = Provider::default();
        provider.issuers = texts("issuer");
        provider.redirect_uris = vec![format!("{}/oauth2/callback", self.origin())];
        Setup {
            document: self.configuration.clone(),
            environment,
            clusters: texts("cluster"),
            provider,
            ..Setup::default()
        }
    }
}

/// Every `{env: NAME}` with something that fits its place.
fn variables(value: &Value, place: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| variables(item, place, found)),
        Value::Object(members) => match members.get("env").and_then(Value::as_str) {
            Some(name) => {
                let value = if place == "keys" { SESSION_KEY } else { CLIENT_SECRET };
                found.push((name.to_owned(), value.to_owned()));
            }
            None => members.iter().for_each(|(name, member)| variables(member, name, found)),
        },
        _ => (),
    }
}

/// The example in a world, and the browsers of its people.
struct Stage<'e, W> {
    example: &'e Example,
    world: W,
    host: &'e str,
    browsers: BTreeMap<String, Browser>,
}

impl<'e, W: World> Stage<'e, W> {
    fn set(example: &'e Example) -> Self {
        let host = example.origin().strip_prefix("https://").unwrap_or(AUTHORITY);
        Self { example, world: W::open(example.setup()), host, browsers: BTreeMap::new() }
    }

    fn play(&mut self, case: &Value) {
        let mut browser = self.browser(&case["by"]);
        let page = match case["open"].as_str() {
            Some(path) => self.open(&mut browser, path, case),
            None => {
                let request = self.request(case);
                let address = format!("https://{}{}", self.host, request.target());
                let exchange = browser.send(&mut self.world, request);
                Page { exchange, address: address.clone(), fragment: None, trail: vec![address] }
            }
        };
        if let Some(name) = case["by"].as_str() {
            self.browsers.insert(name.to_owned(), browser);
        }
        self.check_the_way(&page, case);
        check(&page.exchange, case);
    }

    /// Opens a page, and does there what the case says.
    fn open(&mut self, browser: &mut Browser, path: &str, case: &Value) -> Page {
        let mut tab = Tab::at(self.host, path);
        tab.next = self.forged(tab.next);
        let mut page = browser.follow(&mut self.world, tab);
        if let Some(label) = case["chooses"].as_str() {
            page = browser.follow(&mut self.world, page.click(label, Scripts::Off));
        }
        if let Some(address) = case["types"].as_str() {
            page = browser.follow(&mut self.world, page.fills_in("login_hint", address));
        }
        page
    }

    /// Whether somebody was sent to a provider, to which one, and what was asked of it.
    fn check_the_way(&self, page: &Page, case: &Value) {
        let authorizations = page.authorizations();
        let Some(expected) = case["leads_to"].as_object() else {
            assert!(authorizations.is_empty(), "sent to a provider: {case}\n{:#?}", page.trail);
            return;
        };
        let [authorization] = &authorizations[..] else { panic!("not one login: {case}\n{:#?}", page.trail) };
        for (name, value) in expected {
            if name == "provider" {
                assert!(authorization.as_str().starts_with(self.example.issuer(value)), "{authorization}: {case}");
            } else {
                let found =
                    authorization.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
                assert_eq!(found, Some(text(value)), "{name} of {authorization}: {case}");
            }
        }
    }

    /// The browser of a person, who may have signed in before.
    fn browser(&mut self, name: &Value) -> Browser {
        let Some(name) = name.as_str() else { return Browser::default() };
        let person = &self.example.people[name];
        let mut user = person["claims"].as_object().unwrap_or_else(|| panic!("nobody is {name}")).clone();
        let now = self.world.now();
        let can = person["second_factor"] != false;
        self.world.provider().acr_values = if can { Obedience::Obeys } else { Obedience::Ignores };
        self.world.provider().user = user.clone().into();
        if let Some(known) = self.browsers.remove(name) {
            return known;
        }
        let mut browser = Browser::default();
        let signed_in = person["signed_in"].as_str().map(|ago| now - duration(ago));
        self.world.provider().authenticated_at = signed_in;
        if let Some(at) = signed_in {
            let own = user.clone();
            user.insert("auth_time".to_owned(), at.as_secs().into());
            self.world.provider().user = user.into();
            let path = format!("/oauth2/login?provider={}", text(&person["at"]));
            browser.follow(&mut self.world, Tab::at(self.host, &path));
            let question = Request::fetch("/oauth2/session").set(":authority", self.host);
            let session = browser.send(&mut self.world, question).response.document();
            assert_eq!(session["authenticated"], true, "{name}: {session}");
            self.world.provider().user = own.into();
        }
        browser
    }

    fn request(&mut self, case: &Value) -> Request {
        let (line, script) = match (case["fetch"].as_str(), case["call"].as_str()) {
            (Some(line), None) => (line, true),
            (None, Some(line)) => (line, false),
            _ => panic!("one of `open`, `fetch` and `call`: {case}"),
        };
        let (method, target) = line.split_once(' ').unwrap_or_else(|| panic!("METHOD PATH: {case}"));
        let request =
            if script { Request::fetch(target) } else { Request::get(target).with("accept", "application/json") };
        let mut request = self.forged(request.set(":method", method).set(":authority", self.host));
        if let Some(token) = case["with"].as_str() {
            request = request.with("authorization", format!("Bearer {}", self.token(token)));
        }
        for (name, value) in members(&case["send"]) {
            request = request.set(name, text(value));
        }
        if let Some(body) = case["body"].as_str() {
            request = request.with("content-length", body.len().to_string()).with_body(body);
        }
        request
    }

    /// What a client says of itself is not believed.
    fn forged(&self, request: Request) -> Request {
        let managed = members(&self.example.configuration["headers"]).map(|(name, _)| name);
        managed.filter(|name| *name != "authorization").fold(request, |request, name| request.with(name, "forged"))
    }

    fn token(&mut self, name: &str) -> String {
        let description = &self.example.tokens[name];
        let now = self.world.now();
        let mut claims = description["claims"].clone();
        assert!(claims.is_object(), "no token {name}");
        let lifetime = Duration::from_secs(300);
        let issued = now - description["age"].as_str().map(duration).unwrap_or_default();
        claims["iss"] = self.example.issuer(&description["from"]).into();
        claims["iat"] = issued.as_secs().into();
        claims["exp"] = (issued + lifetime).as_secs().into();
        let key = self.world.provider().signing_key;
        let mut draft = Draft::access_token(key, claims);
        if let Some(kind) = description["typ"].as_str() {
            draft.header["typ"] = kind.into();
        }
        draft.sign()
    }
}

/// What became of the request.
fn check(exchange: &Exchange, case: &Value) {
    if let Some(headers) = case["admitted"].as_object() {
        let upstream = exchange.upstream.as_ref().unwrap_or_else(|| panic!("refused: {case}\n{exchange:?}"));
        for (name, value) in headers {
            let expected: Vec<String> = if value.is_null() { Vec::new() } else { vec![text(value)] };
            let found: Vec<_> =
                upstream.all(name).iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect();
            assert_eq!(found, expected, "{name}: {case}");
        }
        assert!(!upstream.fields.iter().any(|(_, value)| value == b"forged"), "{case}: {upstream:?}");
        assert!(!upstream.header("cookie").is_some_and(|cookies| cookies.contains("latchkey")), "{case}: {upstream:?}");
        return;
    }
    assert!(exchange.upstream.is_none(), "admitted: {case}");
    let response = &exchange.response;
    let status = |expected: &Value| assert_eq!(Value::from(response.status), *expected, "{case}\n{}", response.text());
    if case["refused"].is_object() {
        status(&case["refused"]["status"]);
        let reason = text(&case["refused"]["reason"]);
        assert!(response.text().contains(&reason), "no {reason} for {case}\n{}", response.text());
        for (name, value) in members(&case["refused"]).filter(|(name, _)| !["status", "reason"].contains(name)) {
            assert_eq!(&response.document()[name], value, "{name}: {case}");
        }
    } else if let Some(part) = case["page"].as_str() {
        assert!(response.status == 200 && response.text().contains(part), "no {part}: {case}\n{}", response.text());
    } else {
        assert!(case["answer"].is_object(), "a case says what becomes of the request: {case}");
        status(&case["answer"]["status"]);
        for (name, value) in members(&case["answer"]["document"]) {
            assert_eq!(&response.document()[name], value, "{name}: {case}");
        }
        for (name, value) in members(&case["answer"]["headers"]) {
            assert_eq!(response.header(name), Some(text(value).as_str()), "{name}: {case}");
        }
    }
    let challenge = response.header("www-authenticate").unwrap_or_default();
    for (name, value) in members(&case["challenge"]) {
        let parameter = format!("{name}=\"{}\"", text(value));
        assert!(challenge.contains(&parameter), "no {parameter} in {challenge}: {case}");
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members: Option<&Map<String, Value>> = value.as_object();
    members.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn duration(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => panic!("no duration: {text}"),
    };
    Duration::from_secs(seconds * number.parse::<u64>().expect("a number"))
}
