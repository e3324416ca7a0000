//! Looking into many inboxes at once, for whoever has a stream open.
//!
//! Each select has one of a few numbers of accounts in it, filled up with none: a connection remembers statements by their
//! text.

use std::collections::BTreeMap;

use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::BrandScope;
use sea_query::{Alias, Expr, ExprTrait, Order};

use crate::model::{Inboxes, Notices};
use crate::stream::{Told, told};

/// Inboxes that are read together, at most.
pub(crate) const TOGETHER: usize = 512;
/// Notices of an inbox that are read at once, and kept for streams that are a little behind.
pub(crate) const AT_ONCE: u64 = 100;
/// Notices of each inbox for which there is room where several are read together: what a rescoring tells somebody of. Where
/// there are more, every page reads for itself.
const EACH: usize = 16;
/// Numbers of accounts that a select may have.
const SIZES: [usize; 4] = [1, 8, 64, TOGETHER];

/// An inbox as it is now, with what came after what was seen of it.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) last: i64,
    pub(crate) unread: i64,
    pub(crate) told: Vec<Told>,
    /// Whether that is all that came.
    pub(crate) is_all: bool,
}

/// As many as the next larger select has, the rest with nobody in them.
fn filled<T: Clone>(some: &[T], nobody: T) -> Vec<T> {
    let size = SIZES.into_iter().find(|size| *size >= some.len()).unwrap_or(some.len());
    let mut filled = some.to_vec();
    filled.resize(size, nobody);
    filled
}

/// Account, last number and how much is unread, of those who have an inbox.
pub(crate) async fn states(
    db: &Db,
    scope: &BrandScope,
    accounts: &[Id],
) -> Result<Vec<(Id, i64, i64)>, Problem> {
    let within = db.within(scope);
    let mut select = within.select(Inboxes::Table);
    select
        .columns([Inboxes::AccountId, Inboxes::LastSeq, Inboxes::Unread])
        .and_where(Expr::col(Inboxes::AccountId).is_in(filled(accounts, 0)));
    Ok(db.glimpse(&within, &[select]).await?.all()?)
}

/// A notice: its account and number, its kind, title and path.
type Row = (Id, i64, String, String, String);

/// Looks into inboxes, each with the last number that was seen of it; nothing is read of one that was not seen yet, but that
/// it is there.
pub(crate) async fn look(
    db: &Db,
    scope: &BrandScope,
    accounts: &[(Id, Option<i64>)],
) -> Result<BTreeMap<Id, State>, Problem> {
    let within = db.within(scope);
    let ids: Vec<Id> = accounts.iter().map(|(account_id, _)| *account_id).collect();
    let mut inboxes = within.select(Inboxes::Table);
    inboxes
        .columns([Inboxes::AccountId, Inboxes::LastSeq, Inboxes::Unread])
        .and_where(Expr::col(Inboxes::AccountId).is_in(filled(&ids, 0)));
    let after: Vec<(Id, i64)> = accounts.iter().filter_map(|(id, last)| Some((*id, (*last)?))).collect();
    let after = filled(&after, (0, i64::MAX));
    let room = usize::try_from(AT_ONCE).unwrap_or(usize::MAX) + EACH * (after.len() - 1);
    let asked = Alias::new("asked");
    // What a prepared statement is given here has no type of its own in PostgreSQL.
    let of = |column: &'static str| Expr::col((asked.clone(), Alias::new(column))).cast_as("BIGINT");
    let mut notices = within.select(Notices::Table);
    notices
        .columns([Notices::AccountId, Notices::Seq, Notices::Kind, Notices::Title, Notices::Path])
        .from_values(after, asked.clone())
        .and_where(Expr::col(Notices::AccountId).eq(of("column1")))
        .and_where(Expr::col(Notices::Seq).gt(of("column2")))
        .order_by(Notices::AccountId, Order::Asc)
        .order_by(Notices::Seq, Order::Asc)
        .limit(room as u64);
    let mut found = db.glimpse(&within, &[inboxes, notices]).await?;
    let known: Vec<(Id, i64, i64)> = found.all()?;
    let rows: Vec<Row> = found.all()?;
    // Where there was no room for more, what is missing is of the last account or of those after it.
    let whole_before =
        if rows.len() < room { Id::MAX } else { rows.last().map_or(Id::MAX, |(account_id, ..)| *account_id) };
    let new = |account_id: &Id| State { is_all: *account_id < whole_before, ..State::default() };
    let mut states: BTreeMap<Id, State> = ids.iter().map(|id| (*id, new(id))).collect();
    for (account_id, last, unread) in known {
        if let Some(state) = states.get_mut(&account_id) {
            (state.last, state.unread) = (last, unread);
        }
    }
    for (account_id, seq, kind, title, path) in rows {
        if let Some(state) = states.get_mut(&account_id) {
            state.told.push(told((scope.brand_id(), account_id), seq, (&kind, &title, &path)));
        }
    }
    Ok(states)
}
