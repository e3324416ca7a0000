//! The one way in which coaches are written: the brand's next revision first, then the row, and with it the log, what the
//! brand's programs are told, and the certificates that somebody has to look at.

use chrono::{DateTime, Utc};
use fithire_identity::{Caller, ManageCoaches};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::etag::IfMatch;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, FieldError, Problem, breaks};
use fithire_scoring::exchange::{Unreadable, read_facts};
use fithire_scoring::facts;
use fithire_webhooks::publish;
use poem_openapi::types::ToJSON;
use sea_query::{Expr, ExprTrait, OnConflict};
use serde_json::{Value, json};

use crate::decided::{May, kept, reserved};
use crate::model::{CoachChange, CoachFacts, CoachRevisions, Coaches, NewCoach, Pay, Profile};
use crate::pieces::pieces;
use crate::service::{SHOWN, find, there};
use crate::verification::{Moved, follow};
use crate::{approval, events, tags, verification};

/// The next revision, for what this transaction writes. It is taken before the rows are, so that writers follow one
/// another and no reader sees a revision without its rows. Matches are worked out again.
pub(crate) async fn next_revision(tx: &mut Tx, tools: (&Clock, &Ids)) -> Result<i64, Problem> {
    fithire_orgs::changed(tx, tools).await?;
    let mut insert = tx.insert(&[CoachRevisions::Revision], [vec![1_i64.into()]]);
    let next = Expr::col((CoachRevisions::Table, CoachRevisions::Revision)).add(1);
    let bump = OnConflict::column(CoachRevisions::BrandId).value(CoachRevisions::Revision, next).to_owned();
    insert.on_conflict(bump).returning_col(CoachRevisions::Revision);
    let row: Option<(i64,)> = tx.optional(&insert).await?;
    row.map(|(revision,)| revision).ok_or_else(|| Problem::internal(&"a revision returned no row"))
}

/// A coach who is being changed. The revision's row is locked until the transaction commits: nobody else writes coaches of
/// the brand meanwhile.
pub(crate) struct Writing {
    id: Id,
    revision: i64,
    /// As it was.
    pub(crate) old: Profile,
}

impl Writing {
    /// Opens a coach for somebody who may change anybody's facts.
    pub(crate) async fn of(tx: &mut Tx, tools: (&Clock, &Ids), id: Id) -> Result<Self, Problem> {
        let revision = next_revision(tx, tools).await?;
        let mut select = there(tx);
        select.columns(SHOWN).and_where(Expr::col(Coaches::Id).eq(id));
        let row: Option<crate::model::Row> = tx.optional(&select).await?;
        let old = row.ok_or_else(|| Problem::new(Code::NotFound))?.profile()?;
        Ok(Self { id, revision, old })
    }

    /// Writes what it is now, and everything that follows from the change.
    pub(crate) async fn save(
        self,
        tx: &mut Tx,
        (clock, ids): (&Clock, &Ids),
        new: Profile,
    ) -> Result<(), Problem> {
        let Self { id, revision, old } = self;
        let (before, after) = (old.known()?, new.known()?);
        let event = Event::new("coach.changed", "coach", id).about(id).changed(&before, &after);
        audit::record(tx, (clock, ids), event).await?;
        let told_of = events::updated(clock.now(), id, (&before, &after));
        publish(tx, (clock, ids), told_of.into_iter().collect()).await?;
        let moved = Moved::between(id, &old.facts, &new.facts).map(Moved::with_items);
        let row = row(id, None, new, revision, clock.now())?;
        let mut update = tx.update(Coaches::Table);
        update.and_where(Expr::col(Coaches::Id).eq(id));
        for (column, value) in COLUMNS.into_iter().zip(row).filter(|(column, _)| !is_lasting(*column)) {
            update.value(column, value);
        }
        tx.run(&update).await?;
        follow(tx, (clock, ids), moved.into_iter().collect()).await
    }
}

/// Makes a coach and answers its id. A coach's own account makes its own profile, once.
pub(crate) async fn create(
    db: &Db,
    clock: &Clock,
    ids: &Ids,
    caller: &Caller,
    new: NewCoach,
) -> Result<Id, Problem> {
    let manages = caller.allowed::<ManageCoaches>().is_ok();
    let mut profile = profile_of(new)?;
    none(reserved(&facts::Coach::default(), &profile.facts, May::of(caller)))?;
    let account_id = (!manages).then(|| caller.account_id());
    let mut tx = db.write(caller.scope()).await?;
    let revision = next_revision(&mut tx, (clock, ids)).await?;
    let id = ids.next();
    if !manages {
        count_pieces(&mut profile);
    }
    let event = Event::new("coach.created", "coach", id).about(id).changed(&json!({}), &profile.known()?);
    let zone = profile.facts.tz;
    let moved = Moved::between(id, &facts::Coach::default(), &profile.facts);
    let row = row(id, account_id, profile, revision, clock.now())?;
    tx.run(&tx.insert(&COLUMNS, [row])).await.map_err(|error| {
        if breaks(&error, "coaches_external_id", "coaches.brand_id, coaches.external_id") {
            Problem::new(Code::Conflict).because("a coach with this external_id is there already")
        } else if breaks(&error, "coaches_account", "coaches.brand_id, coaches.account_id") {
            Problem::new(Code::Conflict).because("your account has a profile already; change that one")
        } else {
            error.into()
        }
    })?;
    if let Some(account_id) = account_id.filter(|_| zone.is_some()) {
        fithire_notifications::lives_in(&mut tx, account_id, zone).await?;
    }
    audit::record(&mut tx, (clock, ids), event).await?;
    publish(&mut tx, (clock, ids), vec![events::created(clock.now(), id)]).await?;
    follow(&mut tx, (clock, ids), moved.into_iter().collect()).await?;
    if !manages {
        approval::asked(&mut tx, (clock, ids), id).await?;
    }
    tx.commit().await?;
    Ok(id)
}

