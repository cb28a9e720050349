//! `skip_auth_routes` and `skip_auth_regex`: nothing is opened that oauth2-proxy kept closed.

use crate::command::Stage;

const HEAD: &str =
    "provider = \"oidc\"\nclient_id = \"a\"\noidc_issuer_url = \"https://a.example\"\nemail_domains = [\"*\"]\n";

/// The file that becomes of these lines, and the list of what changes.
fn with(lines: &str) -> (Stage, String) {
    let stage = Stage::new();
    stage.file("p.cfg", format!("{HEAD}{lines}\n"));
    let said = stage.run(&["init", "--from", "p.cfg"]).succeeded().out;
    stage.run(&["check", "latchkey.yaml"]).succeeded();
    (stage, said)
}

/// Whether anybody may ask for it.
fn is_open(stage: &Stage, method: &str, path: &str) -> bool {
    let request = format!("{method} https://h.example{path}");
    stage.run(&["explain", "latchkey.yaml", "--request", &request, "--output", "json"]).succeeded().json()["verdict"]
        == "forwarded"
}

#[test]
fn exactly_the_same_paths_are_open() {
    for (route, open, closed) in [
        ("/public/", &["/public/", "/public/a", "/x/public/y"][..], &["/nonpublic/secret", "/public", "/"][..]),
        ("/healthz$", &["/healthz", "/admin/healthz"], &["/admin/xhealthz", "/healthz/x", "/healthzz"]),
        ("/health|/ready", &["/health", "/ready", "/x/readyz"], &["/", "/heal", "/xready"]),
        ("^/health$|^/ready$", &["/health", "/ready"], &["/healthz", "/x/ready", "/readyz"]),
        ("^/a|b$", &["/a", "/ax", "/xb"], &["/xa", "/bx"]),
        ("(?i)^/h", &["/h", "/H", "/Hx"], &["/x/h", "/"]),
        ("^/api/(v1|v2)/.*$", &["/api/v1/", "/api/v2/x"], &["/api/v3/x", "/x/api/v1/"]),
        ("^/x[|]y", &["/x|y"], &["/xy", "/x"]),
        (r"^/robots\\.txt$", &["/robots.txt"], &["/robotsxtxt", "/robots.txt/x"]),
    ] {
        let (stage, _) = with(&format!("skip_auth_routes = [\"{route}\"]"));
        for path in open {
            assert!(is_open(&stage, "GET", path), "{route}: {path} was open");
        }
        for path in closed {
            assert!(!is_open(&stage, "GET", path), "{route}: {path} was closed");
        }
        let (stage, _) = with(&format!("skip_auth_regex = [\"{route}\"]"));
        assert!(open.iter().all(|path| is_open(&stage, "POST", path)), "{route}");
        assert!(!closed.iter().any(|path| is_open(&stage, "POST", path)), "{route}");
    }
}

#[test]
fn what_stands_before_an_equals_sign_is_a_method_in_any_case() {
    let (stage, _) = with("skip_auth_routes = [\"get=^/zz$\", \"POST=^/p$\"]");
    assert!(is_open(&stage, "GET", "/zz") && is_open(&stage, "POST", "/p"));
    for (method, path) in [("POST", "/zz"), ("GET", "/p"), ("GET", "/get=/zz"), ("GET", "/x/zz")] {
        assert!(!is_open(&stage, method, path), "{method} {path}");
    }
}

#[test]
fn what_is_not_certainly_the_same_stays_closed_and_is_said_first() {
    let (stage, said) = with(
        r#"skip_auth_routes = ["GET!=^/x", "!=^/y", "GET=/a!=b", "/a=b", "GET,POST=/l", "^/w\\<x", "^/p%2f", "(?x)^/z", "^/\\pL", "(?=/q)"]"#,
    );
    let text = stage.read("latchkey.yaml");
    assert!(!text.contains("authentication: none"), "{text}");
    let list = said.split("What changes:\n").nth(1).unwrap();
    assert_eq!(list.lines().take_while(|line| line.contains("NOT CARRIED OVER")).count(), 10, "{said}");
    assert!(said.contains("WARNING: NOT CARRIED OVER: 10, above"), "{said}");
    for path in ["/", "/x", "/y", "/b", "/l", "/wx", "/z"] {
        assert!(!is_open(&stage, "GET", path), "{path}");
    }
}

#[test]
fn a_route_behind_one_that_has_it_already_is_dropped() {
    let (stage, said) = with("skip_auth_routes = [\"^/a\", \"^/a\", \"^/b$\", \"GET=^/b$\"]");
    assert_eq!(stage.read("latchkey.yaml").matches("authentication: none").count(), 2);
    assert!(said.contains("without effect, so left out: {path_regex: \"/a.*\"}"), "{said}");
}
