//! Members and programs: invited, changed, removed; keys that are made, used and taken back.

use fithire_identity::testing::PASSWORD;
use fithire_kernel::testing::on_both;
use serde_json::json;

use crate::pages::{location, signed_in};
use crate::people::{People, people};
use crate::server::Browser;

const PAGE: &str = "/admin/members";

/// Invites somebody and answers the path of the link.
pub(crate) fn invited(admin: &Browser<'_>, email: &str, role: &str, reach: &str) -> String {
    let fields = [("email", email), ("role", role), ("reach", reach)];
    let page = admin.submit(PAGE, "/admin/members/invitations", &fields);
    assert_eq!(page.status, 200, "{}", page.body);
    let code = page.body.split("/invitation?code=").nth(1).unwrap().split('<').next().unwrap();
    assert!(!admin.get(PAGE).body.contains(code), "the link is shown once");
    format!("/invitation?code={code}")
}

/// Takes an invitation up.
pub(crate) fn joins(browser: &Browser<'_>, path: &str, password: &str) -> (u16, String) {
    let code = path.split_once('=').unwrap().1;
    let answer =
        browser.submit(path, "/invitation", &[("code", code), ("name", "Zoë"), ("password", password)]);
    (answer.status, answer.body)
}

/// The number of a member, from the list.
pub(crate) fn number(admin: &Browser<'_>, name: &str) -> String {
    let page = admin.get(PAGE).body;
    let row = page.split("<tr>").skip(2).find(|row| row.contains(name)).unwrap().to_owned();
    row.split("/admin/members/").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[test]
fn who_is_invited_becomes_what_was_said_once() {
    on_both(async |world| {
        let people = people(&world).await;
        let admin = signed_in(&people, "admin");
        let refused = admin.submit(
            PAGE,
            "/admin/members/invitations",
            &[("email", "zoe"), ("role", "king"), ("reach", "region-1")],
        );
        assert!(refused.status == 422 && refused.body.contains("value=\"zoe\""), "{}", refused.body);
        let region = format!("region-{}", people.ours.id("region"));
        let foreign = format!("region-{}", people.theirs.id("region"));
        let fields = [("email", "zoe@acme.test"), ("role", "manager"), ("reach", &*foreign)];
        assert_eq!(
            admin.submit(PAGE, "/admin/members/invitations", &fields).status,
            422,
            "another brand's region"
        );
        let first = invited(&admin, "zoe@acme.test", "manager", &region);
        let path = invited(&admin, "Zoe@acme.test", "manager", &region);
        let zoe = Browser::new(&people.server);
        assert_eq!(zoe.get(&first).status, 404, "the second took the place of the first");
        assert!(zoe.get(&path).body.contains("Join ACME") && zoe.get(&path).body.contains("zoe@acme.test"));
        assert_eq!(joins(&zoe, &path, "short").0, 422);
        assert_eq!(joins(&zoe, &path, PASSWORD).0, 303);
        assert_eq!((zoe.get("/manager").status, zoe.get("/admin").status), (200, 403));
        assert_eq!(Browser::new(&people.server).get(&path).status, 404, "it works once");
        // What was not taken up can be taken back.
        let other = invited(&admin, "ben@acme.test", "admin", "");
        let page = admin.get(PAGE).body;
        let id = page.split("/admin/members/invitations/").nth(1).unwrap().split('/').next().unwrap();
        admin.submit(PAGE, &format!("/admin/members/invitations/{id}/end"), &[]);
        assert_eq!(Browser::new(&people.server).get(&other).status, 404);
        // Somebody of another brand joins by the password that they have.
        let path = invited(&admin, "manager@canary.test", "coach", "");
        let both = Browser::new(&people.server);
        let (status, told) = joins(&both, &path, "not the password");
        assert!(status == 422 && told.contains("has an account already"), "{told}");
        assert_eq!(joins(&both, &path, PASSWORD).0, 303);
        assert_eq!(both.get("/coach").status, 200);
    });
}

#[test]
fn a_change_of_role_and_a_removal_hold_at_the_next_request() {
    on_both(async |world| {
        let people = people(&world).await;
        let (admin, manager) = (signed_in(&people, "admin"), signed_in(&people, "manager"));
        let id = number(&admin, "manager@acme.test");
        let one = format!("{PAGE}/{id}");
        let token = Some(people.ours.token("manager"));
        let jobs = || people.server.send("GET", "/api/v1/jobs/1/candidates", token, None).status;
        assert_eq!((manager.get("/manager").status, jobs()), (200, 404));
        assert_eq!(admin.submit(&one, &one, &[("role", "coach"), ("reach", "")]).status, 303);
        assert_eq!((manager.get("/manager").status, jobs()), (403, 403), "at once, session and token alike");
        assert_eq!(admin.submit(&one, &one, &[("role", "manager"), ("reach", "")]).status, 303);
        assert_eq!((manager.get("/manager").status, jobs()), (200, 404));
        // A part of the brand: the jobs elsewhere are not there any more.
        let shows = || manager.get("/manager/jobs").body.contains("/candidates");
        assert!(shows());
        let region = change_region(&people, &admin);
        assert_eq!(admin.submit(&one, &one, &[("role", "manager"), ("reach", &region)]).status, 303);
        assert!(!shows());

        let removed = admin.submit(&one, &format!("{one}/remove"), &[]);
        let page = admin.get(location(&removed)).body;
        assert!(page.contains("is no longer in the brand"), "{page}");
        assert_eq!((manager.get("/manager").status, jobs()), (303, 401), "signed out at once");
        // It can be taken back by what the page carries, and by nothing that is made up.
        let back = page.split("name=\"back\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let number_of_theirs = format!("{} admin ", people.theirs.id("brand"));
        assert_eq!(admin.submit(PAGE, "/admin/members/back", &[("back", &number_of_theirs)]).status, 404);
        assert_eq!(admin.submit(PAGE, "/admin/members/back", &[("back", &back)]).status, 303);
        assert_eq!(jobs(), 404, "a manager again");
        // A brand is never left without an admin.
        let own = format!("{PAGE}/{}", number(&admin, "admin@acme.test"));
        for (action, fields) in
            [(own.clone(), &[("role", "coach"), ("reach", "")][..]), (format!("{own}/remove"), &[])]
        {
            let refused = admin.submit(&own, &action, fields);
            assert!(refused.status == 422 && refused.body.contains("the last admin"), "{}", refused.body);
        }
    });
}

/// Lets a manager reach only a part of the brand.
pub(crate) fn limit(admin: &Browser<'_>, email: &str, reach: &str) {
    let one = format!("{PAGE}/{}", number(admin, email));
    assert_eq!(admin.submit(&one, &one, &[("role", "manager"), ("reach", reach)]).status, 303);
}

/// Another region without any job.
pub(crate) fn change_region(people: &People, admin: &Browser<'_>) -> String {
    let organisation = "/admin/organisation";
    admin.submit(organisation, "/admin/organisation/regions", &[("name", "Elsewhere")]);
    let page = admin.get(organisation).body;
    let choice = page.split(">Elsewhere</option>").next().unwrap().rsplit("value=\"").next().unwrap();
    let id = choice.split('"').next().unwrap();
    assert_ne!(id, people.ours.id("region").to_string());
    format!("region-{id}")
}

#[test]
fn a_key_opens_the_api_for_a_program_until_it_is_taken_back() {
    on_both(async |world| {
        let people = people(&world).await;
        let admin = signed_in(&people, "admin");
        let page = "/admin/keys";
        let wrong = [("name", " "), ("role", "coach"), ("reach", ""), ("expires_on", "2020-01-01")];
        let refused = admin.submit(page, page, &wrong);
        assert!(refused.status == 422 && refused.body.contains("name-wrong"), "{}", refused.body);
        let over = [("name", "Old"), ("role", "manager"), ("reach", ""), ("expires_on", "2020-01-01")];
        assert!(admin.submit(page, page, &over).body.contains("is over already"));
        let new = [("name", "Payroll <b>"), ("role", "manager"), ("reach", ""), ("expires_on", "2031-01-31")];
        let made = admin.submit(page, page, &new).body;
        let key = made.split("<code>fhk_").nth(1).unwrap().split('<').next().unwrap();
        let key = format!("fhk_{key}");
        assert!(!admin.get(page).body.contains(&key), "it is shown once");
        let ask = |key: &str, method: &str, path: &str, body: Option<&str>| {
            people.server.send(method, path, Some(key), body.map(|body| ("application/json", body))).status
        };
        assert_eq!(ask(&key, "GET", "/api/v1/jobs", None), 200);
        let job = people.ours.id("job");
        assert_eq!(ask(&key, "GET", &format!("/api/v1/jobs/{job}/candidates"), None), 200);
        assert_eq!(ask(&key, "GET", &format!("/api/v1/jobs/{}", people.theirs.id("job")), None), 404);
        let coach = json!({"name": "By a program"}).to_string();
        assert_eq!(ask(&key, "POST", "/api/v1/coaches", Some(&coach)), 200);
        let secret = key.splitn(4, '_').nth(3).unwrap();
        let moved = format!("fhk_{}_{}", people.theirs.id("brand"), key.splitn(3, '_').nth(2).unwrap());
        for made_up in [&key[..key.len() - 1], "fhk_", "fhk_1_2_3", &moved, &format!("fhk__{secret}"), secret]
        {
            assert_eq!(ask(made_up, "GET", "/api/v1/jobs", None), 401, "{made_up}");
        }
        assert_eq!(
            people.server.send("GET", "/manager", Some(&key), None).status,
            303,
            "no key opens a page"
        );
        assert!(!people.server.log().contains(secret));
        let log = admin.get("/admin/audit?kind=coach.created").body;
        assert!(log.contains("Key "), "{log}");
        let listed = admin.get(page).body;
        assert!(
            listed.contains("Payroll &lt;b&gt;")
                && listed.contains("2031-01-31")
                && !listed.contains(">never<")
        );
        let id = listed.split("/admin/keys/").nth(1).unwrap().split('/').next().unwrap();
        assert_eq!(admin.submit(page, &format!("/admin/keys/{id}/revoke"), &[]).status, 303);
        assert_eq!(ask(&key, "GET", "/api/v1/jobs", None), 401, "at once");
        assert_eq!(admin.submit(page, &format!("/admin/keys/{id}/revoke"), &[]).status, 404);
    });
}

#[test]
fn the_operator_lets_somebody_in_when_no_admin_is_left() {
    on_both(async |world| {
        let people = people(&world).await;
        let invite = |arguments: &[&str]| {
            let mut program = crate::server::configured(&world);
            let output = program.arg("invite").args(arguments).output().unwrap();
            (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap(), output.stderr)
        };
        let (code, link, told) = invite(&["--brand", "acme", "rescue@acme.test"]);
        assert_eq!(code, 0, "{}", String::from_utf8_lossy(&told));
        let path = &link[link.find("/invitation").unwrap()..].trim_end();
        let browser = Browser::new(&people.server);
        let code = path.split_once('=').unwrap().1;
        let typed = [("code", code), ("name", "Rescue"), ("password", PASSWORD)];
        assert_eq!(browser.submit(path, "/invitation", &typed).status, 303);
        assert_eq!(browser.get("/admin").status, 200);
        let (code, link, told) = invite(&["--brand", "acmee", "rescue@acme.test"]);
        let told = String::from_utf8(told).unwrap();
        assert!(code == 1 && link.is_empty() && told.contains("acme"), "{told}");
        assert_eq!(invite(&["--brand", "acme", "--role", "boss", "rescue@acme.test"]).0, 2);
        assert_eq!(invite(&["--brand", "acme", "nobody"]).0, 1);
    });
}
