//! How people come in: the first of an installation, coaches by a link, and somebody with several brands.

use fithire_identity::testing::PASSWORD;
use fithire_kernel::testing::on_both;

use crate::meanwhile::{WAIT, meanwhile};
use crate::pages::{location, signed_in, token};
use crate::people::people;
use crate::server::{Browser, Server, configured};

#[test]
fn a_new_installation_begins_at_the_address_that_it_prints_and_once() {
    on_both(async |world| {
        let (server, lines) = Server::started(configured(&world).args(["serve", "--port", "0"]));
        let printed = lines.iter().find_map(|line| line.strip_prefix("first run: ")).unwrap();
        let path = printed.strip_prefix(&server.url).unwrap();
        assert!(!server.log().contains(path.split('=').nth(1).unwrap()), "the code is no matter of the log");
        let stranger = Browser::new(&server);
        let without = stranger.get("/first-run");
        assert!(without.body.contains("Only whoever runs this installation"), "{}", without.body);
        let typed =
            [("brand", "Acme & Co"), ("time_zone", "Europe/Berlim"), ("name", "Ada"), ("email", "ada")];
        let code = path.split_once("code=").unwrap().1;
        let short = [("code", code), ("password", "short")];
        let guessed = stranger.submit(
            path,
            "/first-run",
            &[&typed[..], &[("code", "x"), ("password", PASSWORD)]].concat(),
        );
        assert_eq!(guessed.status, 404);
        let refused = stranger.submit(path, "/first-run", &[&typed[..], &short].concat());
        assert_eq!(refused.status, 422, "{}", refused.body);
        for shown in ["Europe/Berlin", "is not an e-mail address", "shorter than 12", "Acme &amp; Co"] {
            assert!(refused.body.contains(shown), "{shown} in {}", refused.body);
        }
        assert!(!refused.body.contains("short\""), "a password is not sent back");
        let right = [
            ("code", code),
            ("brand", "Acme & Co"),
            ("time_zone", "Europe/Berlin"),
            ("name", "Ada"),
            ("email", "ada@acme.test"),
            ("password", PASSWORD),
        ];
        let began = stranger.submit(path, "/first-run", &right);
        assert_eq!((began.status, location(&began)), (303, "/admin"), "{}", began.body);
        let admin = stranger.get("/admin").body;
        assert!(admin.contains("Acme &amp; Co") && admin.contains("0 of 5"), "{admin}");
        assert_eq!(stranger.get(path).status, 404, "it works once");
        assert_eq!(Browser::new(&server).sign_in("ada@acme.test", PASSWORD).status, 303);
    });
}

/// The path of the link that a page of the organisation shows.
fn link(page: &str) -> String {
    let link = page.split("/sign-up?link=").nth(1).unwrap().split('<').next().unwrap();
    format!("/sign-up?link={link}")
}

