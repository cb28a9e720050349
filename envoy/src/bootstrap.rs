//! Envoy's configuration, put together from the pieces in `config/`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::{port, tools};

const LISTENER_FILE: &str = "listeners.yaml";
const CLUSTER_FILE: &str = "clusters.yaml";

/// One listener: which filter stands in it, and what is behind.
#[derive(Clone)]
pub struct Listener {
    pub(crate) name: String,
    port: u16,
    scheme: &'static str,
    filter: Filter,
    route: Route,
    backend: String,
    access: Access,
    patience: Duration,
    ends_tls: bool,
    normalizes: bool,
}

/// Where requests go: a name and an address, which need not be there yet.
#[derive(Clone)]
pub struct Cluster {
    /// Its name in the configuration.
    pub name: String,
    /// Its only endpoint.
    pub address: SocketAddr,
    /// How Envoy connects to it.
    pub connection: Connection,
}

/// How Envoy connects to a cluster.
#[derive(Clone, Copy)]
pub enum Connection {
    /// Without TLS.
    Plain,
    /// Over TLS, showing no certificate.
    Tls,
    /// Over TLS, showing the certificate of this name in `keys/`.
    WithCertificate(&'static str),
}

/// How a resource stands in a configuration.
#[derive(Clone, Copy)]
enum Place {
    /// In the bootstrap configuration.
    Static,
    /// In a file that Envoy watches, where each says what it is.
    Watched,
}

/// The filter before the router.
#[derive(Clone)]
pub enum Filter {
    /// None at all.
    None,
    /// One of Envoy's own: its name, and its `typed_config`.
    Native(&'static str, Value),
    /// As it stands in a file: items of the list of filters.
    Yaml(&'static str),
    /// Several, one after the other.
    Chain(Vec<Self>),
    /// A Wasm module.
    Wasm {
        /// The VM it runs in, with all that name the same and load the same code; otherwise one of its own.
        vm: Option<String>,
        /// The module's file.
        module: PathBuf,
        /// The plugin configuration.
        configuration: Value,
        /// The environment that the module sees.
        environment: Vec<(String, String)>,
        /// Envoy's `allow_on_headers_stop_iteration`.
        allow_on_headers_stop_iteration: bool,
        /// Envoy's `failure_policy`.
        failure_policy: &'static str,
    },
}

/// What is behind the filter.
#[derive(Clone, Copy)]
pub enum Route {
    /// A cluster: `backend`, unless the listener names another.
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
        Self::Wasm {
            vm: None,
            module,
            configuration,
            environment: Vec::new(),
            allow_on_headers_stop_iteration: false,
            failure_policy: "FAIL_CLOSED",
        }
    }

    /// Sets a variable of the module's environment.
    #[must_use]
    pub fn environment_variable(mut self, name: &str, value: &str) -> Self {
        if let Self::Wasm { environment, .. } = &mut self {
            environment.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// With another module.
    #[must_use]
    pub fn of_module(mut self, other: PathBuf) -> Self {
        if let Self::Wasm { module, .. } = &mut self {
            *module = other;
        }
        self
    }

    /// In the VM of this name.
    #[must_use]
    pub fn in_vm(mut self, name: &str) -> Self {
        if let Self::Wasm { vm, .. } = &mut self {
            *vm = Some(name.to_owned());
        }
        self
    }

    /// A VM that crashed is replaced (Envoy's `failure_policy: FAIL_RELOAD`) after a tenth of a second.
    #[must_use]
    pub fn reloading(mut self) -> Self {
        if let Self::Wasm { failure_policy, .. } = &mut self {
            *failure_policy = "FAIL_RELOAD";
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
        Self {
            name: name.to_owned(),
            port: port::free(),
            scheme: "http",
            filter,
            route,
            backend: "backend".to_owned(),
            access,
            patience: Duration::from_secs(300),
            ends_tls: false,
            normalizes: false,
        }
    }

    /// Where it accepts connections.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// On this port instead, which somebody had to know before.
    #[must_use]
    pub const fn on_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Leads to this cluster.
    #[must_use]
    pub fn leading_to(mut self, backend: &str) -> Self {
        backend.clone_into(&mut self.backend);
        self
    }

    /// Tells the filter that requests came over https, as behind something that ends TLS.
    #[must_use]
    pub const fn behind_tls(mut self) -> Self {
        self.scheme = "https";
        self
    }

    /// Ends TLS itself, and asks clients for a certificate: any, or none.
    #[must_use]
    pub const fn ends_tls(mut self, ends_tls: bool) -> Self {
        self.ends_tls = ends_tls;
        self
    }

    /// How long Envoy lets a stream be idle (300 s unless said otherwise).
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Normalizes paths, and refuses those with escaped slashes, as README asks for.
    #[must_use]
    pub const fn normalizing_paths(mut self) -> Self {
        self.normalizes = true;
        self
    }

    fn render(&self, folder: &Path, place: Place) -> String {
        let paths = if self.normalizes { include_str!("../config/paths.yaml").trim_end() } else { "" };
        let access_log = match self.access {
            Access::Logged => fill(
                include_str!("../config/access-log.yaml"),
                &[("path", &json!(folder.join(&self.name)).to_string())],
            ),
            Access::Silent => String::new(),
        };
        let route = match self.route {
            Route::Backend => fill(include_str!("../config/route-backend.yaml"), &[("backend", &self.backend)]),
            Route::Direct => include_str!("../config/route-direct.yaml").to_owned(),
        };
        fill(
            include_str!("../config/listener.yaml"),
            &[
                ("type", place.type_of("envoy.config.listener.v3.Listener").as_str()),
                ("name", &self.name),
                ("port", &self.port.to_string()),
                ("transport_socket", &if self.ends_tls { downstream_tls() } else { String::new() }),
                ("scheme", self.scheme),
                ("paths", paths),
                ("patience", &format!("{}s", self.patience.as_secs_f64())),
                ("access_log", &access_log),
                ("http_filters", &self.filter.render(&self.name)),
                ("routes", &route),
            ],
        )
    }
}

impl Filter {
    fn render(&self, name: &str) -> String {
        let (vm, module, configuration, environment, allow_on_headers_stop_iteration, failure_policy) = match self {
            Self::None => return String::new(),
            Self::Chain(filters) => return filters.iter().map(|filter| filter.render(name)).collect(),
            Self::Yaml(text) => return text.lines().map(|line| format!("{:18}{line}\n", "")).collect(),
            Self::Native(name, configuration) => {
                let values = [("name", *name), ("configuration", &configuration.to_string())];
                return fill(include_str!("../config/native-filter.yaml"), &values);
            }
            Self::Wasm { vm, module, configuration, environment, allow_on_headers_stop_iteration, failure_policy } => {
                (vm, module, configuration, environment, allow_on_headers_stop_iteration, failure_policy)
            }
        };
        let environment: Map<_, _> = environment.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        fill(
            include_str!("../config/wasm-filter.yaml"),
            &[
                ("name", name),
                ("vm", vm.as_deref().unwrap_or(name)),
                ("module", &json!(module).to_string()),
                ("environment", &Value::from(environment).to_string()),
                ("configuration", &configuration.to_string()),
                ("failure_policy", failure_policy),
                ("allow_on_headers_stop_iteration", &allow_on_headers_stop_iteration.to_string()),
            ],
        )
    }
}

impl Cluster {
    fn render(&self, place: Place) -> String {
        fill(
            include_str!("../config/cluster.yaml"),
            &[
                ("type", place.type_of("envoy.config.cluster.v3.Cluster").as_str()),
                ("name", &self.name),
                ("port", &self.address.port().to_string()),
                ("transport_socket", &self.connection.render()),
            ],
        )
    }
}

impl Connection {
    fn render(self) -> String {
        let certificates = match self {
            Self::Plain => return String::new(),
            Self::Tls => json!([]),
            Self::WithCertificate(name) => json!([certificate(name)]),
        };
        let context = json!({"common_tls_context": {"tls_certificates": certificates}});
        format!("{}\n      ", transport_socket("Upstream", context))
    }
}

fn downstream_tls() -> String {
    let validation =
        json!({"trusted_ca": {"filename": key_file("client.pem")}, "trust_chain_verification": "ACCEPT_UNTRUSTED"});
    let common = json!({"tls_certificates": [certificate("server")], "validation_context": validation});
    let context = json!({"common_tls_context": common, "require_client_certificate": false});
    format!("{}\n          ", transport_socket("Downstream", context))
}

fn transport_socket(direction: &str, mut context: Value) -> String {
    let kind = format!("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{direction}TlsContext");
    context["@type"] = kind.into();
    format!("transport_socket: {}", json!({"name": "envoy.transport_sockets.tls", "typed_config": context}))
}

fn certificate(name: &str) -> Value {
    let file = |extension: &str| json!({"filename": key_file(&format!("{name}.{extension}"))});
    json!({"certificate_chain": file("pem"), "private_key": file("key.pem")})
}

/// A file in `keys/`: certificates that sign themselves, and nothing outside these tests.
pub fn key_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("keys").join(name)
}

impl Place {
    fn type_of(self, message: &str) -> String {
        match self {
            Self::Static => String::new(),
            Self::Watched => format!("\"@type\": type.googleapis.com/{message}\n      "),
        }
    }
}

/// The complete bootstrap configuration, as YAML. (A JSON value is YAML too, so values are written as JSON.) `stats` is its part
/// about statistics.
pub fn render(admin_port: u16, stats: &str, listeners: &[Listener], clusters: &[Cluster], folder: &Path) -> String {
    let listeners: String = listeners.iter().map(|listener| listener.render(folder, Place::Static)).collect();
    let clusters: String = clusters.iter().map(|cluster| cluster.render(Place::Static)).collect();
    fill(
        include_str!("../config/bootstrap.yaml"),
        &[
            ("admin_port", admin_port.to_string().as_str()),
            ("stats", stats),
            ("listener_file", &json!(folder.join(LISTENER_FILE)).to_string()),
            ("cluster_file", &json!(folder.join(CLUSTER_FILE)).to_string()),
            ("listeners", &listeners),
            ("clusters", &clusters),
        ],
    )
}

/// Writes the files that Envoy watches. It notices a file that is moved into place.
pub fn write_watched(listeners: &[Listener], clusters: &[Cluster], folder: &Path) {
    let clusters = clusters.iter().map(|cluster| cluster.render(Place::Watched)).collect();
    let listeners = listeners.iter().map(|listener| listener.render(folder, Place::Watched)).collect();
    for (file, resources) in [(CLUSTER_FILE, clusters), (LISTENER_FILE, listeners)] {
        let resources: String = resources;
        let new = folder.join(file).with_extension("new");
        fs::write(&new, fill(include_str!("../config/resources.yaml"), &[("resources", &resources)])).expect("a file");
        fs::rename(new, folder.join(file)).expect("a file in place");
    }
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
