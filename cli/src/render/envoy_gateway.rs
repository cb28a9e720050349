//! Envoy Gateway: the filter as an `EnvoyExtensionPolicy`, each provider host as a `Backend` with verified TLS.
//!
//! Envoy Gateway makes clusters for routes only, and calls them by the route's name and the rule's number. So each host has a route
//! that nobody can take: a rule before it, with the same match, answers 404 (Gateway API: of equal matches the first wins).

use super::module::{ModuleError, Place};
use super::plan::{Plan, PlanError, Upstream};
use super::{CommonArguments, RenderError, plan};
use crate::yaml;

/// Write an EnvoyExtensionPolicy, and Backend, BackendTLSPolicy and HTTPRoute for each host, for Envoy Gateway
#[derive(clap::Args)]
#[command(after_help = "Examples:
  latchkey render envoy-gateway latchkey.yaml --module oci://registry.example.org/latchkey@sha256:DIGEST | kubectl apply -f -
  latchkey render envoy-gateway latchkey.yaml --gateway public --namespace portal --module https://example.org/latchkey.wasm")]
pub struct Arguments {
    #[command(flatten)]
    pub(super) common: CommonArguments,
    /// The namespace of the Gateway, and of everything that is written
    #[arg(long, default_value = "default", value_parser = super::name)]
    namespace: String,
    /// What the policy is called
    #[arg(long, default_value = "latchkey", value_parser = super::name)]
    name: String,
    /// The Gateway whose requests go through the filter
    #[arg(long, value_name = "NAME", default_value = "eg", value_parser = super::name)]
    gateway: String,
    /// The filter is for this HTTPRoute only, not for everything at the Gateway
    #[arg(long, value_name = "NAME", value_parser = super::name)]
    route: Option<String>,
}

/// The manifests.
pub fn render(arguments: &Arguments) -> miette::Result<String> {
    let Arguments { namespace, name, .. } = arguments;
    let naming = |address: &crate::endpoints::Address, _: &str| {
        format!("httproute/{namespace}/{name}-{}/rule/1", address.label())
    };
    if arguments.common.ca_file.is_some() {
        return Err(RenderError::from(PlanError::NoFile).into());
    }
    let plan = plan(&arguments.common, &naming)?;
    if let Some(upstream) = plan.upstreams.iter().find(|upstream| upstream.address.tls && upstream.address.is_number())
    {
        return Err(RenderError::from(PlanError::NoName { host: upstream.address.host.clone() }).into());
    }
    let sha256 = yaml::scalar(&plan.module.sha256);
    let code = match &plan.module.place {
        Place::Image(image) => {
            // Without the digest in its address, Envoy Gateway would ask for the tag `latest`.
            format!("      type: Image\n      image:\n        url: {}\n        sha256: {sha256}\n", yaml::scalar(image))
        }
        Place::Web(url) => format!(
            "      type: HTTP\n      http:\n        url: {}\n        sha256: {sha256}\n",
            yaml::scalar(url.as_str())
        ),
        Place::File(_) => {
            let instead = "name an image or a URL: --module oci://registry.example.org/latchkey@sha256:…";
            return Err(RenderError::from(ModuleError::Unsuitable { target: "Envoy Gateway", instead }).into());
        }
    };
    let mut text = head(&plan);
    for upstream in &plan.upstreams {
        text.push_str(&backend(arguments, upstream));
    }
    text.push_str(&policy(arguments, &plan, &code));
    Ok(text)
}

