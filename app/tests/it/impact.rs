//! What coaches say of themselves, and what admins see of it: groups, and nobody.

use fithire_identity::testing::{PASSWORD, Staff};
use fithire_identity::{Limits, Role};
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::on_both;
use serde_json::json;

use crate::pages::signed_in;
use crate::people::{browser_of, email, people};
use crate::server::Browser;

const PAGE: &str = "/coach/demographics";

#[test]
fn an_answer_is_given_changed_withdrawn_and_erased_by_its_coach_alone() {
    on_both(async |world| {
        let people = people(&world).await;
        let coach = signed_in(&people, "coach");
        let about = "/coach/profile/about";
        assert_eq!(coach.get(PAGE).status, 303, "first there is a profile");
        assert_eq!(coach.submit(about, about, &[("name", "Ada")]).status, 303);
        assert!(coach.get(PAGE).body.contains("You have not answered"));
        let wrong = coach.submit(PAGE, PAGE, &[("sex", "x"), ("race", "martian")]);
        assert!(wrong.status == 422 && wrong.body.contains("2 things are not right"), "{}", wrong.body);
        let said = || coach.get("/coach/data.json").json()["demographics"].clone();
        assert!(said().is_null());
        assert_eq!(coach.submit(PAGE, PAGE, &[("sex", "female"), ("race", "asian")]).status, 303);
        assert_eq!((&said()["sex"], &said()["race_ethnicity"]), (&json!("female"), &json!("asian")));
        assert!(coach.get(PAGE).body.contains("value=\"asian\" selected"));
        assert_eq!(coach.submit(PAGE, PAGE, &[("sex", "other")]).status, 303);
        assert_eq!((&said()["sex"], &said()["race_ethnicity"]), (&json!("other"), &json!(null)));
        // No page and no operation of anybody else has it.
        let id = coach.get("/coach/data.json").json()["coach"].to_string();
        let admin = signed_in(&people, "admin");
        for page in ["/admin/presets/balanced", "/admin/audit", &format!("/manager/coaches/{id}")] {
            assert!(!admin.get(page).body.contains("demographics"), "{page}");
        }
        let token = Some(people.ours.token("admin"));
        let shown = people.server.send("GET", &format!("/api/v1/coaches/{id}"), token, None).body;
        assert!(!shown.contains("sex") && !shown.contains("other"), "{shown}");
        assert_eq!(coach.submit(PAGE, PAGE, &[]).status, 303);
        assert!(said().is_null());
        coach.submit(PAGE, PAGE, &[("sex", "male")]);
        let brand = people.ours.id("brand");
        assert_eq!(world.count("demographics", brand).await, 1);
        assert_eq!(coach.submit("/coach/data", "/coach/data/erase", &[("sure", "yes")]).status, 303);
        assert_eq!(world.count("demographics", brand).await, 0);
    });
}

#[test]
fn an_admin_sees_groups_once_there_are_enough_and_takes_them_away_as_a_file() {
    on_both(async |world| {
        let people = people(&world).await;
        let scope = BrandScope::mint(people.ours.id("brand"), Actor::System);
        let staff = Staff::open(&world).await;
        let job = json!({"title": "Yoga", "location_id": people.ours.id("location"), "threshold": 0.2,
                         "facts": {"modality": "vinyasa"}});
        let send = |method: &str, path: &str, body: serde_json::Value| {
            let body = body.to_string();
            let token = Some(people.ours.token("admin"));
            let answer = people.server.send(method, path, token, Some(("application/json", &body)));
            assert_eq!(answer.status, 200, "{}", answer.body);
            answer.json()
        };
        // The job that is there ranks everybody.
        send("PATCH", &format!("/api/v1/jobs/{}", people.ours.id("job")), json!({"active": false}));
        send("POST", "/api/v1/jobs", job);
        let admin = signed_in(&people, "admin");
        let page = || admin.get("/admin/presets/balanced").body;
        // Six women, all but one of whom teach yoga; six men, one of whom does; and one who says nothing and does.
        for n in 0..13 {
            let name = format!("c{n}");
            staff.member(&scope, &email(&name, "ACME"), Role::Coach, Limits::default()).await;
            let coach: Browser<'_> = browser_of(&people.server, &name, "ACME");
            let about = "/coach/profile/about";
            assert_eq!(coach.submit(about, about, &[("name", &name)]).status, 303);
            let id = coach.get("/coach/data.json").json()["coach"].to_string();
            if n < 5 || n == 6 || n == 12 {
                let facts = json!({"positions": [{"modality": "vinyasa", "started_on": "2015-02-01"}]});
                send("PATCH", &format!("/api/v1/coaches/{id}"), json!({"facts": facts}));
            }
            if n < 12 {
                let sex = if n < 6 { "female" } else { "male" };
                assert_eq!(coach.submit(PAGE, PAGE, &[("sex", sex)]).status, 303);
            }
            if n == 3 {
                assert!(page().contains("No group has said enough of itself yet"), "four are too few");
            }
        }
        // Ten answers are counted, five by five: six of women, four of men, who are too few.
        let shown = page();
        assert!(!shown.contains(">Male<"), "{shown}");
        for n in 13..16 {
            let name = format!("c{n}");
            staff.member(&scope, &email(&name, "ACME"), Role::Coach, Limits::default()).await;
            let coach = browser_of(&people.server, &name, "ACME");
            coach.submit("/coach/profile/about", "/coach/profile/about", &[("name", &name)]);
            assert_eq!(coach.submit(PAGE, PAGE, &[("sex", "male")]).status, 303);
        }
        let shown = page();
        for told in ["Female", "Male", "A ratio is below 0.80", "0.833", "0.111"] {
            assert!(shown.contains(told), "{told} in {shown}");
        }
        let file = admin.get("/admin/presets/balanced/impact.csv");
        assert_eq!(file.headers["content-disposition"], "attachment; filename=\"impact.csv\"");
        let row = file.body.lines().find(|line| line.contains(",selection,Sex,Male,")).unwrap();
        assert!(row.contains(",Male,9,1,0.111,0.133,yes,"), "{row}");
        assert!(file.body.contains(",selection,Sex,Unknown,2,"), "{}", file.body);
        // Another brand has none of it.
        let theirs = Browser::new(&people.server);
        theirs.sign_in("admin@canary.test", PASSWORD);
        assert!(theirs.get("/admin/presets/balanced").body.contains("No group has said enough"));
    });
}
