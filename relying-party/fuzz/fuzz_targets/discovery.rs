//! A discovery document: what is accepted is about the configured issuer, and leads to encrypted places only.
//!
//! The first byte chooses a provider: with a secret, with a certificate, with a template of issuers, with overrides.
#![no_main]

use std::cell::OnceCell;

use libfuzzer_sys::fuzz_target;
use relying_party::config::Config;
use relying_party::protocol::process_discovery_response;

const PROVIDERS: &str = r#"{"providers": [
    {"name": "a", "issuer": "https://a.example", "cluster": "c", "client_id": "p", "client_secret": "s"},
    {"name": "b", "issuer": "https://a.example/b", "cluster": "c", "client_id": "p", "token_endpoint_auth_method": "tls_client_auth"},
    {"name": "c", "issuer": "https://c.example/{tenantid}/v2.0", "tenants": ["t1", "t2"], "cluster": "c", "audience": ["x"]},
    {"name": "d", "issuer": "https://d.example", "cluster": "c", "audience": ["x"],
        "metadata": {"jwks_uri": "https://d.example/k"}}
], "session": {"keys": ["H3gX19lShk+re+O2RpGji2Fkx/+m8H5LnwdIvOtYSh0="]}, "public_url": "https://portal.example.org"}"#;

thread_local! {
    static CONFIG: OnceCell<Config> = const { OnceCell::new() };
}

fuzz_target!(|data: &[u8]| CONFIG.with(|config| {
    let Some((choice, body)) = data.split_first() else { return };
    let config = config
        .get_or_init(|| Config::parse(PROVIDERS.as_bytes(), &|_| None).unwrap_or_else(|errors| panic!("{errors}")));
    let provider = &config.providers[usize::from(*choice) % config.providers.len()];
    let Ok(metadata) = process_discovery_response(provider, 200, body) else { return };
    assert!(
        process_discovery_response(provider, 302, body).is_err()
            && process_discovery_response(provider, 503, body).is_err()
    );
    assert_eq!(metadata.issuer, provider.issuer);
    assert_eq!(metadata.client_endpoints.is_some(), provider.client.is_some());
    let clients = metadata.client_endpoints.iter().flat_map(|of| {
        [
            Some(&of.authorization),
            Some(&of.token),
            of.userinfo.as_ref(),
            of.introspection.as_ref(),
            of.pushed_authorization.as_ref(),
        ]
    });
    let all = clients.chain([Some(&metadata.jwks_uri), metadata.end_session_endpoint.as_ref()]).flatten();
    for url in all.map(|endpoint| endpoint.url()) {
        let is_local = url.host_str().is_some_and(|host| {
            host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") || host == "[::1]"
        });
        assert!(url.scheme() == "https" || url.scheme() == "http" && is_local, "{url}");
        assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{url}");
    }
}));
