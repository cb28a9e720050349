//! Which keys' values may be secrets, however they are spelt.

use strsim::damerau_levenshtein;

/// What a key's name has in it, whose value may be a secret. Letters and digits only.
const TELLING: [&str; 8] = ["secret", "key", "passw", "passphrase", "pwd", "token", "inlinestring", "inlinebytes"];

/// Keys that only sound so: of the configuration, and of the metadata of providers.
const HARMLESS: [&str; 14] = [
    "accesstoken",
    "tokentype",
    "tokenendpoint",
    "tokenendpointauthmethod",
    "tokenendpointauthmethodssupported",
    "tokenendpointauthsigningalgvaluessupported",
    "idtokenhint",
    "idtokensigningalg",
    "idtokensigningalgvaluessupported",
    "idtokenencryptionalgvaluessupported",
    "idtokenencryptionencvaluessupported",
    "forwardbearertoken",
    "userefreshtoken",
    "disabletokenencryption",
];

/// Keys whose misspellings have none of the telling parts any more.
const MISSPELT: [&str; 6] = ["clientsecret", "clientkey", "otherkeys", "password", "keys", "key"];

/// Keys of the configuration whose values are no secrets.
const KNOWN: &str = "providers public_url base_path session rules headers properties assertion audit name display_name issuer cluster \
    clusters metadata algorithms clock_skew client_id token_endpoint_auth_method scope resource authorization_parameters \
    pushed_authorization_requests id_token_hint audience access_token token_type tenants userinfo login_hint_domains cookie \
    domain same_site secure partitioned idle_timeout absolute_timeout claims max_cookies refresh_before silent \
    preserve_fragment store kind sessions on_failure match authentication require max_age acr_values exchange preserve_form \
    path path_prefix path_regex host methods header lifetime subject provider";

/// Keys of mappings with names of all kinds.
const FREE: [&str; 5] = ["headers", "properties", "clusters", "metadata", "authorization_parameters"];

/// Longer words are no keys.
const LONGEST: usize = 64;

/// Whether the value of a key with this name is no secret: a known key, or one that is nearly spelt so.
pub fn is_harmless(name: &str) -> bool {
    let is_near = |known: &str| damerau_levenshtein(name, known) <= known.len() / 3;
    !looks_secret(name) && name.len() <= LONGEST && KNOWN.split_whitespace().any(is_near)
}

/// Whether the members of what a key with this name has may have any names.
pub fn is_free(name: &str) -> bool {
    FREE.contains(&name)
}

/// Whether the value of a key with this name may be a secret.
pub fn looks_secret(name: &str) -> bool {
    let name: String =
        name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if HARMLESS.contains(&name.as_str()) {
        return false;
    }
    let is_near = |key: &&str| damerau_levenshtein(&name, key) <= (key.len() / 4).max(1);
    TELLING.iter().any(|part| name.contains(part))
        || (name.len() > 1 && name.len() <= LONGEST && MISSPELT.iter().any(is_near))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_secrets_are_known_in_any_spelling() {
        for name in [
            "client_secret",
            "clientsecret",
            "client-secret",
            "ClientSecret",
            "client_sercet",
            "cleint_secert",
            "client_sekret",
            "client_key",
            "client_kye",
            "keys",
            "kesy",
            "key",
            "other_keys",
            "session_keys",
            "password",
            "passwrd",
            "db.passwd",
            "api_token",
            "inline_string",
        ] {
            assert!(looks_secret(name) && !is_harmless(name), "{name}");
        }
    }

    #[test]
    fn what_is_no_key_at_all_may_have_a_secret() {
        for name in ["", "x", "pass", "credential", "hunter2"] {
            assert!(!is_harmless(name), "{name}");
        }
    }

    #[test]
    fn other_keys_are_shown() {
        for name in KNOWN.split_whitespace().chain(["scpe", "cokie", "path_prefx", "clock_skw"]) {
            assert!(!looks_secret(name) && is_harmless(name), "{name}");
        }
    }
}
