//! A person's browser: cookies, redirects between application and provider, any number of tabs.

use url::Url;

use crate::jar::{Initiator, Jar};
use crate::message::{AUTHORITY, ORIGIN, Request, Response};
use crate::provider::{Answer, PROVIDER_ORIGIN};
use crate::world::{Exchange, World};

/// More redirects than this is a loop.
const REDIRECTS: usize = 12;

/// A browser.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// Its cookies.
    pub jar: Jar,
}

/// A tab on its way through redirects: the request it sends next.
#[derive(Clone, Debug)]
pub struct Tab {
    /// The next request.
    pub next: Request,
    /// What stands behind `#` in its address. Browsers keep it over redirects that bring none of their own (RFC 9110 §10.2.2).
    fragment: Option<String>,
    /// Whether another site has been part of the way.
    crossed: bool,
    /// Whether it is a frame inside a page of another site.
    framed: bool,
    /// The addresses so far.
    trail: Vec<String>,
}

/// Where a tab has come to rest.
#[derive(Clone, Debug)]
pub struct Page {
    /// The last answer; what the provider shows counts as one that was not forwarded.
    pub exchange: Exchange,
    /// Its address, without fragment.
    pub address: String,
    /// The fragment of its address.
    pub fragment: Option<String>,
    /// All addresses on the way, this one included.
    pub trail: Vec<String>,
}

impl Browser {
    /// Opens `path` of the application and follows redirects until a page shows, login included.
    pub fn open<W: World>(&mut self, world: &mut W, path: &str) -> Page {
        self.follow(world, Tab::new(path))
    }

    /// Opens `path` and stops before the provider's answer is brought back to the callback.
    pub fn open_until_callback<W: World>(&mut self, world: &mut W, path: &str) -> Tab {
        self.follow_until_callback(world, Tab::new(path))
    }

    /// Follows redirects, and stops before the provider's answer is brought back to the callback.
    pub fn follow_until_callback<W: World>(&mut self, world: &mut W, mut tab: Tab) -> Tab {
        while !tab.next.path().ends_with("/oauth2/callback") {
            tab = match self.step(world, tab) {
                Step::Next(tab) => tab,
                Step::Rest(page) => panic!("no login: came to rest at {}: {:?}", page.address, page.exchange),
            };
        }
        tab
    }

    /// Follows redirects until a page shows.
    pub fn follow<W: World>(&mut self, world: &mut W, mut tab: Tab) -> Page {
        loop {
            assert!(tab.trail.len() <= REDIRECTS, "a redirect loop: {:#?}", tab.trail);
            match self.step(world, tab) {
                Step::Next(next) => tab = next,
                Step::Rest(page) => return page,
            }
        }
    }

    /// Sends one request with this browser's cookies and keeps those of the answer; follows nothing.
    pub fn send<W: World>(&mut self, world: &mut W, request: Request) -> Exchange {
        let request = self.with_cookies(request, Initiator::SameSite, world);
        let authority = request.header(":authority").unwrap_or(AUTHORITY).to_owned();
        let exchange = world.send(request);
        self.keep(&exchange.response, &authority, world);
        exchange
    }

    /// Like [`Self::send`], for a request that another site caused.
    pub fn send_from_elsewhere<W: World>(&mut self, world: &mut W, request: Request) -> Exchange {
        let top_level = request.header("sec-fetch-mode") == Some("navigate") && request.method() == "GET";
        let initiator = if top_level { Initiator::CrossSiteNavigation } else { Initiator::CrossSite };
        let request = self.with_cookies(request.set("sec-fetch-site", "cross-site"), initiator, world);
        let exchange = world.send(request);
        self.keep(&exchange.response, AUTHORITY, world);
        exchange
    }

    /// Calls `fetch(path)` from a page of the application.
    pub fn fetch<W: World>(&mut self, world: &mut W, path: &str) -> Exchange {
        self.send(world, Request::fetch(path))
    }

    /// `request` with this browser's cookies.
    pub fn with_cookies<W: World>(&self, request: Request, initiator: Initiator, world: &W) -> Request {
        let host = request.header(":authority").unwrap_or(AUTHORITY).to_owned();
        match self.jar.header(&host, request.path(), initiator, world.now()) {
            Some(cookies) => request.with("cookie", cookies),
            None => request,
        }
    }

