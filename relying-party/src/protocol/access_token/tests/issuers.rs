//! The shapes in which real issuers send access tokens, after their documentation.

use super::*;

/// Accepted whether a type is given or not, and with these scopes.
#[track_caller]
fn accepted(judge: &Judge, claims: &Value, scopes: &[&str]) -> VerifiedAccessToken {
    let token = judge.untyped(claims).unwrap_or_else(|error| panic!("{}: {claims}", error.code()));
    assert_eq!(token.scopes, scopes, "{claims}");
    token
}

fn times(claims: Value) -> Value {
    with(claims, &json!({"iat": NOW, "exp": NOW + 300}))
}

#[test]
fn keycloak_writes_the_type_into_the_payload() {
    let issuer_url = "https://sso.example.org/realms/corp";
    let judge = Judge::of(issuer(json!({"issuer": issuer_url})));
    let token = times(json!({
        "iss": issuer_url, "aud": "account", "sub": "f:1:alice", "typ": "Bearer", "azp": "portal", "sid": "s", "acr": "1",
        "allowed-origins": ["*"], "realm_access": {"roles": ["offline_access"]},
        "resource_access": {"account": {"roles": ["view-profile"]}}, "scope": "openid email profile",
        "email_verified": true, "preferred_username": "alice",
    }));
    assert_eq!(accepted(&judge, &token, &["openid", "email", "profile"]).audience.named(), ["account"]);
    // Until version 24 with the nonce of the login; and for our own client when a mapper says so.
    accepted(
        &judge,
        &with(token.clone(), &json!({"nonce": "n", "aud": ["portal", "account"]})),
        &["openid", "email", "profile"],
    );
    accepted(&judge, &with(token.clone(), &json!({"scope": null, "aud": "portal"})), &[]);
    judge.refuses(&json!("JWT"), &with(token.clone(), &json!({"typ": "ID"})), "access_token.id_token");
    judge.refuses(&json!("JWT"), &with(token, &json!({"at_hash": "x"})), "access_token.id_token");
}

#[test]
fn entra_id_names_tenants_scopes_and_roles_in_its_own_way() {
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let mut judge = Judge::of(issuer(json!({"issuer": template, "tenants": [TENANT, "contoso-id"]})));
    let iss = template.replace("{tenantid}", TENANT);
    let user = times(json!({
        "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3", "iss": iss, "nbf": NOW, "aio": "x", "azp": "client", "azpacr": "0",
        "name": "Alice", "oid": "o", "preferred_username": "alice@example.org", "rh": "r", "scp": "Orders.Read Orders.Write",
        "sub": "s", "tid": TENANT, "uti": "u", "ver": "2.0",
    }));
    accepted(&judge, &user, &["Orders.Read", "Orders.Write"]);
    // A daemon has roles and no scopes; one registration may be client and API at once.
    let daemon = with(
        user.clone(),
        &json!({"scp": null, "name": null, "roles": ["Orders.All"], "aud": "portal", "azpacr": "1"}),
    );
    assert_eq!(accepted(&judge, &daemon, &[]).claims["roles"], json!(["Orders.All"]));
    let id_token = with(daemon, &json!({"azp": null, "azpacr": null}));
    judge.refuses(&json!("JWT"), &id_token, "access_token.id_token");

    for (changes, code) in [
        (json!({"iss": template}), "access_token.issuer_mismatch"),
        (json!({"iss": "https://login.microsoftonline.com/evil/v2.0", "tid": "evil"}), "access_token.issuer_mismatch"),
        (json!({"iss": format!("{iss}/")}), "access_token.issuer_mismatch"),
        (json!({"iss": iss.replace("/v2.0", "")}), "access_token.issuer_mismatch"),
        (json!({"tid": "contoso-id"}), "access_token.tenant_mismatch"),
        (json!({"tid": [TENANT]}), "access_token.tenant_mismatch"),
        (json!({"tid": ""}), "access_token.tenant_mismatch"),
    ] {
        judge.refuses(&json!("JWT"), &with(user.clone(), &changes), code);
    }
    accepted(&judge, &with(user.clone(), &json!({"tid": null})), &["Orders.Read", "Orders.Write"]);

    // The key says for which tenants it signs.
    for (of_key, code) in [
        (template.to_owned(), Ok(())),
        (iss, Ok(())),
        (template.replace("{tenantid}", "contoso-id"), Err("access_token.tenant_mismatch")),
        (
            "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0".to_owned(),
            Err("access_token.tenant_mismatch"),
        ),
    ] {
        judge.keys = jwk_set(&[with(TestKey::p256().jwk(), &json!({"issuer": of_key}))]);
        assert_eq!(judge.untyped(&user).map(|_| ()).map_err(|error| error.code()), code, "{of_key}");
    }
}

