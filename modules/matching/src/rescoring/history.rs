//! Reading what rescoring has kept: the matches of a job as they were last worked out, and what became of them.

use chrono::{DateTime, NaiveDate, Utc};
use fithire_kernel::db::Tx;
use fithire_kernel::ids::Id;
use fithire_kernel::paging::Asked;
use fithire_kernel::problem::Problem;
use sea_query::{Expr, ExprTrait, Order};
use sqlx::FromRow;

use super::store::{MatchEvents, Rescorings};

/// By what the matches of a job were last worked out.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct WorkedOut {
    /// The preset's name.
    pub preset: String,
    /// Its file, by its hash.
    pub preset_hash: String,
    /// The version of the engine.
    pub engine_version: i32,
    /// The day by which everything was judged.
    pub as_of: NaiveDate,
    /// The revision of the brand's coaches.
    pub revision: i64,
    /// How many coaches were eligible and reached the threshold, also those who are not kept.
    pub total: i64,
    /// When they were last found to be so.
    pub rescored_at: DateTime<Utc>,
}

/// By what the matches of a job were last worked out; nothing for a job whose turn has not come yet, or that is closed.
///
/// # Errors
/// When the database cannot be reached.
pub async fn worked_out(tx: &mut Tx, job_id: Id) -> Result<Option<WorkedOut>, Problem> {
    use Rescorings::{AsOf, EngineVersion, JobId, Preset, PresetHash, RescoredAt, Revision, Total};
    let mut select = tx.select(Rescorings::Table);
    select
        .columns([Preset, PresetHash, EngineVersion, AsOf, Revision, Total, RescoredAt])
        .and_where(Expr::col(JobId).eq(job_id));
    Ok(tx.optional(&select).await?)
}

/// Something that became of a match.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct MatchEvent {
    /// Its number; later ones are greater.
    pub id: Id,
    /// When it was found.
    pub at: DateTime<Utc>,
    /// The coach.
    pub coach_id: Id,
    /// `entered`, `left` or `changed`.
    pub kind: String,
    /// The score that was last told, in basis points; nothing when it entered.
    pub before: Option<i32>,
    /// The score since, in basis points; nothing when it left.
    pub after: Option<i32>,
    /// The day by which it was judged.
    pub as_of: NaiveDate,
    /// The revision of the brand's coaches.
    pub revision: i64,
}

/// A page of what became of the matches of a job, the latest first, and the cursor of the next.
///
/// # Errors
/// A problem on the parameter `cursor`; when the database cannot be reached.
pub async fn events(
    tx: &mut Tx,
    job_id: Id,
    (limit, cursor): (u64, Option<&str>),
) -> Result<(Vec<MatchEvent>, Option<String>), Problem> {
    use MatchEvents::{After, AsOf, At, Before, CoachId, JobId, Kind, Revision};
    let mut select = tx.select(MatchEvents::Table);
    select
        .columns([MatchEvents::Id, At, CoachId, Kind, Before, After, AsOf, Revision])
        .and_where(Expr::col(JobId).eq(job_id));
    let asked = Asked { list: "match_events", order: Order::Desc, limit, cursor };
    // The time is what the table is divided by, and what its index goes by.
    asked.by(tx, select, (At, MatchEvents::Id), |row: &MatchEvent| (row.at, row.id)).await
}
