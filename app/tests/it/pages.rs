//! The pages as a browser without scripts sees them: cookies, forms, redirects, errors.

use std::process::Command;

use fithire_identity::testing::PASSWORD;
use fithire_kernel::testing::{CANARY, on_both};

use crate::people::{People, browser_of, people};
use crate::server::{Answer, Browser, Server};

pub(crate) fn signed_in<'s>(people: &'s People, role: &str) -> Browser<'s> {
    browser_of(&people.server, role, people.ours.mark)
}

pub(crate) fn location(answer: &Answer) -> &str {
    answer.headers["location"].to_str().unwrap()
}

#[test]
fn a_manager_signs_in_sees_the_candidates_and_signs_out() {
    on_both(async |world| {
        let people = people(&world).await;
        let (job, coach) = (people.ours.id("job"), people.ours.mark);
        let candidates = format!("/manager/jobs/{job}/candidates");
        let browser = Browser::new(&people.server);
        let led = browser.get(&format!("{candidates}?show=ranked"));
        assert_eq!(
            (led.status, location(&led)),
            (303, &*format!("/sign-in?next=%2Fmanager%2Fjobs%2F{job}%2Fcandidates%3Fshow%3Dranked"))
        );
        let form = browser.get(location(&led)).body;
        let landed = browser.post(
            "/sign-in",
            &[
                ("email", "manager@acme.test"),
                ("password", PASSWORD),
                ("next", &candidates),
                ("form_token", &token(&form)),
            ],
        );
        assert_eq!((landed.status, location(&landed)), (303, &*candidates));
        let page = browser.get(&candidates);
        assert_eq!(page.status, 200);
        for shown in [coach, "Certifications", "Sign out", "Ranked <span class=\"count\">1</span>"] {
            assert!(page.body.contains(shown), "{shown} in {}", page.body);
        }
        let jobs = browser.get("/manager/jobs").body;
        assert!(jobs.contains(&candidates), "{jobs}");
        let what_if = browser.get(&format!("{candidates}?experience=90&location=10")).body;
        assert!(what_if.contains("Back to the preset"), "{what_if}");
        let impossible = browser.get(&format!("{candidates}?culture=1000")).body;
        assert!(impossible.contains("more than 0.15") && impossible.contains(coach), "{impossible}");

        // A form that comes too late says so, and leads back to where it was.
        let gone = Browser::new(&people.server);
        let late = gone.get("/sign-in?next=%2Fmanager%2Fjobs&why=form").body;
        assert!(late.contains("was not saved"), "{late}");
        assert!(location(&gone.post("/manager/views", &[("name", "x")])).ends_with("why=form"));

        let out = browser.post("/sign-out", &[("form_token", &token(&page.body))]);
        assert_eq!((out.status, location(&out)), (303, "/sign-in"));
        assert_eq!(browser.get(&candidates).status, 303);
    });
}

