//! What a coach may ask for: the data that is kept, its erasure, and a person who looks at a score.

use std::time::Duration;

use fithire_identity::testing::PASSWORD;
use fithire_kernel::testing::on_both;

use crate::pages::{location, signed_in};
use crate::people::{People, people};
use crate::server::{Browser, Server, configured};

/// The coach of our brand makes a profile.
fn ada(people: &People) -> Browser<'_> {
    let coach = signed_in(people, "coach");
    let about = "/coach/profile/about";
    let fields = [("name", "Ada Obscura"), ("bio", "I teach"), ("email", "ada@home.test")];
    assert_eq!(coach.submit(about, about, &fields).status, 303);
    coach
}

/// The number of the coach of this name, as a manager sees it.
fn number(manager: &Browser<'_>, name: &str) -> String {
    let page = manager.get("/manager/coaches").body;
    let before = page.split(name).next().unwrap();
    before.rsplit("/manager/coaches/").next().unwrap().split('"').next().unwrap().to_owned()
}

#[test]
fn a_coach_takes_everything_away_as_a_file() {
    on_both(async |world| {
        let people = people(&world).await;
        let coach = ada(&people);
        let manager = signed_in(&people, "manager");
        let (job, id) = (people.ours.id("job"), number(&manager, "Ada Obscura"));
        let pair = format!("/manager/jobs/{job}/candidates/{id}");
        let kept = manager.submit(&pair, &format!("{pair}/keep"), &[]);
        assert_eq!(kept.status, 303, "{}", kept.body);
        let of_match = format!("/coach/matches/{job}");
        coach.submit(&of_match, &format!("{of_match}/review"), &[("text", "My years are missing")]);
        let file = coach.get("/coach/data.json");
        assert_eq!(file.headers["content-disposition"], "attachment; filename=\"my-data.json\"");
        let data = file.json();
        assert_eq!(data["coach"].to_string(), id);
        assert_eq!(
            (&data["profile"]["name"], &data["profile"]["bio"]),
            (&"Ada Obscura".into(), &"I teach".into())
        );
        assert_eq!(data["kept_scores"].as_array().unwrap().len(), 1);
        assert_eq!(data["review_requests"][0]["text"], "My years are missing");
        let changes = data["changes"].as_array().unwrap();
        assert!(changes.iter().any(|change| change["action"] == "coach.created"), "{changes:?}");
        assert!(!file.body.contains(fithire_kernel::testing::CANARY));
    });
}

