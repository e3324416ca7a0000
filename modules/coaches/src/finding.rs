//! Lists of coaches: which of them, and in which order.

use chrono::{DateTime, Utc};
use fithire_kernel::db::{Tx, containing};
use fithire_kernel::ids::Id;
use fithire_kernel::paging::{self, beyond};
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
    select.columns(SHOWN).limit(limit + 1);
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
    let order = match sort {
        Sort::Id | Sort::Name | Sort::Updated => Order::Asc,
        Sort::IdDown | Sort::NameDown | Sort::UpdatedDown => Order::Desc,
    };
    let list = match sort {
        Sort::Id => "coaches",
        Sort::IdDown => "coaches, last first",
        Sort::Name | Sort::NameDown => "coaches by name",
        Sort::Updated | Sort::UpdatedDown => "coaches by change",
    };
    let ids = (Coaches::Table, Coaches::Id);
    match sort {
        Sort::Id | Sort::IdDown => {
            if let Some(last) = cursor.map(|cursor| paging::after::<Id>(list, cursor)).transpose()? {
                let id = Expr::col(ids);
                select.and_where(if order == Order::Asc { id.gt(last) } else { id.lt(last) });
            }
        }
        Sort::Name | Sort::NameDown => {
            if let Some((name, id)) =
                cursor.map(|cursor| paging::after::<(String, Id)>(list, cursor)).transpose()?
            {
                select.and_where(beyond((Coaches::Name, name.into()), (ids, id), &order));
            }
            select.order_by(Coaches::Name, order.clone());
        }
        Sort::Updated | Sort::UpdatedDown => {
            type Key = (DateTime<Utc>, Id);
            if let Some((at, id)) = cursor.map(|cursor| paging::after::<Key>(list, cursor)).transpose()? {
                select.and_where(beyond((Coaches::UpdatedAt, at.into()), (ids, id), &order));
            }
            select.order_by(Coaches::UpdatedAt, order.clone());
        }
    }
    select.order_by(ids, order);
    let rows = tx.all(&select).await?;
    Ok(match sort {
        Sort::Id | Sort::IdDown => paging::page(list, rows, limit, |row: &Row| row.id),
        Sort::Name | Sort::NameDown => {
            paging::page(list, rows, limit, |row: &Row| (row.name.clone(), row.id))
        }
        Sort::Updated | Sort::UpdatedDown => {
            paging::page(list, rows, limit, |row: &Row| (row.updated_at, row.id))
        }
    })
}
