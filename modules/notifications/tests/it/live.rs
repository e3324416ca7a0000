//! Streams: nothing is lost however often somebody comes back, nothing is anybody else's, and they end in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fithire_identity::{Limits, Role, add_member};
use fithire_kernel::testing::{CANARY, on_both};
use fithire_notifications::Kind;
use futures_util::{Stream, StreamExt};
use poem::Response;
use tokio::time::timeout;

use crate::{acme, notice};

/// Longer than anything should take.
const LONG: Duration = Duration::from_secs(20);

/// One open stream: its parts, as they come.
struct Open<S>(S);

fn opened(response: Response) -> Open<impl Stream<Item = String> + Unpin> {
    assert_eq!(response.status(), 200);
    assert_eq!(response.content_type(), Some("text/event-stream"));
    let parts = response.into_body().into_bytes_stream();
    Open(parts.map(|part| String::from_utf8(part.unwrap().to_vec()).unwrap()))
}

impl<S: Stream<Item = String> + Unpin> Open<S> {
    /// The next part that has an event; nothing when it has ended.
    async fn part(&mut self) -> Option<String> {
        loop {
            let part = timeout(LONG, self.0.next()).await.expect("something within the time")?;
            if part.contains("event: ") {
                return Some(part);
            }
        }
    }
}