#[test]
fn what_is_erased_is_gone_everywhere_at_once() {
    on_both(async |world| {
        let people = people(&world).await;
        let other = Server::on(&mut configured(&world));
        let coach = ada(&people);
        let manager = signed_in(&people, "manager");
        let elsewhere = Browser::new(&other);
        elsewhere.sign_in("manager@acme.test", PASSWORD);
        let (job, id) = (people.ours.id("job"), number(&manager, "Ada Obscura"));
        let pair = format!("/manager/jobs/{job}/candidates/{id}");
        let kept = manager.submit(&pair, &format!("{pair}/keep"), &[]);
        let kept = location(&kept).to_owned();
        let pages = [format!("/manager/jobs/{job}/candidates?show=all"), "/manager/coaches".to_owned()];
        for browser in [&manager, &elsewhere] {
            for page in &pages {
                assert!(browser.get(page).body.contains("Ada Obscura"), "{page}");
            }
        }
        let of_match = format!("/coach/matches/{job}");
        coach.submit(&of_match, &format!("{of_match}/review"), &[("text", "Look again")]);
        let asked = manager.get("/manager/reviews").body;
        let request = asked.split("action=\"/manager/reviews/").nth(1).unwrap().split('"').next().unwrap();
        let token = people.ours.token("coach");
        let erase = |fields: &[(&str, &str)]| coach.submit("/coach/data", "/coach/data/erase", fields);
        let unsure = erase(&[]);
        assert!(unsure.status == 422 && unsure.body.contains("nothing was erased"), "{}", unsure.body);
        assert_eq!(coach.get("/coach").status, 200);
        let done = erase(&[("sure", "yes")]);
        assert_eq!((done.status, location(&done)), (303, "/sign-in"), "{}", done.body);

        assert_eq!(coach.get("/coach").status, 303, "signed out");
        assert_eq!(people.server.send("GET", "/api/v1/coaches", Some(token), None).status, 401);
        assert_eq!(Browser::new(&people.server).sign_in("coach@acme.test", PASSWORD).status, 401);
        for browser in [&manager, &elsewhere] {
            for page in &pages {
                assert!(!browser.get(page).body.contains("Ada Obscura"), "{page}");
            }
            for gone in [&pair, &kept, &format!("/manager/coaches/{id}")] {
                assert_eq!(browser.get(gone).status, 404, "{gone}");
            }
        }
        let answer = [("outcome", "upheld"), ("answer", "x")];
        let late = manager.submit("/manager/jobs", &format!("/manager/reviews/{request}"), &answer);
        assert_eq!(late.status, 404, "nobody waits for an answer");
        // That something happened stays on record, and nobody reads what.
        let admin = signed_in(&people, "admin");
        let log = || admin.get(&format!("/admin/audit?object={id}")).body;
        let sealed = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            log().contains("coach erased") && !admin.get("/admin/audit").body.contains("being sealed")
        });
        let log = log();
        assert!(sealed && log.contains("coach created"), "{log}");
        for text in ["Ada Obscura", "ada@home.test", "I teach"] {
            assert!(!log.contains(text), "{log}");
        }
        let doctor = configured(&world).args(["doctor", "--audit"]).output().unwrap();
        assert_eq!(doctor.status.code(), Some(0), "{}", String::from_utf8_lossy(&doctor.stdout));
        // Others are untouched, and the brand next door as well.
        assert_eq!(manager.get(&format!("/manager/coaches/{}", people.ours.id("coach"))).status, 200);
        let next = Browser::new(&people.server);
        assert_eq!(next.sign_in("coach@canary.test", PASSWORD).status, 303);
    });
}

#[test]
fn who_left_another_brand_before_is_forgotten_all_the_same() {
    on_both(async |world| {
        let people = people(&world).await;
        let next_door = Browser::new(&people.server);
        next_door.sign_in("coach@canary.test", PASSWORD);
        let about = "/coach/profile/about";
        assert_eq!(next_door.submit(about, about, &[("name", "Ada")]).status, 303);
        let admin = signed_in(&people, "admin");
        let path = crate::members::invited(&admin, "coach@canary.test", "coach", "");
        let both = Browser::new(&people.server);
        assert_eq!(crate::members::joins(&both, &path, PASSWORD).0, 303);
        let theirs = Browser::new(&people.server);
        theirs.sign_in("admin@canary.test", PASSWORD);
        let members = "/admin/members";
        let one = format!("{members}/{}", crate::members::number(&theirs, "coach@canary.test"));
        assert_eq!(theirs.submit(&one, &format!("{one}/remove"), &[]).status, 303);
        let done = both.submit("/coach/data", "/coach/data/erase", &[("sure", "yes")]);
        assert_eq!((done.status, location(&done)), (303, "/sign-in"), "{}", done.body);
        assert_eq!(Browser::new(&people.server).sign_in("coach@canary.test", PASSWORD).status, 401);
        let log = admin.get("/admin/audit?kind=member.").body;
        assert!(log.contains("member erased") && !log.contains("coach@canary.test"), "{log}");
        // The address is free for a new beginning.
        let path = crate::members::invited(&admin, "coach@canary.test", "coach", "");
        let again = Browser::new(&people.server);
        assert_eq!(crate::members::joins(&again, &path, PASSWORD).0, 303);
        assert!(again.get("/coach").body.contains("Make your profile"));
    });
}

