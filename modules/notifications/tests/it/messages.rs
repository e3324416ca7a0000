//! Messages: when they are sent, what they say, and how they are ended. Tasks are taken as a worker takes them.

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::tasks::claims::{next_due, turn};
use fithire_kernel::tasks::{Claimed, Outcome};
use fithire_kernel::testing::{World, on_both};
use fithire_mail::Mail;
use fithire_notifications::{Kind, work};
use tempfile::TempDir;

use crate::{Acme, acme, notice};

/// Mail into a folder.
struct Post {
    folder: TempDir,
    mail: Mail,
}

impl Post {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mail = Mail::into_folder(folder.path().join("mail"), "Acme <no-reply@acme.test>").unwrap();
        Self { folder, mail }
    }

    /// What was sent so far, with the line breaks of transport taken out.
    fn sent(&self) -> Vec<String> {
        let Ok(files) = std::fs::read_dir(self.folder.path().join("mail")) else { return Vec::new() };
        let read = |file: std::fs::DirEntry| std::fs::read_to_string(file.path()).unwrap();
        let mut sent: Vec<String> = files.map(|file| read(file.unwrap())).collect();
        sent = sent.into_iter().map(|text| text.replace("=\r\n", "").replace("=3D", "=")).collect();
        sent.sort();
        sent
    }
}

async fn run(world: &World, post: &Post, task: &Claimed) -> Outcome {
    let (tools, origin) = ((&world.clock, &world.ids), "https://fithire.test");
    match &*task.kind {
        work::MAIL => work::mail(&world.db, tools, &post.mail, origin, task).await,
        work::DIGEST => work::digest(&world.db, tools, &post.mail, origin, task).await,
        other => panic!("{other}"),
    }
}

/// Takes what is due, and says what became of it, until nothing is; answers the outcomes.
async fn work_off(acme: &Acme<'_>, post: &Post) -> Vec<Outcome> {
    let World { db, clock, ids, .. } = acme.world;
    let (mut settled, mut outcomes) = (Vec::new(), Vec::new());
    loop {
        let tasks = turn(db, &acme.ours, (clock, ids), (&settled, 10)).await.unwrap();
        if tasks.is_empty() {
            return outcomes;
        }
        settled.clear();
        for task in tasks {
            let outcome = run(acme.world, post, &task).await;
            outcomes.push(outcome.clone());
            settled.push((task, outcome));
        }
    }
}

/// Moves the clock to a time.
fn at(world: &World, time: &str) {
    let time: DateTime<Utc> = time.parse().unwrap();
    world.clock.advance(time - world.clock.now());
}

#[test]
fn what_is_told_at_once_is_one_message_with_a_way_out() {
    on_both(async |world| {
        let acme = acme(&world).await;
        acme.confirm(acme.ada).await;
        let post = Post::new();
        acme.tell_ada(Kind::CertificateExpiring, &["<cert>", "second"]).await;
        assert_eq!(work_off(&acme, &post).await, [Outcome::Finished]);
        let sent = post.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        let message = &sent[0];
        for part in [
            "To: ada@acme.test",
            "Subject: acme: Certificate about to expire (2)",
            "Hello ada@acme.test",
            "Title of <cert>",
            "Title of &lt;cert&gt;",
            "https://fithire.test/coach/matches/7",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "List-Unsubscribe: <https://fithire.test/unsubscribe?token=",
            "multipart/alternative",
        ] {
            assert!(message.contains(part), "{part} in {message}");
        }
        assert_eq!(work_off(&acme, &post).await, []);

        // The link shows a page, whose button alone ends it; once is as good as twice.
        let link = message.split("List-Unsubscribe: <https://fithire.test").nth(1).unwrap();
        let link = link.split('>').next().unwrap().to_owned();
        let (site, hub) = acme.app();
        let page = site.0.get(&link).send().await.0.into_body().into_string().await.unwrap();
        assert!(page.contains("End e-mail from acme?"), "{page}");
        acme.tell_ada(Kind::System, &["after looking"]).await;
        assert_eq!(work_off(&acme, &post).await, [Outcome::Finished]);
        assert_eq!(post.sent().len(), 2, "looking changes nothing");
        let wrong = format!("{}x", link.strip_suffix(link.chars().last().unwrap()).unwrap());
        for gone in [&*wrong, "/unsubscribe?token=1.2.x", "/unsubscribe?token=x", "/unsubscribe"] {
            assert_eq!(site.0.post(gone).send().await.0.status(), 404, "{gone}");
        }
        acme.tell_ada(Kind::System, &["waits while they leave"]).await;
        for _ in 0..2 {
            let press = site.0.post(&link).content_type("application/x-www-form-urlencoded");
            let ended = press.body("List-Unsubscribe=One-Click").send().await.0;
            assert_eq!(ended.status(), 200);
            assert!(ended.into_body().into_string().await.unwrap().contains("No more e-mail from acme"));
        }
        acme.tell_ada(Kind::System, &["after the end"]).await;
        assert!(work_off(&acme, &post).await.iter().all(|outcome| *outcome == Outcome::Finished));
        assert_eq!(post.sent().len(), 2);
        let session = acme.session(&acme.ours, acme.ada).await;
        assert!(site.get("/notifications", &session).await.1.contains("Title of after the end"));
        hub.close();
    });
}

