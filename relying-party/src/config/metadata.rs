//! `providers[].metadata`: members that override or replace those of the discovery document.

use serde_json::{Map, Value};

use super::address;
use super::cursor::Cursor;
use crate::spelling::nearest;

/// The registered names (IANA, OAuth Authorization Server Metadata). Providers publish members of their own as well, and a
/// whole discovery document may stand here; but what is nearly a registered name is misspelt.
const MEMBERS: &[&str] = &[
    "acr_values_supported",
    "authorization_details_types_supported",
    "authorization_encryption_alg_values_supported",
    "authorization_encryption_enc_values_supported",
    "authorization_endpoint",
    "authorization_response_iss_parameter_supported",
    "authorization_signing_alg_values_supported",
    "backchannel_authentication_endpoint",
    "backchannel_authentication_request_signing_alg_values_supported",
    "backchannel_logout_session_supported",
    "backchannel_logout_supported",
    "backchannel_token_delivery_modes_supported",
    "backchannel_user_code_parameter_supported",
    "check_session_iframe",
    "claim_types_supported",
    "claims_locales_supported",
    "claims_parameter_supported",
    "claims_supported",
    "code_challenge_methods_supported",
    "device_authorization_endpoint",
    "display_values_supported",
    "dpop_signing_alg_values_supported",
    "end_session_endpoint",
    "frontchannel_logout_session_supported",
    "frontchannel_logout_supported",
    "grant_types_supported",
    "id_token_encryption_alg_values_supported",
    "id_token_encryption_enc_values_supported",
    "id_token_signing_alg_values_supported",
    "introspection_encryption_alg_values_supported",
    "introspection_encryption_enc_values_supported",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "introspection_signing_alg_values_supported",
    "issuer",
    "jwks_uri",
    "mtls_endpoint_aliases",
    "op_policy_uri",
    "op_tos_uri",
    "prompt_values_supported",
    "protected_resources",
    "pushed_authorization_request_endpoint",
    "registration_endpoint",
    "request_object_encryption_alg_values_supported",
    "request_object_encryption_enc_values_supported",
    "request_object_signing_alg_values_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_pushed_authorization_requests",
    "require_request_uri_registration",
    "require_signed_request_object",
    "response_modes_supported",
    "response_types_supported",
    "revocation_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "scopes_supported",
    "service_documentation",
    "signed_metadata",
    "subject_types_supported",
    "tls_client_certificate_bound_access_tokens",
    "token_endpoint",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "ui_locales_supported",
    "userinfo_encryption_alg_values_supported",
    "userinfo_encryption_enc_values_supported",
    "userinfo_endpoint",
    "userinfo_signing_alg_values_supported",
];

/// Reads the overrides of the provider whose issuer is `issuer` (if that could be read).
pub(super) fn read(cursor: &Cursor<'_>, issuer: Option<&str>) -> Option<Map<String, Value>> {
    let mapping = cursor.mapping("a mapping, with keys as in the discovery document")?;
    let mut metadata = Map::new();
    let mut complete = true;
    for (name, member) in mapping.members() {
        if read_member(name, &member, issuer).is_some() {
            metadata.insert(name.to_owned(), member.node().to_value());
        } else {
            complete = false;
        }
    }
    complete.then_some(metadata)
}

fn read_member(name: &str, member: &Cursor<'_>, issuer: Option<&str>) -> Option<()> {
    if !MEMBERS.contains(&name) {
        let misspelt = nearest(name, MEMBERS.iter().copied());
        if misspelt.is_some() {
            member.report("found an unknown key", misspelt);
        }
        return misspelt.is_none().then_some(());
    }
    if name == "issuer" {
        let text = member.text("the issuer again")?;
        if issuer.is_some_and(|issuer| issuer != text) {
            member.refuse(address::shown(text), "the same as the provider's `issuer`");
            return None;
        }
    } else if name.ends_with("_endpoint") || name == "jwks_uri" {
        address::read(member, "a URL such as `https://login.example.org/token` (no fragment)")?;
    } else if name.ends_with("_supported") && name.contains("_values_") || is_list(name) {
        for item in member.list("a list of strings")? {
            item.text("a string")?;
        }
    } else if name.ends_with("_supported") || name.starts_with("require_") {
        member.boolean()?;
    }
    Some(())
}

/// The lists among the members that do not have `_values_` in their name.
fn is_list(name: &str) -> bool {
    name.ends_with("_methods_supported")
        || name.ends_with("_types_supported")
        || name.ends_with("_modes_supported")
        || name.ends_with("_locales_supported")
        || matches!(name, "scopes_supported" | "claims_supported")
}