    fn keep<W: World>(&mut self, response: &Response, host: &str, world: &W) {
        for line in response.set_cookies() {
            self.jar.take(line, host, world.now());
        }
    }

    /// Inside a page of another site only cookies for that are kept; all others are noted as rejected.
    fn keep_in_frame<W: World>(&mut self, response: &Response, host: &str, world: &W) {
        for line in response.set_cookies() {
            if line.contains("SameSite=None") && line.contains("Partitioned") {
                self.jar.take(line, host, world.now());
            } else {
                self.jar.rejected.push(line.to_owned());
            }
        }
    }

    fn step<W: World>(&mut self, world: &mut W, mut tab: Tab) -> Step {
        let authority = tab.next.header(":authority").unwrap_or_default().to_owned();
        let address = format!("https://{authority}{}", tab.next.target());
        tab.trail.push(address.clone());
        let initiator = match (tab.crossed, tab.next.method()) {
            _ if tab.framed => Initiator::CrossSite,
            (false, _) => Initiator::SameSite,
            (true, "GET") => Initiator::CrossSiteNavigation,
            (true, _) => Initiator::CrossSite,
        };
        let request = self.with_cookies(tab.next.clone(), initiator, world);
        let exchange = if world.provider().is_at(&address) {
            visit_provider(world, &request)
        } else {
            let exchange = world.send(request);
            if tab.framed {
                self.keep_in_frame(&exchange.response, &authority, world);
            } else {
                self.keep(&exchange.response, &authority, world);
            }
            exchange
        };
        match tab.onward(&exchange.response, &address) {
            Some(next) => Step::Next(next),
            None => Step::Rest(Page { exchange, address, fragment: tab.fragment, trail: tab.trail }),
        }
    }
}

enum Step {
    Next(Tab),
    Rest(Page),
}

impl Tab {
    /// A new tab in which a person opens `path` of the application.
    pub fn new(path: &str) -> Self {
        let (path, fragment) = match path.split_once('#') {
            Some((path, fragment)) => (path, Some(fragment.to_owned())),
            None => (path, None),
        };
        Self { next: Request::navigation(path), fragment, crossed: false, framed: false, trail: Vec::new() }
    }

    /// A frame with `path` of the application, inside a page of another site.
    pub fn in_frame_elsewhere(path: &str) -> Self {
        let tab = Self::from_elsewhere(path);
        Self { next: tab.next.set("sec-fetch-dest", "iframe"), framed: true, ..tab }
    }

    /// A tab that has been sent to this address of the provider.
    pub fn at_provider(address: &str) -> Self {
        let path = address.strip_prefix(PROVIDER_ORIGIN).expect("an address of the provider");
        Self::at(PROVIDER_ORIGIN.trim_start_matches("https://"), path)
    }

    /// The person has to do something on a page of the provider: that one's address has no fragment of ours.
    #[must_use]
    pub fn after_a_page_of_the_provider(self) -> Self {
        Self { fragment: None, ..self }
    }

    /// A tab that sends this next.
    pub fn sending(next: Request) -> Self {
        Self { next, ..Self::new("/") }
    }

    /// A new tab in which a person opens `path` at another host of the application.
    pub fn at(host: &str, path: &str) -> Self {
        let mut tab = Self::new(path);
        tab.next = tab.next.set(":authority", host);
        tab
    }

    /// A tab that another site sends to `path` of the application.
    pub fn from_elsewhere(path: &str) -> Self {
        let next = Request::navigation(path).set("sec-fetch-site", "cross-site");
        Self { next, crossed: true, ..Self::new(path) }
    }

