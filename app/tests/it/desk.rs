//! The desk by its pages, as browsers without scripts see it: two admins, one queue, and what the coach reads.

use fithire_identity::testing::{PASSWORD, Staff};
use fithire_identity::{Limits, Role};
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::on_both;

use crate::pages::{location, signed_in};
use crate::people::people;
use crate::server::Browser;

#[test]
fn two_admins_work_through_one_queue_and_the_coach_reads_what_came_of_it() {
    on_both(async |world| {
        let people = people(&world).await;
        let scope = BrandScope::mint(people.ours.id("brand"), Actor::System);
        Staff::open(&world).await.member(&scope, "bea@acme.test", Role::Admin, Limits::default()).await;
        let (ada, coach) = (signed_in(&people, "admin"), signed_in(&people, "coach"));
        let bea = Browser::new(&people.server);
        bea.sign_in("bea@acme.test", PASSWORD);
        coach.submit("/coach/profile/about", "/coach/profile/about", &[("name", "Cleo")]);
        let token = Some(people.ours.token("admin"));
        let own = coach.get("/coach/data.json").json()["coach"].to_string();
        let pending =
            r#"{"facts":{"holdings":[{"code":"NCSF-CPT","state":"pending","expires_on":"2029-10-31"}]}}"#;
        let path = format!("/api/v1/coaches/{own}");
        let sent = people.server.send("PATCH", &path, token, Some(("application/json", pending)));
        assert_eq!(sent.status, 200, "{}", sent.body);
        assert!(ada.get("/admin").body.contains("certificates wait"), "the overview says how many");

        let first = ada.submit("/admin/verify", "/admin/verify/next", &[]);
        let second = bea.submit("/admin/verify", "/admin/verify/next", &[]);
        let (first, second) = (location(&first).to_owned(), location(&second).to_owned());
        assert_ne!(first, second, "each has an item of their own");
        assert!(bea.get(&first).body.contains("is looking at it until"));
        assert!(bea.get("/admin/verify").body.contains("admin@acme.test, until"));
        let round = ("round", "0");
        let refused = bea.submit(&second, &first, &[("decision", "verified"), round]);
        assert!(refused.status == 409 && refused.body.contains("is looking at it until"), "{}", refused.body);

        // The rule of the issuer is shown, offered, and decides nothing.
        let rule = [("issued_on", "2026-10-03"), ("expires_on", "2029-10-31")];
        let held = bea.submit(&second, &format!("{second}/rule"), &rule);
        assert!(held.body.contains("the issuer’s rule gives 2028-10-31"), "{}", held.body);
        assert!(held.body.contains("Verify until 2028-10-31"), "{}", held.body);
        let soon = bea.submit(&second, &second, &[("expires_on", "soon"), round]);
        assert!(soon.status == 422 && soon.body.contains("id=\"expires_on-wrong\""), "{}", soon.body);
        let bare = bea.submit(&second, &second, &[("decision", "rejected"), round]);
        assert!(bare.status == 422 && bare.body.contains("href=\"#reason-0\""), "{}", bare.body);

        let accepted = [&rule[..], &[("accept", "2028-10-31"), round]].concat();
        let done = bea.submit(&second, &second, &accepted);
        assert_eq!((done.status, location(&done)), (303, "/admin/verify"), "{}", done.body);
        let profile = coach.get("/coach/profile").body;
        assert!(profile.contains("valid until 2028-10-31") && profile.contains("Verified"), "{profile}");
        let undo = format!("{second}/undo");
        let desk = bea.get("/admin/verify").body;
        assert!(desk.contains(&undo), "the way back stands in the message: {desk}");
        assert_eq!(location(&bea.submit("/admin/verify", &undo, &[("round", "1")])), second);
        assert!(coach.get("/coach/profile").body.contains("Awaiting review"));
        let late = bea.submit(&second, &undo, &[("round", "1")]);
        assert!(late.status == 303 && bea.get(&second).body.contains("Something else has happened"));

        let why = [("decision", "rejected"), ("reason", "0"), ("words", "Scan it again"), ("round", "2")];
        assert_eq!(bea.submit(&second, &second, &why).status, 303);
        for page in ["/coach/profile", "/coach/profile/certifications", "/coach/media"] {
            let shown = coach.get(page).body;
            assert!(shown.contains("The document cannot be read. Scan it again."), "{shown}");
            let better = "<a href=\"/coach/media?code=NCSF-CPT\">Upload a better document";
            assert!(shown.contains(better), "{shown}");
        }
        let profile = format!("/manager/coaches/{own}");
        assert!(!ada.get(&profile).body.contains("Upload a better document"), "that is for the coach");
        // What is decided says by whom, and a verified one can be revoked.
        assert!(ada.get(&second).body.contains("Rejected by bea@acme.test"));
        let own = [("decision", "verified"), ("expires_on", ""), round];
        assert_eq!(ada.submit(&first, &first, &own).status, 303);
        let revoke = [("decision", "revoked"), ("words", "The issuer says so"), ("round", "1")];
        assert_eq!(ada.submit(&first, &first, &revoke).status, 303);
        assert!(ada.get(&first).body.contains("The issuer says so"));
    });
}

