//! Two brands with everything in them, for tests of who reaches what: one that is tested, and the canary, whose every
//! text must never be shown to the other.

use std::process::Command;

use fithire_identity::testing::{PASSWORD, Staff};
use fithire_identity::{Limits, Role, add_member};
use fithire_kernel::clock::Clock;
use fithire_kernel::ids::Id;
use fithire_kernel::paging;
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::tasks::desk::{Listing, counts, list};
use fithire_kernel::tasks::{NewTask, enqueue_all};
use fithire_kernel::testing::World;
use fithire_notifications::{Kind, Notice, notify, work};
use fithire_orgs::{Located, NewBrand, create_brand, location, region};
use serde_json::{Value, json};

use crate::media::{self, File};
use crate::server::{Answer, Browser, Server, configured};

/// A running server with two brands.
pub(crate) struct People {
    pub(crate) server: Server,
    pub(crate) ours: Things,
    pub(crate) theirs: Things,
}

/// One of each in a brand, and tokens for each role.
pub(crate) struct Things {
    /// By what they are: brand, region, location, job, coach, score; with [`furnish`] one of each kind that there is, and
    /// for each list a place in it, such as `jobs_cursor`.
    texts: Vec<(&'static str, String)>,
    /// The texts of this brand hold it.
    pub(crate) mark: &'static str,
    /// By role; `key` is a program's.
    pub(crate) tokens: Vec<(&'static str, String)>,
}

impl Things {
    pub(crate) fn id(&self, what: &str) -> Id {
        self.text(what).parse().unwrap()
    }

    /// What a name in a request stands for.
    pub(crate) fn text(&self, what: &str) -> String {
        let found = self.texts.iter().find(|(name, _)| *name == what);
        found.unwrap_or_else(|| panic!("there is no {what}")).1.clone()
    }

    pub(crate) fn token(&self, role: &str) -> &str {
        &self.tokens.iter().find(|(name, _)| *name == role).unwrap().1
    }

    /// Every id of the brand.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|(_, text)| &**text).filter(|text| text.parse::<Id>().is_ok())
    }
}

/// The address under which a role of a brand signs in.
pub(crate) fn email(role: &str, mark: &str) -> String {
    format!("{role}@{}.test", mark.to_lowercase())
}

/// Somebody of a brand in a browser.
pub(crate) fn browser_of<'s>(server: &'s Server, role: &str, mark: &str) -> Browser<'s> {
    let browser = Browser::new(server);
    let landed = browser.sign_in(&email(role, mark), fithire_identity::testing::PASSWORD);
    assert_eq!(landed.status, 303, "{}", landed.body);
    browser
}

pub(crate) async fn people(world: &World) -> People {
    people_of(world, &mut configured(world)).await
}

/// The same with a server of another configuration.
pub(crate) async fn people_of(world: &World, program: &mut Command) -> People {
    let made = [make(world, "ACME").await, make(world, fithire_kernel::testing::CANARY).await];
    let server = Server::on(program);
    let [ours, theirs] = made.map(|mut things| {
        fill(&server, &mut things);
        things
    });
    People { server, ours, theirs }
}

/// The same with one of everything in each brand, and lists that have a second page.
pub(crate) async fn furnished(world: &World) -> People {
    let mut people = people(world).await;
    for things in [&mut people.ours, &mut people.theirs] {
        furnish(world, &people.server, things).await;
    }
    people
}