    /// Where an answer leads: a redirect, or a form that posts itself.
    fn onward(&self, response: &Response, address: &str) -> Option<Self> {
        let here = Url::parse(address).expect("an address is a URL");
        let (target, form) = match response.status {
            302 | 303 => (here.join(response.location()).expect("a Location is a URL"), None),
            200 if here.as_str().starts_with(PROVIDER_ORIGIN) => {
                let (action, body) = self_posting_form(&response.text())?;
                (Url::parse(&action).expect("an action is a URL"), Some(body))
            }
            _ => return None,
        };
        let crossed = self.crossed || target.origin() != here.origin();
        let path = &target[url::Position::BeforePath..url::Position::AfterQuery];
        let mut next = Request::navigation(path)
            .set(":authority", target.authority())
            .set("sec-fetch-site", if crossed { "cross-site" } else { "same-origin" })
            .set("sec-fetch-dest", if self.framed { "iframe" } else { "document" });
        if let Some(body) = form {
            let length = body.len().to_string();
            next = next.set(":method", "POST").with("content-type", "application/x-www-form-urlencoded");
            next = next.with("content-length", length).with("origin", PROVIDER_ORIGIN).with_body(body);
        }
        let fragment = target.fragment().map(str::to_owned).or_else(|| self.fragment.clone());
        Some(Self { next, fragment, crossed, framed: self.framed, trail: self.trail.clone() })
    }
}

/// Whether a browser runs scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scripts {
    /// It does.
    Run,
    /// It does not.
    Off,
}

impl Page {
    /// Where a page of ours leads by itself; fails when it does not. Its own script is trusted to do what is done here.
    #[track_caller]
    pub fn leads_on(&self, scripts: Scripts) -> Tab {
        let html = self.exchange.response.text();
        let response = &self.exchange.response;
        assert!(self.exchange.upstream.is_none() && response.runs_nothing_else(), "{html}");
        match (scripts, html.split_once("data-go ")) {
            (Scripts::Run, Some((_, rest))) if rest.starts_with("action") => self.sends_form(&html),
            (Scripts::Run, Some((before, rest))) => {
                let is_own = before.ends_with("data-fragment=\"own\" ");
                let href = attribute(rest, "href").expect("a link");
                match (&self.fragment, is_own) {
                    (Some(fragment), false) if !href.contains("fragment=") => {
                        let fragment: String = form_urlencoded::byte_serialize(fragment.as_bytes()).collect();
                        self.goes_to(&format!("{href}&fragment={fragment}"))
                    }
                    (Some(fragment), true) if !href.contains('#') => self.goes_to(&format!("{href}#{fragment}")),
                    _ => self.goes_to(&href),
                }
            }
            _ => {
                let (_, refresh) = html.split_once("http-equiv=\"refresh\" ").expect("a page that leads on");
                let target = attribute(refresh, "content").expect("a target");
                self.goes_to(target.strip_prefix("0;url=").expect("at once"))
            }
        }
    }

    /// Clicks on the link with `label`. A script gives links to the login the fragment of the page.
    #[track_caller]
    pub fn click(&self, label: &str, scripts: Scripts) -> Tab {
        let html = self.exchange.response.text();
        let (before, _) = html.split_once(&format!(">{label}</a>")).unwrap_or_else(|| panic!("no {label}: {html}"));
        let (_, link) = before.rsplit_once("<a ").expect("a link");
        let href = attribute(link, "href").expect("where it leads");
        match &self.fragment {
            Some(fragment)
                if scripts == Scripts::Run && link.contains("data-fragment") && !href.contains("fragment=") =>
            {
                let fragment: String = form_urlencoded::byte_serialize(fragment.as_bytes()).collect();
                self.goes_to(&format!("{href}{}fragment={fragment}", if href.contains('?') { '&' } else { '?' }))
            }
            _ => self.goes_to(&href),
        }
    }

