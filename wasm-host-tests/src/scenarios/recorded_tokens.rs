//! Access tokens of providers that cannot be run here, and of workloads. `providers/README.md` has the sources.

use serde_json::{Value, json};

use super::call;
use crate::provider::id_token::Draft;
use crate::provider::recorded::Recorded;
use crate::setup::Setup;
use crate::world::{Exchange, World};

/// Calls `/api` with a recorded token, changed before it is signed.
fn called<W: World>(world: &mut W, recorded: &Recorded, token: &str, change: impl FnOnce(&mut Draft)) -> Exchange {
    let now = world.now();
    let mut draft = recorded.draft(token, now);
    change(&mut draft);
    world.send(call("/api/orders", &draft.sign()))
}

fn accepted<W: World>(world: &mut W, recorded: &Recorded, change: impl FnOnce(&mut Draft)) -> Exchange {
    let exchange = called(world, recorded, "access_token", change);
    exchange.forwarded();
    exchange
}

#[track_caller]
fn refused<W: World>(world: &mut W, recorded: &Recorded, code: &str, change: impl FnOnce(&mut Draft)) {
    called(world, recorded, "access_token", change).refused_with(401).because_of(code);
}

/// With a rule over the API.
fn requiring(recorded: &Recorded, condition: &str) -> Setup {
    let mut setup = recorded.setup();
    setup.document["rules"][0]["require"] = condition.into();
    setup
}

pub fn a_token_of_keycloak_is_for_account_and_its_client_is_azp<W: World>() {
    let recorded = Recorded::keycloak();
    let condition = "claims.azp == \"cli\" && \"writer\" in claims.resource_access.orders.roles";
    let mut world = W::open(requiring(&recorded, condition));
    accepted(&mut world, &recorded, |_| ());
    called(&mut world, &recorded, "access_token", |draft| draft.claim("azp", "another")).refused_with(403);
    refused(&mut world, &recorded, "access_token.audience_mismatch", |draft| draft.claim("aud", "orders"));
    // The ID token of the same login, for the same audience.
    refused(&mut world, &recorded, "access_token.id_token", |draft| draft.claim("typ", "ID"));
    refused(&mut world, &recorded, "access_token.wrong_type", |draft| draft.claim("typ", "Refresh"));
    // Until version 24 it repeats the nonce of the login.
    accepted(&mut world, &recorded, |draft| draft.claim("nonce", "of the login"));
}

pub fn a_token_of_authentik_has_the_slash_of_its_issuer<W: World>() {
    let recorded = Recorded::authentik();
    let mut world = W::open(requiring(&recorded, "\"openid\" in scopes && \"finance\" in claims.groups"));
    accepted(&mut world, &recorded, |_| ());
    let without = recorded.issuer().trim_end_matches('/').to_owned();
    refused(&mut world, &recorded, "access_token.issuer_mismatch", |draft| draft.claim("iss", without));
}

pub fn tokens_of_entra_id_name_their_scopes_scp<W: World>() {
    let recorded = Recorded::entra_id();
    let mut world = W::open(requiring(&recorded, "\"Orders.Write\" in scopes || \"Orders.All\" in claims.roles"));
    accepted(&mut world, &recorded, |_| ());
    called(&mut world, &recorded, "access_token", |draft| draft.claim("scp", "Orders.Read")).refused_with(403);
    // A daemon has roles and no scopes.
    accepted(&mut world, &recorded, |draft| {
        draft.remove("scp");
        draft.claim("roles", json!(["Orders.All"]));
        draft.claim("azpacr", "1");
    });
    refused(&mut world, &recorded, "access_token.tenant_mismatch", |draft| draft.claim("tid", "another"));
    refused(&mut world, &recorded, "access_token.issuer_mismatch", |draft| {
        draft.claim("iss", "https://login.microsoftonline.com/{tenantid}/v2.0");
    });
}

/// Which version a token has is the API's choice: of `accessTokenAcceptedVersion` 1 by default. They are of another issuer.
pub fn version_one_tokens_of_entra_id_need_their_own_issuer<W: World>() {
    let recorded = Recorded::entra_id();
    let mut world = W::open(recorded.setup());
    let exchange = called(&mut world, &recorded, "access_token_v1", |_| ());
    exchange.refused_with(401).because_of("access_token.issuer_mismatch");

    let issuer = recorded.file("access_token_v1")["claims"]["iss"].clone();
    let mut setup = recorded.setup();
    setup.document["providers"][0] = json!({
        "name": "corp", "cluster": crate::provider::CLUSTER, "issuer": issuer,
        "metadata": {"jwks_uri": recorded.file("discovery")["jwks_uri"]}, "audience": recorded.file("latchkey")["audience"],
    });
    setup.document["rules"] = json!([{
        "name": "api", "match": {"path_prefix": "/api"}, "authentication": "bearer", "require": "\"Orders.Read\" in scopes",
    }]);
    setup.document["headers"] = json!({"x-auth-subject": "claims.sub"});
    for key in ["session", "public_url"] {
        setup.document.as_object_mut().map(|document| document.remove(key));
    }
    let mut world = W::open(setup);
    // Its keys say that they are for issuers of version 2: whoever means version 1 says so by the address of the keys.
    let exchange = called(&mut world, &recorded, "access_token_v1", |_| ());
    exchange.forwarded();
}

