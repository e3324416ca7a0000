//! Two who do something at the same time: whoever comes second is told so, nothing is overwritten unseen, and nobody waits for
//! the other in a circle.
//!
//! Of the two one is played by the owner of the tables, who waits in the middle. SQLite has one writer, so that there the one
//! comes after the other.

use std::thread;
use std::time::Duration;

use fithire_identity::testing::PASSWORD;
use fithire_identity::{Limits, Role, add_member};
use fithire_kernel::clock::Clock;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::{World, on_both};
use fithire_notifications::{Kind, Notice, notify};
use tokio::task::block_in_place;

use crate::members::number;
use crate::pages::{location, signed_in, token};
use crate::people::{People, people};
use crate::server::{Answer, Browser};

/// In the owner's statements: the time for somebody else.
pub(crate) const WAIT: &str = "SELECT pg_sleep(3)";

/// Does the owner's statements as one, and something else while they wait.
pub(crate) async fn meanwhile<T>(world: &World, statements: &[&str], other: impl Future<Output = T>) -> T {
    let waits_for_others = world.dialect == "PostgreSQL";
    let kept = statements.iter().copied().filter(|one| waits_for_others || *one != WAIT);
    let statements = kept.collect::<Vec<_>>().join("; ");
    if !waits_for_others {
        world.as_owner(&statements).await;
        return other.await;
    }
    let other = async {
        while !waits(world).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        other.await
    };
    tokio::join!(world.as_owner(&statements), other).1
}

/// Whether the owner waits.
pub(crate) async fn waits(world: &World) -> bool {
    let sql =
        "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    !world.texts(sql.to_owned()).await.is_empty()
}

/// A form whose page was opened before, with what the page carries.
struct Form<'s> {
    browser: Browser<'s>,
    action: String,
    fields: Vec<(&'static str, String)>,
}

impl<'s> Form<'s> {
    fn of(browser: Browser<'s>, page: &str, action: &str, fields: &[(&'static str, &str)]) -> Self {
        let shown = browser.get(page).body;
        let mut fields: Vec<_> = fields.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        fields.push(("form_token", token(&shown)));
        Self { browser, action: action.to_owned(), fields }
    }

    fn send(&self) -> Answer {
        let fields: Vec<(&str, &str)> = self.fields.iter().map(|(name, text)| (*name, &**text)).collect();
        self.browser.post(&self.action, &fields)
    }
}

