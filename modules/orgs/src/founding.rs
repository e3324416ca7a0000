//! How brands begin and how coaches join them: the first brand of an installation, and a brand's link for signing up.

use std::sync::{Arc, Mutex, PoisonError};

use fithire_identity::{ManageBrand, NewAccount, Role, check_account, join, random_secret, same_secret};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, FieldError, Problem};
use fithire_kernel::scope::{Actor, Allowed, BrandScope};
use fithire_scoring::facts::Zone;
use sea_query::{Expr, ExprTrait};

use crate::model::{BrandRow, Brands};
use crate::service::{NewBrand, check_name, insert_brand};

/// A brand to be and who looks after it.
#[derive(Clone, Debug)]
pub struct Founder {
    /// The brand's name; its name in addresses follows from it.
    pub brand: String,
    /// IANA name.
    pub time_zone: String,
    /// The first admin.
    pub admin: NewAccount,
}

/// Makes a brand with its first admin, all or nothing; answers both ids and the brand's name in addresses. `first` makes
/// it only where there is none yet.
///
/// # Errors
/// Every field that is not right; when the brand, the account, or with `first` any brand is there already.
pub async fn found(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    founder: Founder,
    first: bool,
) -> Result<(Id, Id, String), Problem> {
    let brand_id = ids.next();
    let slug = slug(&founder.brand, brand_id);
    let mut errors = Vec::new();
    if let Err(problem) = check_name("/brand", &founder.brand) {
        errors.extend(problem.errors);
    }
    if let Err(message) = Zone::named(&founder.time_zone) {
        errors.push(FieldError { pointer: "/time_zone".to_owned(), detail: message });
    }
    errors.extend(check_account(&founder.admin));
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let ready = founder.admin.ready().await?;
    let scope = BrandScope::mint(brand_id, Actor::System);
    let mut tx = db.write(&scope).await?;
    if first {
        let mut select = tx.select_global(Brands::Table);
        select.column(Brands::Id).limit(1);
        let known: Option<(Id,)> = tx.optional(&select).await?;
        if known.is_some() {
            return Err(Problem::new(Code::NotFound));
        }
    }
    let new = NewBrand { slug: slug.clone(), name: founder.brand, time_zone: founder.time_zone };
    insert_brand(&mut tx, clock, brand_id, new).await?;
    let account_id = ready.create(&mut tx, (clock, ids)).await?;
    join(&mut tx, (clock, &scope), account_id, Role::Admin).await?;
    audit::record(&mut tx, (clock, ids), Event::new("brand.founded", "brand", brand_id)).await?;
    tx.commit().await?;
    Ok((brand_id, account_id, slug))
}

/// A name in addresses: lower-case letters and digits, everything else a dash, 40 characters at most. A name without any
/// such letter gives its id.
fn slug(name: &str, id: Id) -> String {
    let dashed: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let whole = dashed.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let short = whole.chars().take(40).collect::<String>().trim_end_matches('-').to_owned();
    if short.is_empty() { format!("brand-{id}") } else { short }
}

/// The right to make the first brand of an installation by a page: a code that the program prints when it starts
/// without one. It works once.
#[derive(Clone, Debug, Default)]
pub struct FirstRun(Arc<Mutex<Option<String>>>);

impl FirstRun {
    /// A code, when there is no brand yet.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn open(db: &Db) -> Result<Self, Problem> {
        let mut tx = db.read_global().await?;
        let mut select = tx.select(Brands::Table);
        select.column(Brands::Id).limit(1);
        let known: Option<(Id,)> = tx.optional(&select).await?;
        Ok(Self(Arc::new(Mutex::new(known.is_none().then(random_secret)))))
    }

    /// The code, while it works.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this is the code, which then no longer works: two who come at once do not both have it.
    pub(crate) fn take(&self, code: &str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let right = known.as_ref().is_some_and(|known| same_secret(known, code));
        if right {
            *known = None;
        }
        right
    }

    /// Puts the code back, after what it was for did not come about.
    pub(crate) fn give_back(&self, code: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(code.to_owned());
    }
}

/// The brand of a link.
pub(crate) async fn by_link(db: &Db, link: &str) -> Result<Option<BrandRow>, Problem> {
    let mut tx = db.read_global().await?;
    let mut select = tx.select(Brands::Table);
    select
        .columns([Brands::Id, Brands::Slug, Brands::Name, Brands::TimeZone, Brands::SignUpLink])
        .and_where(Expr::col(Brands::SignUpLink).eq(link));
    Ok(tx.optional(&select).await?)
}

/// Gives the brand a new link, so that the one before no longer works, or none.
///
/// # Errors
/// When the database cannot be reached.
pub async fn set_link(
    db: &Db,
    tools: (&Clock, &Ids),
    allowed: &Allowed<ManageBrand>,
    link: Option<String>,
) -> Result<(), Problem> {
    let mut tx = db.write(allowed).await?;
    let action = if link.is_some() { "link.opened" } else { "link.closed" };
    let mut update = tx.update_global(Brands::Table);
    update.value(Brands::SignUpLink, link).and_where(Expr::col(Brands::Id).eq(allowed.brand_id()));
    tx.run(&update).await?;
    // The link itself is a secret, and no matter of the log.
    audit::record(&mut tx, tools, Event::new(action, "brand", allowed.brand_id())).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_name_becomes_one_for_addresses() {
        assert_eq!(slug("Acme Studios & Co.", 7), "acme-studios-co");
        assert_eq!(slug(&"long name ".repeat(9), 7).len(), 39);
        assert_eq!(slug("東京ジム", 7), "brand-7");
    }
}