/// The hidden field of a form.
pub(crate) fn token(page: &str) -> String {
    page.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[test]
fn a_form_counts_only_when_it_comes_from_here() {
    on_both(async |world| {
        let people = people(&world).await;
        let browser = signed_in(&people, "manager");
        let right = token(&browser.get("/manager/jobs").body);
        let other = signed_in(&people, "admin");
        let foreign = token(&other.get("/manager/jobs").body);
        for (token, origin) in [
            ("", None),
            ("x", None),
            (&foreign[..], None),
            (&right[..], Some("https://evil.test")),
            (&right[..], Some("null")),
        ] {
            let answer = browser.post_from("/sign-out", &[("form_token", token)], origin);
            assert_eq!(answer.status, 403, "{token} from {origin:?}");
        }
        assert_eq!(browser.get("/manager/jobs").status, 200, "still signed in");
        let own = browser.post_from("/sign-out", &[("form_token", &right)], Some(&people.server.url));
        assert_eq!(own.status, 303);
        // A stranger's form needs a token too: nobody is signed in to an account by another site.
        let stranger = Browser::new(&people.server);
        let forged = stranger
            .post("/sign-in", &[("email", "manager@acme.test"), ("password", PASSWORD), ("form_token", "x")]);
        assert_eq!(forged.status, 403);
    });
}

#[test]
fn a_session_is_its_own_and_opens_pages_alone() {
    on_both(async |world| {
        let people = people(&world).await;
        let browser = signed_in(&people, "manager");
        let first = browser.cookie("fithire").unwrap();
        let set = browser.last_set_cookie();
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"), "{set}");
        // Signing in again makes another one.
        browser.sign_in("manager@acme.test", PASSWORD);
        assert_ne!(browser.cookie("fithire").unwrap(), first);
        // A cookie does not open the API, nor a token a page.
        assert_eq!(browser.get("/api/v1/jobs").status, 401);
        let page = people.server.send("GET", "/manager/jobs", Some(people.ours.token("manager")), None);
        assert_eq!(page.status, 303);
        // A name that only decodes to ours, which a neighbouring site could set, is not ours.
        let fixed = Browser::new(&people.server);
        fixed.set_cookie("%66ithire", &browser.cookie("fithire").unwrap());
        assert_eq!(fixed.get("/manager/jobs").status, 303);
        // The one before does not live on.
        let before = Browser::new(&people.server);
        before.set_cookie("fithire", &first);
        assert_eq!(before.get("/manager/jobs").status, 303);
        // Another brand's name before the secret opens nothing.
        let forged = Browser::new(&people.server);
        let secret = first.split_once('.').unwrap().1;
        forged.set_cookie("fithire", &format!("{}.{secret}", people.theirs.id("brand")));
        assert_eq!(forged.get("/manager/jobs").status, 303);
    });
}

#[test]
fn what_is_not_there_not_allowed_or_wrong_is_a_page_that_says_so() {
    on_both(async |world| {
        let people = people(&world).await;
        let manager = signed_in(&people, "manager");
        let coach = signed_in(&people, "coach");
        let foreign = format!("/manager/jobs/{}/candidates", people.theirs.id("job"));
        let unmatched = format!("/coach/matches/{}", people.ours.id("job"));
        for (browser, path, status, told) in [
            (&manager, &*foreign, 404, "This page is not here"),
            (&manager, "/manager/jobs/1/candidates", 404, "This page is not here"),
            (&manager, "/nothing", 404, "This page is not here"),
            (&manager, "/manager/jobs/x/candidates", 404, "This page is not here"),
            (&manager, "/manager/jobs?cursor=x", 422, "cursor"),
            (&coach, "/manager/jobs", 403, "not for you"),
            // Without a profile there is nothing to match, and no data.
            (&coach, &*unmatched, 404, "not here"),
            (&coach, "/coach/data.json", 404, "not here"),
            (&coach, "/assets/../../etc/passwd", 404, "not here"),
        ] {
            let page = browser.get(path);
            assert_eq!(page.status, status, "{path}");
            assert!(
                page.body.contains(told) && page.body.starts_with("<!doctype html>"),
                "{path}: {}",
                page.body
            );
            assert!(page.headers.contains_key("content-security-policy"));
        }
        assert_eq!(
            manager.get(&foreign).body.replace(&foreign, ""),
            manager.get("/manager/jobs/1/candidates").body.replace("/manager/jobs/1/candidates", "")
        );
        let wrong = Browser::new(&people.server).sign_in("manager@acme.test", "not the password");
        assert_eq!(wrong.status, 401);
        assert!(
            wrong.body.contains("the e-mail address or the password is not right")
                && wrong.body.contains("manager@acme.test")
        );
        let empty = coach.get("/coach/matches");
        assert!(empty.status == 200 && empty.body.contains("no profile yet"), "{}", empty.body);
        for path in [
            "/manager/jobs",
            "/coach/matches",
            &format!("/manager/jobs/{}/candidates", people.ours.id("job")),
        ] {
            assert!(!manager.get(path).body.contains(CANARY), "{path}");
        }
    });
}

#[test]
fn cookies_are_for_https_or_for_this_machine() {
    on_both(async |world| {
        let people = people(&world).await;
        let secure = Server::on(
            crate::server::configured(&world).env("FITHIRE_SERVER__PUBLIC_URL", "https://jobs.example.com"),
        );
        let browser = Browser::new(&secure);
        browser.sign_in("manager@acme.test", PASSWORD);
        let set = browser.last_set_cookie();
        assert!(set.starts_with("__Host-fithire=") && set.contains("Secure"), "{set}");
        let named = people.server.send_with("GET", "/sign-in", &[("Host", "jobs.example.com")], None);
        assert_eq!(named.status, 403, "{}", named.body);
        assert!(named.body.contains("works on this machine only"), "{}", named.body);
    });
    let refused = Command::new(env!("CARGO_BIN_EXE_fithire"))
        .args(["serve", "--port", "0"])
        .current_dir(tempfile::tempdir().unwrap().path())
        .env("FITHIRE_SERVER__PUBLIC_URL", "http://jobs.example.com")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(78), "{}", String::from_utf8_lossy(&refused.stderr));
}