#[test]
fn okta_lists_scopes_and_auth0_has_a_type() {
    let okta = "https://example.okta.com/oauth2/default";
    let token = times(json!({
        "ver": 1, "jti": "AT.x", "iss": okta, "aud": "api://default", "cid": "0oa", "uid": "00u", "auth_time": NOW - 60,
        "scp": ["openid", "orders.read"], "sub": "alice@example.org",
    }));
    let token = accepted(&Judge::of(issuer(json!({"issuer": okta}))), &token, &["openid", "orders.read"]);
    assert_eq!(token.auth_time, Some(UnixTime::from_secs(NOW - 60)));

    let auth0 = "https://example.eu.auth0.com/";
    let judge = Judge { must_be_typed: true, ..Judge::of(issuer(json!({"issuer": auth0}))) };
    let token = times(json!({
        "iss": auth0, "sub": "auth0|5f", "aud": ["https://api.example.org", "https://example.eu.auth0.com/userinfo"],
        "azp": "portal", "client_id": "portal", "scope": "openid orders.read", "jti": "j", "permissions": ["orders.read"],
    }));
    assert_eq!(judge.signed(&json!("at+jwt"), &token).unwrap().scopes, ["openid", "orders.read"]);
    judge.refuses(&json!("JWT"), &token, "access_token.not_typed");
    judge.refuses(
        &json!("at+jwt"),
        &with(token, &json!({"iss": "https://example.eu.auth0.com"})),
        "access_token.issuer_mismatch",
    );
}

#[test]
fn a_trust_domain_speaks_for_its_own_workloads_alone() {
    let domain = "spiffe://example.org";
    let of_domain = issuer(json!({"issuer": domain, "metadata": {"jwks_uri": "https://spire.example.org/keys"}}));
    let judge = Judge::of(of_domain);
    let svid = times(json!({"sub": "spiffe://example.org/ns/shop/sa/orders", "aud": ["spiffe://example.org/api"]}));
    // JWT-SVID §2.3: `typ` is optional, `JWT` or `JOSE`. SPIRE can be told to add `iss`.
    for typ in [json!(null), json!("JWT"), json!("JOSE")] {
        for iss in [json!(null), json!(domain), json!("https://oidc.example.org"), json!("https://evil.example")] {
            assert!(judge.signed(&typ, &with(svid.clone(), &json!({"iss": iss}))).is_ok(), "{typ} {iss}");
        }
    }
    for (sub, code) in [
        (json!(null), "issuer_missing"),
        (json!("orders"), "issuer_missing"),
        (json!("spiffe://example.org"), "issuer_missing"),
        (json!(["spiffe://example.org/a"]), "issuer_missing"),
        (json!("https://example.org/a"), "issuer_missing"),
        (json!("spiffe://evil.example/ns/shop/sa/orders"), "issuer_mismatch"),
        (json!("spiffe://example.org.evil.example/a"), "issuer_mismatch"),
        (json!("spiffe://example.org:443/a"), "issuer_mismatch"),
        (json!("spiffe://EXAMPLE.org/a"), "issuer_mismatch"),
        (json!("spiffe://evil@example.org/a"), "issuer_mismatch"),
        (json!("spiffe:///example.org/a"), "issuer_mismatch"),
    ] {
        // Its keys cannot speak for others, even when `iss` says the right thing.
        for iss in [json!(null), json!(domain)] {
            let claims = with(svid.clone(), &json!({"iss": iss, "sub": sub}));
            judge.refuses(&json!("JWT"), &claims, &format!("access_token.{code}"));
        }
    }
    judge.refuses(&json!("JWT"), &with(svid, &json!({"exp": null})), "access_token.expiry_missing");
}

#[test]
fn workloads_of_github_kubernetes_and_google_are_accepted() {
    for (name, claims) in [
        (
            "https://token.actions.githubusercontent.com",
            json!({
                "jti": "j", "sub": "repo:acme/shop:ref:refs/heads/main", "aud": "https://api.example.org",
                "ref": "refs/heads/main", "repository": "acme/shop", "repository_owner": "acme", "run_id": "1",
                "job_workflow_ref": "acme/shop/.github/workflows/deploy.yml@refs/heads/main", "runner_environment": "github-hosted",
            }),
        ),
        (
            "https://kubernetes.default.svc.cluster.local",
            json!({
                "aud": ["https://api.example.org"], "sub": "system:serviceaccount:shop:orders", "nbf": NOW, "jti": "j",
                "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "orders", "uid": "u"}},
            }),
        ),
        (
            "https://accounts.google.com",
            json!({
                "aud": "https://api.example.org", "azp": "1043", "email": "ci@acme.iam.gserviceaccount.com",
                "email_verified": true, "sub": "1043",
            }),
        ),
    ] {
        let judge = Judge::of(issuer(json!({"issuer": name})));
        let token = with(times(claims), &json!({"iss": name}));
        assert_eq!(accepted(&judge, &token, &[]).audience.named(), ["https://api.example.org"]);
    }
    // A person's, from Google: an ID token by its hash.
    let google = "https://accounts.google.com";
    let person =
        times(json!({"iss": google, "aud": "32555940559.apps.googleusercontent.com", "sub": "1", "at_hash": "x"}));
    Judge::of(issuer(json!({"issuer": google}))).refuses(&json!("JWT"), &person, "access_token.id_token");
}
