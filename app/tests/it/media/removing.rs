//! A file that is removed while somebody does something else with it: nothing fails, and no copy stays that nothing needs.

use fithire_kernel::ids::Id;
use fithire_kernel::scope::{Actor, BrandScope};
use fithire_kernel::testing::{World, on_both};
use serde_json::{Value, json};

use super::{File, PAST, ask, begun, sweep, told};
use crate::meanwhile::{WAIT, meanwhile};
use crate::peers::until;
use crate::people::{People, Things, people};

/// Who removes a file.
#[derive(Clone, Copy, Debug)]
enum By {
    /// An admin, this one.
    Admin,
    /// Whoever erases the coach.
    Erasing,
}

/// Removes a file, and says how it was answered.
async fn removed(world: &World, people: &People, things: &Things, (id, by): (Id, By)) -> u16 {
    if let By::Admin = by {
        let path = format!("/api/v1/media/{id}");
        return people.server.send("DELETE", &path, Some(things.token("admin")), None).status;
    }
    let scope = BrandScope::mint(things.id("brand"), Actor::System);
    let mut tx = world.db.write(&scope).await.unwrap();
    let erased = fithire_media::erase(&mut tx, (&world.clock, &world.ids), things.id("coach")).await;
    tx.commit().await.unwrap();
    erased.map_or_else(|problem| problem.code.status(), |()| 200)
}

/// Attaches an upload as `confirm` does, its copy at this place of the store.
fn attaches(id: Id, copy: &str) -> String {
    format!("UPDATE media SET state = 'attached', object_key = '{copy}', upload_ref = NULL WHERE id = {id}")
}

#[test]
fn a_video_that_is_removed_while_a_link_to_it_is_made_is_not_there() {
    on_both(async |world| {
        let people = people(&world).await;
        let id = people.ours.id("medium");
        let removes = [
            &format!("DELETE FROM media_shares WHERE media_id = {id}"),
            &format!("DELETE FROM media WHERE id = {id}"),
            WAIT,
        ];
        let path = format!("/api/v1/media/{id}/shares");
        let shares = async { people.server.send("POST", &path, Some(people.ours.token("admin")), None) };
        let answer = meanwhile(&world, &removes, shares).await;
        assert_eq!(answer.status, 404, "{}: {}", world.dialect, answer.body);
    });
}

#[test]
fn a_link_that_is_made_while_its_video_is_removed_goes_with_it() {
    on_both(async |world| {
        if world.dialect == "SQLite" {
            return;
        }
        let people = people(&world).await;
        for (things, by) in [(&people.ours, By::Admin), (&people.theirs, By::Erasing)] {
            let id = things.id("medium");
            let shares = [
                &format!("SELECT id FROM media WHERE id = {id} FOR KEY SHARE"),
                WAIT,
                &format!(
                    "INSERT INTO media_shares SELECT (jsonb_populate_record(s, \
                     jsonb_build_object('id', s.id + 1, 'secret_hash', 'x'))).* \
                     FROM media_shares s WHERE media_id = {id}"
                ),
            ];
            let removes = removed(&world, &people, things, (id, by));
            let status = meanwhile(&world, &shares, removes).await;
            assert_eq!(status, 200, "{by:?}");
            assert_eq!(world.count("media_shares", things.id("brand")).await, 0, "{by:?}");
        }
    });
}

#[test]
fn a_copy_that_is_attached_while_its_upload_is_removed_is_removed_too() {
    on_both(async |world| {
        let people = people(&world).await;
        for (things, by) in [(&people.ours, By::Admin), (&people.theirs, By::Erasing)] {
            let id = things.id("upload");
            let copy = format!("{}/copy", things.id("brand"));
            let attached = attaches(id, &copy);
            let removes = removed(&world, &people, things, (id, by));
            assert_eq!(meanwhile(&world, &[&attached, WAIT], removes).await, 200, "{by:?}");
            let of_copy = format!("SELECT object_key FROM media_removals WHERE object_key = '{copy}'");
            assert_eq!(world.texts(of_copy).await, [copy], "{} {by:?}", world.dialect);
        }
    });
}

#[test]
fn an_upload_that_is_removed_while_it_goes_on_does_not_go_on() {
    on_both(async |world| {
        let people = people(&world).await;
        let (coach, id) = (people.ours.id("coach"), people.ours.id("upload"));
        let removes = format!("DELETE FROM media WHERE id = {id}");
        let token = people.ours.token("admin");
        let resumes =
            async { ask(&people.server, token, (coach, "resume-upload"), &json!({"upload_id": id})) };
        let answer = meanwhile(&world, &[&removes, WAIT], resumes).await;
        assert_eq!(told(&answer), "422 /upload_id is no upload of this coach", "{}", world.dialect);
    });
}

#[test]
fn an_upload_that_is_confirmed_while_it_is_given_up_stays() {
    on_both(async |world| {
        let people = people(&world).await;
        let (server, token, coach) = (&people.server, people.ours.token("admin"), people.ours.id("coach"));
        let (brand, id) = (people.ours.id("brand"), people.ours.id("upload"));
        // Whatever is given up with it tells when that is done.
        let other = begun(server, token, coach, &File::image("other.png"))["upload_id"].clone();
        world.as_owner(&format!("UPDATE media SET created_at = {PAST} WHERE state = 'waiting'")).await;
        let state_of = |id: &Value| {
            let listed = server.send("GET", &format!("/api/v1/coaches/{coach}/media"), Some(token), None);
            let listed = listed.json();
            let found = listed["items"].as_array().unwrap().iter().find(|row| row["id"] == *id);
            found.map(|row| row["state"].as_str().unwrap().to_owned())
        };
        let attached = attaches(id, &format!("{brand}/copy"));
        Box::pin(meanwhile(&world, &[&attached, WAIT], sweep(&world, brand))).await;
        until(20, "the other is given up", || state_of(&other).is_none());
        assert_eq!(state_of(&json!(id)).as_deref(), Some("attached"), "{}", world.dialect);
    });
}
