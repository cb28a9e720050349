//! People who sign in, work, have their sessions refreshed, and sign out; over and over.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use envoy_ring::load::SUBJECT;
use envoy_ring::provider::now;
use envoy_ring::{Connection, Expected, Figures, Way, rotation};
use serde_json::Value;
use wasm_host_tests::browser::{Browser, Tab};
use wasm_host_tests::jar::Initiator;
use wasm_host_tests::message::{AUTHORITY, Request};
use wasm_host_tests::provider::{Endpoint, Provider};
use wasm_host_tests::world::World;

/// How many people a thread plays.
const PEOPLE: usize = 20;
/// How often somebody asks for something before signing out.
const REQUESTS: usize = 30;
const PAUSE: Duration = Duration::from_millis(15);
/// A sign-out is known to the other worker after 10 ms.
const A_MOMENT: Duration = Duration::from_millis(100);
/// How many sessions that were ended are tried again and again.
const ENDED: usize = 500;

/// What everybody shares.
#[derive(Default)]
pub struct Town {
    pub stop: AtomicBool,
    /// The generation of the key that signs.
    pub generation: AtomicUsize,
    /// Who signs in with which nonce.
    subjects: Mutex<BTreeMap<String, String>>,
    /// The cookies of sessions that were ended lately.
    pub ended: Mutex<Vec<String>>,
    pub sign_ins: AtomicUsize,
    pub sign_outs: AtomicUsize,
    /// Answers of the token endpoint, to codes and to refresh tokens.
    pub token_answers: AtomicUsize,
}

impl Town {
    /// From now on the provider signs ID tokens with the key of the day, for those who have signed in.
    pub fn settle(self: &Arc<Self>, provider: &mut Provider) {
        let town = Arc::clone(self);
        provider.forge(move |draft| {
            let nonce = draft.claims["nonce"].as_str().unwrap_or_default();
            if let Some(subject) = town.subjects.lock().expect("no panic while held").get(nonce) {
                draft.claims["sub"] = Value::from(subject.clone());
            }
            rotation::sign_with(draft, town.generation.load(Ordering::SeqCst));
        });
        let town = Arc::clone(self);
        provider.change_token_answer(move |_| {
            town.token_answers.fetch_add(1, Ordering::SeqCst);
        });
    }

    /// Plays people until it is stopped.
    pub fn live(&self, provider: &Arc<Mutex<Provider>>, address: SocketAddr, thread: usize) -> Figures {
        let mut figures = Figures::default();
        let mut people: Vec<Person> = Vec::new();
        let mut number = thread * 1_000_000;
        while !self.stop.load(Ordering::SeqCst) {
            if people.len() < PEOPLE {
                number += 1;
                let way = Way::new(address, Arc::clone(provider));
                people.push(self.sign_in(way, number));
            }
            people.iter_mut().for_each(|person| person.work(address, &mut figures));
            if let Some(at) = people.iter().position(|person| person.requests > REQUESTS) {
                self.sign_out(people.swap_remove(at), address, &mut figures);
            }
        }
        figures
    }

    fn sign_in(&self, mut way: Way, number: usize) -> Person {
        let mut browser = Browser::default();
        let subject = format!("person-{number}");
        let tab = browser.open_until_callback(&mut way, "/private");
        let state = tab.next.query("state");
        let nonce = {
            let provider = way.provider();
            let asked = |(endpoint, request): &&(Endpoint, Request)| {
                *endpoint == Endpoint::Authorize && request.query("state") == state
            };
            provider.log.iter().rev().find(asked).and_then(|(_, request)| request.query("nonce")).expect("a nonce")
        };
        self.subjects.lock().expect("no panic while held").insert(nonce.clone(), subject.clone());
        let page = browser.follow(&mut way, Tab::sending(tab.next));
        assert_eq!(page.exchange.status(), 200, "{subject} does not get in: {:?}", page.exchange.response);
        self.sign_ins.fetch_add(1, Ordering::SeqCst);
        Person { subject, nonce, way, browser, before: None, requests: 0 }
    }

    fn sign_out(&self, mut person: Person, address: SocketAddr, figures: &mut Figures) {
        let copy = person.cookies();
        let answer = person.browser.send(&mut person.way, Request::navigation("/oauth2/logout"));
        assert_eq!(answer.status(), 302, "{} does not get out: {:?}", person.subject, answer.response);
        self.sign_outs.fetch_add(1, Ordering::SeqCst);
        self.subjects.lock().expect("no panic while held").remove(&person.nonce);
        std::thread::sleep(A_MOMENT);
        // Each may come to either worker.
        for _ in 0..4 {
            let request = Request::fetch("/private").with("cookie", &copy);
            figures.add("who has just signed out", Expected::Refused, &request, exchange(address, &request));
        }
        let mut ended = self.ended.lock().expect("no panic while held");
        if ended.len() == ENDED {
            ended.remove(0);
        }
        ended.push(copy);
    }
}

struct Person {
    subject: String,
    nonce: String,
    way: Way,
    browser: Browser,
    /// The cookies before they were replaced last: another tab may still send them.
    before: Option<String>,
    requests: usize,
}

impl Person {
    fn work(&mut self, address: SocketAddr, figures: &mut Figures) {
        self.requests += 1;
        let cookies = self.cookies();
        let ask = |cookies: &str| Request::fetch("/private").with("cookie", cookies).with(SUBJECT, &self.subject);
        let request = ask(&cookies);
        let answer = exchange(address, &request);
        if let Some(before) = self.before.take() {
            let request = ask(&before);
            figures.add("another tab", Expected::Admitted, &request, exchange(address, &request));
        }
        if let Ok(answer) = &answer {
            let lines = answer.set_cookies();
            if !lines.is_empty() {
                self.before = Some(cookies);
            }
            lines.into_iter().for_each(|line| self.browser.jar.take(line, AUTHORITY, now()));
        }
        figures.add("who signed in", Expected::Admitted, &request, answer);
        std::thread::sleep(PAUSE);
    }

    fn cookies(&self) -> String {
        self.browser.jar.header(AUTHORITY, "/private", Initiator::SameSite, now()).unwrap_or_default()
    }
}

fn exchange(address: SocketAddr, request: &Request) -> std::io::Result<wasm_host_tests::message::Response> {
    Connection::over(TcpStream::connect(address)?).try_exchange(request)
}