fn head(plan: &Plan) -> String {
    let mut lines = vec![
        format!("Latchkey for Envoy Gateway. Written by `latchkey render envoy-gateway {}`: change that file, and render again.", plan.file),
        String::new(),
        "`Backend` must be allowed in the EnvoyGateway configuration: extensionApis: {enableBackend: true}.".to_owned(),
        "The routes to the providers, below, need a listener that takes their hosts: one without `hostname`, or one more, that nobody".to_owned(),
        "reaches from outside, with hostname \"*.latchkey.invalid\".".to_owned(),
        "A ClientTrafficPolicy of the Gateway should have path: {escapedSlashesAction: RejectRequest}; what still is ambiguous the".to_owned(),
        "filter answers with 400.".to_owned(),
        "Refusals and the audit log are lines of level info, which Envoy Gateway's proxies do not write by themselves:".to_owned(),
        "EnvoyProxy, spec.logging.level: {default: warn, wasm: info}.".to_owned(),
        "EnvoyExtensionPolicy cannot set `allow_on_headers_stop_iteration` (envoyproxy/gateway#8382): forms do not reach the".to_owned(),
        "filter. Back-channel logout, response_mode=form_post and preserve_form do not work; everything else does.".to_owned(),
    ];
    if plan.takes_forms {
        eprintln!(
            "WARNING: this configuration asks for forms (preserve_form, form_post), which do not reach an EnvoyExtensionPolicy"
        );
    }
    super::say_secrets(plan, &mut lines);
    super::comment(&lines)
}

fn backend(arguments: &Arguments, upstream: &Upstream) -> String {
    let Arguments { namespace, name, gateway, .. } = arguments;
    let Upstream { address, purpose, .. } = upstream;
    let resource = format!("{name}-{}", address.label());
    let quoted = yaml::scalar(&resource);
    let host = yaml::scalar(address.number());
    let port = address.port;
    let endpoint = if address.is_number() {
        format!("ip: {{address: {host}, port: {port}}}")
    } else {
        format!("fqdn: {{hostname: {host}, port: {port}}}")
    };
    let mut text = format!(
        "---
# For {purpose}.
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: {quoted}, namespace: {namespace}}}
spec:
  endpoints: [{{{endpoint}}}]
"
    );
    if address.tls {
        text.push_str(&format!(
            "---
# TLS to it, verified by the system's authorities and the name. (Before Gateway API 1.4: v1alpha3.)
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: {quoted}, namespace: {namespace}}}
spec:
  targetRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: {quoted}}}]
  validation:
    wellKnownCACertificates: System
    hostname: {host}
"
        ));
    }
    text.push_str(&format!(
        "---
# Makes the cluster httproute/{namespace}/{resource}/rule/1, which the filter calls. Nobody from outside gets there: the first
# of two rules with the same match wins.
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {quoted}, namespace: {namespace}}}
spec:
  parentRefs: [{{name: {gateway}}}]
  hostnames: [{resource}.latchkey.invalid]
  rules:
  - matches: [{{path: {{type: PathPrefix, value: /}}}}]
    filters: [{{type: ExtensionRef, extensionRef: {{group: gateway.envoyproxy.io, kind: HTTPRouteFilter, name: {name}-nothing-here}}}}]
  - matches: [{{path: {{type: PathPrefix, value: /}}}}]
    backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: {quoted}, port: {port}}}]
"
    ));
    text
}

fn policy(arguments: &Arguments, plan: &Plan, code: &str) -> String {
    let Arguments { namespace, name, gateway, route, .. } = arguments;
    let (kind, target) = route.as_ref().map_or(("Gateway", gateway), |route| ("HTTPRoute", route));
    let environment = match plan.variables.as_slice() {
        [] => String::new(),
        names => format!(
            "    # Read from the proxy's own environment: put them there from a Secret (EnvoyProxy, provider.kubernetes.envoyDeployment).\n    env: {{hostKeys: [{}]}}\n",
            names.join(", ")
        ),
    };
    format!(
        "---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: HTTPRouteFilter
metadata: {{name: {name}-nothing-here, namespace: {namespace}}}
spec:
  directResponse: {{statusCode: 404}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: {kind}, name: {target}}}]
  wasm:
  - name: latchkey
    # It is this module and no other.
    code:
{code}    # When the module is missing or fails, requests are refused.
    failOpen: false
{environment}    config:
{}",
        yaml::block(&plan.configuration, 6)
    )
}
