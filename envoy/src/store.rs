//! Redis behind Webdis: real ones, which can be killed and started again.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use wasm_host_tests::message::{Request, Response};

use crate::process::{self, Process};
use crate::{Connection, port, tools};

const START_LIMIT: Duration = Duration::from_secs(15);

/// A store at an address that stays. Dropping it ends both programs.
pub struct Store {
    redis_port: u16,
    webdis_port: u16,
    redis: Option<Process>,
    webdis: Option<Process>,
}

/// A part of the store.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// Where everything lies.
    Redis,
    /// What Envoy talks to.
    Webdis,
}

impl Store {
    /// Starts both, and waits until they answer.
    pub fn start() -> Self {
        let mut store = Self { redis_port: port::free(), webdis_port: port::free(), redis: None, webdis: None };
        store.start_redis();
        store.start_webdis();
        store
    }

    /// Where Webdis listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.webdis_port))
    }

    /// Starts Redis, with nothing in it.
    fn start_redis(&mut self) {
        let folder = process::folder("redis");
        let mut command = Command::new(tools::redis_server());
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(["--port", &self.redis_port.to_string()]).arg("--dir").arg(&folder);
        let mut redis = Process::start("redis-server", folder, &mut command);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.redis_port));
        redis.wait_until(START_LIMIT, || std::net::TcpStream::connect(address).is_ok());
        self.redis = Some(redis);
    }

    /// Starts Webdis, configured as in the example.
    fn start_webdis(&mut self) {
        let folder = process::folder("webdis");
        let example = include_str!("../../examples/two-replicas/webdis.json");
        let mut configuration: Value = serde_json::from_str(example).expect("the example is JSON");
        configuration["redis_port"] = self.redis_port.into();
        configuration["http_port"] = self.webdis_port.into();
        configuration["logfile"] = json!(folder.join("webdis.log"));
        // For looking in from outside.
        configuration["acl"][1]["enabled"].as_array_mut().expect("a list").push("GET".into());
        let file = folder.join("webdis.json");
        std::fs::write(&file, configuration.to_string()).expect("a file");
        let mut webdis = Process::start("webdis", folder, Command::new(tools::webdis()).arg(file));
        let address = self.address();
        webdis.wait_until(START_LIMIT, || std::net::TcpStream::connect(address).is_ok());
        self.webdis = Some(webdis);
    }

    /// Kills a program. What Redis knew is gone.
    pub fn kill(&mut self, program: Program) {
        match program {
            Program::Redis => self.redis = None,
            Program::Webdis => self.webdis = None,
        }
    }

    /// Starts a program that was killed.
    pub fn start_again(&mut self, program: Program) {
        match program {
            Program::Redis => self.start_redis(),
            Program::Webdis => self.start_webdis(),
        }
    }

    /// One command, as the filter sends it.
    pub fn command(&self, body: &str) -> Response {
        Connection::open(self.address()).exchange(&Request::new("POST", "/").with_body(body))
    }
}
