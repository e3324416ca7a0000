//! Forms that cannot be saved just now: what was typed is shown again.

use fithire_kernel::testing::{World, on_both};
use sqlx::{Connection as _, SqliteConnection};

use crate::pages::signed_in;
use crate::people::people;

/// Has nobody make a job or a key: somebody else writes and does not stop, or, where that hinders nobody, there is no room.
async fn busy(world: &World) -> Option<SqliteConnection> {
    if world.dialect == "SQLite" {
        let mut lock = SqliteConnection::connect(&world.url).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
        return Some(lock);
    }
    let full = "CREATE FUNCTION full_up() RETURNS trigger LANGUAGE plpgsql \
                AS $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END $$";
    let on = |table: &str| {
        format!("CREATE TRIGGER full_up BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION full_up()")
    };
    world.as_owner(&[full, &on("jobs"), &on("api_keys")].join("; ")).await;
    None
}

#[test]
fn what_was_typed_is_shown_again_when_it_cannot_be_saved_just_now() {
    on_both(async |world| {
        let people = people(&world).await;
        let (manager, admin) = (signed_in(&people, "manager"), signed_in(&people, "admin"));
        let place = people.ours.id("location").to_string();
        let job = [("title", "Early <birds>"), ("location_id", &place), ("modality", "hiit")];
        let key = [("name", "Early <birds>"), ("role", "manager"), ("reach", ""), ("expires_on", "")];
        let lock = busy(&world).await;
        let refused = [
            manager.submit("/manager/jobs/new", "/manager/jobs/new", &job),
            admin.submit("/admin/keys", "/admin/keys", &key),
        ];
        for answer in refused {
            assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &"1".parse().unwrap()));
            for shown in ["value=\"Early &lt;birds&gt;\"", "Not saved: ", "send it again in a moment"] {
                assert!(answer.body.contains(shown), "{}: {shown} in {}", world.dialect, answer.body);
            }
        }
        match lock {
            Some(mut lock) => drop(sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap()),
            None => world.as_owner("DROP FUNCTION full_up CASCADE").await,
        }
        assert_eq!(manager.submit("/manager/jobs/new", "/manager/jobs/new", &job).status, 303);
    });
}
