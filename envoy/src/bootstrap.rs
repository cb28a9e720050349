//! Envoy's configuration, put together from the pieces in `config/`.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::{port, tools};

/// One listener: which filter stands in it, and what is behind.
pub struct Listener {
    pub(crate) name: String,
    pub(crate) port: u16,
    filter: Filter,
    route: Route,
    access: Access,
}

/// The filter before the router.
pub enum Filter {
    /// None at all.
    None,
    /// A Wasm module.
    Wasm {
        /// The module's file.
        module: PathBuf,
        /// The plugin configuration.
        configuration: Value,
        /// The environment that the module sees.
        environment: Vec<(String, String)>,
        /// Envoy's `allow_on_headers_stop_iteration`.
        allow_on_headers_stop_iteration: bool,
    },
}

/// What is behind the filter.
pub enum Route {
    /// The cluster `backend`.
    Backend,
    /// Envoy itself answers.
    Direct,
}

/// Whether requests are logged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// One line a request: method, path, status, and the filter's reason code.
    Logged,
    /// Nothing: for measurements.
    Silent,
}

impl Filter {
    /// The module under test.
    pub fn latchkey(configuration: Value) -> Self {
        Self::wasm(tools::latchkey_module(), configuration)
    }

    /// Another module.
    pub const fn wasm(module: PathBuf, configuration: Value) -> Self {
        Self::Wasm { module, configuration, environment: Vec::new(), allow_on_headers_stop_iteration: false }
    }

    /// Sets a variable of the module's environment.
    #[must_use]
    pub fn environment_variable(mut self, name: &str, value: &str) -> Self {
        if let Self::Wasm { environment, .. } = &mut self {
            environment.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Sets Envoy's `allow_on_headers_stop_iteration`.
    #[must_use]
    pub fn stop_iteration(mut self, allowed: bool) -> Self {
        if let Self::Wasm { allow_on_headers_stop_iteration, .. } = &mut self {
            *allow_on_headers_stop_iteration = allowed;
        }
        self
    }
}

impl Listener {
    /// A listener on a free port.
    pub fn new(name: &str, filter: Filter, route: Route, access: Access) -> Self {
        Self { name: name.to_owned(), port: port::free(), filter, route, access }
    }

    fn render(&self, folder: &Path) -> String {
        let access_log = match self.access {
            Access::Logged => {
                fill(include_str!("../config/access-log.yaml"), &[("path", &json!(folder.join("access")).to_string())])
            }
            Access::Silent => String::new(),
        };
        let route = match self.route {
            Route::Backend => include_str!("../config/route-backend.yaml"),
            Route::Direct => include_str!("../config/route-direct.yaml"),
        };
        fill(
            include_str!("../config/listener.yaml"),
            &[
                ("name", &self.name),
                ("port", &self.port.to_string()),
                ("access_log", &access_log),
                ("http_filters", &self.filter.render(&self.name)),
                ("routes", route),
            ],
        )
    }
}

impl Filter {
    fn render(&self, name: &str) -> String {
        let Self::Wasm { module, configuration, environment, allow_on_headers_stop_iteration } = self else {
            return String::new();
        };
        let environment: Map<_, _> = environment.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        fill(
            include_str!("../config/wasm-filter.yaml"),
            &[
                ("name", name),
                ("module", &json!(module).to_string()),
                ("environment", &Value::from(environment).to_string()),
                ("configuration", &configuration.to_string()),
                ("allow_on_headers_stop_iteration", &allow_on_headers_stop_iteration.to_string()),
            ],
        )
    }
}

/// The complete bootstrap configuration, as YAML. (A JSON value is YAML too, so values are written as JSON.)
pub fn render(admin_port: u16, listeners: &[Listener], clusters: &[(String, SocketAddr)], folder: &Path) -> String {
    let clusters = clusters.iter().fold(String::new(), |mut all, (name, address)| {
        let port = address.port().to_string();
        write!(all, "{}", fill(include_str!("../config/cluster.yaml"), &[("name", name), ("port", &port)])).unwrap();
        all
    });
    let listeners: String = listeners.iter().map(|listener| listener.render(folder)).collect();
    fill(
        include_str!("../config/bootstrap.yaml"),
        &[("admin_port", &admin_port.to_string()), ("listeners", &listeners), ("clusters", &clusters)],
    )
}

/// Replaces every `{{name}}` of a template in one pass, so that no value is taken for a template.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let code = template.lines().filter(|line| !line.starts_with('#'));
    for line in code {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").expect("a closed placeholder");
            let (_, value) = values.iter().find(|(known, _)| *known == name).expect("a known placeholder");
            filled.push_str(before);
            filled.push_str(value);
            rest = after;
        }
        filled.push_str(rest);
        filled.push('\n');
    }
    filled
}
