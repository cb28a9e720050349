//! What the common providers do differently, an entry each. Where the facts are from: wasm-host-tests/providers/README.md.

use serde_json::{Map, Value};
use url::Url;

/// A provider's ways.
pub struct Kind {
    /// The provider's name in the configuration, unless another is given.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// Whether this is it, by its issuer and its metadata.
    is: fn(&Url, &Map<String, Value>) -> bool,
    /// Whether people sign in there, or workloads only present tokens.
    pub signs_in: bool,
    /// What to ask for.
    pub scope: &'static str,
    /// Further keys of the provider: name, value in YAML, why.
    pub keys: &'static [(&'static str, &'static str, &'static str)],
    /// Whether it registers clients with `client_secret_post`, unless somebody chooses otherwise.
    pub registers_post: bool,
    /// An expression for the list of somebody's groups or roles.
    pub groups: Option<&'static str>,
    /// A condition that shows how to tell people apart.
    pub condition: &'static str,
    /// What to know, above the provider's entry.
    pub notes: &'static [&'static str],
    /// What must not be overlooked: said when the file is written, too.
    pub warning: Option<&'static str>,
}

/// The entry that fits; the last one fits every provider.
pub fn of(issuer: &Url, metadata: &Map<String, Value>) -> &'static Kind {
    KINDS.iter().find(|kind| (kind.is)(issuer, metadata)).unwrap_or(&ANY)
}

const SCOPE: &str = "openid profile email";

const ANY: Kind = Kind {
    id: "idp",
    name: "the provider",
    is: |_, _| true,
    signs_in: true,
    scope: SCOPE,
    keys: &[],
    registers_post: false,
    groups: Some("claims.groups"),
    condition: r#""admins" in claims.groups"#,
    notes: &[],
    warning: None,
};

