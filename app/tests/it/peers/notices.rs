//! Messages of notices by a mail server: one that is slow, away, or knows nobody.

use fithire_identity::testing::Staff;
use fithire_identity::{Limits, Role};
use fithire_kernel::clock::Clock;
use fithire_kernel::ids::Id;
use fithire_kernel::scope::BrandScope;
use fithire_kernel::tasks::claims::turn;
use fithire_kernel::tasks::{Claimed, Outcome};
use fithire_kernel::testing::{World, on_both};
use fithire_mail::Mail;
use fithire_notifications::{Kind, Notice, notify, work};

use super::Peer;
use crate::people::browser_of;
use crate::server::{Server, configured};

async fn tell(world: &World, scope: &BrandScope, account_id: Id, event: &str) {
    let mut tx = world.db.write(scope).await.unwrap();
    let notice = Notice {
        account_id,
        kind: Kind::System,
        event: event.to_owned(),
        title: format!("Title of {event}"),
        text: String::new(),
        path: "/account".to_owned(),
    };
    notify(&mut tx, (&Clock::System, &world.ids), vec![notice]).await.unwrap();
    tx.commit().await.unwrap();
}

/// Says what became of a task and takes the next that is due, and sends its message.
async fn next(
    world: &World,
    scope: &BrandScope,
    mail: &Mail,
    settled: Option<(Claimed, Outcome)>,
) -> Option<(Claimed, Outcome)> {
    let settled: Vec<_> = settled.into_iter().collect();
    let tools = (&Clock::System, &world.ids);
    let task = turn(&world.db, scope, tools, (&settled, 1)).await.unwrap().pop()?;
    let outcome = work::mail(&world.db, tools, mail, "https://acme.test", &task).await;
    Some((task, outcome))
}

#[test]
fn a_message_is_taken_once_by_a_slow_server_later_by_one_that_was_away_and_never_by_one_that_knows_nobody() {
    on_both(async |world| {
        let scope = world.brand("acme").await;
        let staff = Staff::open(&world).await;
        let ada = staff.member(&scope, "coach@acme.test", Role::Coach, Limits::default()).await;
        world.as_owner("UPDATE accounts SET email_confirmed_at = '2026-11-01T00:00:00+00:00'").await;
        let peer = Peer::start("mail.mjs", &[]);
        let mail = Mail::by_smtp(&peer.url, "Acme <no-reply@acme.test>").unwrap();
        let messages = || peer.ask("GET", "/messages", "");

        peer.ask("POST", "/slow", "");
        tell(&world, &scope, ada, "one").await;
        let sent = next(&world, &scope, &mail, None).await;
        assert_eq!(sent.as_ref().unwrap().1, Outcome::Finished);
        let all = messages();
        assert_eq!(all.matches("Title of one").count(), 2, "as text and as HTML, once: {all}");
        assert!(all.contains("List-Unsubscribe: <https://acme.test/unsubscribe?token="), "{all}");

        peer.ask("POST", "/down", "");
        tell(&world, &scope, ada, "two").await;
        let (task, refused) = next(&world, &scope, &mail, sent).await.unwrap();
        assert_eq!(refused, Outcome::Retry("not taken: 451".to_owned(), None));
        peer.ask("POST", "/up", "");
        let at_once = Outcome::Retry("not taken".to_owned(), Some(chrono::TimeDelta::zero()));
        let sent = next(&world, &scope, &mail, Some((task, at_once))).await;
        assert_eq!(sent.as_ref().unwrap().1, Outcome::Finished);
        assert_eq!(messages().matches("Title of two").count(), 2);

        peer.ask("POST", "/unknown", "");
        tell(&world, &scope, ada, "three").await;
        let sent = next(&world, &scope, &mail, sent).await;
        assert_eq!(sent.as_ref().unwrap().1, Outcome::Finished, "no attempt can help");
        tell(&world, &scope, ada, "four").await;
        let sent = next(&world, &scope, &mail, sent).await;
        assert_eq!(sent.as_ref().unwrap().1, Outcome::Finished, "and nothing more is sent there");
        assert!(!messages().contains("Title of three") && !messages().contains("Title of four"));
        assert!(next(&world, &scope, &mail, sent).await.is_none());

        // Their person sees it, and has it tried again.
        let mut program = configured(&world);
        let server = Server::started(program.args(["serve", "--port", "0", "--no-worker"])).0;
        let coach = browser_of(&server, "coach", "acme");
        let page = "/notifications/preferences";
        assert!(coach.get(page).body.contains("Your mail server refused our message"));
        assert_eq!(coach.submit(page, &format!("{page}/address"), &[]).status, 303);
        assert!(!coach.get(page).body.contains("refused our message"));
        assert!(!server.log().contains("coach@acme.test"));
    });
}
