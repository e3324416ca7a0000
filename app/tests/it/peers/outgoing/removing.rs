//! A webhook that is removed while its messages are on their way, or are made: nobody waits for the other in a circle, and
//! nothing fails but what needs it.

use std::time::Duration;

use fithire_kernel::testing::on_both;
use fithire_webhooks::Kind;
use serde_json::json;

use super::{Told, send, tried};
use crate::people::people;

#[test]
fn removing_a_webhook_and_noting_that_its_message_failed_do_not_wait_for_each_other() {
    on_both(async |world| {
        let people = people(&world).await;
        let told = Told::new(&world, &people, &people.ours, &[Kind::JobUpdated]);
        told.answers(&json!({"status": 500}));
        let job = format!("/jobs/{}", people.ours.id("job"));
        let title = json!({"title": "Soon"});
        // What removing does, so slowly that the message fails between its two steps: the server has one writer with SQLite, and
        // there both wait in line.
        let while_removed = async {
            if world.dialect == "PostgreSQL" {
                let [endpoint, wait, deliveries] = [
                    "UPDATE webhook_endpoints SET revision = revision",
                    "SELECT pg_sleep(4)",
                    "UPDATE webhook_deliveries SET kind = kind",
                ];
                world.as_owner(&[endpoint, wait, deliveries].join("; ")).await;
                assert_eq!(told.received().len(), 1, "it failed meanwhile");
            }
        };
        let fails = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let token = people.ours.token("admin");
            assert_eq!(send(&people.server, token, "PATCH", &job, Some(&title)).status, 200);
            told.work().await;
        };
        tokio::join!(while_removed, fails);
        told.until("its failure is noted", tried(1)).await;
        assert_eq!(told.send("DELETE", "", None).status, 200);
    });
}

#[test]
fn what_is_saved_or_sent_again_while_a_webhook_is_removed_does_not_fail() {
    on_both(async |world| {
        let people = people(&world).await;
        let told = Told::new(&world, &people, &people.ours, &[Kind::JobUpdated]);
        let job = format!("/jobs/{}", people.ours.id("job"));
        let token = people.ours.token("admin");
        let rename =
            |title: &str| send(&people.server, token, "PATCH", &job, Some(&json!({"title": title}))).status;
        assert_eq!(rename("First"), 200);
        let again = format!("/deliveries/{}/replay", told.newest()["id"]);
        // As removing does it, and so slowly that the others come before it has its end: the server has one writer with SQLite,
        // and there all wait in line.
        let removed = async {
            let mut steps = vec![
                "UPDATE webhook_endpoints SET revision = revision",
                "DELETE FROM webhook_deliveries",
                "DELETE FROM webhook_endpoints",
            ];
            if world.dialect == "PostgreSQL" {
                steps.push("SELECT pg_sleep(2)");
            }
            world.as_owner(&steps.join("; ")).await;
        };
        let others = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            std::thread::scope(|scope| {
                let others = [
                    scope.spawn(|| rename("Second")),
                    scope.spawn(|| told.send("POST", &again, None).status),
                    scope.spawn(|| told.send("POST", "/test", None).status),
                ];
                others.map(|other| other.join().unwrap())
            })
        };
        let ((), statuses) = tokio::join!(removed, others);
        assert_eq!(statuses, [200, 404, 404], "saved, and nobody to send to: {}", world.dialect);
    });
}