/// A brand with a location and a member of each role.
pub(crate) async fn make(world: &World, mark: &'static str) -> Things {
    let World { db, clock, ids, .. } = world;
    let new = NewBrand { slug: mark.to_lowercase(), name: mark.to_owned(), time_zone: "UTC".to_owned() };
    let brand_id = create_brand(db, clock, ids, new).await.unwrap();
    let scope = BrandScope::mint(brand_id, Actor::System);
    let mut tx = db.write(&scope).await.unwrap();
    let region_id = region(&mut tx, ids, clock.now(), mark).await.unwrap();
    let located =
        Located { name: mark.to_owned(), time_zone: "UTC".to_owned(), postal_code: None, point: None };
    let location_id = location(&mut tx, ids, clock.now(), region_id, located).await.unwrap();
    tx.commit().await.unwrap();
    let staff = Staff::open(world).await;
    for (name, role) in [("coach", Role::Coach), ("manager", Role::Manager), ("admin", Role::Admin)] {
        staff.member(&scope, &email(name, mark), role, Limits::default()).await;
    }
    let ids = [("brand", brand_id), ("region", region_id), ("location", location_id)];
    Things { texts: ids.map(|(name, id)| (name, id.to_string())).into(), mark, tokens: Vec::new() }
}

/// Signs its people in, and adds a job, a coach and a kept score through the API.
pub(crate) fn fill(server: &Server, things: &mut Things) {
    let mark = things.mark;
    things.tokens =
        ["coach", "manager", "admin"].map(|role| (role, server.token_of(&email(role, mark)))).into();
    let job = json!({"title": mark, "description": mark, "location_id": things.id("location"), "threshold": 0,
                     "facts": {"modality": "hiit"}});
    let coach = json!({"name": mark, "bio": mark, "email": email("someone", mark),
                       "facts": {"positions": [{"modality": "hiit", "started_on": "2023-02-01"}],
                                 "holdings": [{"code": "CPR-AED", "state": "pending"}]}});
    let token = things.token("admin").to_owned();
    let mut add = |what: &'static str, path: &str, body: Value| {
        let answer = server.send("POST", path, Some(&token), Some(("application/json", &body.to_string())));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let id = answer.json()["id"].as_i64().unwrap();
        things.texts.push((what, id.to_string()));
        id
    };
    let job_id = add("job", "/api/v1/jobs", job);
    let coach_id = add("coach", "/api/v1/coaches", coach);
    add("score", "/api/v1/scores", json!({"job_id": job_id, "coach_id": coach_id}));
    // Nobody is there, which is seen at once and once.
    let webhook = json!({"url": format!("http://127.0.0.1:9/{mark}"), "kinds": ["coach.erased"]});
    let webhook_id = add("webhook", "/api/v1/webhooks", webhook);
    for what in ["delivery", "newer_delivery"] {
        add(what, &format!("/api/v1/webhooks/{webhook_id}/test"), json!({}));
    }
    for (what, id) in files(server, things, "admin", coach_id) {
        things.texts.push((what, id.to_string()));
    }
    let waiting = pending(server, things, "certificate&limit=1");
    things.texts.push(("verification", waiting[0].to_string()));
}

/// The ids of what waits for a reviewer.
fn pending(server: &Server, things: &Things, kind: &str) -> Vec<Id> {
    let path = format!("/api/v1/admin/pending?kind={kind}");
    let page = server.send("GET", &path, Some(things.token("admin")), None).json();
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
}

/// A video of a coach with a link to it, and an upload that waits.
fn files(server: &Server, things: &Things, role: &str, coach_id: Id) -> [(&'static str, Id); 3] {
    let token = things.token(role);
    let named = |name: &str| format!("{} {name}", things.mark);
    let medium = media::attached(server, token, coach_id, &File::video(&named("class.mp4")));
    let upload = media::begun(server, token, coach_id, &File::image(&named("face.png")));
    let share = server.send("POST", &format!("/api/v1/media/{medium}/shares"), Some(token), None).json();
    let upload = upload["upload_id"].as_i64().unwrap();
    [("medium", medium), ("upload", upload), ("share", share["id"].as_i64().unwrap())]
}

/// What stands between a text and the next end of an attribute, a path, a query or an element.
fn after<'p>(page: &'p str, text: &str) -> &'p str {
    let rest = page.split_once(text).unwrap_or_else(|| panic!("{text} is not in {page}")).1;
    rest.split(['"', '/', '&', '<']).next().unwrap()
}

