//! `examples` in real Envoy: their cases, and the people and programs that they are for, with exactly the files that lie there.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use envoy_ring::process::{self, Process};
use envoy_ring::{
    Access, Envoy, EnvoyWorld, Filter, Listener, OidcProvider, Route, Server, Visitor, node, port, tools,
};
use serde_json::{Value, json};
use wasm_host_tests::examples::{self, Example};
use wasm_host_tests::message::Response;
use wasm_host_tests::yaml;

/// The provider's client `basic` takes the place of the examples' `portal`.
const SECRET: &str = "a secret:with/reserved+characters%";

#[test]
fn every_case_of_every_example() {
    let meshes = ["istio", "envoy-gateway"];
    for name in
        ["single-page-application", "api-gateway", "mcp-server", "two-providers", "step-up"].iter().chain(&meshes)
    {
        assert!(Example::read(name).keeps_its_promises::<EnvoyWorld>() > 0);
    }
}

/// An example's filter, with addresses of this machine in the place of the names in its file.
fn filter(name: &str, here: &[(&str, &str)]) -> Filter {
    let mut text = examples::file(name, "latchkey.yaml");
    for (from, to) in here {
        assert!(text.contains(from), "{from} in the configuration of {name}");
        text = text.replace(from, to);
    }
    Filter::latchkey(yaml::read(&text))
        .stop_iteration(true)
        .environment_variable("LATCHKEY_SESSION_KEY", "Mv6p2vCqVJ3oQ0k1mX0m8cR5j0cQn7yq1bq2h9d0f3s")
        .environment_variable("CORP_CLIENT_SECRET", SECRET)
        .environment_variable("PARTNER_CLIENT_SECRET", SECRET)
}

/// Envoy with an example in front of an application, and with its providers.
fn envoy(port: u16, filter: Filter, application: SocketAddr, providers: &[(&str, &OidcProvider)]) -> Envoy {
    let builder = Envoy::builder()
        .listener(Listener::new("main", filter, Route::Backend, Access::Logged).on_port(port))
        .cluster("backend", application);
    let with = |builder: envoy_ring::envoy::Builder, (name, provider): &(&str, &OidcProvider)| {
        builder.cluster(name, provider.address())
    };
    providers.iter().fold(builder, with).start()
}

/// An example's own server, which is told a port.
fn server(example: &str) -> (Process, SocketAddr) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port::free()));
    let mut command = Command::new(tools::python());
    command.arg(examples::folder(example).join("server.py")).arg(address.port().to_string());
    let mut process = Process::start(example, process::folder(example), &mut command);
    process.wait_until(Duration::from_secs(30), || TcpStream::connect(address).is_ok());
    (process, address)
}

/// An application that shows the identity headers, and a form for a decision.
fn application() -> Server {
    Server::start(|request| {
        let shown: String = ["x-auth-user", "x-auth-email", "x-auth-acr"]
            .map(|name| format!("<p id={name}>{}</p>", request.header(name).unwrap_or("none")))
            .concat();
        let body = String::from_utf8_lossy(&request.body).replace('&', "&amp;");
        let posted = if request.method() == "POST" { format!("<pre id=posted>{body}</pre>") } else { String::new() };
        let form =
            "<form method=post action=/approvals/7><input id=note name=note><button id=send>Approve</button></form>";
        let page = format!("<!doctype html><title>An application</title><h1 id=user>Hello</h1>{shown}{posted}{form}");
        Some(Response::new(200, "text/html; charset=utf-8", page))
    })
}

fn in_chromium(mut arguments: Value) {
    arguments["chromium"] = tools::chromium().to_string_lossy().into();
    node::run("tests/examples.mjs", &arguments);
}

#[test]
fn a_person_uses_the_single_page_application_in_chromium() {
    let port = port::free();
    let origin = format!("http://localhost:{port}");
    let provider = OidcProvider::start(&origin);
    let (_server, address) = server("single-page-application");
    let filter = filter(
        "single-page-application",
        &[
            ("https://shop.example.org", &origin),
            ("https://login.example.org/realms/corp", &provider.issuer()),
            ("client_id: portal", "client_id: basic"),
        ],
    );
    let envoy = envoy(port, filter, address, &[("corp-idp", &provider)]);

    in_chromium(json!({"shop": origin}));

    envoy.assert_no_crash();
}

#[test]
fn people_of_two_companies_sign_in_at_home_in_chromium() {
    let port = port::free();
    let origin = format!("http://localhost:{port}");
    let [corp, partner] = [&origin, &origin].map(|origin| OidcProvider::start(origin));
    let application = application();
    let filter = filter(
        "two-providers",
        &[
            ("https://portal.example.org", &origin),
            ("https://login.example.org/realms/corp", &corp.issuer()),
            ("https://id.partner.example", &partner.issuer()),
            ("client_id: portal", "client_id: basic"),
        ],
    );
    let providers = [("corp-idp", &corp), ("partner-idp", &partner)];
    let envoy = envoy(port, filter, application.address(), &providers);

    in_chromium(json!({"portal": origin, "corp": corp.issuer(), "partner": partner.issuer()}));

    envoy.assert_no_crash();
}

#[test]
fn a_person_steps_up_for_an_approval_in_chromium() {
    let port = port::free();
    let origin = format!("http://localhost:{port}");
    let provider = OidcProvider::start(&origin);
    let application = application();
    let filter = filter(
        "step-up",
        &[
            ("https://portal.example.org", &origin),
            ("https://login.example.org/realms/corp", &provider.issuer()),
            ("client_id: portal", "client_id: basic"),
        ],
    );
    let envoy = envoy(port, filter, application.address(), &[("corp-idp", &provider)]);

    in_chromium(json!({"approvals": origin}));

    envoy.assert_no_crash();
}

/// The client knows the server's address and nothing else: it discovers, registers itself, and asks for a token for this server.
#[test]
fn a_client_with_the_protocols_own_sdk_finds_its_way_to_the_tools() {
    let port = port::free();
    let origin = format!("http://localhost:{port}");
    let scope = "notes.read notes.write";
    let provider = OidcProvider::with(json!({"application": origin, "scope": scope, "registration": true}));
    let (_server, address) = server("mcp-server");
    let here = [("https://mcp.example.org", &*origin), ("https://login.example.org/realms/corp", &provider.issuer())];
    let envoy = envoy(port, filter("mcp-server", &here), address, &[("corp-idp", &provider)]);

    let script = examples::folder("mcp-server").join("client.mjs");
    let mut client = node::command(&script);
    let mut client = client.arg(format!("{origin}/mcp")).stdout(Stdio::piped()).spawn().expect("a client");
    let mut said = BufReader::new(client.stdout.take().expect("its output"));
    let mut line = String::new();
    said.read_line(&mut line).expect("a line");
    let address = line.trim_end().strip_prefix("open ").unwrap_or_else(|| panic!("an address to open: {line:?}"));
    assert!(address.contains(&format!("resource=http%3A%2F%2Flocalhost%3A{port}%2Fmcp")), "{address}");
    let mut alice = Visitor::default();
    let page = alice.open(address);
    let consent = alice.submit(&page, &[("login", "alice"), ("password", "any")]);
    let end = alice.submit(&consent, &[]);
    assert_eq!(end.response.text(), "You may close this page.");
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("the rest");
    assert!(client.wait().expect("an end").success(), "{rest}");

    // The person has allowed what the server's document names, and no more.
    let expected = ["tools whoami add_note", "whoami alice", "add_note This needs the scope notes.write."];
    assert_eq!(rest.lines().collect::<Vec<_>>(), expected);
    envoy.assert_no_crash();
}
