//! Lists of coaches: which of them, and in which order.

use chrono::{DateTime, Utc};
use fithire_kernel::db::{Tx, containing};
use fithire_kernel::ids::Id;
use fithire_kernel::paging::Asked;
use fithire_kernel::problem::Problem;
use fithire_scoring::catalog::Cert;
use poem_openapi::Enum;
use sea_query::{Expr, ExprTrait, Order};

use crate::approval::{ApprovalState, in_state};
use crate::model::{Coaches, Profile, Row};
use crate::service::{SHOWN, there};

/// Which coaches are listed; nothing lists every one.
#[derive(Default)]
pub(crate) struct Filter<'f> {
    /// A text in the name.
    pub(crate) named: Option<&'f str>,
    /// The brand's own id.
    pub(crate) external_id: Option<&'f str>,
    /// The state or province of the home, as written.
    pub(crate) region: Option<&'f str>,
    /// The country of the home, as written.
    pub(crate) country: Option<&'f str>,
    /// The code of a certification that they hold, whatever has been decided of it.
    pub(crate) certification: Option<&'f str>,
    pub(crate) approval: Option<ApprovalState>,
    /// Written at that time or later.
    pub(crate) updated_since: Option<DateTime<Utc>>,
}

/// In which order; a minus before it turns it round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[oai(rename = "CoachSort")]
pub(crate) enum Sort {
    /// In the order in which they were added.
    #[default]
    #[oai(rename = "id")]
    Id,
    #[oai(rename = "-id")]
    IdDown,
    #[oai(rename = "name")]
    Name,
    #[oai(rename = "-name")]
    NameDown,
    #[oai(rename = "updated_at")]
    Updated,
    #[oai(rename = "-updated_at")]
    UpdatedDown,
}

/// What has become of the profile of somebody who signed up by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "CoachApproval", rename_all = "lowercase")]
pub(crate) enum Standing {
    /// It waits for a reviewer.
    Waiting,
    /// It is right.
    Approved,
    /// The coach is to change something.
    Returned,
}

impl From<Standing> for ApprovalState {
    fn from(state: Standing) -> Self {
        match state {
            Standing::Waiting => Self::Waiting,
            Standing::Approved => Self::Approved,
            Standing::Returned => Self::Returned,
        }
    }
}

/// A page of everything that is known of the brand's coaches, in the order in which they were added.
///
/// # Errors
/// 422 when the cursor is of another list.
pub async fn profiles(
    tx: &mut Tx,
    place: (u64, Option<&str>),
) -> Result<(Vec<(Id, Profile)>, Option<String>), Problem> {
    let (rows, next) = page(tx, Filter::default(), Sort::Id, place).await?;
    let profiles = rows.into_iter().map(|row| Ok::<_, Problem>((row.id, row.profile()?)));
    Ok((profiles.collect::<Result<_, _>>()?, next))
}

/// A page of the brand's coaches.
pub(crate) async fn page(
    tx: &mut Tx,
    filter: Filter<'_>,
    sort: Sort,
    (limit, cursor): (u64, Option<&str>),
) -> Result<(Vec<Row>, Option<String>), Problem> {
    let mut select = there(tx);
    select.columns(SHOWN);
    if let Some(named) = filter.named {
        select.and_where(containing(Coaches::Name, named));
    }
    for (column, text) in [
        (Coaches::ExternalId, filter.external_id),
        (Coaches::Region, filter.region),
        (Coaches::Country, filter.country),
    ] {
        if let Some(text) = text {
            select.and_where(Expr::col(column).eq(text));
        }
    }
    if let Some(code) = filter.certification {
        let code = Cert::named(code).map_err(|unknown| Problem::field("certification", unknown))?;
        // Facts are written without blanks, and nothing else in them has a code.
        select.and_where(Expr::col(Coaches::Facts).like(format!("%\"code\":\"{}\"%", code.details().code)));
    }
    if let Some(state) = filter.approval {
        select.and_where(Expr::col(Coaches::Id).in_subquery(in_state(tx, state)));
    }
    if let Some(since) = filter.updated_since {
        select.and_where(Expr::col(Coaches::UpdatedAt).gte(since));
    }
    let (list, order) = match sort {
        Sort::Id => ("coaches", Order::Asc),
        Sort::IdDown => ("coaches, last first", Order::Desc),
        Sort::Name => ("coaches by name", Order::Asc),
        Sort::NameDown => ("coaches by name, last first", Order::Desc),
        Sort::Updated => ("coaches by change", Order::Asc),
        Sort::UpdatedDown => ("coaches by change, last first", Order::Desc),
    };
    let asked = Asked { list, order, limit, cursor };
    let ids = (Coaches::Table, Coaches::Id);
    match sort {
        Sort::Id | Sort::IdDown => asked.by_id(tx, select, ids, |row: &Row| row.id).await,
        Sort::Name | Sort::NameDown => {
            asked.by(tx, select, (Coaches::Name, ids), |row: &Row| (row.name.clone(), row.id)).await
        }
        Sort::Updated | Sort::UpdatedDown => {
            asked.by(tx, select, (Coaches::UpdatedAt, ids), |row: &Row| (row.updated_at, row.id)).await
        }
    }
}