#[test]
fn a_coach_signs_up_by_the_link_of_a_brand_as_long_as_it_is_open() {
    on_both(async |world| {
        let people = people(&world).await;
        let admin = signed_in(&people, "admin");
        let organisation = "/admin/organisation";
        let set =
            |link: &str| admin.submit(organisation, "/admin/organisation/link", &[("link", link)]).status;
        assert!(admin.get(organisation).body.contains("Make a link"));
        assert_eq!(set("new"), 303);
        let path = link(&admin.get(organisation).body);
        let code = path.split_once("link=").unwrap().1;
        let join = |browser: &Browser<'_>, email: &str, password: &str| {
            let typed = [("link", code), ("name", "Zoë <b>"), ("email", email), ("password", password)];
            browser.submit(&path, "/sign-up", &typed)
        };
        let coach = Browser::new(&people.server);
        assert!(coach.get(&path).body.contains("Coach with ACME"));
        let refused = join(&coach, "zoe", "short");
        assert!(refused.status == 422 && refused.body.contains("Zoë &lt;b&gt;"), "{}", refused.body);
        let joined = join(&coach, "zoe@acme.test", PASSWORD);
        assert_eq!((joined.status, location(&joined)), (303, "/"));
        let overview = coach.get("/coach").body;
        assert!(overview.contains("Zoë &lt;b&gt;") && overview.contains("Make your profile"), "{overview}");
        // An account that is there needs its password, and stays what it is in this brand.
        let other = Browser::new(&people.server);
        let wrong = join(&other, "admin@acme.test", "not the password");
        assert!(wrong.status == 422 && wrong.body.contains("has an account already"), "{}", wrong.body);
        assert_eq!(join(&other, "admin@acme.test", PASSWORD).status, 303);
        assert_eq!(other.get("/admin").status, 200, "an admin stays an admin");
        // Somebody of another brand is a coach here, and goes from one to the other.
        let both = Browser::new(&people.server);
        assert_eq!(join(&both, "manager@canary.test", PASSWORD).status, 303);
        assert_eq!((both.get("/coach").status, both.get("/manager").status), (200, 403));
        let theirs = people.theirs.id("brand").to_string();
        assert!(both.get("/coach").body.contains("Switch brand"));
        assert_eq!(both.submit("/brands", "/brands", &[("brand_id", &theirs)]).status, 303);
        assert_eq!((both.get("/coach").status, both.get("/manager").status), (403, 200), "a manager again");
        assert_eq!(coach.submit("/brands", "/brands", &[("brand_id", &theirs)]).status, 404);
        // Another link ends this one, until that is taken back.
        let other_link = set("new");
        let now = admin.get(organisation).body;
        assert!(
            other_link == 303 && link(&now) != path && Browser::new(&people.server).get(&path).status == 404
        );
        admin.submit(organisation, "/admin/organisation/link", &[("link", "back"), ("secret", code)]);
        assert_eq!(link(&admin.get(organisation).body), path);
        admin.submit(organisation, "/admin/organisation/link", &[("link", "back"), ("secret", "guess")]);
        assert!(admin.get(organisation).body.contains("Make a link"), "nobody chooses the secret");
        // A closed link opens nothing.
        assert_eq!(set("none"), 303);
        assert_eq!(Browser::new(&people.server).get(&path).status, 404);
        let late = Browser::new(&people.server);
        let form = token(&late.get("/sign-in").body);
        let typed = [("link", code), ("name", "Late"), ("email", "late@acme.test"), ("password", PASSWORD)];
        assert_eq!(late.post("/sign-up", &[&[("form_token", &*form)], &typed[..]].concat()).status, 404);
    });
}

#[test]
fn a_second_click_on_signing_up_ends_like_the_first_and_only_with_the_same_password() {
    on_both(async |world| {
        if world.dialect == "SQLite" {
            return;
        }
        let people = people(&world).await;
        let admin = signed_in(&people, "admin");
        assert_eq!(
            admin.submit("/admin/organisation", "/admin/organisation/link", &[("link", "new")]).status,
            303
        );
        let path = link(&admin.get("/admin/organisation").body);
        let code = path.split_once("link=").unwrap().1;
        for (n, email, password, status) in
            [(1, "zoe@acme.test", PASSWORD, 303), (2, "yan@acme.test", "a guess of somebody else", 422)]
        {
            // The first click, which has everybody's password, is not done when the second comes.
            let first = format!(
                "INSERT INTO accounts SELECT (jsonb_populate_record(a, jsonb_build_object(\
                 'id', a.id + {n}, 'email', '{email}', 'brands', '[]'))).* \
                 FROM accounts a WHERE email = 'admin@acme.test'"
            );
            let second = Browser::new(&people.server);
            let typed = [("link", code), ("name", "Zoe"), ("email", email), ("password", password)];
            let joins = async { second.submit(&path, "/sign-up", &typed) };
            let joined = meanwhile(&world, &[&first, WAIT], joins).await;
            assert_eq!(joined.status, status, "{email}: {}", joined.body);
            assert_eq!(second.get("/coach").status, if status == 303 { 200 } else { 303 }, "{email}");
        }
    });
}