/// Titles of the notices of a part, and the last id.
fn read(part: &str) -> (Vec<String>, String) {
    let titles = part.split("\"title\":\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    let id = part.rsplit("id: ").next().unwrap().lines().next().unwrap();
    (titles.collect(), id.to_owned())
}

#[test]
fn nothing_is_lost_or_told_twice_while_many_tell_and_somebody_keeps_coming_back() {
    const WRITERS: usize = 6;
    const EACH: usize = 25;
    on_both(async |world| {
        let acme = acme(&world).await;
        let (site, hub) = acme.app();
        let session = acme.session(&acme.ours, acme.ada).await;
        acme.tell_ada(Kind::MatchLost, &["from before"]).await;
        let first = opened(site.open("/notifications/stream", &session, None).await).part().await.unwrap();
        let (titles, mut last) = read(&first);
        assert!(titles.is_empty() && first.contains("data: 1\n"), "only what comes from now on: {first}");
        let done = Arc::new(AtomicBool::new(false));
        let writing = async {
            futures_util::future::join_all((0..WRITERS).map(|writer| {
                let acme = &acme;
                async move {
                    for n in 0..EACH {
                        acme.tell_ada(Kind::MatchLost, &[&format!("{writer}-{n}")]).await;
                    }
                }
            }))
            .await;
            done.store(true, Ordering::Relaxed);
        };
        let reading = async {
            let (mut got, mut visits) = (Vec::new(), 0);
            while got.len() < WRITERS * EACH {
                visits += 1;
                let response = site.open("/notifications/stream", &session, Some(&last)).await;
                let mut stream = opened(response);
                // Each visit reads another number of parts, and leaves in the middle of things.
                for _ in 0..=(visits % 4) {
                    if got.len() == WRITERS * EACH {
                        break;
                    }
                    let (titles, id) = read(&stream.part().await.unwrap());
                    got.extend(titles);
                    last = id;
                }
            }
            (got, visits)
        };
        let ((got, visits), ()) = futures_util::join!(reading, writing);
        let mut sorted = got.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((got.len(), sorted.len()), (WRITERS * EACH, WRITERS * EACH), "{}", world.dialect);
        assert!(visits > 2, "somebody came back: {visits}");
        for writer in 0..WRITERS {
            let own = got.iter().filter(|title| title.starts_with(&format!("Title of {writer}-")));
            let own: Vec<usize> =
                own.map(|title| title.rsplit('-').next().unwrap().parse().unwrap()).collect();
            assert!(own.is_sorted(), "in the order in which they were told: {own:?}");
        }
        // Whoever was away for long gets all of it.
        let start = format!("{}.{}.0", acme.ours.brand_id(), acme.ada);
        let response = site.open("/notifications/stream?once=yes", &session, Some(&start)).await;
        let all = response.into_body().into_string().await.unwrap();
        assert_eq!(all.matches("event: notice").count(), WRITERS * EACH + 1);
        hub.close();
    });
}

#[test]
fn a_stream_is_its_persons_alone_and_all_pages_of_a_person_are_told() {
    on_both(async |world| {
        let acme = acme(&world).await;
        let (site, hub) = acme.app();
        // Eve is in both brands.
        add_member(&world.db, &world.clock, &acme.ours, acme.foreigner, Role::Coach, Limits::default())
            .await
            .unwrap();
        let sessions = [acme.ada, acme.bob, acme.foreigner].map(|id| acme.session(&acme.ours, id));
        let [ada, bob, eve] = sessions;
        let (ada, bob, eve) = (ada.await, bob.await, eve.await);
        let open = async |session: &str| opened(site.open("/notifications/stream", session, None).await);
        let mut pages = [open(&ada).await, open(&ada).await];
        let (mut bobs, mut eves) = (open(&bob).await, open(&eve).await);
        for page in &mut pages {
            page.part().await.unwrap();
        }
        bobs.part().await.unwrap();
        eves.part().await.unwrap();
        assert_eq!(hub.streams(), 4);
        acme.tell(&acme.theirs, vec![notice(acme.foreigner, Kind::System, CANARY)]).await;
        acme.tell_ada(Kind::System, &["for Ada"]).await;
        for page in &mut pages {
            let part = page.part().await.unwrap();
            assert!(part.contains("for Ada") && part.contains("event: unread"), "{part}");
        }
        acme.tell(&acme.ours, vec![notice(acme.bob, Kind::System, "for Bob")]).await;
        acme.tell(&acme.ours, vec![notice(acme.foreigner, Kind::System, "for Eve")]).await;
        let (bobs, eves) = (bobs.part().await.unwrap(), eves.part().await.unwrap());
        assert!(bobs.contains("for Bob") && !bobs.contains("Ada"), "{bobs}");
        assert!(eves.contains("for Eve") && !eves.contains(CANARY), "{eves}");
        // Reading on one page is seen on the other.
        assert_eq!(site.submit("/notifications", "/notifications/read", &ada, "up_to=9").await.0, 303);
        for page in &mut pages {
            assert!(page.part().await.unwrap().contains("event: unread\ndata: 0\n"));
        }
        // A place of another inbox is none.
        let theirs = format!("{}.{}.0", acme.theirs.brand_id(), acme.foreigner);
        let answer = site.open("/notifications/stream?once=yes", &eve, Some(&theirs)).await;
        let answer = answer.into_body().into_string().await.unwrap();
        assert!(!answer.contains("event: notice"), "{answer}");
        drop(pages);
        hub.close();
    });
}

#[test]
fn a_stream_ends_with_the_server_and_when_newer_ones_take_its_place() {
    on_both(async |world| {
        let acme = acme(&world).await;
        let (site, hub) = acme.app();
        let session = acme.session(&acme.ours, acme.ada).await;
        let open = async || site.open("/notifications/stream", &session, None).await;
        let mut streams = Vec::new();
        for _ in 0..8 {
            streams.push(opened(open().await));
        }
        for page in &mut streams {
            page.part().await.unwrap();
        }
        // One more, and the oldest is told that it has to go.
        let mut newest = opened(open().await);
        newest.part().await.unwrap();
        streams.push(newest);
        assert_eq!(hub.streams(), 8);
        let mut oldest = streams.remove(0);
        assert!(oldest.part().await.unwrap().contains("event: enough"));
        assert!(oldest.part().await.is_none());
        acme.tell_ada(Kind::System, &["for the others"]).await;
        for page in &mut streams {
            while !page.part().await.unwrap().contains("for the others") {}
        }
        hub.close();
        for stream in &mut streams {
            while timeout(LONG, stream.0.next()).await.unwrap().is_some() {}
        }
        drop(streams);
        assert_eq!(hub.streams(), 0);
        assert_eq!(open().await.status(), 503);
        // Nobody looks on without a session.
        assert_eq!(site.open("/notifications/stream", "1.x", None).await.status(), 401);
    });
}