#[test]
fn a_message_waits_for_the_end_of_quiet_hours_and_the_day_for_its_hour() {
    on_both(async |world| {
        let acme = acme(&world).await;
        acme.confirm(acme.ada).await;
        let (site, hub) = acme.app();
        let post = Post::new();
        let session = acme.session(&acme.ours, acme.ada).await;
        let page = "/notifications/preferences";
        let wish = "time_zone=America%2FNew_York&quiet_from=22:00&quiet_to=07:00&digest_hour=8&way-job_changed=nothing";
        let saved = site.submit(page, page, &session, wish).await;
        assert_eq!(saved.0, 303, "{}", saved.1);
        // The night in which clocks in New York go from 02:00 back to 01:00 has nine hours and one more.
        at(&world, "2027-11-07T03:30:00Z");
        acme.tell_ada(Kind::System, &["in the night"]).await;
        acme.tell_ada(Kind::NewMatch, &["for the day"]).await;
        acme.tell_ada(Kind::JobChanged, &["for nobody"]).await;
        assert_eq!(world.count("notices", acme.ours.brand_id()).await, 2);
        assert_eq!(work_off(&acme, &post).await, []);
        let due = next_due(&world.db, &acme.ours).await.unwrap().unwrap();
        assert_eq!(due.to_rfc3339(), "2027-11-07T12:00:00+00:00", "07:00 in New York");
        at(&world, "2027-11-07T12:00:00Z");
        assert_eq!(work_off(&acme, &post).await, [Outcome::Finished]);
        assert_eq!(post.sent().len(), 1);
        acme.tell_ada(Kind::NewMatch, &["for the day, too"]).await;
        at(&world, "2027-11-07T13:00:00Z");
        assert_eq!(work_off(&acme, &post).await, [Outcome::Finished]);
        let sent = post.sent();
        let day = sent.iter().find(|message| message.contains("your day, 2 notices")).unwrap();
        assert!(day.contains("Title of for the day") && !day.contains("in the night"), "{day}");

        // Who moves the hour has the day's message then, and who wants it at once has it at once.
        acme.tell_ada(Kind::NewMatch, &["another"]).await;
        let session = acme.session(&acme.ours, acme.ada).await;
        for hour in [10, 12] {
            let moved = format!("time_zone=America%2FNew_York&digest_hour={hour}");
            assert_eq!(site.submit(page, page, &session, &moved).await.0, 303);
        }
        at(&world, "2027-11-07T15:00:00Z");
        work_off(&acme, &post).await;
        assert_eq!(post.sent().len(), 2, "not at the hour before");
        at(&world, "2027-11-07T17:00:00Z");
        work_off(&acme, &post).await;
        assert_eq!(post.sent().len(), 3);
        acme.tell_ada(Kind::NewMatch, &["one more"]).await;
        let at_once = "way-new_match=mail&quiet_from=&quiet_to=";
        assert_eq!(site.submit(page, page, &session, at_once).await.0, 303);
        work_off(&acme, &post).await;
        assert_eq!(post.sent().len(), 4);
        at(&world, "2027-11-09T16:00:00Z");
        work_off(&acme, &post).await;
        assert_eq!(post.sent().len(), 4, "and not once more at its hour");

        let session = acme.session(&acme.ours, acme.ada).await;
        let wrong = "time_zone=America%2FNewYork&quiet_from=25:00&quiet_to=&digest_hour=24&way-system=shout";
        let (status, shown) = site.submit(page, page, &session, wrong).await;
        assert_eq!(status, 422);
        for told in ["America/New_York", "is not a time", "is not an hour", "none of the choices"] {
            assert!(shown.contains(told), "{told} in {shown}");
        }
        hub.close();
    });
}

