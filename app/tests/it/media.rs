//! Files, through HTTP and the store itself: uploads whole and in parts, what is refused, who sees what, links, removal. The
//! same suite runs against the embedded store in `embedded` and against another one in `peers::media`.

use std::time::Duration;

use fithire_kernel::clock::Clock;
use fithire_kernel::ids::Id;
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::tasks::{NewTask, enqueue};
use fithire_kernel::testing::World;
use fithire_media::SWEEP;
use serde_json::{Value, json};

use crate::people::{People, browser_of};
use crate::server::{Answer, Browser, Server};

mod embedded;
mod removing;

const JSON: &str = "application/json";

/// A file that somebody uploads.
pub(crate) struct File {
    kind: &'static str,
    name: String,
    media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

impl File {
    pub(crate) fn video(name: &str) -> Self {
        let bytes = [&b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41"[..], &[7; 5_000]].concat();
        Self { kind: "video", name: name.to_owned(), media_type: "video/mp4", bytes }
    }

    pub(crate) fn image(name: &str) -> Self {
        Self { kind: "image", name: name.to_owned(), media_type: "image/png", bytes: PIXEL.to_vec() }
    }

    /// A photograph that says where it was taken.
    fn photograph(kind: &'static str) -> Self {
        let notes = [&b"\xff\xe1\x00\x1fExif\0\0"[..], PLACE].concat();
        let bytes = [
            &b"\xff\xd8"[..],
            &notes,
            b"\xff\xda\x00\x08\x01\x01\0\0\x3f\0",
            &[0x5a; 800],
            b"\xff\xd9",
            PLACE,
        ]
        .concat();
        Self { kind, name: "me.jpg".to_owned(), media_type: "image/jpeg", bytes }
    }

    fn document(name: &str) -> Self {
        let bytes = [&b"%PDF-1.7\n"[..], &[b'x'; 900]].concat();
        Self { kind: "certificate", name: name.to_owned(), media_type: "application/pdf", bytes }
    }

    fn wish(&self) -> Value {
        let code = (self.kind == "certificate").then_some("CPR-AED");
        json!({"kind": self.kind, "file_name": self.name, "size": self.bytes.len(),
               "content_type": self.media_type, "code": code})
    }
}

/// The smallest PNG.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
    \0\0\0\rIDATx\xdacd\xf8\xcfP\x0f\0\x03\x86\x01\x80Z4}k\0\0\0\0IEND\xaeB`\x82";
const PLACE: &[u8] = b"40.7163 N, 74.0086 W...";

/// Sends an operation on a coach's uploads.
fn ask(server: &Server, token: &str, (coach, what): (Id, &str), body: &Value) -> Answer {
    let path = format!("/api/v1/coaches/{coach}/{what}");
    server.send("POST", &path, Some(token), Some((JSON, &body.to_string())))
}

/// Begins an upload.
pub(crate) fn begun(server: &Server, token: &str, coach: Id, file: &File) -> Value {
    let answer = ask(server, token, (coach, "upload"), &file.wish());
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn confirm(server: &Server, token: &str, coach: Id, upload: &Value) -> Answer {
    ask(server, token, (coach, "confirm-upload"), &json!({"upload_id": upload["upload_id"]}))
}

/// Sends something to a URL of the store.
fn store(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    bytes: &[u8],
) -> (u16, Vec<u8>, ureq::http::HeaderMap) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
    let agent: ureq::Agent = config.build().into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = if method == "GET" {
        agent.run(request.body(()).unwrap())
    } else {
        agent.run(request.body(bytes).unwrap())
    };
    let mut answer = answer.unwrap();
    let body = answer.body_mut().with_config().limit(80 << 20).read_to_vec().unwrap();
    (answer.status().as_u16(), body, answer.headers().clone())
}

fn put(url: &str, media_type: Option<&str>, bytes: &[u8]) -> u16 {
    let headers: Vec<(&str, &str)> = media_type.iter().map(|kind| ("Content-Type", *kind)).collect();
    store("PUT", url, &headers, bytes).0
}

/// Uploads a file whole and confirms it; its id.
pub(crate) fn attached(server: &Server, token: &str, coach: Id, file: &File) -> Id {
    let upload = begun(server, token, coach, file);
    assert_eq!(put(upload["url"].as_str().unwrap(), Some(file.media_type), &file.bytes), 200);
    let confirmed = confirm(server, token, coach, &upload);
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    assert_eq!(confirmed.json()["state"], "attached");
    confirmed.json()["id"].as_i64().unwrap()
}

fn url_of(server: &Server, token: &str, id: Id) -> String {
    let answer = server.send("GET", &format!("/api/v1/media/{id}"), Some(token), None);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["url"].as_str().unwrap().to_owned()
}

/// What a problem says of a field, or in whole.
fn told(answer: &Answer) -> String {
    let problem = answer.json();
    let error = &problem["errors"][0];
    format!("{} {}{}", problem["status"], error["pointer"].as_str().unwrap_or_default(), {
        let detail = error["detail"].as_str().or(problem["detail"].as_str());
        format!(" {}", detail.unwrap_or_default())
    })
}

/// A coach with a profile who has signed in.
fn own_coach(people: &People) -> (Browser<'_>, Id) {
    let coach = browser_of(&people.server, "coach", people.ours.mark);
    let about = "/coach/profile/about";
    assert_eq!(coach.submit(about, about, &[("name", "Ada")]).status, 303);
    let id = coach.get("/coach/data.json").json()["coach"].as_i64().unwrap();
    (coach, id)
}

/// The suite.
pub(crate) fn suite(people: &People) {
    let (coach, id) = own_coach(people);
    whole(people, &coach, id);
    in_parts(people, id);
    documents(people, &coach, id);
    pictures(people, id);
    not_what_it_says(people, &coach, id);
    limits(people);
    shared(people, &coach, id);
}

/// A file goes whole, is confirmed by several at once, and is seen.
fn whole(people: &People, coach: &Browser<'_>, id: Id) {
    let (server, token) = (&people.server, people.ours.token("coach"));
    let file = File::video("My class.mp4");
    let upload = begun(server, token, id, &file);
    let early = confirm(server, token, id, &upload);
    assert!(told(&early).starts_with("409") && told(&early).contains("has not arrived"), "{}", early.body);
    let url = upload["url"].as_str().unwrap();
    assert_eq!(put(url, Some(file.media_type), &file.bytes), 200);
    let all: Vec<Answer> = std::thread::scope(|scope| {
        let one = || confirm(server, token, id, &upload);
        let asked: Vec<_> = (0..6).map(|_| scope.spawn(one)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for answer in &all {
        // The copy of another was faster where the upload is gone already.
        assert!(matches!(answer.status, 200 | 409), "{}", answer.body);
    }
    let again = confirm(server, token, id, &upload);
    assert_eq!((again.status, &again.json()["state"]), (200, &json!("attached")));
    let medium = again.json()["id"].as_i64().unwrap();

    // Whoever puts something there afterwards changes nothing of what is shown.
    let other = vec![b'x'; file.bytes.len()];
    put(url, Some(file.media_type), &other);
    let manager = browser_of(server, "manager", people.ours.mark);
    for browser in [coach, &manager] {
        let shown = browser.get(&format!("/media/{medium}"));
        assert_eq!(shown.status, 303, "{}", shown.body);
        let (status, body, headers) = store("GET", shown.headers["location"].to_str().unwrap(), &[], b"");
        assert_eq!((status, body == file.bytes), (200, true), "{medium}");
        assert_eq!(headers["content-type"], "video/mp4");
    }
    let seen = url_of(server, people.ours.token("manager"), medium);
    let (status, part, headers) = store("GET", &seen, &[("Range", "bytes=4-11")], b"");
    assert_eq!((status, &*part), (206, &b"ftypisom"[..]));
    assert_eq!(headers["content-range"], format!("bytes 4-11/{}", file.bytes.len()));
    // Another coach and another brand see nothing, and cannot tell that something is there.
    let foreign = people.theirs.token("admin");
    for token in [foreign, people.theirs.token("coach")] {
        assert_eq!(server.send("GET", &format!("/api/v1/media/{medium}"), Some(token), None).status, 404);
        assert_eq!(confirm(server, token, id, &upload).status, 404);
    }
    let other = people.ours.id("coach");
    let crossed = confirm(server, people.ours.token("admin"), other, &upload);
    assert_eq!(told(&crossed), "422 /upload_id is no upload of this coach");
}

/// A long file goes in parts, and goes on where it stopped.
fn in_parts(people: &People, id: Id) {
    const PART: usize = 16 << 20;
    let (server, token) = (&people.server, people.ours.token("coach"));
    let mut file = File::video("long.mp4");
    file.bytes.resize(3 * PART + 5_000_000, 9);
    file.bytes[PART..PART + 4].copy_from_slice(b"edge");
    let upload = begun(server, token, id, &file);
    let parts = &upload["parts"];
    assert_eq!((upload["url"].is_null(), &parts["part_size"]), (true, &json!(PART)));
    let send = |part: &Value| {
        let from = (usize::try_from(part["number"].as_i64().unwrap()).unwrap() - 1) * PART;
        let bytes = &file.bytes[from..file.bytes.len().min(from + PART)];
        assert_eq!(part["size"], bytes.len());
        assert_eq!(put(part["url"].as_str().unwrap(), None, bytes), 200, "{}", part["number"]);
    };
    let missing = parts["missing"].as_array().unwrap();
    assert_eq!(missing.len(), 4);
    // Not in their order, and not the last one.
    for part in [&missing[2], &missing[0]] {
        send(part);
    }
    let early = confirm(server, token, id, &upload);
    assert!(told(&early).contains("parts of the file have not arrived: 2, 4"), "{}", early.body);
    let which = json!({"upload_id": upload["upload_id"]});
    let resumed = ask(server, token, (id, "resume-upload"), &which).json();
    assert_eq!(resumed["parts"]["there"], json!([1, 3]));
    resumed["parts"]["missing"].as_array().unwrap().iter().for_each(send);
    let confirmed = confirm(server, token, id, &upload);
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    let url = url_of(server, token, confirmed.json()["id"].as_i64().unwrap());
    let edge = format!("bytes={}-{}", PART - 2, PART + 5);
    let (status, bytes, _) = store("GET", &url, &[("Range", &edge)], b"");
    assert_eq!((status, &*bytes), (206, &file.bytes[PART - 2..PART + 6]));
    let late = ask(server, token, (id, "resume-upload"), &which);
    assert_eq!(late.status, 409, "{}", late.body);
}

/// A document makes its holding pending, and stays.
fn documents(people: &People, coach: &Browser<'_>, id: Id) {
    let (server, token) = (&people.server, people.ours.token("coach"));
    let medium = attached(server, token, id, &File::document("cpr.pdf"));
    let profile = server.send("GET", &format!("/api/v1/coaches/{id}"), Some(token), None).json();
    let held = json!([{"code": "CPR-AED", "state": "pending"}]);
    assert_eq!(profile["facts"]["holdings"], held);
    let path = format!("/api/v1/media/{medium}");
    let refused = server.send("DELETE", &path, Some(token), None);
    assert!(told(&refused).starts_with("409") && told(&refused).contains("handed in"), "{}", refused.body);
    assert_eq!(coach.get(&format!("/media/{medium}")).status, 303);
    for role in ["manager", "admin"] {
        assert_eq!(server.send("GET", &path, Some(people.ours.token(role)), None).status, 200, "{role}");
    }
    assert_eq!(server.send("DELETE", &path, Some(people.ours.token("admin")), None).status, 200);
    assert_eq!(server.send("GET", &path, Some(token), None).status, 404);
    let mut wish = File::document("x.pdf").wish();
    for (field, value, what) in [
        ("code", Value::Null, "is missing"),
        ("code", json!("NONE"), "unknown"),
        ("expires_on", json!("2031-02-30"), ""),
    ] {
        let right = wish[field].take();
        wish[field] = value;
        let answer = ask(server, token, (id, "upload"), &wish);
        assert!(
            told(&answer).starts_with(&format!("422 /{field}")) && told(&answer).contains(what),
            "{}",
            answer.body
        );
        wish[field] = right;
    }
}

/// No picture that is shown says where it was taken, whatever it is for.
fn pictures(people: &People, id: Id) {
    let (server, token) = (&people.server, people.ours.token("coach"));
    for kind in ["image", "certificate"] {
        let file = File::photograph(kind);
        let says = |bytes: &[u8]| bytes.windows(PLACE.len()).any(|part| part == PLACE);
        assert!(says(&file.bytes));
        let medium = attached(server, token, id, &file);
        let (status, shown, headers) = store("GET", &url_of(server, token, medium), &[], b"");
        assert_eq!(
            (status, says(&shown), shown.len()),
            (200, false, file.bytes.len() - 2 * PLACE.len() - 10)
        );
        assert_eq!(headers["content-type"], "image/jpeg");
        let listed = server.send("GET", &format!("/api/v1/coaches/{id}/media"), Some(token), None).json();
        let row = listed["items"].as_array().unwrap().iter().find(|row| row["id"] == medium).unwrap();
        assert_eq!(row["size"], shown.len());
        let admin = Some(people.ours.token("admin"));
        assert_eq!(server.send("DELETE", &format!("/api/v1/media/{medium}"), admin, None).status, 200);
    }
    let mut cut = File::photograph("image");
    cut.bytes.truncate(200);
    let upload = begun(server, token, id, &cut);
    assert_eq!(put(upload["url"].as_str().unwrap(), Some(cut.media_type), &cut.bytes), 200);
    let refused = told(&confirm(server, token, id, &upload));
    assert_eq!(refused, "422 /upload_id me.jpg was refused and removed: it is no whole JPEG");
}

/// What is something else than it says is refused, stays refused and is nowhere to be seen.
fn not_what_it_says(people: &People, coach: &Browser<'_>, id: Id) {
    let (server, token) = (&people.server, people.ours.token("coach"));
    let mut program = File::video("program.mp4");
    program.bytes = [&b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff"[..], &[0; 2_000]].concat();
    let upload = begun(server, token, id, &program);
    assert_eq!(put(upload["url"].as_str().unwrap(), Some(program.media_type), &program.bytes), 200);
    let refused = [(); 2].map(|()| confirm(server, token, id, &upload));
    for answer in &refused {
        let told = told(answer);
        assert!(told.starts_with("422 /upload_id program.mp4 was refused"), "{told}");
        assert!(told.contains("by its content it is of the type exe, not MP4"), "{told}");
    }
    assert_eq!(refused[0].body, refused[1].body);
    let which = json!({"upload_id": upload["upload_id"]});
    assert_eq!(ask(server, token, (id, "resume-upload"), &which).status, 422);
    let path = format!("/api/v1/media/{}", upload["upload_id"]);
    assert_eq!(server.send("GET", &path, Some(token), None).status, 404);
    assert_eq!(coach.get(&format!("/media/{}", upload["upload_id"])).status, 404);
    let listed = server.send("GET", &format!("/api/v1/coaches/{id}/media"), Some(token), None).json();
    let row =
        listed["items"].as_array().unwrap().iter().find(|row| row["id"] == upload["upload_id"]).unwrap();
    assert_eq!(row["state"], "quarantined");
    assert!(coach.get("/coach/media").body.contains("Refused"));
}

/// What is too long, of another type or too much is refused before a byte is sent.
fn limits(people: &People) {
    let (server, token, id) = (&people.server, people.ours.token("manager"), people.ours.id("coach"));
    let wish = |kind: &str, size: i64, content_type: &str| json!({"kind": kind, "file_name": "a", "size": size, "content_type": content_type});
    let most = 500 * 1024 * 1024;
    for (wish, what) in [
        (
            wish("video", most + 1, "video/mp4"),
            "422 /size is not from 1 to 524288000: videos have 500 MB at most",
        ),
        (wish("image", (20 << 20) + 1, "image/png"), "422 /size is not from 1 to 20971520"),
        (wish("image", 0, "image/png"), "422 /size"),
        (wish("video", 10, "application/x-msdownload"), "422 /content_type is none of video/mp4"),
        (wish("image", 10, "image/svg+xml"), "422 /content_type is none of image/jpeg"),
        (wish("video", 10, "text/html"), "422 /content_type"),
    ] {
        let answer = ask(server, token, (id, "upload"), &wish);
        assert!(told(&answer).starts_with(what), "{what}: {}", answer.body);
    }
    let longest = ask(server, token, (id, "upload"), &wish("video", most, "video/mp4")).json();
    assert_eq!(longest["parts"]["missing"].as_array().unwrap().len(), 32);
    let small = wish("image", 10, "image/png");
    let begin = || ask(server, token, (id, "upload"), &small);
    let last = (0..10).fold(begin(), |_, _| begin());
    assert!(told(&last).contains("10 uploads wait already"), "{}", last.body);
    let listed = server.send("GET", &format!("/api/v1/coaches/{id}/media"), Some(token), None).json();
    for row in listed["items"].as_array().unwrap().iter().filter(|row| row["state"] == "waiting") {
        let gone = server.send("DELETE", &format!("/api/v1/media/{}", row["id"]), Some(token), None);
        assert_eq!(gone.status, 200);
    }
    // There is one video already.
    for n in 0..4 {
        attached(server, token, id, &File::video(&format!("{n}.mp4")));
    }
    let sixth = ask(server, token, (id, "upload"), &wish("video", 10, "video/mp4"));
    assert!(told(&sixth).contains("there are 5 videos already"), "{}", sixth.body);
}

/// A link shows a video to whoever has it, until it is revoked or the video is gone.
fn shared(people: &People, coach: &Browser<'_>, id: Id) {
    let (server, token) = (&people.server, people.ours.token("coach"));
    let file = File::video("shared.mp4");
    let medium = attached(server, token, id, &file);
    let shares = format!("/api/v1/media/{medium}/shares");
    let made = server.send("POST", &shares, Some(token), None).json();
    let link = made["url"].as_str().unwrap();
    let path = &link[link.find("/share/").unwrap()..];
    let guest = Browser::new(server);
    let page = guest.get(path);
    assert_eq!((page.status, &page.headers["x-robots-tag"]), (200, &"noindex, nofollow".parse().unwrap()));
    assert!(page.body.contains(&format!("src=\"{path}/video\"")), "{}", page.body);
    let video = guest.get(&format!("{path}/video"));
    let (status, body, _) = store("GET", video.headers["location"].to_str().unwrap(), &[], b"");
    assert_eq!((status, body == file.bytes), (200, true));
    let secret = path.trim_start_matches("/share/");
    assert!(!server.log().contains(secret), "a link is no matter of the log");
    let listed = server.send("GET", &shares, Some(token), None);
    assert!(!listed.body.contains(secret.split_once('.').unwrap().1), "{}", listed.body);

    let revoke = format!("{shares}/{}", made["id"]);
    let [once, twice] = [(); 2].map(|()| server.send("DELETE", &revoke, Some(token), None));
    assert_eq!((once.status, &once.body), (200, &twice.body));
    let over = guest.get(path);
    assert!(over.status == 410 && over.body.contains("This link was revoked"), "{}", over.body);
    assert_eq!(guest.get(&format!("{path}/video")).status, 404);
    assert_eq!(guest.get("/share/1.x").status, 404);

    let made = server.send("POST", &shares, Some(token), None).json();
    let link = made["url"].as_str().unwrap().to_owned();
    let remove = coach.submit("/coach/media", &format!("/coach/media/{medium}/remove"), &[]);
    assert_eq!(remove.status, 303, "{}", remove.body);
    assert_eq!(guest.get(&link[link.find("/share/").unwrap()..]).status, 404, "gone with its video");
}

/// A time long ago, as both databases read it.
const PAST: &str = "'2026-01-01T00:00:00+00:00'";

/// Has a brand swept now.
pub(crate) async fn sweep(world: &World, brand: Id) {
    let mut tx = world.db.write(&BrandScope::mint(brand, Actor::System)).await.unwrap();
    let task = NewTask::new(SWEEP, json!({})).keyed("").due(Clock::System.now());
    enqueue(&mut tx, (&Clock::System, &world.ids), task).await.unwrap();
    tx.commit().await.unwrap();
}

/// Sweeps as if nobody could put anything anywhere any more, until it is so. A sweep that was under way meanwhile may have put off
/// what it had seen, so that once is not enough.
pub(crate) async fn swept(world: &World, brand: Id, is_so: impl AsyncFn() -> bool) {
    for _ in 0..20 {
        world.as_owner(&format!("UPDATE media_removals SET due_at = {PAST}, until_at = {PAST}")).await;
        sweep(world, brand).await;
        for _ in 0..10 {
            if is_so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    panic!("what nothing needs is not removed");
}
