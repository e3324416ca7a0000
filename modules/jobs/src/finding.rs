//! Lists of jobs: which of them, and in which order.

use chrono::{DateTime, Utc};
use fithire_kernel::db::{Tx, containing};
use fithire_kernel::ids::Id;
use fithire_kernel::paging::{self, beyond};
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
    select.columns(SHOWN).cond_where(within).limit(limit + 1);
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
    let order = match sort {
        Sort::Id | Sort::Title | Sort::Updated => Order::Asc,
        Sort::IdDown | Sort::TitleDown | Sort::UpdatedDown => Order::Desc,
    };
    let list = match sort {
        Sort::Id => "jobs",
        Sort::IdDown => "jobs, last first",
        Sort::Title | Sort::TitleDown => "jobs by title",
        Sort::Updated | Sort::UpdatedDown => "jobs by change",
    };
    let ids = (Jobs::Table, Jobs::Id);
    match sort {
        Sort::Id | Sort::IdDown => {
            if let Some(last) = cursor.map(|cursor| paging::after::<Id>(list, cursor)).transpose()? {
                let id = Expr::col(ids);
                select.and_where(if order == Order::Asc { id.gt(last) } else { id.lt(last) });
            }
        }
        Sort::Title | Sort::TitleDown => {
            type Key = (String, Id);
            if let Some((title, id)) = cursor.map(|cursor| paging::after::<Key>(list, cursor)).transpose()? {
                select.and_where(beyond((Jobs::Title, title.into()), (ids, id), &order));
            }
            select.order_by(Jobs::Title, order.clone());
        }
        Sort::Updated | Sort::UpdatedDown => {
            type Key = (DateTime<Utc>, Id);
            if let Some((at, id)) = cursor.map(|cursor| paging::after::<Key>(list, cursor)).transpose()? {
                select.and_where(beyond((Jobs::UpdatedAt, at.into()), (ids, id), &order));
            }
            select.order_by(Jobs::UpdatedAt, order.clone());
        }
    }
    select.order_by(ids, order);
    let rows = tx.all(&select).await?;
    Ok(match sort {
        Sort::Id | Sort::IdDown => paging::page(list, rows, limit, |row: &Row| row.id),
        Sort::Title | Sort::TitleDown => {
            paging::page(list, rows, limit, |row: &Row| (row.title.clone(), row.id))
        }
        Sort::Updated | Sort::UpdatedDown => {
            paging::page(list, rows, limit, |row: &Row| (row.updated_at, row.id))
        }
    })
}