const KINDS: &[Kind] = &[
    Kind {
        id: "github-actions",
        name: "GitHub Actions",
        is: |issuer, _| {
            host(issuer) == "token.actions.githubusercontent.com" || issuer.path().ends_with("/_services/token")
        },
        signs_in: false,
        groups: None,
        condition: r#"claims.repository == "ORG/REPO" && claims.ref == "refs/heads/main""#,
        notes: &[
            "A workflow with `permissions: {id-token: write}` asks for a token and chooses its audience.",
            "`sub` is repo:ORG/REPO:ref:refs/heads/main, or ends in environment:NAME or pull_request; there are also",
            "`repository_id` (it survives a renaming), `environment` and `job_workflow_ref`.",
        ],
        warning: Some(
            "every repository on GitHub can get a token of this issuer: the rule's `require` says which one is yours",
        ),
        ..ANY
    },
    Kind {
        id: "kubernetes",
        name: "Kubernetes",
        is: |issuer, metadata| {
            let host = host(issuer);
            let is_cloud = host.starts_with("oidc.eks.")
                || host == "container.googleapis.com"
                || host.ends_with(".oic.prod-aks.azure.com");
            is_cloud || text(metadata, "jwks_uri").ends_with("/openid/v1/jwks")
        },
        signs_in: false,
        groups: None,
        condition: r#"claims.sub == "system:serviceaccount:NAMESPACE:NAME""#,
        notes: &[
            "Pods present projected service account tokens, whose audience the projection names.",
            "A cluster's own API server has a certificate of the cluster's own authority (`latchkey render … --ca-file",
            "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt`), and shows its keys to everybody only when the role",
            "system:service-account-issuer-discovery is bound to system:unauthenticated.",
        ],
        ..ANY
    },
    Kind {
        id: "google",
        name: "Google",
        is: |issuer, _| host(issuer) == "accounts.google.com",
        groups: None,
        condition: r#"claims.hd == "example.org""#,
        notes: &[
            "Google has no groups in its tokens and no sign-out of its own. `hd` is the Workspace domain of somebody's account.",
            "For refresh tokens: authorization_parameters: {access_type: offline, prompt: consent}.",
        ],
        warning: Some(
            "everybody with a Google account can sign in, unless a rule requires `claims.hd` (option --domain)",
        ),
        ..ANY
    },
    Kind {
        id: "entra",
        name: "Entra ID",
        is: |issuer, _| {
            let host = host(issuer);
            host.starts_with("login.microsoftonline.") || host == "sts.windows.net" || host.ends_with(".ciamlogin.com")
        },
        groups: Some("claims.roles"),
        condition: r#""Approver" in claims.roles"#,
        notes: &[
            "Prefer app roles (`claims.roles`): of somebody in more than 200 groups Entra ID sends no `groups`.",
            "`email` is an optional claim of the app registration; it is not verified: identify people by `oid` or `sub`.",
            "Access tokens of this issuer need requestedAccessTokenVersion: 2 in the API's manifest; their audience is its client id.",
            "Refresh tokens need offline_access in `scope`.",
        ],
        ..ANY
    },
    Kind {
        id: "okta",
        name: "Okta",
        is: |issuer, _| {
            ["okta.com", "oktapreview.com", "okta-emea.com", "okta-gov.com"].iter().any(|domain| below(issuer, domain))
        },
        keys: &[("id_token_hint", "true", "Okta insists on it when somebody signs out")],
        notes: &[
            "`groups` needs a groups claim: in the application (organisation's server), or in the authorization server at /oauth2/ID.",
            "Only custom authorization servers (/oauth2/ID) issue access tokens that others may verify: `audience` needs one.",
            "Refresh tokens need the Refresh Token grant of the application, and offline_access in `scope`.",
        ],
        ..ANY
    },
    Kind {
        id: "auth0",
        name: "Auth0",
        is: |issuer, metadata| {
            below(issuer, "auth0.com") || text(metadata, "mfa_challenge_endpoint").ends_with("/mfa/challenge")
        },
        registers_post: true,
        groups: None,
        condition: r#""approver" in claims["https://example.org/roles"]"#,
        notes: &[
            "The issuer ends in a slash. Roles come in a claim that an Action adds, under a name that is a URL.",
            "Access tokens are JWTs only for an API: authorization_parameters: {audience: https://api.example.org}.",
            "Refresh tokens need offline_access in `scope`, and an API that allows it.",
        ],
        ..ANY
    },
    Kind {
        id: "zitadel",
        name: "Zitadel",
        is: |issuer, metadata| {
            below(issuer, "zitadel.cloud") || text(metadata, "end_session_endpoint").ends_with("/oidc/v1/end_session")
        },
        keys: &[("userinfo", "true", "name and e-mail are in the ID token only with «User info inside ID token»")],
        groups: None,
        condition: r#""approver" in claims["urn:zitadel:iam:org:project:roles"]"#,
        notes: &[
            "Roles are a mapping, not a list. They come when the project asserts roles on authentication.",
            "Access tokens are opaque unless the application says JWT. Refresh tokens need offline_access in `scope`.",
        ],
        ..ANY
    },
    Kind {
        id: "authentik",
        name: "Authentik",
        is: |issuer, metadata| {
            issuer.path().starts_with("/application/o/")
                || text(metadata, "token_endpoint").ends_with("/application/o/token/")
        },
        notes: &[
            "The issuer ends in a slash; there is one for each application. `groups` comes with the scope profile.",
            "Refresh tokens need offline_access in `scope` (since 2024.2). Back-channel logout works with 2025.8.2 or newer.",
        ],
        ..ANY
    },
    Kind {
        id: "kanidm",
        name: "Kanidm",
        is: |issuer, _| issuer.path().starts_with("/oauth2/openid/"),
        scope: "openid profile email groups",
        condition: r#""approvers@idm.example.org" in claims.groups"#,
        notes: &[
            "Each client has an issuer of its own, whose last segment is the client id. It must be allowed each scope by a scope map.",
        ],
        ..ANY
    },
    Kind {
        id: "keycloak",
        name: "Keycloak",
        is: |issuer, _| issuer.path().contains("/realms/"),
        groups: Some("claims.realm_access.roles"),
        condition: r#""approver" in claims.realm_access.roles"#,
        notes: &[
            "Roles are in ID tokens when the mappers of the client scope `roles` say «Add to ID token»; a client's own roles are",
            "claims.resource_access.CLIENT.roles. Groups need a mapper of their own.",
            "Access tokens have the audience `account` until an audience mapper adds yours.",
            "Back-channel logout works with 22.0.8, 23.0.4 or newer: URL /oauth2/backchannel-logout, «session required» on.",
        ],
        ..ANY
    },
    Kind {
        id: "dex",
        name: "Dex",
        is: |issuer, metadata| {
            let issuer = issuer.as_str().trim_end_matches('/');
            [("token_endpoint", "token"), ("jwks_uri", "keys"), ("device_authorization_endpoint", "device/code")]
                .iter()
                .all(|(member, path)| text(metadata, member) == format!("{issuer}/{path}"))
        },
        scope: "openid profile email groups",
        notes: &[
            "Dex has no sign-out of its own. Its access tokens are ID tokens, which no rule takes as access tokens.",
            "Refresh tokens need offline_access in `scope`.",
        ],
        ..ANY
    },
];

fn host(issuer: &Url) -> &str {
    issuer.host_str().unwrap_or_default()
}

fn below(issuer: &Url, domain: &str) -> bool {
    host(issuer).strip_suffix(domain).is_some_and(|front| front.ends_with('.'))
}

fn text<'m>(metadata: &'m Map<String, Value>, member: &str) -> &'m str {
    metadata.get(member).and_then(Value::as_str).unwrap_or_default()
}