    /// Fills in a field of the page's form that is sent in the address, and sends it with what else is in the form.
    #[track_caller]
    pub fn fills_in(&self, field: &str, value: &str) -> Tab {
        let html = self.exchange.response.text();
        let (_, form) = html.split_once("<form").unwrap_or_else(|| panic!("no form: {html}"));
        let form = form.split("</form>").next().unwrap_or_default();
        let hidden = form.split("<input").skip(1).filter(|input| attribute(input, "type").as_deref() == Some("hidden"));
        let hidden = hidden.filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)));
        let query =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(hidden).append_pair(field, value).finish();
        self.goes_to(&format!("{}?{query}", attribute(form, "action").expect("an action")))
    }

    /// The next request of a page of the application itself.
    fn goes_to(&self, target: &str) -> Tab {
        let mut tab = Tab { trail: self.trail.clone(), ..Tab::new(target) };
        let authority = Url::parse(&self.address).expect("an address is a URL").authority().to_owned();
        tab.next = tab.next.set(":authority", authority).set("sec-fetch-site", "same-origin");
        tab
    }

    fn sends_form(&self, html: &str) -> Tab {
        let (_, form) = html.split_once("<form").expect("a form");
        let inputs = form.split("<input").skip(1);
        let fields: Vec<_> = inputs
            .map(|input| (attribute(input, "name").expect("a name"), attribute(input, "value").expect("a value")))
            .collect();
        // Browsers send line breaks as CRLF, however they are written.
        let crlf = |text: &str| text.replace("\r\n", "\n").replace('\n', "\r\n");
        let fields: Vec<_> = fields.iter().map(|(name, value)| (crlf(name), crlf(value))).collect();
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut tab = self.goes_to(&attribute(form, "action").expect("an action"));
        let origin = self.address.split('/').take(3).collect::<Vec<_>>().join("/");
        tab.next = Request::form(tab.next.target(), &fields, "same-origin")
            .set(":authority", tab.next.header(":authority").unwrap_or_default())
            .with("origin", origin);
        tab
    }

    /// Where the page's first link to our login endpoint leads whose target has `part`.
    #[track_caller]
    pub fn login_link(&self, part: &str) -> String {
        let text = self.exchange.response.text();
        let targets = text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let mut links = targets.map(|target| target.replace("&amp;", "&"));
        let link = links.find(|target| target.starts_with("/oauth2/login") && target.contains(part));
        link.unwrap_or_else(|| panic!("no login link with {part}: {text}"))
    }

    /// The requests to the provider's authorization endpoint on the way.
    pub fn authorizations(&self) -> Vec<Url> {
        let urls = self.trail.iter().filter_map(|address| Url::parse(address).ok());
        urls.filter(|url| url.path().ends_with("/authorize")).collect()
    }

    /// Asserts that the page is the application's, at this path and query.
    #[track_caller]
    pub fn shows(&self, path: &str) -> &Request {
        self.shows_at(&format!("{ORIGIN}{path}"))
    }

    /// Asserts that the page is the application's, at this address.
    #[track_caller]
    pub fn shows_at(&self, address: &str) -> &Request {
        assert_eq!(self.address, address, "came to rest elsewhere: {:#?}", self.exchange);
        self.exchange.forwarded()
    }

    /// Whether the provider was visited on the way.
    pub fn passed_provider(&self) -> bool {
        self.trail.iter().any(|address| address.starts_with(PROVIDER_ORIGIN))
    }
}

fn visit_provider<W: World>(world: &mut W, request: &Request) -> Exchange {
    let now = world.now();
    let answer = world.provider().answer(request, now);
    match answer {
        Answer::Respond(response) | Answer::Delay(_, response) => {
            Exchange { response, upstream: None, took: std::time::Duration::ZERO }
        }
        Answer::Hang | Answer::Reset => panic!("the provider does not answer the browser"),
    }
}

/// The value of an attribute of a tag that `html` begins in, as a browser reads it.
fn attribute(html: &str, name: &str) -> Option<String> {
    let value = html.split_once(&format!("{name}=\""))?.1.split_once('"')?.0;
    let unescaped = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    Some(unescaped.replace("&amp;", "&"))
}

/// The action and the encoded fields of the provider's form_post page.
fn self_posting_form(html: &str) -> Option<(String, Vec<u8>)> {
    let attribute = |text: &str, name: &str| {
        let rest = text.split_once(&format!("{name}=\""))?.1;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let action = attribute(html.split_once("<form")?.1, "action")?;
    let fields = html.split("<input").skip(1).map(|input| {
        let (name, value) = (attribute(input, "name"), attribute(input, "value"));
        format!("{}={}", name.unwrap_or_default(), value.unwrap_or_default())
    });
    Some((action, fields.collect::<Vec<_>>().join("&").into_bytes()))
}
