//! A whole configuration of Envoy.

use super::module::{ModuleError, Place};
use super::plan::{Plan, Upstream};
use super::{CommonArguments, RenderError, plan};
use crate::endpoints::Address;
use crate::yaml;

/// The cluster that a module on the web is fetched through.
const MODULE_CLUSTER: &str = "latchkey-module";
const APPLICATION_CLUSTER: &str = "application";

/// What makes labels of the parts of the metrics' names.
const STATS: &str = include_str!("../../../docs/src/monitoring/envoy-stats.yaml");

/// Write a whole configuration of Envoy: listener, filter, clusters
#[derive(clap::Args)]
#[command(after_help = "Examples:
  latchkey render envoy latchkey.yaml --module dist/latchkey.wasm --upstream 127.0.0.1:8000 > envoy.yaml
  latchkey render envoy latchkey.yaml --module https://example.org/latchkey.wasm --sha256 HEX
  envoy --mode validate --config-path envoy.yaml")]
pub struct Arguments {
    #[command(flatten)]
    pub(super) common: CommonArguments,
    /// Where Envoy listens
    #[arg(long, value_name = "HOST:PORT", default_value = "0.0.0.0:8080", value_parser = socket)]
    listen: (String, u16),
    /// Where Envoy's administration interface listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9901", value_parser = socket)]
    admin: (String, u16),
    /// Where the application is
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8000", value_parser = socket)]
    upstream: (String, u16),
}

fn socket(text: &str) -> Result<(String, u16), &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("expected HOST:PORT")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte));
    let port = port.parse().ok().filter(|_| is_host).ok_or("expected HOST:PORT")?;
    Ok((host.to_owned(), port))
}

