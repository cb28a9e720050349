//! An HTTP/1.1 server for whatever stands behind Envoy: a backend, a simulated provider.

use std::io::{BufReader, Read, Result, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::{port, wire};
use wasm_host_tests::message::{Request, Response};

/// What answers: `None` closes the connection without an answer. Each connection has a thread of its own, so it may sleep.
type Handler = dyn Fn(Request) -> Option<Response> + Send + Sync;

/// A running server. Dropping it closes its listener and every connection, as a machine that goes away does.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    handler: Box<Handler>,
    stopped: AtomicBool,
    bytes_received: AtomicUsize,
    connections: Mutex<Vec<TcpStream>>,
}

impl Server {
    /// Serves on a free port.
    pub fn start(handler: impl Fn(Request) -> Option<Response> + Send + Sync + 'static) -> Self {
        Self::start_on(port::free(), handler)
    }

    /// Serves on `port`: for a server that comes up after somebody has been told its address.
    pub fn start_on(port: u16, handler: impl Fn(Request) -> Option<Response> + Send + Sync + 'static) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(address).expect("a free port");
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            stopped: AtomicBool::new(false),
            bytes_received: AtomicUsize::new(0),
            connections: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port it listens on.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many bytes clients have sent, on all connections, complete requests or not.
    pub fn bytes_received(&self) -> usize {
        self.shared.bytes_received.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then closes the listener.
        let _ = TcpStream::connect(self.address);
        for connection in self.shared.connections.lock().expect("no panic while held").iter() {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for connection in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let connection = connection.expect("a connection");
        shared.connections.lock().expect("no panic while held").push(connection.try_clone().expect("a second handle"));
        let serving = Arc::clone(shared);
        // A client that goes away in the middle is no failure of the server's.
        std::thread::spawn(move || serve(&connection, &serving).ok());
    }
}

fn serve(connection: &TcpStream, shared: &Arc<Shared>) -> Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(Counted { connection, shared });
    while let Some(request) = wire::read_request(&mut reader)? {
        let Some(response) = (shared.handler)(request) else { break };
        let mut writer = connection;
        writer.write_all(&wire::encode_response(&response))?;
        if response.header("connection") == Some("close") {
            break;
        }
    }
    connection.shutdown(Shutdown::Both)
}

struct Counted<'a> {
    connection: &'a TcpStream,
    shared: &'a Shared,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut connection = self.connection;
        let count = connection.read(buffer)?;
        self.shared.bytes_received.fetch_add(count, Ordering::SeqCst);
        Ok(count)
    }
}
