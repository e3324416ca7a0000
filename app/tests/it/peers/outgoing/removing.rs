//! A webhook that is removed while its messages are made or are on their way: nobody waits for the other in a circle, and
//! nothing fails but what needs it.

use std::thread;

use fithire_kernel::testing::on_both;
use fithire_webhooks::Kind;
use serde_json::json;
use tokio::task::block_in_place;

use super::{Told, send, tried};
use crate::meanwhile::{WAIT, meanwhile, waits};
use crate::people::people;

#[test]
fn removing_a_webhook_and_noting_that_its_message_failed_do_not_wait_for_each_other() {
    on_both(async |world| {
        let people = people(&world).await;
        let told = Told::new(&world, &people, &people.ours, &[Kind::JobUpdated]);
        told.answers(&json!({"status": 500}));
        let job = format!("/jobs/{}", people.ours.id("job"));
        let token = people.ours.token("admin");
        // The rows in the order in which removing takes them.
        let takes = [
            "UPDATE webhook_endpoints SET revision = revision",
            WAIT,
            "UPDATE webhook_deliveries SET kind = kind",
        ];
        let fails = async {
            let title = json!({"title": "Soon"});
            assert_eq!(send(&people.server, token, "PATCH", &job, Some(&title)).status, 200);
            told.work().await;
        };
        Box::pin(meanwhile(&world, &takes, fails)).await;
        assert_eq!(told.received().len(), 1, "it failed meanwhile");
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
        let removes = [
            "UPDATE webhook_endpoints SET revision = revision",
            "DELETE FROM webhook_deliveries",
            "DELETE FROM webhook_endpoints",
            WAIT,
        ];
        let others = async {
            block_in_place(|| {
                thread::scope(|scope| {
                    let others = [
                        scope.spawn(|| rename("Second")),
                        scope.spawn(|| told.send("POST", &again, None).status),
                        scope.spawn(|| told.send("POST", "/test", None).status),
                    ];
                    others.map(|other| other.join().unwrap())
                })
            })
        };
        let statuses = meanwhile(&world, &removes, others).await;
        assert_eq!(statuses, [200, 404, 404], "saved, and nobody to send to: {}", world.dialect);
    });
}

#[test]
fn a_message_that_is_made_before_its_webhook_is_removed_goes_with_it() {
    on_both(async |world| {
        if world.dialect == "SQLite" {
            return;
        }
        let people = people(&world).await;
        let of_others = world.count("webhook_deliveries", people.ours.id("brand")).await;
        let told = Told::new(&world, &people, &people.ours, &[Kind::JobUpdated]);
        assert_eq!(told.send("POST", "/test", None).status, 200);
        let publishes = [
            "SELECT id FROM webhook_endpoints FOR KEY SHARE",
            WAIT,
            "INSERT INTO webhook_deliveries SELECT (jsonb_populate_record(d, jsonb_build_object('id', d.id + 1))).* \
             FROM webhook_deliveries d WHERE endpoint_id = (SELECT max(id) FROM webhook_endpoints)",
        ];
        let removed = async {
            let change = json!({"kinds": ["job.updated", "job.created"]});
            assert_eq!(told.send("PATCH", "", Some(&change)).status, 200);
            assert!(waits(&world).await, "who changes it does not wait for who sends to it");
            assert_eq!(told.send("DELETE", "", None).status, 200);
        };
        meanwhile(&world, &publishes, removed).await;
        assert_eq!(world.count("webhook_deliveries", people.ours.id("brand")).await, of_others);
    });
}
