//! HTTP/1.1 on a socket, byte for byte: no library that would tidy up what a test sends or hide what it received.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use wasm_host_tests::message::{Request, Response};

/// How long a test waits for bytes before it fails.
const PATIENCE: Duration = Duration::from_secs(20);
const MAX_HEADERS: usize = 256;

/// A client's connection. What was read stays in it: several requests may follow each other.
pub struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    /// Connects to a listener on loopback.
    pub fn open(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap_or_else(|error| panic!("no connection to {address}: {error}")))
    }

    /// Uses a connection that stands.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { reader: BufReader::new(stream) }
    }

    /// A second handle, to end the connection while somebody else waits on it.
    pub fn handle(&self) -> TcpStream {
        self.reader.get_ref().try_clone().expect("a second handle")
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.reader.get_mut().write_all(bytes).expect("a peer that reads");
        self
    }

    /// Sends `request`, with a `content-length` when there is a body and no framing of its own.
    pub fn send(&mut self, request: &Request) -> &mut Self {
        self.send_raw(&encode_request(request))
    }

    /// Reads one response to a request that may have a body.
    pub fn receive(&mut self) -> Response {
        read_response(&mut self.reader, false).expect("a response")
    }

    /// Sends `request` and reads the response.
    pub fn exchange(&mut self, request: &Request) -> Response {
        self.try_exchange(request).expect("a response")
    }

    /// Sends `request` and reads the response, if there is one.
    pub fn try_exchange(&mut self, request: &Request) -> Result<Response> {
        self.reader.get_mut().write_all(&encode_request(request))?;
        read_response(&mut self.reader, request.method() == "HEAD")
    }

    /// Whether nothing arrives for `duration`.
    pub fn is_silent_for(&mut self, duration: Duration) -> bool {
        self.reader.get_ref().set_read_timeout(Some(duration)).expect("a timeout");
        let silent = matches!(self.reader.fill_buf(), Err(error) if is_timeout(&error));
        self.reader.get_ref().set_read_timeout(Some(PATIENCE)).expect("a timeout");
        silent
    }
}

/// One request on a connection of its own.
pub fn exchange(address: SocketAddr, request: &Request) -> Response {
    Connection::open(address).exchange(request)
}

fn encode_request(request: &Request) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method(), request.target()).into_bytes();
    if let Some(authority) = request.header(":authority") {
        bytes.extend_from_slice(format!("host: {authority}\r\n").as_bytes());
    }
    let fields = request.fields.iter().filter(|(name, _)| !name.starts_with(':'));
    encode_rest(&mut bytes, fields, &request.body, !request.body.is_empty());
    bytes
}

/// A response as bytes, with a `content-length` unless it has framing of its own.
pub fn encode_response(response: &Response) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {} -\r\n", response.status).into_bytes();
    encode_rest(&mut bytes, response.fields.iter(), &response.body, true);
    bytes
}

fn encode_rest<'a>(
    bytes: &mut Vec<u8>,
    fields: impl Iterator<Item = &'a (String, Vec<u8>)>,
    body: &[u8],
    mut length_needed: bool,
) {
    for (name, value) in fields {
        length_needed &= !["content-length", "transfer-encoding"].contains(&name.to_ascii_lowercase().as_str());
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    if length_needed {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
}

/// Reads one request; `None` at the end of the connection.
pub fn read_request(reader: &mut impl BufRead) -> Result<Option<Request>> {
    let head = read_head(reader)?;
    if head.is_empty() {
        return Ok(None);
    }
    let mut storage = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut storage);
    parsed.parse(&head).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    let mut request = Request::default()
        .with(":method", parsed.method.unwrap_or_default())
        .with(":path", parsed.path.unwrap_or_default());
    for header in parsed.headers.iter() {
        let name = if header.name.eq_ignore_ascii_case("host") { ":authority" } else { header.name };
        request = request.with(name, header.value);
    }
    request.body = match framing(&request.fields) {
        Framing::Length(length) => read_exactly(reader, length)?,
        Framing::Chunked => read_chunks(reader)?,
        Framing::Close => Vec::new(),
    };
    Ok(Some(request))
}

fn read_response(reader: &mut impl BufRead, head_only: bool) -> Result<Response> {
    let head = read_head(reader)?;
    let mut storage = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut storage);
    parsed.parse(&head).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    let mut response = Response { status: parsed.code.ok_or(ErrorKind::UnexpectedEof)?, ..Response::default() };
    for header in parsed.headers.iter() {
        response = response.with(header.name, header.value);
    }
    if !head_only && !matches!(response.status, 100..200 | 204 | 304) {
        response.body = match framing(&response.fields) {
            Framing::Length(length) => read_exactly(reader, length)?,
            Framing::Chunked => read_chunks(reader)?,
            Framing::Close => read_to_end(reader)?,
        };
    }
    Ok(response)
}

/// Everything up to and with the empty line; what there is, if the peer ends before.
fn read_head(reader: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && reader.read_until(b'\n', &mut head)? > 0 {}
    Ok(head)
}

/// How a body's end is found (RFC 9112 §6.3).
enum Framing {
    Length(usize),
    Chunked,
    Close,
}

fn framing(fields: &[(String, Vec<u8>)]) -> Framing {
    let value = |name: &str| {
        let field = fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        field.and_then(|(_, value)| std::str::from_utf8(value).ok())
    };
    if value("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return Framing::Chunked;
    }
    value("content-length").and_then(|length| length.parse().ok()).map_or(Framing::Close, Framing::Length)
}

fn read_exactly(reader: &mut impl Read, length: usize) -> Result<Vec<u8>> {
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn read_chunks(reader: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
        body.extend(read_exactly(reader, size)?);
        reader.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn read_to_end(reader: &mut impl Read) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    reader.read_to_end(&mut body)?;
    Ok(body)
}

fn is_timeout(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
