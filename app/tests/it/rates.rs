//! Who asks too much is told when to come back: by address, by account and by key, on the API and on the pages.

use fithire_kernel::testing::on_both;

use crate::people::{email, people};
use crate::server::{Answer, Browser, Server, configured};
use fithire_identity::testing::PASSWORD;

/// A server that takes so many requests a minute of each.
fn strict(world: &fithire_kernel::testing::World, address: u32, account: u32, key: u32) -> Server {
    let mut program = configured(world);
    program
        .env("FITHIRE_RATES__ADDRESS", address.to_string())
        .env("FITHIRE_RATES__ACCOUNT", account.to_string())
        .env("FITHIRE_RATES__KEY", key.to_string())
        .env("FITHIRE_SERVER__TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    Server::on(&mut program)
}

fn is_refused(answer: &Answer) -> bool {
    let told = answer.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    assert_eq!(answer.status == 429, told.is_some(), "{}", answer.body);
    answer.status == 429
}

#[test]
fn who_asks_too_much_waits_and_nobody_else_does() {
    on_both(async |world| {
        if world.dialect != "SQLite" {
            return;
        }
        let people = people(&world).await;

        // By account: wherever it asks from, and on pages as on the API.
        let server = strict(&world, 1_000, 20, 5);
        let [manager, coach] =
            ["manager", "coach"].map(|role| server.token_of(&email(role, people.ours.mark)));
        let ask = |token: &str, from: &str| {
            let bearer = format!("Bearer {token}");
            let headers = [("Authorization", &*bearer), ("X-Forwarded-For", from)];
            server.send_with("GET", "/api/v1/jobs", &headers, None)
        };
        let refused = (0..25).filter(|n| is_refused(&ask(&manager, &format!("203.0.113.{n}")))).count();
        assert_eq!(refused, 5);
        let problem = ask(&manager, "203.0.113.1").json();
        assert_eq!(problem["code"], "too_many", "{problem}");
        assert!(!is_refused(&ask(&coach, "203.0.113.1")), "another account");
        let browser = Browser::new(&server);
        assert_eq!(browser.sign_in(&email("manager", people.ours.mark), PASSWORD).status, 303);
        let page = browser.get("/manager");
        assert!(is_refused(&page) && page.body.contains("Too many requests"), "{}", page.body);

        // By key.
        let admin = Browser::new(&server);
        assert_eq!(admin.sign_in(&email("admin", people.ours.mark), PASSWORD).status, 303);
        let form = [("name", "export"), ("role", "manager"), ("reach", ""), ("expires_on", "")];
        let keys = admin.submit("/admin/keys", "/admin/keys", &form).body;
        let key = keys.split("<code>fhk_").nth(1).unwrap().split('<').next().unwrap();
        let key = format!("fhk_{key}");
        let refused = (0..8).filter(|_| is_refused(&ask(&key, "203.0.113.9"))).count();
        assert_eq!(refused, 3);

        // By address, whoever it is; whether the program runs is always told.
        let server = strict(&world, 30, 1_000, 1_000);
        let from =
            |address: &str, path: &str| server.send_with("GET", path, &[("X-Forwarded-For", address)], None);
        let refused = (0..40).filter(|_| is_refused(&from("203.0.113.7", "/api/v1/jobs"))).count();
        assert_eq!(refused, 10);
        assert!(is_refused(&from("203.0.113.7", "/sign-in")), "pages count, too");
        assert!(!is_refused(&from("203.0.113.8", "/sign-in")));
        assert_eq!(from("203.0.113.7", "/livez").status, 200);
        // One subscriber of version 6 has many addresses.
        let refused =
            (0..40).filter(|n| is_refused(&from(&format!("2001:db8::{n:x}"), "/api/v1/jobs"))).count();
        assert_eq!(refused, 10);

        // Who is no proxy of ours says for nobody else who they are.
        let mut program = configured(&world);
        let server = Server::on(program.env("FITHIRE_RATES__ADDRESS", "5"));
        let refused = (0..9).filter(|n| {
            let header = format!("203.0.113.{n}");
            is_refused(&server.send_with("GET", "/api/v1/jobs", &[("X-Forwarded-For", &header)], None))
        });
        assert_eq!(refused.count(), 4);
    });
}