/// Sends forms side by side.
fn sent<const N: usize>(forms: [Form<'_>; N]) -> [Answer; N] {
    block_in_place(|| {
        thread::scope(|scope| {
            forms.map(|form| scope.spawn(move || form.send())).map(|sending| sending.join().unwrap())
        })
    })
}

/// The mark of what a page was filled with.
fn seen(page: &str) -> String {
    page.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

async fn account(world: &World, email: &str) -> Id {
    let sql = format!("SELECT CAST(id AS TEXT) FROM accounts WHERE email = '{email}'");
    world.texts(sql).await[0].parse().unwrap()
}

fn ours(people: &People) -> BrandScope {
    BrandScope::mint(people.ours.id("brand"), Actor::System)
}

/// Tells accounts of our brand something.
async fn told(world: &World, people: &People, accounts: &[Id], title: &str) -> Result<(), Problem> {
    let notice = |account_id: &Id| Notice {
        account_id: *account_id,
        kind: Kind::NewMatch,
        event: title.to_owned(),
        title: title.to_owned(),
        text: String::new(),
        path: "/notifications".to_owned(),
    };
    let mut tx = world.db.write(&ours(people)).await?;
    notify(&mut tx, (&Clock::System, &world.ids), accounts.iter().map(notice).collect()).await?;
    tx.commit().await?;
    Ok(())
}

#[test]
fn what_somebody_sends_while_they_are_removed_leads_to_the_sign_in() {
    on_both(async |world| {
        let people = people(&world).await;
        // The admin stays in our brand and is removed from the other one.
        let (brand, other, job) =
            (people.ours.id("brand"), people.theirs.text("brand"), people.ours.text("job"));
        let admin = account(&world, "admin@acme.test").await;
        let scope = BrandScope::mint(people.theirs.id("brand"), Actor::System);
        add_member(&world.db, &world.clock, &scope, admin, Role::Manager, Limits::default()).await.unwrap();
        let by = |role: &str| signed_in(&people, role);
        let stays = by("admin");
        let view = [("job_id", &*job), ("name", "Near"), ("query", "show=ranked")];
        let password = [("before", PASSWORD), ("password", "another horse battery")];
        let credentials = [("email", "coach@canary.test"), ("password", PASSWORD)];
        let preferences = "/notifications/preferences";
        let forms = [
            Form::of(by("manager"), "/manager/jobs", "/manager/views", &view),
            Form::of(by("manager"), preferences, preferences, &[("digest_hour", "9")]),
            Form::of(by("coach"), "/account", "/account/password", &password),
            Form::of(stays.at(&people.server), "/brands", "/brands", &[("brand_id", &*other)]),
            Form::of(Browser::new(&people.server), "/sign-in", "/sign-in", &credentials),
        ];
        let removes =
            [&*format!("DELETE FROM memberships WHERE account_id <> {admin} OR brand_id <> {brand}"), WAIT];
        let answers = meanwhile(&world, &removes, async { sent(forms) }).await;
        let statuses = answers.each_ref().map(|answer| answer.status);
        assert_eq!(statuses, [303, 303, 303, 404, 403], "{}", world.dialect);
        for led in &answers[..3] {
            assert!(location(led).starts_with("/sign-in"), "{}", location(led));
        }
        assert!(answers[4].body.contains("not a member of any brand"), "{}", answers[4].body);
        assert_eq!(stays.get("/admin").status, 200, "who stays in a brand is not signed out of it");
    });
}

#[test]
fn who_is_removed_meanwhile_is_told_nothing_and_the_others_are() {
    on_both(async |world| {
        let people = people(&world).await;
        let (stays, goes) =
            (account(&world, "admin@acme.test").await, account(&world, "manager@acme.test").await);
        let removes = [&*format!("DELETE FROM memberships WHERE account_id = {goes}"), WAIT];
        let all = [goes, stays];
        meanwhile(&world, &removes, told(&world, &people, &all, "Meanwhile")).await.unwrap();
        let sql = "SELECT CAST(account_id AS TEXT) FROM notices WHERE title = 'Meanwhile'";
        assert_eq!(world.texts(sql.to_owned()).await, [stays.to_string()], "{}", world.dialect);
    });
}

#[test]
fn signing_in_and_ending_a_membership_do_not_wait_for_each_other() {
    on_both(async |world| {
        if world.dialect == "SQLite" {
            return;
        }
        let people = people(&world).await;
        let manager = account(&world, "manager@acme.test").await;
        // A session that has ended is removed by whoever signs in next.
        signed_in(&people, "manager");
        let of_theirs = format!("WHERE account_id = {manager}");
        world.as_owner(&format!("UPDATE sessions SET created_at = '2020-01-01T00:00:00Z' {of_theirs}")).await;
        // The rows in the order in which removing takes them.
        let takes = [
            &*format!("SELECT account_id FROM memberships {of_theirs} FOR UPDATE"),
            WAIT,
            &*format!("DELETE FROM sessions {of_theirs}"),
        ];
        let credentials = [("email", "manager@acme.test"), ("password", PASSWORD)];
        let form = Form::of(Browser::new(&people.server), "/sign-in", "/sign-in", &credentials);
        let [answer] = meanwhile(&world, &takes, async { sent([form]) }).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
    });
}

#[test]
fn erasing_somebody_and_telling_them_do_not_wait_for_each_other() {
    on_both(async |world| {
        if world.dialect == "SQLite" {
            return;
        }
        let people = people(&world).await;
        let coach = account(&world, "coach@acme.test").await;
        told(&world, &people, &[coach], "Before").await.unwrap();
        // The rows in the order in which telling takes them.
        let tells = [
            &*format!("SELECT account_id FROM memberships WHERE account_id = {coach} FOR KEY SHARE"),
            WAIT,
            &*format!("UPDATE inboxes SET unread = unread + 1 WHERE account_id = {coach}"),
        ];
        let form =
            Form::of(signed_in(&people, "coach"), "/coach/data", "/coach/data/erase", &[("sure", "yes")]);
        let [answer] = meanwhile(&world, &tells, async { sent([form]) }).await;
        assert_eq!((answer.status, location(&answer)), (303, "/sign-in"), "{}", answer.body);
        for table in ["memberships", "inboxes", "notices", "told"] {
            let sql = format!("SELECT 'left' FROM {table} WHERE account_id = {coach}");
            assert!(world.texts(sql).await.is_empty(), "{table}");
        }
    });
}

#[test]
fn a_change_of_role_does_not_bring_back_who_is_removed_meanwhile() {
    on_both(async |world| {
        let people = people(&world).await;
        let admin = signed_in(&people, "admin");
        let id = number(&admin, "manager@acme.test");
        let one = format!("/admin/members/{id}");
        let form = Form::of(admin, &one, &one, &[("role", "coach"), ("reach", "")]);
        let removes = [&*format!("DELETE FROM memberships WHERE account_id = {id}"), WAIT];
        let [answer] = meanwhile(&world, &removes, async { sent([form]) }).await;
        assert_eq!(answer.status, 404, "{}", world.dialect);
        let left = format!("SELECT role FROM memberships WHERE account_id = {id}");
        assert!(world.texts(left).await.is_empty(), "{}", world.dialect);
    });
}

#[test]
fn a_job_that_is_changed_while_its_form_is_sent_is_not_overwritten() {
    on_both(async |world| {
        let people = people(&world).await;
        let (manager, job) = (signed_in(&people, "manager"), people.ours.id("job"));
        let page = format!("/manager/jobs/{job}");
        let (seen, place) = (seen(&manager.get(&page).body), people.ours.text("location"));
        let typed = [("title", "Mine"), ("location_id", &*place), ("modality", "hiit"), ("seen", &*seen)];
        let form = Form::of(manager, &page, &page, &typed);
        let changes = [
            &*format!("UPDATE jobs SET title = 'Of a colleague', revision = revision + 1 WHERE id = {job}"),
            WAIT,
        ];
        let [answer] = meanwhile(&world, &changes, async { sent([form]) }).await;
        let is_told = answer.body.contains("somebody has changed this") && answer.body.contains("Mine");
        assert!(answer.status == 409 && is_told, "{}: {}", world.dialect, answer.body);
        let kept = world.texts(format!("SELECT title FROM jobs WHERE id = {job}")).await;
        assert_eq!(kept, ["Of a colleague"], "{}", world.dialect);
    });
}

#[test]
fn tags_that_are_changed_while_others_are_sent_are_not_overwritten() {
    on_both(async |world| {
        let people = people(&world).await;
        let admin = || signed_in(&people, "admin");
        let style = [("name", "music"), ("low", "quiet"), ("high", "loud")];
        admin().submit("/admin/organisation", "/admin/organisation/styles", &style);
        let page = format!("/admin/tags/{}", people.ours.id("medium"));
        let tag =
            |level| [("tags-0-at_seconds", "1.5"), ("tags-0-dimension", "music"), ("tags-0-level", level)];
        assert_eq!(admin().submit(&page, &page, &tag("4")).status, 303);
        let by_another = |level: u8| {
            let tags = format!("UPDATE video_tags SET level = {level} WHERE replaced = FALSE");
            ["UPDATE coach_revisions SET revision = revision + 1".to_owned(), tags, WAIT.to_owned()]
        };
        let levels =
            || world.texts("SELECT CAST(level AS TEXT) FROM video_tags WHERE replaced = FALSE".to_owned());
        let shown = seen(&admin().get(&page).body);
        let typed = [&tag("0")[..], &[("seen", &*shown)]].concat();
        let form = Form::of(admin(), &page, &page, &typed);
        let changed = by_another(1);
        let [answer] = meanwhile(&world, &changed.each_ref().map(|one| &**one), async { sent([form]) }).await;
        let is_told = answer.body.contains("somebody has changed this");
        assert!(answer.status == 409 && is_told, "{}: {}", world.dialect, answer.body);
        assert_eq!(levels().await, ["1"], "{}", world.dialect);

        let reviewer = admin();
        assert_eq!(reviewer.submit(&page, &page, &tag("2")).status, 303);
        let seen = seen(&reviewer.get("/admin/tags").body);
        let form = Form::of(reviewer, &page, &format!("{page}/undo"), &[("seen", &*seen)]);
        let changed = by_another(3);
        let [answer] = meanwhile(&world, &changed.each_ref().map(|one| &**one), async { sent([form]) }).await;
        assert_eq!((answer.status, location(&answer)), (303, &*page), "{}", answer.body);
        assert_eq!(levels().await, ["3"], "it stays as it is: {}", world.dialect);
    });
}
