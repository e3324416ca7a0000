//! `fithire init`, `serve`, `migrate` and `openapi`: the program as a server, on both databases.

use std::process::Command;

use fithire_kernel::testing::on_both;
use serde_json::json;

use crate::program::{fithire, root};
use crate::server::Server;

#[test]
fn a_new_installation_signs_in_and_shows_its_brand() {
    on_both(async |world| {
        let server = Server::start(&world);
        let token = server.token();
        let brands = server.send("GET", "/api/v1/brands", Some(&token), None).json();
        assert_eq!(brands["items"][0]["slug"], "acme-studios");
        let id = brands["items"][0]["id"].as_i64().unwrap();
        assert!(id > 1 << 40 && id < 1 << 53, "an id carries its time: {id}");
        let regions = server.send("GET", &format!("/api/v1/brands/{id}/regions"), Some(&token), None).json();
        assert_eq!(regions, json!({"items": [], "next_cursor": null}));
        assert_eq!(server.send("GET", "/livez", None, None).body, "ok");
        assert_eq!(server.send("GET", "/readyz", None, None).body, "ok");
    });
}

/// Method, path, token, body with its type; status and code.
type Case<'c> = (&'c str, &'c str, Option<&'c str>, Option<(&'c str, &'c str)>, u16, &'c str);

#[test]
fn every_error_is_a_problem_and_every_answer_is_guarded() {
    on_both(async |world| {
        let server = Server::start(&world);
        let token = server.token();
        let json = "application/json";
        let big = format!("{{\"email\":\"{}\"}}", "x".repeat(10 << 20));
        let cases: [Case<'_>; 13] = [
            ("GET", "/api/v1/brands", None, None, 401, "unauthenticated"),
            ("GET", "/api/v1/brands", Some("a.b.c"), None, 401, "unauthenticated"),
            ("GET", "/api/v1/nothing", Some(&token), None, 404, "not_found"),
            ("GET", "/api/v1/jobs?limt=3&cursor=x&cursor=y", Some(&token), None, 422, "invalid"),
            ("GET", "/api/v1/jobs?limit=1&limit=2", Some(&token), None, 422, "invalid"),
            ("GET", "/api/v1/brands/abc/regions", Some(&token), None, 404, "not_found"),
            ("GET", "/api/v1/brands/1/regions", Some(&token), None, 404, "not_found"),
            ("DELETE", "/api/v1/brands", Some(&token), None, 405, "wrong_method"),
            ("POST", "/api/v1/auth/token", None, Some((json, "{")), 400, "malformed"),
            ("POST", "/api/v1/auth/token", None, Some((json, r#"{"email":1,"pass":2}"#)), 422, "invalid"),
            ("POST", "/api/v1/auth/token", None, Some(("text/plain", "{}")), 415, "unsupported_type"),
            ("POST", "/api/v1/auth/token", None, Some((json, &big)), 413, "too_large"),
            ("GET", "/api/v1/brands/1/regions?limit=x", Some(&token), None, 422, "invalid"),
        ];
        for (method, path, token, body, status, code) in cases {
            let answer = server.send(method, path, token, body);
            assert_eq!(
                (answer.status, answer.json()["code"].as_str()),
                (status, Some(code)),
                "{method} {path}: {}",
                answer.body
            );
            assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
            for header in [
                "content-security-policy",
                "strict-transport-security",
                "x-content-type-options",
                "referrer-policy",
            ] {
                assert!(answer.headers.contains_key(header), "{path} has no {header}");
            }
        }
        let named =
            server.send("POST", "/api/v1/auth/token", None, Some((json, r#"{"email":1,"pass":2}"#))).json();
        let pointers: Vec<&str> =
            named["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
        assert_eq!(pointers, ["/password", "/email", "/pass"]);
        let limit = server.send("GET", "/api/v1/brands/1/regions?limit=x", Some(&token), None).json();
        assert_eq!(limit["errors"][0], json!({"pointer": "limit", "detail": "is not a whole number"}));
        assert_eq!(
            server.send("GET", "/api/v1/brands", Some(&token), None).headers["cache-control"],
            "no-store"
        );
    });
}

#[cfg(unix)]
#[test]
fn asked_to_stop_it_stops() {
    on_both(async |world| {
        let mut server = Server::start(&world);
        let pid = server.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(server.child.wait().unwrap().success());
    });
}

#[test]
fn the_document_is_fresh() {
    let run = fithire(&["openapi"], "");
    assert_eq!(run.code, 0);
    let committed = std::fs::read_to_string(root().join("openapi/fithire.json")).unwrap();
    assert_eq!(committed, run.stdout, "run: just openapi");
}

#[test]
fn configuration_that_cannot_be_meant_is_refused_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let serve = |name: &str, value: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_fithire"))
            .args(["serve", "--port", "0"])
            .current_dir(folder.path())
            .env(name, value)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (name, value, told) in [
        ("FITHIRE_SERVER__PROT", "1", "unknown field: found `prot`"),
        ("PORT", "http", "SERVER.PORT"),
        ("FITHIRE_LOG__FORMAT", "xml", "unknown variant"),
        ("FITHIRE_DATABASE__URL_FILE", "/nowhere/url", "cannot read /nowhere/url"),
    ] {
        let (code, stderr) = serve(name, value);
        assert_eq!(code, Some(78), "{name}: {stderr}");
        assert!(stderr.contains(told), "{name}: {stderr}");
    }
    std::fs::write(folder.path().join("fithire.toml"), "[server]\nporth = 1\n").unwrap();
    let (code, stderr) = serve("FITHIRE_LOG__FILTER", "info");
    assert_eq!(code, Some(78));
    assert!(stderr.contains("fithire.toml"), "{stderr}");
}

#[test]
fn the_demo_signs_in_and_ranks() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_fithire"));
    let (server, lines) = Server::started(demo.args(["demo", "--coaches", "300", "--jobs", "5"]));
    for (line, name) in lines.iter().zip(["admin", "manager", "coach"]) {
        let (email, password) = line.strip_prefix(&format!("{name}: ")).unwrap().split_once(" / ").unwrap();
        assert!(!password.contains(' '));
        let credentials = json!({"email": email, "password": password}).to_string();
        let answer =
            server.send("POST", "/api/v1/auth/token", None, Some(("application/json", &credentials)));
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        let jobs = server.send("GET", "/api/v1/jobs", Some(&token), None).json();
        assert_eq!(jobs["items"].as_array().unwrap().len(), 5);
        for job in jobs["items"].as_array().unwrap() {
            let page =
                server.send("GET", &format!("/api/v1/jobs/{}/candidates", job["id"]), Some(&token), None);
            if name == "coach" {
                assert_eq!(page.status, 403);
            } else {
                assert!(page.json()["total"].as_u64() > Some(0), "every job has candidates");
            }
        }
    }
}