/// The configuration.
pub fn render(arguments: &Arguments) -> miette::Result<String> {
    let naming = |address: &Address, configured: &str| {
        let is_taken = [APPLICATION_CLUSTER, MODULE_CLUSTER].contains(&configured);
        if is_taken { format!("{configured}-{}", address.label()) } else { configured.to_owned() }
    };
    let plan = plan(&arguments.common, &naming)?;
    let module = &plan.module;
    let (code, module_cluster) = match &module.place {
        Place::File(name) => {
            let check = format!("# This file must be the one with the digest above: sha256sum {name}\n");
            (format!("{check}code: {{local: {{filename: {}}}}}\n", yaml::scalar(name)), None)
        }
        Place::Web(url) => {
            let code = format!(
                "code:\n  remote:\n    http_uri: {{uri: {}, cluster: {MODULE_CLUSTER}, timeout: 30s}}\n    sha256: {}\n",
                yaml::scalar(url.as_str()),
                yaml::scalar(&module.sha256)
            );
            let address = Address::of(url).map(|address| Upstream {
                cluster: MODULE_CLUSTER.to_owned(),
                address,
                purpose: "where the module comes from".to_owned(),
            });
            (code, address)
        }
        Place::Image(_) => {
            let instead = "unpack the image, and name its file or a URL: --module latchkey.wasm";
            return Err(RenderError::from(ModuleError::Unsuitable { target: "Envoy", instead }).into());
        }
    };
    let clusters: String = plan
        .upstreams
        .iter()
        .chain(&module_cluster)
        .map(|upstream| cluster(upstream, arguments.common.ca_file()))
        .collect();
    let (host, port) = &arguments.listen;
    let head = head(&plan, &arguments.common);
    let environment = match plan.variables.as_slice() {
        [] => String::new(),
        names => format!(
            "# What {{env: NAME}} in the configuration reads: Envoy's own environment has to have these.\nenvironment_variables: {{host_env_keys: [{}]}}\n",
            names.join(", ")
        ),
    };
    Ok(format!(
        "{head}
admin:
  address: {{socket_address: {{address: {admin}, port_value: {admin_port}}}}}

{STATS}
static_resources:
  listeners:
  - name: front
    address: {{socket_address: {{address: {listen}, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          # Behind a load balancer: xff_num_trusted_hops as well.
          use_remote_address: true
          # Rules and routes must see the same path: one spelling of it, and no ambiguous one.
          normalize_path: true
          merge_slashes: true
          path_with_escaped_slashes_action: REJECT_REQUEST
          upgrade_configs: [{{upgrade_type: websocket}}]
          access_log:
          - name: envoy.access_loggers.stdout
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format:
                text_format_source:
                  # The path without its query: that of a callback holds the authorization code.
                  inline_string: \"%START_TIME% %REQ(:METHOD)% %PATH(NQ)% %RESPONSE_CODE% %DURATION%ms reason=%FILTER_STATE(wasm.latchkey.reason:PLAIN)% id=%REQ(X-REQUEST-ID)%\\n\"
          http_filters:
          - name: latchkey
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: latchkey
                # When the module is missing or fails, requests are refused.
                failure_policy: FAIL_CLOSED
                # Posted forms reach the filter: back-channel logout, response_mode=form_post, preserve_form.
                allow_on_headers_stop_iteration: true
                vm_config:
                  vm_id: latchkey
                  runtime: envoy.wasm.runtime.v8
{code}{environment}                configuration:
                  \"@type\": type.googleapis.com/google.protobuf.Struct
                  value:
{configuration}          - name: envoy.filters.http.router
            typed_config:
              \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            virtual_hosts:
            - name: application
              domains: [\"*\"]
              routes:
              - match: {{prefix: /}}
                route: {{cluster: {APPLICATION_CLUSTER}}}

  clusters:
  # The application. Nothing but Envoy may reach it: it believes the headers, whoever sends them.
{application}{clusters}",
        admin = yaml::scalar(&arguments.admin.0),
        admin_port = arguments.admin.1,
        listen = yaml::scalar(host),
        code = indented(&code, 18),
        environment = indented(&environment, 18),
        configuration = yaml::block(&plan.configuration, 20),
        application = application(&arguments.upstream),
    ))
}

fn head(plan: &Plan, common: &CommonArguments) -> String {
    let file = &plan.file;
    let mut lines = vec![
        format!(
            "Envoy with Latchkey in front of an application. Written by `latchkey render envoy {file}`: change that file, and"
        ),
        "render again. Check it with: envoy --mode validate --config-path FILE".to_owned(),
        "Refusals and the audit log are lines of level info: with a --log-level above it, add --component-log-level wasm:info.".to_owned(),
        String::new(),
        format!("Module   {}", common.module.module),
        format!("SHA-256  {}", plan.module.sha256),
    ];
    super::say_secrets(plan, &mut lines);
    super::comment(&lines)
}

fn indented(text: &str, indent: usize) -> String {
    let space = " ".repeat(indent);
    text.lines().map(|line| format!("{space}{line}\n")).collect()
}

fn application((host, port): &(String, u16)) -> String {
    let address = Address { host: host.clone(), port: *port, tls: false };
    format!("{}{}", cluster_head(APPLICATION_CLUSTER, &address), endpoint(APPLICATION_CLUSTER, &address))
}

fn cluster(upstream: &Upstream, ca_file: &str) -> String {
    let Upstream { cluster, address, purpose } = upstream;
    let tls = if address.tls { transport_socket(address, ca_file) } else { String::new() };
    format!(
        "  # For {purpose}: {}\n{}{tls}{}",
        address.host,
        cluster_head(cluster, address),
        endpoint(cluster, address)
    )
}

fn cluster_head(name: &str, address: &Address) -> String {
    let kind =
        if address.is_number() { "type: STATIC\n" } else { "type: STRICT_DNS\n    dns_lookup_family: V4_PREFERRED\n" };
    format!("  - name: {}\n    {kind}    connect_timeout: 5s\n", yaml::scalar(name))
}

fn endpoint(name: &str, address: &Address) -> String {
    format!(
        "    load_assignment:
      cluster_name: {}
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}}}]}}]
",
        yaml::scalar(name),
        yaml::scalar(address.number()),
        address.port
    )
}

/// Envoy verifies nothing unless it is told to: the chain up to the system's authorities, and the name.
fn transport_socket(address: &Address, ca_file: &str) -> String {
    let host = yaml::scalar(address.number());
    let (sni, kind) =
        if address.is_number() { (String::new(), "IP_ADDRESS") } else { (format!("        sni: {host}\n"), "DNS") };
    format!(
        "    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
{sni}        common_tls_context:
          tls_params: {{tls_minimum_protocol_version: TLSv1_2}}
          validation_context:
            trusted_ca: {{filename: {}}}
            match_typed_subject_alt_names: [{{san_type: {kind}, matcher: {{exact: {host}}}}}]
",
        yaml::scalar(ca_file)
    )
}
