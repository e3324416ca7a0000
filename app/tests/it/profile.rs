//! A coach's own profile, section by section, as a browser without scripts sees it.

use fithire_kernel::testing::on_both;
use serde_json::json;

use crate::pages::{location, signed_in};
use crate::people::people;
use crate::server::Answer;

#[test]
fn a_coach_fills_in_a_profile_section_by_section() {
    on_both(async |world| {
        let people = people(&world).await;
        let (admin, coach) = (signed_in(&people, "admin"), signed_in(&people, "coach"));
        let style = [("name", "music"), ("low", "quiet"), ("high", "loud")];
        admin.submit("/admin/organisation", "/admin/organisation/styles", &style);
        let save = |section: &str, fields: &[(&str, &str)]| -> Answer {
            let path = format!("/coach/profile/{section}");
            coach.submit(&path, &path, fields)
        };
        assert!(coach.get("/coach").body.contains("Make your profile"));
        let first = coach.get("/coach/profile/home");
        assert_eq!((first.status, location(&first)), (303, "/coach/profile/about"));
        let refused = save("about", &[("name", " "), ("bio", "I <b>teach</b>"), ("email", "x")]);
        assert_eq!(refused.status, 422);
        for shown in ["href=\"#name\"", "href=\"#email\"", "I &lt;b&gt;teach&lt;/b&gt;"] {
            assert!(refused.body.contains(shown), "{shown} in {}", refused.body);
        }
        let made = save("about", &[("name", "Ada"), ("bio", "I teach"), ("languages", "English")]);
        assert_eq!((made.status, location(&made)), (303, "/coach/profile"), "{}", made.body);
        let profile = coach.get("/coach/profile").body;
        assert!(profile.contains("2 of 8") && profile.contains("About you saved"), "{profile}");

        let lost = save("home", &[("postal_code", "00000"), ("radius_km", "far")]);
        assert!(
            lost.body.contains("postal_code-wrong") && lost.body.contains("radius_km-wrong"),
            "{}",
            lost.body
        );
        save("home", &[("postal_code", "10013"), ("radius_km", "12.5")]);
        save("pay", &[("pay_type", "hourly"), ("pay_min", "40.5"), ("currency", "usd")]);
        save("style", &[("style-0-dimension", "music"), ("style-0-level", "3")]);
        let wrong =
            save("experience", &[("positions-1-modality", "hiit"), ("positions-1-started_on", "soon")]);
        assert!(wrong.body.contains("href=\"#positions-1-started_on\""), "{}", wrong.body);
        save("experience", &[("positions-0-modality", "hiit"), ("positions-0-started_on", "2023-02-01")]);
        let more = save(
            "certifications",
            &[("holdings-0-code", "NASM-CPT"), ("holdings-0-expires_on", "2027-06-30"), ("more", "yes")],
        );
        assert_eq!(location(&more), "/coach/profile/certifications");
        let listed = coach.get("/coach/profile/certifications").body;
        assert!(listed.contains("Not proved yet") && listed.contains("to renew it"), "{listed}");
        let half = save("experience", &[("positions-0-started_on", "2023-02-01")]);
        assert!(half.status == 422 && half.body.contains("href=\"#positions-0-modality\""), "{}", half.body);
        save(
            "availability",
            &[("first", "5"), ("free-0-9", "yes"), ("free-0-10", "yes"), ("maybe-6-22", "yes")],
        );
        let profile = coach.get("/coach/profile").body;
        assert!(profile.contains("8 of 8"), "{profile}");
        for shown in [
            "Free 2 hours a week",
            "If needed, 1 hour a week",
            "Mon 09:00 to 11:00",
            "from 40.5 USD hourly",
            "Travels up to 13 km",
            "NASM-CPT, Certified Personal Trainer, valid until 2027-06-30",
            "Music: 3 of 4, self-rated",
        ] {
            assert!(profile.contains(shown), "{shown} in {profile}");
        }
        let exact = coach.get("/coach/profile/hours").body;
        assert!(exact.contains("value=\"09:00\"") && exact.contains("value=\"11:00\""), "{exact}");
        let twice =
            save("hours", &[("hours-0-start", "09:00"), ("hours-0-day", "0"), ("hours-0-end", "noon")]);
        assert!(twice.body.contains("hours-0-end-wrong"), "{}", twice.body);
        save(
            "hours",
            &[
                ("hours-0-start", "09:15"),
                ("hours-0-day", "0"),
                ("hours-0-end", "10:00"),
                ("hours-0-kind", "free"),
            ],
        );
        assert!(coach.get("/coach/profile/availability").body.contains("Monday 09:00 to 10:00, partly"));

        // The same through the API: what the pages save is what integrators see, and FitHire has counted it.
        let token = Some(people.ours.token("coach"));
        let id = {
            let all =
                people.server.send("GET", "/api/v1/coaches", Some(people.ours.token("admin")), None).json();
            let items = all["items"].as_array().unwrap().clone();
            items.iter().find(|item| item["name"] == "Ada").unwrap()["id"].as_i64().unwrap()
        };
        let own = people.server.send("GET", &format!("/api/v1/coaches/{id}"), token, None).json();
        assert_eq!(own["facts"]["free"], json!([{"day": 0, "start": "09:15", "minutes": 45}]));
        assert_eq!((&own["facts"]["radius_m"], &own["pay"]["min"]), (&json!(12_500), &json!(40.5)));
        let engagement = &own["facts"]["engagement"];
        assert_eq!((&engagement["profile_filled"], &engagement["profile_sections"]), (&json!(8), &json!(8)));
        // A manager sees it, a match has the score, and emptying a text empties it.
        let seen = signed_in(&people, "manager").get(&format!("/manager/coaches/{id}")).body;
        assert!(seen.contains("I teach") && seen.contains("Speaks English"), "{seen}");
        let matched = coach.get(&format!("/coach/matches/{}", people.ours.id("job"))).body;
        assert!(matched.contains("Your FitScore"), "{matched}");
        save("about", &[("name", "Ada"), ("bio", ""), ("languages", "English")]);
        assert!(coach.get("/coach/profile").body.contains("7 of 8"));
    });
}

