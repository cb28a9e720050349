//! A person with a browser, for providers that somebody else wrote: cookies, redirects, and forms to fill in.

use std::net::{Ipv4Addr, SocketAddr};

use url::{Position, Url};

use crate::provider::now;
use crate::wire;
use wasm_host_tests::jar::{Initiator, Jar};
use wasm_host_tests::message::{Request, Response};

/// More redirects than this is a loop.
const REDIRECTS: usize = 20;

/// A browser whose every host name leads to this machine.
#[derive(Default)]
pub struct Visitor {
    /// Its cookies.
    pub jar: Jar,
}

/// Where a visitor has come to rest.
#[derive(Debug)]
pub struct Page {
    /// Its address.
    pub address: Url,
    /// What is there.
    pub response: Response,
}

impl Visitor {
    /// Opens an address and follows redirects.
    pub fn open(&mut self, address: &str) -> Page {
        let address = Url::parse(address).expect("an address");
        self.follow(address, "GET", Vec::new())
    }

    /// Fills the page's first form that is posted in and submits it: its hidden fields, then these.
    pub fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let html = page.response.text();
        let mut forms = html.split("<form").skip(1).map(|form| form.split("</form>").next().unwrap_or_default());
        let form =
            forms.find(|form| attribute(form, "method").is_some_and(|method| method.eq_ignore_ascii_case("post")));
        let form = form.unwrap_or_else(|| panic!("no form at {}: {html}", page.address));
        let tag = form.split('>').next().unwrap_or_default();
        // Without an action a form is for the page that it stands on.
        let action = attribute(tag, "action").unwrap_or_default();
        let inputs = form.split("<input").skip(1).map(|input| input.split('>').next().unwrap_or_default());
        let hidden = inputs.filter(|input| attribute(input, "type").as_deref() == Some("hidden"));
        let hidden = hidden
            .map(|input| (attribute(input, "name").unwrap_or_default(), attribute(input, "value").unwrap_or_default()));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(hidden).extend_pairs(fields).finish();
        self.follow(page.address.join(&action).expect("an address"), "POST", body.into_bytes())
    }

    /// Sends one request with this visitor's cookies and keeps those of the answer; follows nothing.
    pub fn send(&mut self, address: &Url, mut request: Request) -> Response {
        let host = address.host_str().expect("a host");
        if let Some(cookies) = self.jar.header(host, address.path(), Initiator::SameSite, now()) {
            request = request.with("cookie", cookies);
        }
        let port = address.port_or_known_default().expect("a port");
        let response = wire::exchange(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), &request);
        for line in response.set_cookies() {
            self.jar.take(line, host, now());
        }
        response
    }

    /// Calls `fetch(address)`, as a page of the same origin would.
    pub fn fetch(&mut self, address: &str) -> Response {
        let address = Url::parse(address).expect("an address");
        let request = Request::fetch(&address[Position::BeforePath..Position::AfterQuery]);
        self.send(&address, request.set(":authority", address.authority()))
    }

    fn follow(&mut self, mut address: Url, mut method: &'static str, mut body: Vec<u8>) -> Page {
        for _ in 0..REDIRECTS {
            let mut request = Request::navigation(&address[Position::BeforePath..Position::AfterQuery])
                .set(":method", method)
                .set(":authority", address.authority());
            if method == "POST" {
                request = request.with("content-type", "application/x-www-form-urlencoded").with_body(&body);
            }
            let response = self.send(&address, request);
            if !matches!(response.status, 302 | 303) {
                return Page { address, response };
            }
            address = address.join(response.location()).expect("a Location");
            (method, body) = ("GET", Vec::new());
        }
        panic!("a redirect loop at {address}");
    }
}

/// The value of an attribute of a tag that `html` begins in.
fn attribute(html: &str, name: &str) -> Option<String> {
    let value = html.split_once(&format!("{name}=\""))?.1.split_once('"')?.0;
    Some(value.replace("&quot;", "\"").replace("&#x2F;", "/").replace("&amp;", "&"))
}