pub fn a_custom_server_of_okta_lists_scopes_and_its_organisation_is_somebody_else<W: World>() {
    let recorded = Recorded::okta();
    let mut world = W::open(requiring(&recorded, "\"orders.read\" in scopes"));
    accepted(&mut world, &recorded, |_| ());
    called(&mut world, &recorded, "access_token", |draft| draft.claim("scp", json!(["openid"]))).refused_with(403);
    // What the organisation's own server issues is for Okta alone.
    assert_eq!(called(&mut world, &recorded, "organization_access_token", |_| ()).refused_with(401).status(), 401);
}

pub fn a_token_of_a_google_service_account_is_taken_for_its_audience<W: World>() {
    let recorded = Recorded::google();
    let condition = "claims.email == \"ci@example-project.iam.gserviceaccount.com\" && claims.email_verified";
    let mut world = W::open(requiring(&recorded, condition));
    accepted(&mut world, &recorded, |_| ());
    refused(&mut world, &recorded, "access_token.audience_mismatch", |draft| {
        draft.claim("aud", "https://other.example.org");
    });
    // A person's, for some application.
    refused(&mut world, &recorded, "access_token.id_token", |draft| draft.claim("at_hash", "x"));
}

pub fn a_token_of_kanidm_is_of_its_client_and_has_a_type<W: World>() {
    let recorded = Recorded::kanidm();
    let mut world = W::open(recorded.setup().of_provider("token_type", "at+jwt"));
    accepted(&mut world, &recorded, |_| ());
    let in_an_hour = world.now().as_secs() + 3600;
    refused(&mut world, &recorded, "access_token.not_yet_valid", |draft| draft.claim("nbf", in_an_hour));
    refused(&mut world, &recorded, "access_token.not_typed", |draft| draft.header["typ"] = "JWT".into());
}

/// What Dex calls an access token is an ID token, with all its marks.
pub fn an_access_token_of_dex_is_an_id_token_and_refused<W: World>() {
    let recorded = Recorded::dex();
    let mut world = W::open(recorded.setup());
    refused(&mut world, &recorded, "access_token.id_token", |_| ());
}

pub fn a_workflow_of_github_is_admitted_by_repository_and_environment<W: World>() {
    let recorded = Recorded::github_actions();
    let condition = "claims.repository == \"octo-org/octo-repo\" && claims.environment == \"production\" && \
                     claims.job_workflow_ref.startsWith(\"octo-org/octo-repo/.github/workflows/deploy.yml@\")";
    let mut world = W::open(requiring(&recorded, condition));
    let exchange = accepted(&mut world, &recorded, |_| ());
    assert_eq!(exchange.forwarded().header("x-auth-subject"), Some("repo:octo-org/octo-repo:environment:production"));
    for (claim, value) in [
        ("repository", json!("octo-org/octo-repo-fork")),
        ("environment", Value::Null),
        ("job_workflow_ref", json!("octo-org/octo-repo/.github/workflows/test.yml@refs/heads/main")),
    ] {
        called(&mut world, &recorded, "access_token", |draft| draft.claim(claim, value)).refused_with(403);
    }
    // Without a choice of the workflow it is for the owner's page.
    refused(&mut world, &recorded, "access_token.audience_mismatch", |draft| {
        draft.claim("aud", "https://github.com/octo-org");
    });
}

/// The keys are at the API server's own address.
pub fn an_account_of_kubernetes_is_admitted_by_namespace_and_name<W: World>() {
    let recorded = Recorded::kubernetes();
    let condition = "claims[\"kubernetes.io\"].namespace == \"shop\" && \
                     claims.sub == \"system:serviceaccount:shop:orders\" && has(claims[\"kubernetes.io\"].pod)";
    let mut world = W::open(requiring(&recorded, condition));
    accepted(&mut world, &recorded, |_| ());
    called(&mut world, &recorded, "access_token", |draft| draft.claim("sub", "system:serviceaccount:evil:orders"))
        .refused_with(403);
    refused(&mut world, &recorded, "access_token.audience_mismatch", |draft| {
        draft.claim("aud", json!(["https://kubernetes.default.svc.cluster.local"]));
    });
    // A token of the old kind, from a secret: it never ends.
    refused(&mut world, &recorded, "access_token.expiry_missing", |draft| draft.remove("exp"));
}

pub fn a_workload_of_a_trust_domain_has_no_issuer_but_its_name<W: World>() {
    let recorded = Recorded::spiffe();
    let mut world = W::open(requiring(&recorded, "claims.sub == \"spiffe://example.org/ns/shop/sa/checkout\""));
    accepted(&mut world, &recorded, |_| ());
    refused(&mut world, &recorded, "access_token.issuer_mismatch", |draft| {
        draft.claim("sub", "spiffe://evil.example/ns/shop/sa/checkout");
    });
    refused(&mut world, &recorded, "access_token.audience", |draft| draft.remove("aud"));
    called(&mut world, &recorded, "access_token", |draft| draft.claim("sub", "spiffe://example.org/ns/shop/sa/other"))
        .refused_with(403);
}
