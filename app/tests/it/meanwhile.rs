//! Two who do something at the same time: whoever comes second is told so, nothing is overwritten unseen, and nobody waits for
//! the other in a circle.
//!
//! Of the two one is played by the owner of the tables, who waits in the middle. SQLite has one writer, so that there the one
//! comes after the other.

use std::time::Duration;

use fithire_kernel::testing::World;

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