#[test]
fn nothing_is_sent_to_an_address_that_nobody_has_confirmed() {
    on_both(async |world| {
        let acme = acme(&world).await;
        let post = Post::new();
        acme.tell_ada(Kind::System, &["a"]).await;
        acme.tell(&acme.ours, vec![notice(acme.bob, Kind::System, "a")]).await;
        world.as_owner(&format!("UPDATE accounts SET email = 'none:1' WHERE id = {}", acme.bob)).await;
        acme.confirm(acme.bob).await;
        assert_eq!(work_off(&acme, &post).await, [Outcome::Finished, Outcome::Finished]);
        assert!(post.sent().is_empty());
        let (site, hub) = acme.app();
        for (account_id, told) in
            [(acme.ada, "until you have confirmed"), (acme.bob, "has not told us your address")]
        {
            let session = acme.session(&acme.ours, account_id).await;
            let page = site.get("/notifications/preferences", &session).await.1;
            assert!(page.contains(told), "{page}");
        }
        // Nor later, when it is confirmed: it would be news no longer.
        acme.confirm(acme.ada).await;
        acme.tell_ada(Kind::System, &["b"]).await;
        work_off(&acme, &post).await;
        assert_eq!(post.sent().len(), 1);
        assert!(post.sent()[0].contains("Title of b") && !post.sent()[0].contains("Title of a"));
        hub.close();
    });
}

/// The Message-ID and what the message is about.
fn identity_of(message: &str) -> (String, bool, bool) {
    let id = message.split("Message-ID: <").nth(1).unwrap().split('>').next().unwrap();
    (id.to_owned(), message.contains("Title of one"), message.contains("Title of two"))
}

#[test]
fn a_message_that_may_have_been_taken_goes_out_again_as_the_same_one() {
    on_both(async |world| {
        let acme = acme(&world).await;
        acme.confirm(acme.ada).await;
        let World { db, clock, ids, .. } = &world;
        let post = Post::new();
        acme.tell_ada(Kind::System, &["one"]).await;
        let take = async |settled: &[(Claimed, Outcome)]| {
            turn(db, &acme.ours, (clock, ids), (settled, 10)).await.unwrap()
        };
        let first = take(&[]).await.remove(0);
        // Sent, and then whoever ran it ends: the lease is revoked before it could say so.
        world.as_owner(&format!("UPDATE tasks SET lease = 1 WHERE id = {}", first.id)).await;
        assert!(matches!(run(&world, &post, &first).await, Outcome::Retry(..)));
        world.as_owner("UPDATE tasks SET lease = NULL, state = 'waiting'").await;
        // Something new does not change what the message was.
        acme.tell_ada(Kind::System, &["two"]).await;
        world.clock.advance(TimeDelta::minutes(1));
        work_off(&acme, &post).await;
        let mut sent: Vec<_> = post.sent().iter().map(|message| identity_of(message)).collect();
        sent.sort();
        assert_eq!(sent.len(), 3, "{sent:?}");
        let ones: Vec<_> = sent.iter().filter(|(_, one, _)| *one).collect();
        assert_eq!(ones.len(), 2);
        assert!(ones[0] == ones[1] && !ones[0].2, "the same message twice: {ones:?}");
        assert!(ones[0].0.ends_with("@acme.test"), "{ones:?}");
        assert_eq!(sent.iter().filter(|(_, _, two)| *two).count(), 1);
    });
}

#[test]
fn what_is_told_while_a_message_is_on_its_way_is_in_the_next_one() {
    on_both(async |world| {
        let acme = acme(&world).await;
        acme.confirm(acme.ada).await;
        let World { db, clock, ids, .. } = &world;
        let post = Post::new();
        acme.tell_ada(Kind::System, &["one"]).await;
        let first = turn(db, &acme.ours, (clock, ids), (&[], 10)).await.unwrap().remove(0);
        acme.tell_ada(Kind::System, &["two"]).await;
        let none = turn(db, &acme.ours, (clock, ids), (&[], 10)).await.unwrap();
        assert!(none.is_empty(), "one message of a person at a time");
        let outcome = run(&world, &post, &first).await;
        turn(db, &acme.ours, (clock, ids), (&[(first, outcome)], 0)).await.unwrap();
        work_off(&acme, &post).await;
        let sent: Vec<_> = post.sent().iter().map(|message| identity_of(message)).collect();
        assert_eq!(sent.iter().filter(|(_, one, _)| *one).count(), 1, "{sent:?}");
        assert_eq!(sent.iter().filter(|(_, _, two)| *two).count(), 1, "{sent:?}");
    });
}
