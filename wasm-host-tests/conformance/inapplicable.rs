//! The modules of the suite's relying-party plans that are not rebuilt, and why.

/// Names, and the reason that they share.
pub const INAPPLICABLE: [(&str, &[&str]); 8] = [
    (
        "they test DPoP-bound token requests; here access tokens of a login are bound to the certificate of Envoy's cluster",
        &[
            "fapi2-security-profile-final-client-test-happy-path-no-dpop-nonce",
            "fapi2-security-profile-final-client-test-rs-dpop-auth-scheme-case-insensitivity",
        ],
    ),
    (
        "the client calls a resource, is refused there and refreshes; here applications call resources, and tokens are refreshed \
         before they end (the suite itself runs it for Brazil's profile only)",
        &["fapi2-security-profile-final-client-refresh-token-test"],
    ),
    (
        "they test grant management, an extension that no login needs",
        &[
            "fapi2-security-profile-final-client-test-grant-management-happy-path",
            "fapi2-security-profile-final-client-test-grant-management-query-and-revoke",
            "fapi2-security-profile-final-client-test-grant-management-invalid-grant-id-fails",
        ],
    ),
    (
        "they test the implicit and hybrid flows; here there is only the code flow",
        &[
            "oidcc-client-test-nonce-unless-code-flow",
            "oidcc-client-test-invalid-athash",
            "oidcc-client-test-missing-athash",
            "oidcc-client-test-invalid-chash",
            "oidcc-client-test-missing-chash",
        ],
    ),
    (
        "an alternative to oidcc-client-test-userinfo-bearer-header, which is what is done here",
        &["oidcc-client-test-userinfo-bearer-body"],
    ),
    (
        "they test dynamic registration and WebFinger; here clients and issuers are configured",
        &[
            "oidcc-client-test-dynamic-registration",
            "oidcc-client-test-discovery-webfinger-acct",
            "oidcc-client-test-discovery-webfinger-url",
        ],
    ),
    (
        "they test request objects by reference; here requests are pushed (RFC 9126) where they must not pass through browsers",
        &["oidcc-client-test-request-uri-signed-rs256", "oidcc-client-test-request-uri-signed-none"],
    ),
    (
        "it tests polling in a frame, for which browsers no longer send cookies; logouts come by the back or front channel",
        &["oidcc-client-test-session-management"],
    ),
];
