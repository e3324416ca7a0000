//! Messages through a mail server: the links that they carry work once, and an outage of the server loses none.

use fithire_identity::testing::PASSWORD;
use fithire_kernel::testing::on_both;

use super::{Configured, Peer, until};
use crate::pages::location;
use crate::people::email;
use crate::server::Browser;

/// The last path of ours that a message carries, with its line breaks of transport taken out.
fn last_link(mail: &Peer, path: &str) -> Option<String> {
    let all = mail.ask("GET", "/messages", "").replace("=\r\n", "").replace("=3D", "=");
    let link = all.rsplit(&format!("{path}?code=")).next().filter(|_| all.contains(path))?;
    let code: String = link.chars().take_while(|c| !c.is_whitespace()).collect();
    Some(format!("{path}?code={code}"))
}

fn messages(mail: &Peer) -> usize {
    mail.ask("GET", "/messages", "").matches("Subject: ").count()
}

#[test]
fn an_invitation_a_new_address_and_a_forgotten_password_go_by_mail() {
    on_both(async |world| {
        let people = crate::people::people(&world).await;
        // Its worker would write the messages into files.
        drop(people.server);
        let mail = Peer::start("mail.mjs", &[]);
        let toml = format!("[mail]\nfrom = \"Acme <no-reply@acme.test>\"\nsmtp_url = \"{}\"\n", mail.url);
        let app = Configured::start(&world, &toml);
        let boss = email("admin", people.ours.mark);
        let admin = Browser::new(&app.server);
        assert_eq!(admin.sign_in(&boss, PASSWORD).status, 303);

        // An invitation.
        let form = [("email", "new@acme.test"), ("role", "manager"), ("reach", "")];
        let invited = admin.submit("/admin/members", "/admin/members/invitations", &form);
        assert!(invited.body.contains("A message is on its way to new@acme.test"), "{}", invited.body);
        until(10, "the invitation", || last_link(&mail, "/invitation").is_some());
        let path = last_link(&mail, "/invitation").unwrap();
        let code = path.split_once('=').unwrap().1;
        let joiner = Browser::new(&app.server);
        let typed = [("code", code), ("name", "New"), ("password", PASSWORD)];
        assert_eq!(joiner.submit(&path, "/invitation", &typed).status, 303);
        assert_eq!(joiner.get("/manager").status, 200);

        // The address of a new account is confirmed, by a button and once.
        until(10, "the confirmation", || last_link(&mail, "/confirm-email").is_some());
        assert!(joiner.get("/account").body.contains("Not confirmed yet"));
        let path = last_link(&mail, "/confirm-email").unwrap();
        let confirm = || {
            let code = path.split_once('=').unwrap().1;
            joiner.submit(&path, "/confirm-email", &[("code", code)]).status
        };
        assert!(joiner.get(&path).body.contains("One click"));
        assert!(
            joiner.get("/account").body.contains("Not confirmed yet"),
            "looking at a link changes nothing"
        );
        let code = path.split_once('=').unwrap().1;
        let other = admin.submit(&path, "/confirm-email", &[("code", code)]).status;
        assert_eq!(other, 404, "nobody confirms an account for somebody else");
        let stranger = Browser::new(&app.server).get(&path);
        assert!(location(&stranger).starts_with("/sign-in?next="), "who is not signed in signs in first");
        assert_eq!((confirm(), confirm()), (200, 404));
        assert!(joiner.get("/account").body.contains("Confirmed"));

        // A forgotten password: the answer is the same whether there is an account, and only one message goes out.
        let stranger = Browser::new(&app.server);
        let before = messages(&mail);
        let answers = ["nobody@acme.test", &*boss].map(|address| {
            let answer = stranger.submit("/forgotten", "/forgotten", &[("email", address)]);
            (answer.status, answer.body.replace(address, "…").split("form_token").next().unwrap().to_owned())
        });
        assert_eq!(answers[0], answers[1]);
        until(10, "the link", || messages(&mail) > before);
        assert_eq!(messages(&mail), before + 1);
        let path = last_link(&mail, "/new-password").unwrap();
        let code = path.split_once('=').unwrap().1.to_owned();
        let choose = |password: &str| {
            let browser = Browser::new(&app.server);
            let page = if browser.get(&path).status == 200 { &*path } else { "/sign-in" };
            browser.submit(page, "/new-password", &[("code", &code), ("password", password)])
        };
        let token = app.server.token_of(&boss);
        assert_eq!(choose("short").status, 422);
        let chosen = choose("another battery staple");
        assert_eq!((chosen.status, location(&chosen)), (303, "/sign-in?why=password"));
        assert_eq!(choose("yet another battery").status, 404, "the link works once");
        assert_eq!(admin.get("/admin").status, 303, "signed out everywhere");
        assert_eq!(app.status("/api/v1/brands", &token), 401, "tokens, too");
        assert_eq!(admin.sign_in(&boss, PASSWORD).status, 401);
        assert_eq!(admin.sign_in(&boss, "another battery staple").status, 303);
        assert_eq!(admin.get("/admin").status, 200);
        assert!(admin.get("/admin/audit").body.contains("password changed"));

        // On the page of one's own account.
        let change = |before: &str, password: &str| {
            admin.submit("/account", "/account/password", &[("before", before), ("password", password)])
        };
        let refused = change("a guess", PASSWORD);
        assert!(refused.status == 422 && refused.body.contains("is not your password"), "{}", refused.body);
        assert_eq!(change("another battery staple", "short").status, 422);
        assert_eq!(change("another battery staple", PASSWORD).status, 303);
        assert!(
            admin.get("/account").body.contains("Your password is changed"),
            "this browser stays signed in"
        );
        let log = app.server.log();
        for secret in [&*code, "battery", "acme.test"] {
            assert!(!log.contains(secret), "{secret} is in the log");
        }
    });
}

#[test]
fn a_mail_server_that_is_away_is_tried_again() {
    on_both(async |world| {
        if world.dialect != "SQLite" {
            return;
        }
        let people = crate::people::people(&world).await;
        // Its worker would write the messages into files.
        drop(people.server);
        let mail = Peer::start("mail.mjs", &[]);
        let app = Configured::start(&world, &format!("[mail]\nsmtp_url = \"{}\"\n", mail.url));
        mail.ask("POST", "/down", "");
        let stranger = Browser::new(&app.server);
        let address = email("admin", people.ours.mark);
        assert_eq!(stranger.submit("/forgotten", "/forgotten", &[("email", &address)]).status, 200);
        until(10, "the first try", || app.server.log().contains("a task failed and is tried again"));
        mail.ask("POST", "/up", "");
        until(20, "the message", || last_link(&mail, "/new-password").is_some());
    });
}

#[test]
fn without_a_mail_server_messages_are_files() {
    on_both(async |world| {
        let people = crate::people::people(&world).await;
        // Its worker would write them into a folder of its own.
        drop(people.server);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mail");
        let app = Configured::start(&world, &format!("[mail]\nfolder = {path:?}\n"));
        let stranger = Browser::new(&app.server);
        let address = email("coach", people.ours.mark);
        assert_eq!(stranger.submit("/forgotten", "/forgotten", &[("email", &address)]).status, 200);
        let written = || std::fs::read_dir(&path).ok().and_then(|mut files| files.next()?.ok());
        until(10, "the file", || written().is_some());
        let text = std::fs::read_to_string(written().unwrap().path()).unwrap();
        assert!(text.contains("/new-password?code=") && text.contains(&address), "{text}");
    });
}