/// A coach to be as it would be kept.
pub(crate) fn profile_of(new: NewCoach) -> Result<Profile, Problem> {
    let facts = facts_of(new.facts.as_ref(), 0);
    let pay = checked_pay(new.pay);
    let errors = [facts.as_ref().err(), pay.as_ref().err()].into_iter().flatten();
    none(errors.flat_map(|problem| problem.errors.clone()).collect())?;
    Ok(Profile {
        external_id: new.external_id,
        name: new.name,
        email: new.email.map(|email| email.0),
        phone: new.phone,
        bio: new.bio,
        languages: new.languages,
        postal_code: new.postal_code,
        city: new.city,
        region: new.region,
        country: new.country,
        pay: pay?.unwrap_or_default(),
        facts: facts?.unwrap_or_default(),
    })
}

/// Changes a coach that the caller may change, where it is in the state that the change was made from.
pub(crate) async fn change(
    db: &Db,
    tools: (&Clock, &Ids),
    caller: &Caller,
    (id, made_from): (Id, &IfMatch),
    change: CoachChange,
) -> Result<(), Problem> {
    edit_from(db, tools, caller, (id, made_from), |_| Ok(change)).await
}

/// Changes a coach that the caller may change by what follows from the profile as it is: nobody else writes it meanwhile.
pub(crate) async fn edit(
    db: &Db,
    tools: (&Clock, &Ids),
    caller: &Caller,
    id: Id,
    change: impl FnOnce(&Profile) -> Result<CoachChange, Problem>,
) -> Result<(), Problem> {
    edit_from(db, tools, caller, (id, &IfMatch::Anything), change).await
}

