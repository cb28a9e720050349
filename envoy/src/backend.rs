//! The protected application: it remembers what it received.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::Server;
use wasm_host_tests::message::{Request, Response};

/// An application behind Envoy, on a free port.
pub struct Backend {
    server: Server,
    received: Arc<Mutex<Vec<Request>>>,
}

impl Backend {
    /// Echoes requests.
    pub fn start() -> Self {
        Self::answering(|request| Response::json(200, &echo(request)))
    }

    /// Answers as it is told.
    pub fn answering(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&received);
        let server = Server::start(move |request| {
            let response = answer(&request);
            remembered.lock().expect("no panic while held").push(request);
            Some(response)
        });
        Self { server, received }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Every request it received, in order.
    pub fn received(&self) -> Vec<Request> {
        self.received.lock().expect("no panic while held").clone()
    }

    /// How many bytes it received, complete requests or not.
    pub fn bytes_received(&self) -> usize {
        self.server.bytes_received()
    }
}

/// Method, path, header fields in order, body; bytes that are no ASCII are escaped.
fn echo(request: &Request) -> Value {
    let fields: Vec<_> = request.fields.iter().map(|(name, value)| [name.clone(), escaped(value)]).collect();
    json!({"method": request.method(), "path": request.target(), "headers": fields, "body": escaped(&request.body)})
}

fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