#[test]
fn whole_days_come_back_as_they_were_typed_and_a_line_can_be_taken_away() {
    on_both(async |world| {
        let people = people(&world).await;
        let coach = signed_in(&people, "coach");
        let save = |section: &str, fields: &[(&str, &str)]| -> Answer {
            let path = format!("/coach/profile/{section}");
            coach.submit(&path, &path, fields)
        };
        save("about", &[("name", "Ada")]);
        let free = [("hours-0-day", "5"), ("hours-1-day", "6")];
        let whole =
            ["hours-0-start", "hours-0-end", "hours-1-start", "hours-1-end"].map(|name| (name, "00:00"));
        save("hours", &[&free[..], &whole[..]].concat());
        let exact = coach.get("/coach/profile/hours").body;
        assert_eq!(exact.matches("Take away").count(), 2, "two days are two lines: {exact}");
        let gone = [&free[..], &whole[..], &[("hours-0-remove", "yes"), ("hours-1-remove", "yes")]].concat();
        save("hours", &gone);
        assert!(coach.get("/coach/profile").body.contains("Nothing said yet"));
    });
}

#[test]
fn what_a_reviewer_has_decided_stays_whatever_the_coach_saves() {
    on_both(async |world| {
        let people = people(&world).await;
        let coach = signed_in(&people, "coach");
        let path = "/coach/profile/about";
        coach.submit(path, path, &[("name", "Ada")]);
        let admin = Some(people.ours.token("admin"));
        let all = people.server.send("GET", "/api/v1/coaches", admin, None).json();
        let id =
            all["items"].as_array().unwrap().iter().find(|item| item["name"] == "Ada").unwrap()["id"].clone();
        let facts = json!({"facts": {
            "holdings": [{"code": "NASM-CPT", "state": "verified", "expires_on": "2027-06-30"},
                         {"code": "ACE-CPT", "state": "revoked"}],
            "style": [{"dimension": "music", "level": 4, "source": "reviewer"}]}});
        let body = ("application/json", &*facts.to_string());
        let decided = people.server.send("PATCH", &format!("/api/v1/coaches/{id}"), admin, Some(body));
        assert_eq!(decided.status, 200, "{}", decided.body);
        let path = "/coach/profile/certifications";
        let page = coach.get(path).body;
        assert!(page.contains("Verified") && page.contains("Revoked"), "{page}");
        let kept = [("holdings-0-code", "NASM-CPT"), ("holdings-0-expires_on", "2027-06-30")];
        assert_eq!(coach.submit(path, path, &kept).status, 303);
        let profile = coach.get("/coach/profile").body;
        assert!(profile.contains("Verified") && profile.contains("Revoked"), "{profile}");
        // Another expiry is another document.
        let later = [
            ("holdings-0-code", "NASM-CPT"),
            ("holdings-0-expires_on", "2029-06-30"),
            ("holdings-2-code", "NASM-CPT"),
            ("holdings-2-expires_on", "2029-06-30"),
        ];
        coach.submit(path, path, &later);
        let profile = coach.get("/coach/profile").body;
        assert!(profile.contains("Not proved yet") && !profile.contains("Verified"), "{profile}");
        assert_eq!(profile.matches("valid until 2029-06-30").count(), 1, "what stands twice is one");
        assert!(profile.contains("seen by a reviewer"));
    });
}
