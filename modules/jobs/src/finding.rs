//! Lists of jobs: which of them, and in which order.

use chrono::{DateTime, Utc};
use fithire_kernel::db::{Tx, containing};
use fithire_kernel::ids::Id;
use fithire_kernel::paging::Asked;
use fithire_kernel::problem::Problem;
use fithire_kernel::scope::Limits;
use poem_openapi::Enum;
use sea_query::{Expr, ExprTrait, Order};

use crate::model::{Jobs, Row};
use crate::service::{SHOWN, within};

/// Which jobs are listed; nothing lists every one.
#[derive(Default)]
pub(crate) struct Filter<'f> {
    /// A text in the title.
    pub(crate) titled: Option<&'f str>,
    pub(crate) active: Option<bool>,
    pub(crate) location_id: Option<Id>,
    /// The brand's own id.
    pub(crate) external_id: Option<&'f str>,
    pub(crate) preset: Option<&'f str>,
    pub(crate) employment_type: Option<&'f str>,
    /// Written at that time or later.
    pub(crate) updated_since: Option<DateTime<Utc>>,
}

/// In which order; a minus before it turns it round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[oai(rename = "JobSort")]
pub(crate) enum Sort {
    /// In the order in which they were added.
    #[default]
    #[oai(rename = "id")]
    Id,
    #[oai(rename = "-id")]
    IdDown,
    #[oai(rename = "title")]
    Title,
    #[oai(rename = "-title")]
    TitleDown,
    #[oai(rename = "updated_at")]
    Updated,
    #[oai(rename = "-updated_at")]
    UpdatedDown,
}

/// A page of the jobs within limits.
pub(crate) async fn page(
    tx: &mut Tx,
    limits: Limits,
    (filter, sort): (Filter<'_>, Sort),
    (limit, cursor): (u64, Option<&str>),
) -> Result<(Vec<Row>, Option<String>), Problem> {
    let within = within(tx, limits).await?;
    let mut select = tx.select(Jobs::Table);
    select.columns(SHOWN).cond_where(within);
    if let Some(titled) = filter.titled {
        select.and_where(containing(Jobs::Title, titled));
    }
    if let Some(active) = filter.active {
        select.and_where(Expr::col(Jobs::Active).eq(active));
    }
    if let Some(location_id) = filter.location_id {
        select.and_where(Expr::col(Jobs::LocationId).eq(location_id));
    }
    for (column, text) in [
        (Jobs::ExternalId, filter.external_id),
        (Jobs::Preset, filter.preset),
        (Jobs::EmploymentType, filter.employment_type),
    ] {
        if let Some(text) = text {
            select.and_where(Expr::col(column).eq(text));
        }
    }
    if let Some(since) = filter.updated_since {
        select.and_where(Expr::col(Jobs::UpdatedAt).gte(since));
    }
    let (list, order) = match sort {
        Sort::Id => ("jobs", Order::Asc),
        Sort::IdDown => ("jobs, last first", Order::Desc),
        Sort::Title => ("jobs by title", Order::Asc),
        Sort::TitleDown => ("jobs by title, last first", Order::Desc),
        Sort::Updated => ("jobs by change", Order::Asc),
        Sort::UpdatedDown => ("jobs by change, last first", Order::Desc),
    };
    let asked = Asked { list, order, limit, cursor };
    let ids = (Jobs::Table, Jobs::Id);
    match sort {
        Sort::Id | Sort::IdDown => asked.by_id(tx, select, ids, |row: &Row| row.id).await,
        Sort::Title | Sort::TitleDown => {
            asked.by(tx, select, (Jobs::Title, ids), |row: &Row| (row.title.clone(), row.id)).await
        }
        Sort::Updated | Sort::UpdatedDown => {
            asked.by(tx, select, (Jobs::UpdatedAt, ids), |row: &Row| (row.updated_at, row.id)).await
        }
    }
}