/// The page of what was done.
fn done(answer: Answer) -> String {
    assert!(matches!(answer.status, 200 | 303), "{}", answer.body);
    answer.body
}

/// Adds to a brand whatever else it can have, as its people do on the pages.
pub(crate) async fn furnish(world: &World, server: &Server, things: &mut Things) {
    let mark = things.mark;
    let [coach, manager, admin] = ["coach", "manager", "admin"].map(|role| browser_of(server, role, mark));
    let scope = BrandScope::mint(things.id("brand"), Actor::System);
    let staff = Staff::open(world).await;
    let member = staff.member(&scope, &email("member", mark), Role::Manager, Limits::default()).await;
    things.texts.push(("member", member.to_string()));
    staff.arrival(&scope, mark).await;
    tell(world, (&scope, &staff), things).await;

    let organisation = "/admin/organisation";
    let two = format!("{mark} Two");
    done(admin.submit(organisation, "/admin/organisation/regions", &[("name", &two)]));
    let location = [("name", &*two), ("region_id", &things.text("region")), ("time_zone", "UTC")];
    let nowhere = ["postal_code", "city", "state", "country"].map(|name| (name, ""));
    let location = [&location[..], &nowhere].concat();
    done(admin.submit(organisation, "/admin/organisation/locations", &location));
    let style = [("name", mark), ("low", mark), ("high", mark)];
    done(admin.submit(organisation, "/admin/organisation/styles", &style));
    let page = done(admin.get(organisation));
    things.texts.push(("style", after(&page, "/admin/organisation/styles/").to_owned()));
    done(admin.submit(organisation, "/admin/organisation/link", &[("link", "new")]));
    let invited = [("email", &*email("invited", mark)), ("role", "coach"), ("reach", "")];
    let page = done(admin.submit("/admin/members", "/admin/members/invitations", &invited));
    let invitation = page.split("/admin/members/invitations/").nth(1).unwrap();
    things.texts.push(("invitation", invitation.split('/').next().unwrap().to_owned()));
    let key = |name: &str| {
        let fields = [("name", name), ("role", "manager"), ("reach", ""), ("expires_on", "")];
        done(admin.submit("/admin/keys", "/admin/keys", &fields))
    };
    things.tokens.push(("key", format!("fhk_{}", after(&key(mark), "<code>fhk_"))));
    // The newest key is listed first.
    things.texts.push(("key", after(&key(&two), "/admin/keys/").to_owned()));
    once(server, things);
    crowd(server, things, &admin);
    match_up(server, things, (&coach, &manager));
    review(server, things);
    let cursors = cursors(server, things, (&coach, &admin));
    things.texts.extend(cursors);
    busy(world, &scope, things).await;
}