#[test]
fn a_person_looks_at_a_score_and_their_word_is_on_record() {
    on_both(async |world| {
        let people = people(&world).await;
        let coach = ada(&people);
        let (manager, admin) = (signed_in(&people, "manager"), signed_in(&people, "admin"));
        let page = format!("/coach/matches/{}", people.ours.id("job"));
        let ask = |text: &str| coach.submit(&page, &format!("{page}/review"), &[("text", text)]);
        assert!(manager.get("/manager/reviews").body.contains("Nobody has asked"));
        let endless = "x".repeat(2_001);
        for wrong in [" ", &endless] {
            let refused = ask(wrong);
            assert!(refused.status == 422 && refused.body.contains("text-wrong"), "{}", refused.body);
            assert!(refused.body.contains(wrong), "what was typed stays");
        }
        assert_eq!(ask("I ran a <b>studio</b>").status, 303);
        assert_eq!(ask("Again").status, 409, "one at a time");
        assert!(!coach.get(&page).body.contains("Ask for a review"));
        let listed = manager.get("/manager/reviews").body;
        assert!(
            listed.contains("I ran a &lt;b&gt;studio&lt;/b&gt;") && listed.contains("Ada Obscura"),
            "{listed}"
        );
        let id = listed.split("action=\"/manager/reviews/").nth(1).unwrap().split('"').next().unwrap();
        let one = format!("/manager/reviews/{id}");
        let answer = |who: &Browser<'_>, outcome: &str, text: &str| {
            who.submit("/manager/reviews", &one, &[("outcome", outcome), ("answer", text)])
        };
        let pair =
            format!("/manager/jobs/{}/candidates/{}", people.ours.id("job"), number(&manager, "Ada Obscura"));
        assert!(manager.get(&pair).body.contains("Ada Obscura asks that a person looks at this score"));
        let refused = answer(&manager, "", "Her studio counts");
        assert!(refused.status == 422 && refused.body.contains("Her studio counts"), "{}", refused.body);
        assert!(refused.body.contains(&format!("href=\"#outcome-{id}\"")), "{}", refused.body);
        assert_eq!(answer(&manager, "overridden", "Her studio counts").status, 303);
        let late = answer(&admin, "upheld", "It was a gym");
        assert!(late.status == 409 && late.body.contains("somebody has answered"), "{}", late.body);
        assert!(late.body.contains("It was a gym"), "what was typed stays: {}", late.body);
        assert!(manager.get(&pair).body.contains("Overridden by a person:"), "whoever decides sees it");
        let told = coach.get(&page).body;
        assert!(told.contains("Overridden") && told.contains("Her studio counts"), "{told}");
        assert!(told.contains("Ask for a review"), "another may follow");
        let log = admin.get("/admin/audit?kind=review.").body;
        for shown in ["review asked", "review answered", "overridden", "manager@acme.test"] {
            assert!(log.contains(shown), "{shown} in {log}");
        }
        // Neither another brand nor somebody who reaches another part of this one answers.
        ask("Once more");
        let listed = manager.get("/manager/reviews").body;
        let id = listed.split("action=\"/manager/reviews/").nth(1).unwrap().split('"').next().unwrap();
        let one = format!("/manager/reviews/{id}");
        let theirs = Browser::new(&people.server);
        theirs.sign_in("manager@canary.test", PASSWORD);
        let fields = [("outcome", "upheld"), ("answer", "x")];
        assert_eq!(theirs.submit("/manager/coaches", &one, &fields).status, 404);
        let region = crate::members::change_region(&people, &admin);
        crate::members::limit(&admin, "manager@acme.test", &region);
        assert!(manager.get("/manager/reviews").body.contains("Nobody has asked"));
        assert_eq!(manager.submit("/manager/jobs", &one, &fields).status, 404);
    });
}