async fn edit_from(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    caller: &Caller,
    (id, made_from): (Id, &IfMatch),
    change: impl FnOnce(&Profile) -> Result<CoachChange, Problem>,
) -> Result<(), Problem> {
    let manages = caller.allowed::<ManageCoaches>().is_ok();
    let mut tx = db.write(caller.scope()).await?;
    // The revision's row is locked until this commits: nobody else writes coaches of the brand.
    let revision = next_revision(&mut tx, (clock, ids)).await?;
    let row = find(&mut tx, caller, id).await?;
    made_from.check(row.revision)?;
    let old = row.profile()?;
    let change = change(&old)?;
    let mut new = changed(old.clone(), change)?;
    let may = May::of(caller);
    none(reserved(&old.facts, &new.facts, may))?;
    new.facts = kept(&old.facts, new.facts, may);
    // What somebody counts and sends is taken as it is; what FitHire counts follows the profile.
    if !manages || (new.facts.engagement.is_some() && new.facts.engagement == old.facts.engagement) {
        count_pieces(&mut new);
    }
    if !manages && new.facts.tz != old.facts.tz {
        fithire_notifications::lives_in(&mut tx, caller.account_id(), new.facts.tz).await?;
    }
    Writing { id, revision, old }.save(&mut tx, (clock, ids), new).await?;
    if !manages {
        approval::asked_again(&mut tx, (clock, ids), id).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// A profile with a change made to it.
fn changed(old: Profile, change: CoachChange) -> Result<Profile, Problem> {
    Ok(Profile {
        external_id: old.external_id,
        name: change.name.unwrap_or(old.name),
        email: change.email.map(|email| email.0).or(old.email),
        phone: change.phone.or(old.phone),
        bio: change.bio.or(old.bio),
        languages: change.languages.or(old.languages),
        postal_code: change.postal_code.or(old.postal_code),
        city: change.city.or(old.city),
        region: change.region.or(old.region),
        country: change.country.or(old.country),
        pay: checked_pay(change.pay)?.unwrap_or(old.pay),
        facts: facts_of(change.facts.as_ref(), old.facts.style.len())?.unwrap_or(old.facts),
    })
}

/// What a currency must be beyond its length.
fn checked_pay(pay: Option<Pay>) -> Result<Option<Pay>, Problem> {
    let code = pay.as_ref().and_then(|pay| pay.currency.as_deref()).unwrap_or("USD");
    if code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        Ok(pay)
    } else {
        Err(Problem::field("/pay/currency", "is not three capital letters"))
    }
}

/// Counts what a coach has filled in. From their own first writing on FitHire counts, so that what completes a profile
/// moves the score.
pub(crate) fn count_pieces(profile: &mut Profile) {
    let pieces = pieces(profile);
    let counted = |count: usize| u64::try_from(count).unwrap_or_default();
    let mut engagement = profile.facts.engagement.unwrap_or_default();
    engagement.profile_sections = counted(pieces.len());
    engagement.profile_filled = counted(pieces.iter().filter(|piece| piece.done).count());
    profile.facts.engagement = Some(engagement);
}

/// Erases everything that is known of a coach; the row that is left says nothing. What the audit log said of them is not
/// read again. Kept scores are the matter of whoever keeps them.
///
/// # Errors
/// 404 when there is no such coach.
pub async fn erase(tx: &mut Tx, (clock, ids): (&Clock, &Ids), id: Id) -> Result<(), Problem> {
    let revision = next_revision(tx, (clock, ids)).await?;
    let nobody = Profile { name: "Erased".to_owned(), ..Profile::default() };
    let row = row(id, None, nobody, revision, clock.now())?;
    let mut update = tx.update(Coaches::Table);
    update
        .value(Coaches::Erased, true)
        .and_where(Expr::col(Coaches::Id).eq(id))
        .and_where(Expr::col(Coaches::Erased).eq(false));
    for (column, value) in COLUMNS.into_iter().zip(row) {
        if !matches!(column, Coaches::Id | Coaches::CreatedAt) {
            update.value(column, value);
        }
    }
    if tx.run(&update).await? == 0 {
        return Err(Problem::new(Code::NotFound));
    }
    verification::erase(tx, id).await?;
    approval::erase(tx, id).await?;
    tags::erase(tx, id).await?;
    audit::forget(tx, id).await?;
    publish(tx, (clock, ids), vec![events::erased(clock.now(), id)]).await?;
    audit::record(tx, (clock, ids), Event::new("coach.erased", "coach", id)).await
}

pub(crate) const COLUMNS: [Coaches; 19] = [
    Coaches::Id,
    Coaches::AccountId,
    Coaches::ExternalId,
    Coaches::Name,
    Coaches::Email,
    Coaches::Phone,
    Coaches::Bio,
    Coaches::Languages,
    Coaches::PostalCode,
    Coaches::City,
    Coaches::Region,
    Coaches::Country,
    Coaches::PayType,
    Coaches::PayMin,
    Coaches::Currency,
    Coaches::Facts,
    Coaches::Revision,
    Coaches::CreatedAt,
    Coaches::UpdatedAt,
];

/// What no change of a profile touches.
pub(crate) fn is_lasting(column: Coaches) -> bool {
    matches!(column, Coaches::Id | Coaches::AccountId | Coaches::ExternalId | Coaches::CreatedAt)
}

/// The values of [`COLUMNS`].
pub(crate) fn row(
    id: Id,
    account_id: Option<Id>,
    profile: Profile,
    revision: i64,
    now: DateTime<Utc>,
) -> Result<Vec<sea_query::Value>, Problem> {
    Ok(vec![
        id.into(),
        account_id.into(),
        profile.external_id.into(),
        profile.name.into(),
        profile.email.into(),
        profile.phone.into(),
        profile.bio.into(),
        profile.languages.into(),
        profile.postal_code.into(),
        profile.city.into(),
        profile.region.into(),
        profile.country.into(),
        profile.pay.kind.into(),
        profile.pay.min.into(),
        profile.pay.currency.into(),
        written(&profile.facts)?.into(),
        revision.into(),
        now.into(),
        now.into(),
    ])
}

fn written(facts: &facts::Coach) -> Result<String, Problem> {
    serde_json::to_string(facts).map_err(|error| Problem::internal(&error))
}

impl Profile {
    /// Everything that is known, as one value, for the log of changes.
    pub(crate) fn known(&self) -> Result<Value, Problem> {
        let facts = serde_json::to_value(&self.facts).map_err(|error| Problem::internal(&error))?;
        Ok(json!({
            "name": self.name, "email": self.email, "phone": self.phone, "bio": self.bio,
            "languages": self.languages, "postal_code": self.postal_code, "city": self.city,
            "region": self.region, "country": self.country, "pay": self.pay.to_string(), "facts": facts,
        }))
    }
}

/// What is scored, read from what the API was sent: every problem with its pointer. So many ratings of style are there already.
fn facts_of(sent: Option<&CoachFacts>, rated: usize) -> Result<Option<facts::Coach>, Problem> {
    /// A brand has eight dimensions of style; each name that nobody else says costs its rankings a column.
    const RATINGS: usize = 50;
    let Some(sent) = sent else { return Ok(None) };
    let facts: facts::Coach = read_facts(&sent.to_json().unwrap_or_default()).map_err(|problems| {
        let error =
            |problem: Unreadable| FieldError { pointer: problem.pointer("/facts"), detail: problem.message };
        Problem::invalid(problems.into_iter().map(error).collect())
    })?;
    if facts.style.len() > rated.max(RATINGS) {
        return Err(Problem::field("/facts/style", format!("has more than {RATINGS} items")));
    }
    Ok(Some(facts))
}

fn none(errors: Vec<FieldError>) -> Result<(), Problem> {
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}
