//! Notifications on both databases: who is told what, once and live, and by which message.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod live;
mod messages;
mod telling;

use std::sync::Arc;

use fithire_identity::testing::Staff;
use fithire_identity::{Bell, Identity, Limits, Role, Site};
use fithire_kernel::ids::Id;
use fithire_kernel::page::Pages;
use fithire_kernel::scope::BrandScope;
use fithire_kernel::testing::{CANARY, World};
use fithire_notifications::{Hub, Kind, Notice, ask_unread, notify, pages};
use poem::middleware::CookieJarManager;
use poem::test::TestClient;
use poem::{Endpoint, EndpointExt, Response, Route};

/// A frame that shows what the tests look at.
const FRAME: &[(&str, &str)] = &[
    (
        "base.html",
        "<title>{% block title %}{% endblock %}</title>bell:{% if shell.person %}{{ shell.person.unread }}{% endif %};\
         {% if shell.toast %}{{ shell.toast.text }}{% endif %}{% block main %}{% endblock %}",
    ),
    ("components.html", include_str!("../../../../app/templates/components.html")),
];

/// A brand with Ada and Bob, and the canary's brand with somebody.
struct Acme<'w> {
    world: &'w World,
    identity: Arc<Identity>,
    ours: BrandScope,
    theirs: BrandScope,
    ada: Id,
    bob: Id,
    foreigner: Id,
}

async fn acme(world: &World) -> Acme<'_> {
    let (ours, theirs) = (world.brand("acme").await, world.brand(CANARY).await);
    let staff = Staff::open(world).await;
    let member = async |scope: &BrandScope, email: &str| {
        staff.member(scope, email, Role::Coach, Limits::default()).await
    };
    let (ada, bob) = (member(&ours, "ada@acme.test").await, member(&ours, "bob@acme.test").await);
    let foreigner = member(&theirs, "eve@canary.test").await;
    Acme { world, identity: staff.identity.clone(), ours, theirs, ada, bob, foreigner }
}

/// Something to tell.
fn notice(account_id: Id, kind: Kind, event: &str) -> Notice {
    Notice {
        account_id,
        kind,
        event: event.to_owned(),
        title: format!("Title of {event}"),
        text: String::new(),
        path: "/coach/matches/7".to_owned(),
    }
}

impl Acme<'_> {
    async fn tell(&self, scope: &BrandScope, notices: Vec<Notice>) {
        let World { db, clock, ids, .. } = self.world;
        let mut tx = db.write(scope).await.unwrap();
        notify(&mut tx, (clock, ids), notices).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Tells Ada of events.
    async fn tell_ada(&self, kind: Kind, events: &[&str]) {
        self.tell(&self.ours, events.iter().map(|event| notice(self.ada, kind, event)).collect()).await;
    }

    async fn confirm(&self, account_id: Id) {
        let sql = format!(
            "UPDATE accounts SET email_confirmed_at = '2026-11-01T00:00:00+00:00' WHERE id = {account_id}"
        );
        self.world.as_owner(&sql).await;
    }

    /// The pages, with what is told live.
    fn app(&self) -> (Reached<impl Endpoint<Output = Response>>, Hub) {
        let World { db, clock, ids, .. } = self.world;
        let hub = Hub::start(db.clone(), &db.signals(None).unwrap());
        let endpoint = pages::routes(Route::new())
            .data(hub.clone())
            .data(db.clone())
            .data(clock.clone())
            .data(ids.clone())
            .data(self.identity.clone())
            .data(Bell(ask_unread))
            .data(Site::new("https://fithire.test".to_owned(), Vec::new()))
            .data(Arc::new(Pages::new(&[FRAME, pages::TEMPLATES], &[])))
            .with(CookieJarManager::new())
            .map_to_response();
        (Reached(TestClient::new(endpoint)), hub)
    }

    async fn session(&self, scope: &BrandScope, account_id: Id) -> String {
        self.identity.open_session(account_id, scope.brand_id(), None).await.unwrap()
    }
}

/// The pages as a browser reaches them.
struct Reached<E>(TestClient<E>);

impl<E: Endpoint<Output = Response>> Reached<E> {
    async fn get(&self, path: &str, session: &str) -> (u16, String) {
        let response = self.open(path, session, None).await;
        (response.status().as_u16(), response.into_body().into_string().await.unwrap())
    }

    async fn open(&self, path: &str, session: &str, last: Option<&str>) -> Response {
        let mut request = self.0.get(path).header("Cookie", format!("__Host-fithire={session}"));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        request.send().await.0
    }

    /// Sends a form with the token of a page.
    async fn submit(&self, page: &str, path: &str, session: &str, fields: &str) -> (u16, String) {
        let shown = self.get(page, session).await.1;
        let token = shown.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let request = self.0.post(path).header("Cookie", format!("__Host-fithire={session}"));
        let request = request.content_type("application/x-www-form-urlencoded");
        let response = request.body(format!("form_token={token}&{fields}")).send().await.0;
        (response.status().as_u16(), response.into_body().into_string().await.unwrap())
    }
}
