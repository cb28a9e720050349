//! The protected application: it answers with what it received, so that a test can look at it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::Server;
use crate::message::{Request, Response};

/// An application behind Envoy. It remembers every request and echoes it as JSON.
pub struct Backend {
    server: Server,
    received: Arc<Mutex<Vec<Request>>>,
}

impl Backend {
    /// Serves on a free port.
    pub fn start() -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&received);
        let server = Server::start(move |request| {
            let answer = Response::json(200, &echo(&request));
            remembered.lock().expect("no panic while held").push(request);
            Some(answer)
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