#[test]
fn the_log_holds_no_secret_and_no_line_of_anyone_elses() {
    on_both(async |world| {
        let people = people(&world).await;
        let server = Server::on(crate::server::configured(&world).env("FITHIRE_LOG__FILTER", "debug"));
        let browser = Browser::new(&server);
        browser.sign_in("manager@acme.test", "not the password");
        browser.sign_in("manager@acme.test", PASSWORD);
        let session = browser.cookie("fithire").unwrap();
        let token = server.token_of("admin@acme.test");
        let body = r#"{"name":"Eve\r\nFORGED line","email":"eve@acme.test"}"#;
        assert_eq!(
            server.send("POST", "/api/v1/coaches", Some(&token), Some(("application/json", body))).status,
            200
        );
        browser.get(&format!("/manager/jobs?cursor=x&email=manager@acme.test&token={token}"));
        server.send("GET", "/api/v1/jobs/FORGED%0d%0aline", Some(&token), None);
        let log = server.log();
        assert!(log.contains("http.path=\"/manager/jobs\" "), "{log}");
        for secret in
            [&session[..], &token, PASSWORD, "not the password", "manager@acme.test", "eve@acme.test"]
        {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
        assert!(!log.lines().any(|line| line.starts_with("FORGED") || line.starts_with("line")), "{log}");
        drop(people);
    });
}

#[test]
fn other_sites_use_the_api_when_they_are_named_and_proxies_are_believed_when_they_are() {
    on_both(async |world| {
        let people = people(&world).await;
        let tools = "https://tools.example.com";
        let server = Server::on(
            crate::server::configured(&world)
                .env("FITHIRE_SERVER__ALLOWED_ORIGINS", format!("[\"{tools}\"]"))
                .env("FITHIRE_SERVER__TRUSTED_PROXIES", "[\"127.0.0.1\"]"),
        );
        let allowed = |origin: &str| {
            let answer = server.send_with("GET", "/api/v1/jobs?limit=x", &[("Origin", origin)], None);
            let allow = answer
                .headers
                .get("access-control-allow-origin")
                .map(|value| value.to_str().unwrap().to_owned());
            assert!(!answer.headers.contains_key("access-control-allow-credentials"));
            (answer.status, answer.headers["content-type"].to_str().unwrap().to_owned(), allow)
        };
        let problem = "application/problem+json".to_owned();
        assert_eq!(allowed(tools), (401, problem, Some(tools.to_owned())));
        let (status, _, allow) = allowed("https://evil.test");
        assert_eq!((status, allow), (403, None));
        let plain = people.server.send_with("GET", "/api/v1/jobs", &[("Origin", tools)], None);
        assert!(!plain.headers.contains_key("access-control-allow-origin"), "nobody is named there");

        // Attempts are counted for whom the proxy names, and for nobody's invention.
        let attempt = |server: &Server, from: &str, n: usize| {
            let body = format!("{{\"email\":\"{n}-{from}@x.test\",\"password\":\"wrong\"}}");
            let body = ("application/json", &body[..]);
            server.send_with("POST", "/api/v1/auth/token", &[("X-Forwarded-For", from)], Some(body)).status
        };
        let refused = |server: &Server, from: &dyn Fn(usize) -> String| {
            (0..70).filter(|n| attempt(server, &from(*n), *n) == 429).count()
        };
        assert!(refused(&server, &|_| "203.0.113.7".to_owned()) > 0, "one address, many accounts");
        assert_eq!(attempt(&server, "203.0.113.8", 0), 401, "another address");
        assert!(refused(&people.server, &|n| format!("203.0.113.{n}")) > 0, "addresses that are made up");
    });
}

#[test]
fn a_job_is_made_counted_compared_and_exported_without_scripts() {
    on_both(async |world| {
        let people = people(&world).await;
        let browser = signed_in(&people, "manager");
        let page = browser.get("/manager/jobs/new").body;
        let place = people.ours.id("location").to_string();
        let mut form = vec![
            ("form_token", token(&page)),
            ("title", "<script>alert(1)</script> {{ 7*7 }}".to_owned()),
            ("location_id", place),
            ("modality", "hiit".to_owned()),
            ("threshold", "0".to_owned()),
            ("slots-0-kind", "class".to_owned()),
            ("slots-0-day", "5".to_owned()),
            ("slots-0-start", "09:10".to_owned()),
            ("slots-0-minutes", "60".to_owned()),
        ];
        let post = |path: &str, form: &[(&str, String)]| {
            let form: Vec<(&str, &str)> = form.iter().map(|(name, text)| (*name, &text[..])).collect();
            browser.post(path, &form)
        };
        // What is wrong is said at its field, and nothing that was typed is lost.
        let refused = post("/manager/jobs/new", &form);
        assert_eq!(refused.status, 422);
        for shown in [
            "href=\"#slots-0-start\"",
            "id=\"slots-0-start-wrong\"",
            "value=\"09:10\"",
            "&lt;script&gt;",
            "{{ 7*7 }}",
        ] {
            assert!(refused.body.contains(shown), "{shown} in {}", refused.body);
        }
        assert!(!refused.body.contains("<script>alert"));
        form.retain(|(name, _)| !name.starts_with("slots"));
        let counted = post("/manager/jobs/preview", &form);
        assert!(counted.body.contains("<strong>1</strong> coach would be ranked"), "{}", counted.body);
        let made = post("/manager/jobs/new", &form);
        assert_eq!(made.status, 303, "{}", made.body);
        let list = location(&made).to_owned();
        assert!(browser.get(&list).body.contains("&lt;script&gt;"));
        let edit = browser.get(list.trim_end_matches("/candidates")).body;
        let seen = edit.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let mut again = form.clone();
        again.push(("seen", seen.to_owned()));
        again[1].1 = "Ours".to_owned();
        assert_eq!(post(list.trim_end_matches("/candidates"), &again).status, 303);
        // What was changed since it was opened is not overwritten unseen; what was typed is kept.
        again[1].1 = "Theirs".to_owned();
        let late = post(list.trim_end_matches("/candidates"), &again);
        assert!(late.status == 409 && late.body.contains("somebody has changed this"), "{}", late.body);
        assert!(late.body.contains("value=\"Theirs\""));
        again[1].1.clone_from(&form[1].1);
        again.pop();
        assert_eq!(post(list.trim_end_matches("/candidates"), &again).status, 303);
        assert!(edit.contains("value=\"hiit\" selected"), "{edit}");

        let coach = people.ours.id("coach");
        let compare =
            browser.get(&list.replace("candidates", &format!("compare?coach={coach}&coach={coach}"))).body;
        assert!(compare.contains("Choose two to four coaches"), "one coach twice is one: {compare}");
        let file = browser.get(&list.replace("candidates", "candidates.csv"));
        assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8");
        assert_eq!(file.body.lines().count(), 2, "{}", file.body);
        let pair = format!("{list}/{coach}");
        assert!(browser.get(&pair).body.contains("The contributions add up"));
        let kept = post(&format!("{pair}/keep"), &form[..1]);
        assert!(browser.get(location(&kept)).body.contains("to the last digit"));

        let job = list.split('/').nth(3).unwrap().to_owned();
        let view = [
            form[0].clone(),
            ("job_id", job.clone()),
            ("name", "Near".to_owned()),
            ("query", "show=ranked&location=50".to_owned()),
        ];
        assert_eq!(post("/manager/views", &view).status, 303);
        let listed = browser.get(&list).body;
        assert!(listed.contains("?show=ranked&amp;location=50\">Near</a>"), "{listed}");
        let id = listed.split("/manager/views/").nth(1).unwrap().split('/').next().unwrap();
        let removed = post(&format!("/manager/views/{id}/remove"), &view[..2]);
        assert_eq!(removed.status, 303);
        assert!(!browser.get(&list).body.contains(">Near</a>"));
        let off =
            post(&format!("/manager/jobs/{job}/switch"), &[form[0].clone(), ("active", "false".to_owned())]);
        assert_eq!(off.status, 303);
        assert!(browser.get(&list).body.contains("This job is deactivated"));
        // Another brand's pages answer like pages that are not there.
        for path in ["", "/candidates", "/candidates.csv", "/compare", "/candidates/1"] {
            let foreign = browser.get(&format!("/manager/jobs/{}{path}", people.theirs.id("job")));
            assert_eq!(foreign.status, 404, "{path}");
            assert!(!foreign.body.contains(CANARY));
        }
    });
}
