//! The embedded store: the suite of files against it, what it refuses, what it removes, and what happens while it is away.

use std::path::Path;

use fithire_kernel::ids::Id;
use fithire_kernel::testing::{World, on_both};
use serde_json::{Value, json};

use super::{
    File, PAST, ask, attached, begun, confirm, own_coach, put, store, suite, sweep, swept, told, url_of,
};
use crate::peers::until;
use crate::people::people;

/// How many files the embedded store has of a brand.
fn kept(world: &World, brand: Id) -> usize {
    let folder = world.folder().join("media/objects/fithire").join(brand.to_string());
    let remembered = std::fs::read_dir(world.folder().join("media/objects")).unwrap();
    let remembered = remembered.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with(".upload_id-")
    });
    let objects = std::fs::read_dir(folder).map_or(0, Iterator::count);
    objects + remembered.count()
}

#[test]
fn files_go_to_the_embedded_store_and_are_seen_by_whoever_may() {
    on_both(async |world| {
        let people = people(&world).await;
        suite(&people);
        // The video of everybody's coach, four more, and three of the own one, of which one was removed. What was put there
        // again goes when nobody can put it there any more.
        let brand = people.ours.id("brand");
        swept(&world, brand, async || kept(&world, brand) == 7).await;
        let theirs = people.theirs.id("brand");
        assert_eq!(kept(&world, theirs), 1, "the other brand's is untouched");
    });
}

#[test]
fn the_embedded_store_takes_what_was_signed_and_nothing_else() {
    on_both(async |world| {
        let people = people(&world).await;
        let (server, token, id) = (&people.server, people.ours.token("manager"), people.ours.id("coach"));
        let file = File::image("face.png");
        let upload = begun(server, token, id, &file);
        let url = upload["url"].as_str().unwrap();
        let (path, query) = url.split_once('?').unwrap();
        let brand = people.ours.id("brand");
        let elsewhere = path.replace(&format!("/{brand}/"), &format!("/{}/", people.theirs.id("brand")));
        let longer = [&file.bytes[..], b"x"].concat();
        let png = Some(file.media_type);
        let before = (kept(&world, brand), kept(&world, people.theirs.id("brand")));
        for (what, status) in [
            ("another key", put(&format!("{path}x?{query}"), png, &file.bytes)),
            ("another brand's key", put(&format!("{elsewhere}?{query}"), png, &file.bytes)),
            ("another type", put(url, Some("text/html"), &file.bytes)),
            ("no type", put(url, None, &file.bytes)),
            ("more bytes", put(url, png, &longer)),
            ("fewer bytes", put(url, png, &file.bytes[1..])),
            (
                "another time",
                put(&url.replace("X-Amz-Expires=3600", "X-Amz-Expires=36000"), png, &file.bytes),
            ),
            ("no signature", put(path, png, &file.bytes)),
            ("another method", store("GET", url, &[], b"").0),
            ("to remove it", store("DELETE", url, &[("Content-Type", file.media_type)], &file.bytes).0),
            ("a list", store("GET", &path[..path.find("/fithire").unwrap() + 8], &[], b"").0),
        ] {
            assert!((400..500).contains(&status), "{what}: {status}");
        }
        assert_eq!((kept(&world, brand), kept(&world, people.theirs.id("brand"))), before, "nothing got in");
        // Whoever is refused learns nothing: neither a key of the store nor what is there.
        let secret = std::fs::read_to_string(world.folder().join("media/keys")).unwrap();
        let secret = secret.lines().nth(1).unwrap().to_owned();
        for url in [format!("{elsewhere}?{query}"), path.to_owned(), format!("{path}x?{query}")] {
            let (_, told, _) = store("PUT", &url, &[("Content-Type", file.media_type)], &file.bytes);
            let told = String::from_utf8_lossy(&told).into_owned();
            assert!(!told.contains(&secret) && !told.contains("media/objects"), "{told}");
        }
        let listed = server.send("GET", &format!("/api/v1/coaches/{id}/media"), Some(token), None).json();
        let row = listed["items"].as_array().unwrap().iter().find(|row| row["id"] == upload["upload_id"]);
        assert_eq!(row.unwrap()["state"], "waiting", "nothing is attached");
        let early = confirm(server, token, id, &upload);
        assert!(told(&early).contains("has not arrived"), "nothing has got in: {}", early.body);
        assert_eq!(put(url, png, &file.bytes), 200);
        let confirmed = confirm(server, token, id, &upload);
        assert_eq!(confirmed.status, 200, "{}", confirmed.body);
        let url = url_of(server, token, confirmed.json()["id"].as_i64().unwrap());
        let (status, _, headers) = store("GET", &url, &[], b"");
        assert_eq!((status, &headers["content-type"]), (200, &"image/png".parse().unwrap()));
        assert_eq!(headers["content-disposition"], "inline; filename=\"face.png\"");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let renamed = url.replace("image%2Fpng", "text%2Fhtml");
        assert!(renamed != url && store("GET", &renamed, &[], b"").0 == 403, "the type is signed");
    });
}

