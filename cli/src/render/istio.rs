//! Istio: the filter as a `WasmPlugin`, each provider host as a `ServiceEntry` with a `DestinationRule`.

use latchkey_explain::document::Tree;

use super::module::{ModuleError, Place};
use super::plan::{Plan, Upstream};
use super::{CommonArguments, RenderError, plan};
use crate::yaml;

/// Write a WasmPlugin, and ServiceEntry and DestinationRule for each host, for Istio
#[derive(clap::Args)]
#[command(after_help = "Examples:
  latchkey render istio latchkey.yaml --module oci://registry.example.org/latchkey@sha256:DIGEST | kubectl apply -f -
  latchkey render istio latchkey.yaml --module https://example.org/latchkey.wasm --selector app=portal --namespace portal")]
pub struct Arguments {
    #[command(flatten)]
    pub(super) common: CommonArguments,
    /// The namespace of everything that is written: that of the gateway, or of the application's sidecar
    #[arg(long, default_value = "istio-system", value_parser = super::name)]
    namespace: String,
    /// What the plugin is called
    #[arg(long, default_value = "latchkey", value_parser = super::name)]
    name: String,
    /// The label of the proxies that run the filter
    #[arg(long, value_name = "LABEL=VALUE", default_value = "istio=ingressgateway", value_parser = label)]
    selector: (String, String),
}

fn label(text: &str) -> Result<(String, String), &'static str> {
    let is_part = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte));
    let (name, value) =
        text.split_once('=').filter(|(name, value)| is_part(name) && is_part(value)).ok_or("expected LABEL=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The manifests.
pub fn render(arguments: &Arguments) -> miette::Result<String> {
    // How Istio calls the cluster of a service's port.
    let plan = plan(&arguments.common, &|address, _| format!("outbound|{}||{}", address.port, address.number()))?;
    let url = match &plan.module.place {
        Place::Image(image) => format!("oci://{image}"),
        Place::Web(url) => url.to_string(),
        Place::File(name) if name.starts_with('/') => format!("file://{name}"),
        Place::File(_) => {
            let instead =
                "name an image, a URL, or the absolute path in the proxy's container: --module oci://…@sha256:…";
            return Err(RenderError::from(ModuleError::Unsuitable { target: "Istio", instead }).into());
        }
    };
    let mut text = head(&plan);
    for upstream in &plan.upstreams {
        text.push_str(&service(arguments, upstream));
    }
    text.push_str(&plugin(arguments, &plan, &url));
    Ok(text)
}

fn head(plan: &Plan) -> String {
    let mut lines = vec![
        format!(
            "Latchkey for Istio. Written by `latchkey render istio {}`: change that file, and render again.",
            plan.file
        ),
        String::new(),
        "The mesh should refuse ambiguous paths before they are routed (meshConfig.pathNormalization.normalization:"
            .to_owned(),
        "DECODE_AND_MERGE_SLASHES); what still is ambiguous the filter answers with 400.".to_owned(),
        "Refusals and the audit log are lines of level info, which Istio's proxies do not write by themselves: the pods need the"
            .to_owned(),
        "annotation sidecar.istio.io/componentLogLevel: \"misc:error,wasm:info\".".to_owned(),
        "WasmPlugin cannot set `allow_on_headers_stop_iteration`: forms do not reach the filter. Back-channel logout,"
            .to_owned(),
        "response_mode=form_post and preserve_form do not work; everything else does.".to_owned(),
    ];
    if plan.takes_forms {
        eprintln!(
            "WARNING: this configuration asks for forms (preserve_form, form_post), which do not reach a WasmPlugin"
        );
    }
    super::say_secrets(plan, &mut lines);
    super::comment(&lines)
}

fn service(arguments: &Arguments, upstream: &Upstream) -> String {
    let Arguments { namespace, name, selector, common, .. } = arguments;
    let Upstream { address, purpose, .. } = upstream;
    let resource = yaml::scalar(&format!("{name}-{}", address.label()));
    let host = yaml::scalar(address.number());
    let (protocol, port) = (if address.tls { "HTTPS" } else { "HTTP" }, address.port);
    let is_number = address.is_number();
    let resolution = if is_number { format!("STATIC\n  endpoints: [{{address: {host}}}]") } else { "DNS".to_owned() };
    let mut text = format!(
        "---
# For {purpose}.
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {resource}, namespace: {namespace}}}
spec:
  hosts: [{host}]
  exportTo: [\".\"]
  location: MESH_EXTERNAL
  resolution: {resolution}
  ports: [{{number: {port}, name: {}, protocol: {protocol}}}]
",
        if address.tls { "https" } else { "http" }
    );
    if address.tls {
        let sni = if is_number { String::new() } else { format!("      sni: {host}\n") };
        text.push_str(&format!(
            "---
# The filter speaks plain HTTP to its proxy; from there on it is TLS, verified by the system's authorities and the name.
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {resource}, namespace: {namespace}}}
spec:
  host: {host}
  exportTo: [\".\"]
  workloadSelector: {{matchLabels: {{{}: {}}}}}
  trafficPolicy:
    tls:
      mode: SIMPLE
{sni}      subjectAltNames: [{host}]
      caCertificates: {}
",
            yaml::scalar(&selector.0),
            yaml::scalar(&selector.1),
            yaml::scalar(common.ca_file())
        ));
    }
    text
}

fn plugin(arguments: &Arguments, plan: &Plan, url: &str) -> String {
    let Arguments { namespace, name, selector, .. } = arguments;
    let environment = match plan.variables.as_slice() {
        [] => String::new(),
        names => {
            let variable = |name: &String| {
                Tree::Mapping(vec![("name".to_owned(), name.as_str().into()), ("valueFrom".to_owned(), "HOST".into())])
            };
            let list = Tree::List(names.iter().map(variable).collect());
            format!(
                "  # Read from the proxy's own environment: put them there from a Secret.\n  vmConfig:\n    env: {}\n",
                yaml::inline(&list)
            )
        }
    };
    format!(
        "---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{{}: {}}}}}
  url: {}
  # It is this module and no other.
  sha256: {}
  imagePullPolicy: IfNotPresent
  phase: AUTHN
  # When the module is missing or fails, requests are refused.
  failStrategy: FAIL_CLOSE
{environment}  pluginName: latchkey
  pluginConfig:
{}",
        yaml::scalar(&selector.0),
        yaml::scalar(&selector.1),
        yaml::scalar(url),
        yaml::scalar(&plan.module.sha256),
        yaml::block(&plan.configuration, 4)
    )
}
