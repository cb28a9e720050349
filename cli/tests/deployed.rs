//! What is rendered for Envoy, running: it reaches a provider whose certificate is right, and no other.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod command;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use command::{Stage, envoy, module};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const PATIENCE: Duration = Duration::from_secs(120);

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A certificate for a name, signed by itself: its file, beside its key.
fn certificate(stage: &Stage, name: &str) -> String {
    let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args([
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            &format!("subjectAltName=DNS:{name}"),
            "-keyout",
            &key,
            "-out",
            &certificate,
        ])
        .current_dir(&stage.folder)
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl").success());
    certificate
}

/// A provider over TLS at this machine, with the certificate of this name; its port.
fn provider(stage: &Stage, name: &str) -> u16 {
    let certificate = CertificateDer::from_pem_file(stage.path(&format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(stage.path(&format!("{name}.key"))).unwrap();
    let cryptography = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(cryptography).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let config = Arc::clone(&config);
            thread::spawn(move || {
                serve(StreamOwned::new(ServerConnection::new(config).unwrap(), connection.unwrap()), port)
            });
        }
    });
    port
}

fn serve(mut stream: StreamOwned<ServerConnection, TcpStream>, port: u16) {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    // A client that trusts somebody else ends here.
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        request.extend_from_slice(&buffer[..length]);
        if !request.windows(4).any(|end| end == b"\r\n\r\n") {
            continue;
        }
        let body = match String::from_utf8_lossy(&request).contains("openid-configuration") {
            true => discovery(port),
            false => {
                include_str!("../explain/src/public_keys.json").replacen('[', "{\"keys\": [", 1).trim_end().to_owned()
                    + "}"
            }
        };
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        drop(stream.write_all((head + &body).as_bytes()).and_then(|()| stream.flush()));
        request.clear();
    }
}

fn discovery(port: u16) -> String {
    command::DISCOVERY
        .replace("https://login.example.org/realms/corp", &format!("https://localhost:{port}"))
        .replace("https://keys.example.org", &format!("https://localhost:{port}"))
}

/// A running Envoy, which ends with the test.
struct Envoy {
    child: Child,
    port: u16,
}

impl Envoy {
    fn start(stage: &Stage, provider: u16, ca_file: &str) -> Self {
        let module = module().display().to_string();
        stage.file("discovery.json", discovery(provider));
        let (port, admin) = (free_port(), free_port());
        let ca_file = stage.path(ca_file).display().to_string();
        drop(std::fs::remove_file(stage.path("latchkey.yaml")));
        stage
            .run(&[
                "init",
                "--discovery",
                "discovery.json",
                "--public-client",
                "--public-url",
                "https://portal.example.org",
            ])
            .succeeded();
        let listen = [format!("127.0.0.1:{port}"), format!("127.0.0.1:{admin}")];
        let arguments = [
            "render",
            "envoy",
            "latchkey.yaml",
            "--discovery",
            "discovery.json",
            "--module",
            &module,
            "--ca-file",
            &ca_file,
        ];
        let text =
            stage.run(&[&arguments[..], &["--listen", &listen[0], "--admin", &listen[1]]].concat()).succeeded().out;
        let file = stage.file("envoy.yaml", text);
        let mut command = Command::new(envoy());
        command.args(["--config-path", &file, "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error"]);
        let child = command.current_dir(&stage.folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, port }
    }

    /// What `/oauth2/ready` says, once it says something that fits.
    fn wait_until_ready_says(&self, fits: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let said = self.get("/oauth2/ready").unwrap_or_default();
            if fits(&said) {
                return said;
            }
            assert!(start.elapsed() < PATIENCE, "{said}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(
            connection,
            "GET {path} HTTP/1.1\r\nhost: portal.example.org\r\naccept: text/html\r\nconnection: close\r\n\r\n"
        )
        .ok()?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

#[test]
fn what_is_rendered_runs_and_reaches_the_provider_over_tls() {
    let stage = Stage::new();
    let trusted = certificate(&stage, "localhost");
    let envoy = Envoy::start(&stage, provider(&stage, "localhost"), &trusted);
    envoy.wait_until_ready_says(|said| said.starts_with("HTTP/1.1 200"));
    let answer = envoy.get("/").unwrap();
    assert!(answer.starts_with("HTTP/1.1 302") && answer.contains("location: https://localhost:"), "{answer}");
}

#[test]
fn a_certificate_of_another_authority_or_for_another_name_is_refused() {
    let stage = Stage::new();
    certificate(&stage, "localhost");
    let other = certificate(&stage, "other.example.org");
    for (served, trusted) in [("localhost", &other), ("other.example.org", &other)] {
        let envoy = Envoy::start(&stage, provider(&stage, served), trusted);
        let said = envoy.wait_until_ready_says(|said| said.contains("\"failing\""));
        assert!(said.starts_with("HTTP/1.1 503") && said.contains("discovery.unavailable"), "{served}: {said}");
        assert!(envoy.get("/").unwrap().starts_with("HTTP/1.1 503"), "nobody can sign in, and nobody gets in");
    }
}