#[test]
fn while_the_embedded_store_is_away_everything_else_works_and_it_comes_back_by_itself() {
    on_both(async |world| {
        let people = people(&world).await;
        let (coach, id) = own_coach(&people);
        let (server, token) = (&people.server, people.ours.token("coach"));
        let (file, late) = (File::image("face.png"), File::image("late.png"));
        let upload = begun(server, token, id, &file);
        assert_eq!(put(upload["url"].as_str().unwrap(), Some(file.media_type), &file.bytes), 200);
        let objects = world.folder().join("media/objects");
        let aside = world.folder().join("media/aside");
        std::fs::rename(&objects, &aside).unwrap();

        let away = ask(server, token, (id, "upload"), &late.wish());
        assert_eq!((away.status, away.headers["retry-after"].to_str().unwrap()), (503, "5"), "{}", away.body);
        let size = late.bytes.len().to_string();
        let wish =
            [("kind", "image"), ("file_name", "late.png"), ("size", &size), ("content_type", "image/png")];
        let said = coach.submit("/coach/media", "/coach/media/upload", &wish);
        assert_eq!((said.status, &said.json()["again"]), (503, &json!(true)));
        assert!(
            said.json()["wrong"].as_str().unwrap().starts_with("Files cannot be stored or shown right now")
        );
        assert_eq!(confirm(server, token, id, &upload).status, 503, "it has not lost what has arrived");
        for page in ["/coach/media", "/coach/profile", "/coach/matches"] {
            assert_eq!(coach.get(page).status, 200, "{page}");
        }
        assert_eq!(server.send("GET", "/readyz", None, None).status, 200);
        let files = || {
            let path = format!("/api/v1/coaches/{id}/media");
            let listed = server.send("GET", &path, Some(token), None).json();
            let said = |row: &Value| {
                format!("{} {}", row["file_name"].as_str().unwrap(), row["state"].as_str().unwrap())
            };
            listed["items"].as_array().unwrap().iter().map(said).collect::<Vec<_>>()
        };
        assert_eq!(files(), ["face.png waiting"], "nothing is half attached");

        std::fs::remove_dir_all(&objects).ok();
        std::fs::rename(&aside, &objects).unwrap();
        assert_eq!(confirm(server, token, id, &upload).status, 200);
        attached(server, token, id, &late);
        assert_eq!(files(), ["late.png attached", "face.png attached"]);
    });
}

#[test]
fn an_upload_that_nobody_confirms_is_given_up_after_a_day() {
    on_both(async |world| {
        let people = people(&world).await;
        let (server, token, id) = (&people.server, people.ours.token("manager"), people.ours.id("coach"));
        let brand = people.ours.id("brand");
        let mut long = File::video("long.mp4");
        long.bytes.resize(51 << 20, 1);
        let parted = begun(server, token, id, &long);
        let first = &parted["parts"]["missing"][0];
        assert_eq!(put(first["url"].as_str().unwrap(), None, &long.bytes[..16 << 20]), 200);
        let file = File::image("face.png");
        let whole = begun(server, token, id, &file);
        assert_eq!(put(whole["url"].as_str().unwrap(), Some(file.media_type), &file.bytes), 200);
        // The video of `fill`, the object and the part.
        until(20, "they have arrived", || kept(&world, brand) == 3);
        let long_ago = format!("created_at = {PAST}, url_until = {PAST}");
        world.as_owner(&format!("UPDATE media SET {long_ago} WHERE state = 'waiting'")).await;
        sweep(&world, brand).await;
        until(20, "they are given up", || kept(&world, brand) == 1);
        let gone = confirm(server, token, id, &whole);
        assert_eq!(told(&gone), "422 /upload_id is no upload of this coach");
    });
}

#[test]
fn whoever_is_erased_leaves_no_file() {
    on_both(async |world| {
        let people = people(&world).await;
        let (coach, id) = own_coach(&people);
        let brand = people.ours.id("brand");
        let token = people.ours.token("coach");
        attached(&people.server, token, id, &File::video("class.mp4"));
        attached(&people.server, token, id, &File::document("secret name.pdf"));
        until(20, "what was copied is removed", || kept(&world, brand) == 3);
        let data = coach.get("/coach/data.json").json();
        assert_eq!(data["files"].as_array().unwrap().len(), 2);
        assert_eq!(coach.submit("/coach/data", "/coach/data/erase", &[("sure", "yes")]).status, 303);
        until(20, "their files are removed", || kept(&world, brand) == 1);
        assert!(!names(&world.folder().join("media")).contains("secret"), "nor does a name stay");
    });
}

/// The names and texts of everything small in a folder.
fn names(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all += &path.display().to_string();
        if path.is_dir() {
            all += &names(&path);
        } else {
            all += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
        }
    }
    all
}