#[test]
fn a_profile_is_returned_and_approved_on_its_page() {
    on_both(async |world| {
        let people = people(&world).await;
        let (admin, coach) = (signed_in(&people, "admin"), signed_in(&people, "coach"));
        coach.submit("/coach/profile/about", "/coach/profile/about", &[("name", "Cleo")]);
        assert!(coach.get("/coach/profile").body.contains("Waits for approval"));
        let list = admin.get("/admin/verify/profiles").body;
        let path = list.split("href=\"").find(|link| link.starts_with("/admin/verify/coaches/")).unwrap();
        let path = path.split('"').next().unwrap().to_owned();
        let bare = admin.submit(&path, &path, &[("decision", "returned")]);
        assert!(bare.status == 422 && bare.body.contains("href=\"#reason\""), "{}", bare.body);
        let returned = [("decision", "returned"), ("reason", "Say where you teach"), ("round", "0")];
        assert_eq!(location(&admin.submit(&path, &path, &returned)), "/admin/verify/profiles");
        assert!(coach.get("/coach/profile").body.contains("Say where you teach"));
        let late = admin.submit(&path, &path, &returned);
        assert!(late.status == 409 && late.body.contains("has made it returned"), "{}", late.body);
        coach.submit(
            "/coach/profile/about",
            "/coach/profile/about",
            &[("name", "Cleo"), ("bio", "In Tribeca")],
        );
        assert!(admin.get("/admin/verify/profiles").body.contains(&path), "it is back");
        admin.submit(&path, &path, &[("decision", "approved"), ("round", "2")]);
        assert!(coach.get("/coach/profile").body.contains("Approved"));
    });
}

#[test]
fn a_video_is_tagged_by_hand_where_there_are_no_scripts() {
    on_both(async |world| {
        let people = people(&world).await;
        let admin = signed_in(&people, "admin");
        let style = [("name", "music"), ("low", "quiet"), ("high", "loud")];
        admin.submit("/admin/organisation", "/admin/organisation/styles", &style);
        let path = format!("/admin/tags/{}", people.ours.id("medium"));
        assert!(admin.get("/admin/tags").body.contains(&path));
        let wrong = [("tags-0-at_seconds", "1.5"), ("tags-0-dimension", "music"), ("tags-0-level", "")];
        let refused = admin.submit(&path, &path, &wrong);
        assert!(refused.status == 422 && refused.body.contains("href=\"#tags-0-level\""), "{}", refused.body);
        let tags = [
            ("tags-0-at_seconds", "1.5"),
            ("tags-0-dimension", "music"),
            ("tags-0-level", "4"),
            ("tags-1-at_seconds", "9"),
            ("tags-1-dimension", "music"),
            ("tags-1-level", "2"),
        ];
        assert_eq!(admin.submit(&path, &path, &tags).status, 303);
        let coach = admin.get(&format!("/manager/coaches/{}", people.ours.id("coach"))).body;
        assert!(coach.contains("Music: 3 of 4, seen by a reviewer"), "{coach}");
        let page = admin.get(&path).body;
        assert!(page.contains("value=\"1.5\"") && page.contains("value=\"9.0\""), "{page}");
        let gone = [&tags[..], &[("tags-0-remove", "yes")]].concat();
        assert_eq!(admin.submit(&path, &path, &gone).status, 303);
        // The message has the way back, which only leads there while nobody has tagged it since.
        let (list, undo) = (admin.get("/admin/tags").body, format!("{path}/undo"));
        let seen = list.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(list.contains(&undo), "{list}");
        let rating = || admin.get(&format!("/manager/coaches/{}", people.ours.id("coach"))).body;
        assert!(rating().contains("Music: 2 of 4, seen by a reviewer"));
        let late = admin.submit(&path, &undo, &[("seen", "something else")]);
        assert!(late.status == 303 && admin.get(&path).body.contains("Somebody has tagged it again since"));
        assert!(rating().contains("Music: 2 of 4, seen by a reviewer"));
        assert_eq!(location(&admin.submit(&path, &undo, &[("seen", seen)])), path);
        assert!(admin.get(&path).body.contains("Taken back; the tags are as they were"));
        assert!(rating().contains("Music: 3 of 4, seen by a reviewer"));
    });
}