/// Adds two tasks that say nothing of whom they are for, and waits until they are dead and nothing else is left to do.
async fn busy(world: &World, scope: &BrandScope, things: &mut Things) {
    let mut tx = world.db.write(scope).await.unwrap();
    let useless = || NewTask::new(work::MAIL, json!({"mark": things.mark}));
    enqueue_all(&mut tx, (&world.clock, &world.ids), vec![useless(), useless()]).await.unwrap();
    tx.commit().await.unwrap();
    for _ in 0..1_000 {
        let mut tx = world.db.read(scope).await.unwrap();
        let left = counts(&mut tx, Clock::System.now()).await.unwrap();
        if left.dead == 2 && left.running == 0 && left.oldest.is_none() {
            let (dead, _) = list(&mut tx, Listing::Dead, None).await.unwrap();
            for (name, task) in ["task", "dead_task"].into_iter().zip(&dead) {
                things.texts.push((name, task.id.to_string()));
            }
            things.texts.push(("tasks_cursor", paging::cursor("tasks", &dead[0].id)));
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("tasks are not done");
}

/// Tells everybody of a brand so much that each list of notices has a second page, and one message waits for its hour.
async fn tell(world: &World, (scope, staff): (&BrandScope, &Staff<'_>), things: &mut Things) {
    let mut notices = Vec::new();
    for role in ["coach", "manager", "admin", "member"] {
        let signed_in = staff.identity.recognise(&email(role, things.mark), PASSWORD.to_owned(), None).await;
        let account_id = signed_in.unwrap().account_id;
        notices.extend((0..22).map(|n| Notice {
            account_id,
            kind: if n == 0 { Kind::NewMatch } else { Kind::MatchLost },
            event: format!("{role} {n}"),
            title: format!("{} {n}", things.mark),
            text: things.mark.to_owned(),
            path: "/notifications".to_owned(),
        }));
    }
    let mut tx = world.db.write(scope).await.unwrap();
    // By the clock of the server, or the message would be due at once.
    notify(&mut tx, (&Clock::System, &world.ids), notices).await.unwrap();
    tx.commit().await.unwrap();
}

/// Makes a score that is kept once, by a key that both brands use.
fn once(server: &Server, things: &Things) {
    let bearer = format!("Bearer {}", things.token("admin"));
    let body = json!({"job_id": things.id("job"), "coach_id": things.id("coach")}).to_string();
    let headers = [("Authorization", &*bearer), ("Idempotency-Key", "the-same-in-both")];
    done(server.send_with("POST", "/api/v1/scores", &headers, Some(("application/json", &body))));
}

/// Adds so many coaches, jobs and entries of the log that each list has a second page.
fn crowd(server: &Server, things: &Things, admin: &Browser<'_>) {
    let mark = things.mark;
    let rows = |head: &str, row: &dyn Fn(usize) -> String| {
        (0..21).fold(head.to_owned(), |file, n| file + "\n" + &row(n))
    };
    let coaches = rows("external_id,name,email,certifications", &|n| {
        format!("c{n},{mark} {n},c{n}@{mark}.test,ACE-CPT|pending|2027-06-30")
    });
    let jobs = rows("external_id,title,location,threshold", &|n| format!("j{n},{mark} {n},{mark},0"));
    for (what, file) in [("coaches", coaches), ("jobs", jobs)] {
        let fields = [("what", what), ("step", "import")];
        done(admin.upload("/admin/import", &fields, ("made.csv", &file)));
    }
    for phone in 0..9 {
        let (path, phone) =
            (format!("/api/v1/coaches/{}", things.id("coach")), json!({"phone": phone.to_string()}));
        let changed = ("application/json", &*phone.to_string());
        done(server.send("PATCH", &path, Some(things.token("admin")), Some(changed)));
    }
}

/// Adds what a coach and a manager do with each other: a profile, a request for review, a view of a list.
fn match_up(server: &Server, things: &mut Things, (coach, manager): (&Browser<'_>, &Browser<'_>)) {
    let mark = things.mark;
    done(coach.submit("/coach/profile/about", "/coach/profile/about", &[("name", mark), ("bio", mark)]));
    let said = [("sex", "female"), ("race", "asian")];
    done(coach.submit("/coach/demographics", "/coach/demographics", &said));
    let profile = coach.get("/coach/data.json").json()["coach"].to_string();
    let own = files(server, things, "coach", profile.parse().unwrap());
    things.texts.push(("profile", profile));
    for ((_, id), what) in own.into_iter().zip(["own_medium", "own_upload", "own_share"]) {
        things.texts.push((what, id.to_string()));
    }
    let page = done(coach.get("/notifications"));
    things.texts.push(("notice", after(&page, "id=\"read-").to_owned()));
    let jobs = server.send("GET", "/api/v1/jobs?limit=2", Some(things.token("admin")), None).json();
    let ours = things.id("job");
    let other = jobs["items"].as_array().unwrap().iter().find(|job| job["id"] != ours).unwrap()["id"].clone();
    let page = format!("/coach/matches/{other}");
    done(coach.submit(&page, &format!("{page}/review"), &[("text", mark)]));
    let page = done(manager.get("/manager/reviews"));
    things.texts.push(("review", after(&page, "action=\"/manager/reviews/").to_owned()));
    let candidates = format!("/manager/jobs/{ours}/candidates");
    let view = [("job_id", &*ours.to_string()), ("name", mark), ("query", "show=ranked")];
    done(manager.submit(&candidates, "/manager/views", &view));
    let page = done(manager.get(&candidates));
    things.texts.push(("view", after(&page, "action=\"/manager/views/").to_owned()));
}

/// Tags the video, and notes what waits for a reviewer.
fn review(server: &Server, things: &mut Things) {
    let dimension = things.mark.to_lowercase();
    let tags = json!({"media_id": things.id("medium"),
                      "tags": [{"at_seconds": 2.5, "dimension": dimension, "level": 3}]});
    let tags = ("application/json", &*tags.to_string());
    done(server.send("POST", "/api/v1/admin/tag-video", Some(things.token("admin")), Some(tags)));
    let waiting = pending(server, things, "certificate&limit=2");
    things.texts.push(("open_item", waiting[1].to_string()));
    let waiting = pending(server, things, "profile&limit=1");
    things.texts.push(("profiles_cursor", paging::cursor("profiles", &waiting[0])));
    things.texts.push(("videos_cursor", paging::cursor("videos", &things.id("medium"))));
}

/// Makes a manager of one brand, `member`, one of another, too, where they keep a view of a list.
pub(crate) async fn join(world: &World, server: &Server, ours: &mut Things, theirs: &Things) {
    let address = email("member", ours.mark);
    ours.tokens.push(("member", server.token_of(&address)));
    let scope = BrandScope::mint(theirs.id("brand"), Actor::System);
    let (member, manager) = (ours.id("member"), Role::Manager);
    add_member(&world.db, &world.clock, &scope, member, manager, Limits::default()).await.unwrap();
    let browser = browser_of(server, "member", ours.mark);
    let (brand, job) = (theirs.text("brand"), theirs.text("job"));
    assert_eq!(browser.submit("/brands", "/brands", &[("brand_id", &brand)]).status, 303);
    let view = [("job_id", &*job), ("name", theirs.mark), ("query", "show=ranked")];
    assert_eq!(browser.submit("/manager/jobs", "/manager/views", &view).status, 303);
}

/// A place in each list, as the list itself gives it. The list of members has no second page here, so that its place is
/// written as it would be.
fn cursors(
    server: &Server,
    things: &Things,
    (coach, admin): (&Browser<'_>, &Browser<'_>),
) -> Vec<(&'static str, String)> {
    let (brand, job, webhook) = (things.id("brand"), things.id("job"), things.id("webhook"));
    let listed = [
        ("regions_cursor", format!("/brands/{brand}/regions")),
        ("locations_cursor", format!("/brands/{brand}/locations")),
        ("coaches_cursor", "/coaches".to_owned()),
        ("jobs_cursor", "/jobs".to_owned()),
        ("candidates_cursor", format!("/jobs/{job}/candidates")),
        ("deliveries_cursor", format!("/webhooks/{webhook}/deliveries")),
        ("pending_cursor", "/admin/pending".to_owned()),
    ];
    let cursors = listed.map(|(name, path)| {
        let path = format!("/api/v1{path}?limit=1");
        let page = server.send("GET", &path, Some(things.token("admin")), None).json();
        (name, page["next_cursor"].as_str().unwrap().to_owned())
    });
    let paged = |page: Answer| after(&page.body, "cursor=").to_owned();
    let more = [
        ("notices_cursor", paged(coach.get("/notifications"))),
        ("matches_cursor", paged(coach.get("/coach/matches"))),
        ("audit_cursor", paged(admin.get("/admin/audit"))),
        ("verifications_cursor", paged(admin.get("/admin/verify"))),
        ("members_cursor", paging::cursor("members", &things.id("member"))),
        // Whatever there is was before that.
        ("match_events_cursor", paging::cursor("match_events", &(Clock::System.now(), things.id("job")))),
    ];
    cursors.into_iter().chain(more).collect()
}
