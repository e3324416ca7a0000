//! Who is told: once of an event, members alone, and as they wish; the page, and what is kept.

use chrono::TimeDelta;
use fithire_kernel::problem::Code;
use fithire_kernel::testing::{CANARY, World, on_both};
use fithire_notifications::{Kind, Notice, erase, notify, tidy_brand, told};
use futures_util::future::join_all;

use crate::{acme, notice};

#[test]
fn nobody_is_told_twice_of_an_event_however_many_tell_them() {
    on_both(async |world| {
        let acme = acme(&world).await;
        let all = || {
            let to = |account_id| (0..20).map(move |n| notice(account_id, Kind::NewMatch, &format!("m{n}")));
            let all: Vec<Notice> = to(acme.ada).chain(to(acme.bob)).chain(to(acme.foreigner)).collect();
            all
        };
        join_all((0..8).map(|n| {
            let mut some = all();
            // Each in another order.
            some.rotate_left(n * 7);
            acme.tell(&acme.ours, some)
        }))
        .await;
        for account_id in [acme.ada, acme.bob] {
            let mut tx = world.db.read(&acme.ours).await.unwrap();
            let told = told(&mut tx, account_id).await.unwrap();
            assert_eq!(told["notices"].as_array().unwrap().len(), 20, "{}", world.dialect);
        }
        assert_eq!(world.count("notices", acme.ours.brand_id()).await, 40, "no member is told nothing");
        // Nor half a year later, when the notice is gone.
        world.clock.advance(TimeDelta::days(181));
        let mut tx = world.db.write(&acme.ours).await.unwrap();
        assert_eq!(tidy_brand(&mut tx, world.clock.now()).await.unwrap(), 40);
        tx.commit().await.unwrap();
        let (site, hub) = acme.app();
        let session = acme.session(&acme.ours, acme.ada).await;
        assert!(site.get("/notifications", &session).await.1.contains("bell:0;"));
        acme.tell(&acme.ours, all()).await;
        assert_eq!(world.count("notices", acme.ours.brand_id()).await, 0);
        hub.close();
    });
}

#[test]
fn thousands_are_told_in_one_transaction_or_nobody_is() {
    on_both(async |world| {
        let acme = acme(&world).await;
        let many: Vec<Notice> =
            (0..2_500).map(|n| notice(acme.ada, Kind::MatchLost, &format!("m{n}"))).collect();
        let mut tx = world.db.write(&acme.ours).await.unwrap();
        notify(&mut tx, (&world.clock, &world.ids), many.clone()).await.unwrap();
        drop(tx);
        assert_eq!(world.count("told", acme.ours.brand_id()).await, 0);
        acme.tell(&acme.ours, many).await;
        assert_eq!(world.count("notices", acme.ours.brand_id()).await, 2_500);
        let away = Notice { path: "//evil.test".to_owned(), ..notice(acme.ada, Kind::System, "x") };
        let mut tx = world.db.write(&acme.ours).await.unwrap();
        let refused = notify(&mut tx, (&world.clock, &world.ids), vec![away]).await;
        assert_eq!(refused.unwrap_err().code, Code::Internal);
    });
}

#[test]
fn the_page_shows_what_was_told_and_notes_what_is_read() {
    on_both(async |world| {
        let acme = acme(&world).await;
        let (site, hub) = acme.app();
        let [ada, bob] = [acme.ada, acme.bob].map(|id| acme.session(&acme.ours, id));
        let (ada, bob) = (ada.await, bob.await);
        let page = site.get("/notifications", &ada).await.1;
        assert!(page.contains("bell:0;") && page.contains("Nothing has happened yet"), "{page}");
        let events: Vec<String> = (0..22).map(|n| format!("<b>{n}")).collect();
        acme.tell_ada(Kind::MatchLost, &events.iter().map(|event| &**event).collect::<Vec<_>>()).await;
        acme.tell(&acme.theirs, vec![notice(acme.foreigner, Kind::System, CANARY)]).await;
        let page = site.get("/notifications", &ada).await.1;
        assert!(page.contains("bell:22;") && page.contains("22 unread"), "{page}");
        assert!(page.contains("Title of &lt;b&gt;21") && !page.contains("<b>21"), "{page}");
        assert!(page.contains("23 Nov 2026, 12:00") && page.contains("href=\"/coach/matches/7\""), "{page}");
        assert!(!page.contains(CANARY));
        let next = page.split("?cursor=").nth(1).unwrap().split('"').next().unwrap();
        let older = site.get(&format!("/notifications?cursor={next}"), &ada).await.1;
        assert_eq!((page.matches("<time").count(), older.matches("<time").count()), (20, 2));

        let id = page.split("id=\"read-").nth(1).unwrap().split('"').next().unwrap();
        let one = format!("/notifications/{id}/read");
        acme.tell(&acme.ours, vec![notice(acme.bob, Kind::System, "b")]).await;
        let theirs = site.submit("/notifications", &one, &bob, "").await;
        let absent = site.submit("/notifications", "/notifications/12345/read", &bob, "").await;
        assert_eq!((theirs.0, absent.0), (404, 404), "of others, like what is not there");
        for _ in 0..2 {
            assert_eq!(site.submit("/notifications", &one, &ada, "").await.0, 303);
            assert!(site.get("/notifications", &ada).await.1.contains("bell:21;"));
        }
        // What comes after the page was shown stays unread.
        acme.tell_ada(Kind::MatchLost, &["later"]).await;
        assert_eq!(site.submit("/notifications", "/notifications/read", &ada, "up_to=22").await.0, 303);
        let page = site.get("/notifications", &ada).await.1;
        assert!(page.contains("bell:1;") && page.contains("Title of later"), "{page}");
        hub.close();
    });
}

#[test]
fn what_is_erased_is_gone_and_who_leaves_takes_it_along() {
    on_both(async |world| {
        let acme = acme(&world).await;
        acme.tell_ada(Kind::NewMatch, &["a"]).await;
        acme.tell(&acme.ours, vec![notice(acme.bob, Kind::NewMatch, "a")]).await;
        let count = async |world: &World| {
            let mut rows = Vec::new();
            for table in ["inboxes", "notices", "told"] {
                rows.push(world.count(table, acme.ours.brand_id()).await);
            }
            rows
        };
        assert_eq!(count(&world).await, [2, 2, 2]);
        let mut tx = world.db.write(&acme.ours).await.unwrap();
        erase(&mut tx, acme.ada).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(count(&world).await, [1, 1, 1]);
        world.as_owner(&format!("DELETE FROM memberships WHERE account_id = {}", acme.bob)).await;
        assert_eq!(count(&world).await, [0, 0, 0]);
    });
}
