//! The pages of admins: the tree of a brand, its words, files, members and presets.

use fithire_kernel::testing::on_both;

use crate::pages::{location, signed_in};
use crate::people::people;
use crate::server::Browser;

/// Sends a form of the organisation's page and answers the page that follows.
fn change(admin: &Browser<'_>, form: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let page = "/admin/organisation";
    let answer = admin.submit(page, &format!("{page}/{form}"), fields);
    if answer.status == 303 { (303, admin.get(location(&answer)).body) } else { (answer.status, answer.body) }
}

#[test]
fn a_brand_grows_regions_locations_and_words() {
    on_both(async |world| {
        let people = people(&world).await;
        let admin = signed_in(&people, "admin");
        let (status, page) = change(&admin, "regions", &[("name", "North <b>")]);
        assert!(status == 303 && page.contains("North &lt;b&gt; is one of your regions"), "{page}");
        let choice =
            page.split("North &lt;b&gt;</option>").next().unwrap().rsplit("value=\"").next().unwrap();
        let region = choice.split('"').next().unwrap().to_owned();
        let blank =
            [("region_id", &*region), ("city", ""), ("state", ""), ("country", ""), ("time_zone", "")];
        let add = |name: &str, code: &str| {
            change(&admin, "locations", &[&blank[..], &[("name", name), ("postal_code", code)]].concat())
        };
        let (status, page) = add("Tribeca", "99999");
        assert!(status == 422 && page.contains("href=\"#location-postal_code\""), "{page}");
        assert!(page.contains("value=\"Tribeca\"") && page.contains("not known"), "{page}");
        let (status, page) = add("Tribeca", "10013");
        assert!(status == 303 && page.contains("10013, America/New_York"), "{page}");
        let (status, page) = add("Tribeca", "10013");
        assert!(status == 422 && page.contains("is there already"), "{page}");

        let style = [("name", "Intensity"), ("low", "hush"), ("high", "flat out")];
        let (status, page) = change(&admin, "styles", &style);
        assert!(status == 303 && page.contains("hush … flat out"), "{page}");
        let (status, page) = change(&admin, "styles", &style);
        assert!(status == 422 && page.contains("is there already"), "{page}");
        assert_eq!(change(&admin, "styles", &[("name", ""), ("low", "x"), ("high", "y")]).0, 422);
        // A job can ask for it.
        let form = admin.get("/manager/jobs/new").body;
        assert!(form.contains("name=\"style-0-level\"") && form.contains("4, flat out"), "{form}");
        // What is removed can be taken back by what is said.
        let id =
            page.split("/admin/organisation/styles/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let (_, page) = change(&admin, &format!("styles/{id}/remove"), &[]);
        assert!(page.contains("Intensity is removed") && page.contains("Undo"), "{page}");
        assert!(!admin.get("/admin/organisation").body.contains("is removed"), "it is said once");
        let undo = page.split("data-toast").nth(1).unwrap().split("</form>").next().unwrap();
        assert!(undo.contains("name=\"name\" value=\"intensity\""), "{undo}");
        let (_, page) =
            change(&admin, "styles", &[("name", "intensity"), ("low", "hush"), ("high", "flat out")]);
        assert!(page.contains("hush … flat out"));

        let (status, _) = change(&admin, "brand", &[("name", "Acme North"), ("time_zone", "Europe/Berlin")]);
        assert_eq!(status, 303);
        assert!(admin.get("/admin").body.contains("Acme North"));
        let (status, page) = change(&admin, "brand", &[("name", ""), ("time_zone", "Europe/Berlin")]);
        assert!(status == 422 && page.contains("brand-name-wrong"), "{page}");
        // What an admin of a brand does stays in it.
        let theirs = Browser::new(&people.server);
        theirs.sign_in("admin@canary.test", fithire_identity::testing::PASSWORD);
        let other = theirs.get("/admin/organisation").body;
        assert!(
            !other.contains("Tribeca") && !other.contains("Acme") && !other.contains("flat out"),
            "{other}"
        );
    });
}

#[test]
fn a_file_is_tried_then_taken_or_its_problems_shown() {
    on_both(async |world| {
        let people = people(&world).await;
        let admin = signed_in(&people, "admin");
        let send = |step: &str, what: &str, file: (&str, &str)| {
            admin.upload("/admin/import", &[("what", what), ("step", step)], file)
        };
        let bad = "external_id,name,email,postal_code\nc1,Ada,ada@x.test,10013\nc2,<i>Ben,ben,99999\n";
        let refused = send("import", "coaches", ("coaches <1>.csv", bad));
        assert_eq!(refused.status, 422);
        for shown in ["2 problems; nothing was written", "<td>3</td>", "postal_code", "coaches &lt;1&gt;.csv"]
        {
            assert!(refused.body.contains(shown), "{shown} in {}", refused.body);
        }
        let good = "external_id,name,email\nc1,Ada Lovelace,ada@x.test\n";
        let tried = send("check", "coaches", ("coaches.csv", good)).body;
        assert!(tried.contains("Nothing was written yet") && tried.contains("1 coaches added"), "{tried}");
        let found = || admin.get("/manager/coaches?named=lovelace").body.contains("Ada Lovelace");
        assert!(!found());
        let taken = send("import", "coaches", ("coaches.csv", good)).body;
        assert!(taken.contains("1 coaches added, 0 updated"), "{taken}");
        assert!(found());
        let accented = "external_id,name,email\nc2,Élodie Özge,e@x.test\n";
        send("import", "coaches", ("coaches.csv", accented));
        for name in ["élodie", "Élodie", "ÉLODIE", "özge"] {
            let query = serde_urlencoded::to_string([("named", name)]).unwrap();
            assert!(admin.get(&format!("/manager/coaches?{query}")).body.contains("Élodie"), "{name}");
        }
        assert!(admin.get("/manager/coaches?named=%25").body.contains("Nobody here"), "no pattern is a name");
        let jobs = "external_id,title,location,postal_code\nj1,HIIT,Soho,10012\n";
        let unknown = send("import", "jobs", ("jobs.csv", jobs));
        assert!(unknown.status == 422 && unknown.body.contains("location"), "{}", unknown.body);
        let made = admin.upload(
            "/admin/import",
            &[("what", "jobs"), ("step", "import"), ("create_locations", "yes")],
            ("jobs.csv", jobs),
        );
        assert!(made.body.contains("1 jobs added") && made.body.contains("1 location made"), "{}", made.body);
        assert_eq!(send("import", "coaches", ("", "")).status, 422, "no file is chosen");
        // Far more than the sockets hold: who is still sending sees the refusal all the same.
        let huge = "x".repeat(60 << 20);
        let refused = send("import", "coaches", ("huge.csv", &huge));
        assert!(refused.status == 413 && refused.body.contains("at most 32 MB"), "{}", refused.body);
        let long = "x".repeat(8 << 20);
        let refused =
            admin.submit("/admin/organisation", "/admin/organisation/regions", &[("name", long.as_str())]);
        assert_eq!(refused.status, 413);
    });
}

#[test]
fn what_is_done_and_read_is_in_the_log_of_the_brand_and_the_chain_holds() {
    on_both(async |world| {
        let people = people(&world).await;
        let (admin, manager) = (signed_in(&people, "admin"), signed_in(&people, "manager"));
        let (job, coach) = (people.ours.id("job"), people.ours.id("coach"));
        manager.submit("/manager/jobs", &format!("/manager/jobs/{job}/switch"), &[("active", "false")]);
        manager.get(&format!("/manager/coaches/{coach}"));
        manager.get(&format!("/manager/jobs/{job}/candidates.csv"));
        // The same read twice within a second would be one entry.
        let token = Some(people.ours.token("admin"));
        people.server.send("GET", &format!("/api/v1/coaches/{coach}"), token, None);
        let log = |query: &str| admin.get(&format!("/admin/audit?{query}")).body;
        // What is read is there within a second or so, and sealed.
        let there = || {
            log("kind=candidates.").contains("candidates exported")
                && log(&format!("object={coach}&kind=coach.read")).matches("coach read").count() == 2
                && !log("").contains("being sealed")
        };
        let waited = (0..200).take_while(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            !there()
        });
        assert!(waited.count() < 200, "{}", log(""));
        let changed = log(&format!("object={job}&kind=job"));
        for shown in
            ["job changed", "<del>true</del> <ins>false</ins>", "from 127.0.0.1", "manager@acme.test"]
        {
            assert!(changed.contains(shown), "{shown} in {changed}");
        }
        assert_eq!(log(&format!("object={coach}&kind=coach.read")).matches("coach read").count(), 2);
        assert!(
            log("kind=session.").contains("session opened")
                && log("kind=nothing").contains("Nothing like that")
        );
        assert!(!log("").contains(fithire_kernel::testing::CANARY));
        let head = log("")
            .split("The end of the chain")
            .nth(1)
            .unwrap()
            .split("<p><code>")
            .nth(1)
            .unwrap()
            .to_owned();
        let head = head.split('<').next().unwrap().to_owned();
        let doctor = |head: &str| {
            let mut doctor = crate::server::configured(&world);
            let told =
                doctor.args(["doctor", "--audit", "--audit-head", &format!("acme={head}")]).output().unwrap();
            (told.status.code(), String::from_utf8(told.stdout).unwrap())
        };
        let (code, told) = doctor(&head);
        assert!(code == Some(0) && told.contains("entries hold"), "{told}");
        let (code, told) = doctor("3:made-up");
        assert!(code == Some(1) && told.contains("cut off"), "{told}");
    });
}

#[test]
fn jobs_are_found_and_a_switch_can_be_taken_back() {
    on_both(async |world| {
        let people = people(&world).await;
        let manager = signed_in(&people, "manager");
        let job = people.ours.id("job");
        let off =
            manager.submit("/manager/jobs", &format!("/manager/jobs/{job}/switch"), &[("active", "false")]);
        let page = manager.get(location(&off)).body;
        assert!(page.contains("ACME no longer looks for coaches") && page.contains("Undo"), "{page}");
        let undo = page.split("data-toast").nth(1).unwrap().split("</form>").next().unwrap();
        assert!(undo.contains("value=\"true\""), "{undo}");
        let shows = |query: &str| {
            manager
                .get(&format!("/manager/jobs?{query}"))
                .body
                .contains(&format!("/manager/jobs/{job}/candidates"))
        };
        assert!(shows("state=closed") && !shows("state=open") && shows("titled=acm") && !shows("titled=zzz"));
        let place = people.ours.id("location");
        assert!(shows(&format!("location={place}")) && !shows("location=1"));
        manager.submit("/manager/jobs", &format!("/manager/jobs/{job}/switch"), &[("active", "true")]);
        assert!(shows("state=open"));
    });
}
