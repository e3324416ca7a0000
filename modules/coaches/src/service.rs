//! What can be done with coaches.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fithire_identity::{Caller, ManageCoaches, ViewCoaches};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx, containing};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::paging;
use fithire_kernel::problem::{Code, FieldError, Problem, breaks};
use fithire_scoring::exchange::{Unreadable, read_facts};
use fithire_scoring::facts;
use fithire_webhooks::publish;
use poem_openapi::types::ToJSON;
use sea_query::{Expr, ExprTrait, OnConflict, Order, SelectStatement};
use serde_json::{Value, json};

use crate::decided::{carried_over, reserved};
use crate::events;
use crate::model::{CoachChange, CoachFacts, CoachRevisions, Coaches, NewCoach, Pay, Profile, Row, Scored};
use crate::pieces::pieces;

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
    audit::forget(tx, id).await?;
    publish(tx, (clock, ids), vec![events::erased(clock.now(), id)]).await?;
    audit::record(tx, (clock, ids), Event::new("coach.erased", "coach", id)).await
}

/// Adds coaches, or changes those whose external id is there already, in one transaction. `update` says what becomes of a
/// profile that is there; what others have decided of it stays. `progress` is told how many are done. Answers how many
/// were added and how many changed.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn put_all(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    profiles: Vec<Profile>,
    update: &(dyn Fn(&Profile, Profile) -> Profile + Sync),
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(u64, u64), Problem> {
    /// Rows in a statement; each has 20 values, and SQLite takes 32766 of them.
    const AT_ONCE: usize = 1_000;
    let revision = next_revision(tx, (clock, ids)).await?;
    let told = fithire_webhooks::listens(tx).await?;
    let (mut added, mut changed) = (0, 0);
    let mut profiles = profiles.into_iter().peekable();
    while profiles.peek().is_some() {
        let chunk: Vec<Profile> = profiles.by_ref().take(AT_ONCE).collect();
        let known = known(tx, &chunk).await?;
        let mut rows = Vec::with_capacity(chunk.len());
        let mut told_of = Vec::new();
        for mut profile in chunk {
            let new_id = ids.next();
            match profile.external_id.as_ref().and_then(|id| known.get(id)) {
                None => {
                    added += 1;
                    told_of.extend(told.then(|| events::created(clock.now(), new_id)));
                }
                Some((id, old)) => {
                    changed += 1;
                    profile = update(old, profile);
                    profile.facts = carried_over(&old.facts, profile.facts);
                    if profile.facts.engagement.is_some() {
                        count_pieces(&mut profile);
                    }
                    if told {
                        let values = (&old.known()?, &profile.known()?);
                        told_of.extend(events::updated(clock.now(), *id, values));
                    }
                }
            }
            rows.push(row(new_id, None, profile, revision, clock.now())?);
        }
        let mut insert = tx.insert(&COLUMNS, rows);
        let conflict = OnConflict::columns([Coaches::BrandId, Coaches::ExternalId])
            .update_columns(COLUMNS.into_iter().filter(|column| !is_lasting(*column)))
            .to_owned();
        insert.on_conflict(conflict);
        tx.run(&insert).await?;
        publish(tx, (clock, ids), told_of).await?;
        progress(added + changed);
    }
    let event =
        Event::new("coaches.imported", "brand", None).with(json!({"added": added, "changed": changed}));
    audit::record(tx, (clock, ids), event).await?;
    Ok((added, changed))
}

/// How many of these external ids coaches have already.
///
/// # Errors
/// When the database cannot be reached.
pub async fn count_known(tx: &mut Tx, external_ids: &[String]) -> Result<u64, Problem> {
    /// Values in a statement; SQLite takes 32766.
    const AT_ONCE: usize = 10_000;
    let mut count = 0;
    for chunk in external_ids.chunks(AT_ONCE) {
        let mut select = tx.select(Coaches::Table);
        select.expr(Expr::col(Coaches::Id).count()).and_where(Expr::col(Coaches::ExternalId).is_in(chunk));
        let row: Option<(i64,)> = tx.optional(&select).await?;
        count += row.map_or(0, |(count,)| count.unsigned_abs());
    }
    Ok(count)
}

/// The profiles that are there already, by external id.
async fn known(tx: &mut Tx, profiles: &[Profile]) -> Result<BTreeMap<String, (Id, Profile)>, Problem> {
    let mut select = tx.select(Coaches::Table);
    let external = profiles.iter().filter_map(|profile| profile.external_id.as_deref());
    select.columns(SHOWN).and_where(Expr::col(Coaches::ExternalId).is_in(external));
    let rows: Vec<Row> = tx.all(&select).await?;
    let mut known = BTreeMap::new();
    for row in rows {
        let id = row.id;
        let profile = row.profile()?;
        known.extend(profile.external_id.clone().map(|external_id| (external_id, (id, profile))));
    }
    Ok(known)
}

impl Row {
    /// Everything that the row says.
    pub(crate) fn profile(self) -> Result<Profile, Problem> {
        Ok(Profile {
            facts: read(&self.facts)?,
            external_id: self.external_id,
            name: self.name,
            email: self.email,
            phone: self.phone,
            bio: self.bio,
            languages: self.languages,
            postal_code: self.postal_code,
            city: self.city,
            region: self.region,
            country: self.country,
            pay: Pay { kind: self.pay_type, min: self.pay_min, currency: self.currency },
        })
    }
}

impl Profile {
    /// Everything that is known, as one value, for the log of changes.
    fn known(&self) -> Result<Value, Problem> {
        let facts = serde_json::to_value(&self.facts).map_err(|error| Problem::internal(&error))?;
        Ok(json!({
            "name": self.name, "email": self.email, "phone": self.phone, "bio": self.bio,
            "languages": self.languages, "postal_code": self.postal_code, "city": self.city,
            "region": self.region, "country": self.country, "pay": self.pay.to_string(), "facts": facts,
        }))
    }
}

/// Everything of a coach, as far as the caller may see it.
///
/// # Errors
/// 404 when there is none of that id, or it is not the caller's to see.
pub async fn profile(tx: &mut Tx, caller: &Caller, id: Id) -> Result<Profile, Problem> {
    find(tx, caller, id).await?.profile()
}

/// Facts as they are kept.
pub(crate) fn read(facts: &str) -> Result<facts::Coach, Problem> {
    serde_json::from_str(facts).map_err(|error| Problem::internal(&error))
}

/// Gives a coach's profile to an account.
///
/// # Errors
/// 404 when the brand has no such coach; when the account has a profile already.
pub async fn link(tx: &mut Tx, id: Id, account_id: Id) -> Result<(), Problem> {
    let mut update = tx.update(Coaches::Table);
    update.value(Coaches::AccountId, account_id).and_where(Expr::col(Coaches::Id).eq(id));
    match tx.run(&update).await? {
        0 => Err(Problem::new(Code::NotFound)),
        _ => Ok(()),
    }
}

const COLUMNS: [Coaches; 19] = [
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
fn is_lasting(column: Coaches) -> bool {
    matches!(column, Coaches::Id | Coaches::AccountId | Coaches::ExternalId | Coaches::CreatedAt)
}

/// The values of [`COLUMNS`].
fn row(
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

pub(crate) fn written(facts: &facts::Coach) -> Result<String, Problem> {
    serde_json::to_string(facts).map_err(|error| Problem::internal(&error))
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
    let facts = facts_of(new.facts.as_ref())?.unwrap_or_default();
    if !manages {
        none(reserved(&facts::Coach::default(), &facts))?;
    }
    let account_id = (!manages).then(|| caller.account_id());
    let mut tx = db.write(caller.scope()).await?;
    let revision = next_revision(&mut tx, (clock, ids)).await?;
    let id = ids.next();
    let mut profile = Profile {
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
        pay: checked_pay(new.pay)?.unwrap_or_default(),
        facts,
    };
    if !manages {
        count_pieces(&mut profile);
    }
    let event = Event::new("coach.created", "coach", id).about(id).changed(&json!({}), &profile.known()?);
    let zone = profile.facts.tz;
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
    tx.commit().await?;
    Ok(id)
}

/// The coach of an id, as far as the caller may see it: managers see every one, a coach their own.
pub(crate) async fn find(tx: &mut Tx, caller: &Caller, id: Id) -> Result<Row, Problem> {
    let mut select = there(tx);
    select.columns(SHOWN).and_where(Expr::col(Coaches::Id).eq(id));
    if caller.allowed::<ViewCoaches>().is_err() {
        select.and_where(Expr::col(Coaches::AccountId).eq(caller.account_id()));
    }
    tx.optional(&select).await?.ok_or_else(|| Problem::new(Code::NotFound))
}

/// A coach as a ranking needs it, as far as the caller may see it.
///
/// # Errors
/// 404 when there is none of that id, or it is not the caller's to see.
pub async fn visible(tx: &mut Tx, caller: &Caller, id: Id) -> Result<Scored, Problem> {
    let row = find(tx, caller, id).await?;
    Ok(Scored { id: row.id, name: row.name, facts: read(&row.facts)? })
}

/// Everything of the caller's own profile, if the account has one.
///
/// # Errors
/// When the database cannot be reached.
pub async fn own_profile(tx: &mut Tx, caller: &Caller) -> Result<Option<(Id, Profile)>, Problem> {
    let mut select = tx.select(Coaches::Table);
    select.columns(SHOWN).and_where(Expr::col(Coaches::AccountId).eq(caller.account_id()));
    let row: Option<Row> = tx.optional(&select).await?;
    row.map(|row| Ok((row.id, row.profile()?))).transpose()
}

/// The profile that an account has in the brand, by its id.
///
/// # Errors
/// When the database cannot be reached.
pub async fn of_account(tx: &mut Tx, account_id: Id) -> Result<Option<Id>, Problem> {
    let mut select = tx.select(Coaches::Table);
    select.column(Coaches::Id).and_where(Expr::col(Coaches::AccountId).eq(account_id));
    let row: Option<(Id,)> = tx.optional(&select).await?;
    Ok(row.map(|(id,)| id))
}

/// The accounts of coaches who have one, by coach.
///
/// # Errors
/// When the database cannot be reached.
pub async fn accounts_of(tx: &mut Tx, coaches: &[Id]) -> Result<BTreeMap<Id, Id>, Problem> {
    /// Ids in a statement.
    const AT_ONCE: usize = 10_000;
    let mut accounts = BTreeMap::new();
    for coaches in coaches.chunks(AT_ONCE) {
        let mut select = tx.select(Coaches::Table);
        select
            .columns([Coaches::Id, Coaches::AccountId])
            .and_where(Expr::col(Coaches::AccountId).is_not_null())
            .and_where(Expr::col(Coaches::Id).is_in(coaches.iter().copied()));
        let rows: Vec<(Id, Id)> = tx.all(&select).await?;
        accounts.extend(rows);
    }
    Ok(accounts)
}

/// How many coaches the brand has.
///
/// # Errors
/// When the database cannot be reached.
pub async fn count(tx: &mut Tx) -> Result<i64, Problem> {
    let mut select = there(tx);
    select.expr(Expr::col(Coaches::Id).count());
    let row: Option<(i64,)> = tx.optional(&select).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// What a ranking needs of the caller's own profile, if the account has one.
///
/// # Errors
/// When the database cannot be reached.
pub async fn own(tx: &mut Tx, caller: &Caller) -> Result<Option<Scored>, Problem> {
    let own = own_profile(tx, caller).await?;
    Ok(own.map(|(id, profile)| Scored { id, name: profile.name, facts: profile.facts }))
}

/// The coaches that are there.
pub(crate) fn there(tx: &Tx) -> SelectStatement {
    let mut select = tx.select(Coaches::Table);
    select.and_where(Expr::col(Coaches::Erased).eq(false));
    select
}

const SHOWN: [Coaches; 15] = [
    Coaches::Id,
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
];

/// Changes a coach that the caller may change.
pub(crate) async fn change(
    db: &Db,
    tools: (&Clock, &Ids),
    caller: &Caller,
    id: Id,
    change: CoachChange,
) -> Result<(), Problem> {
    edit(db, tools, caller, id, |_| Ok(change)).await
}

/// Changes a coach that the caller may change by what follows from the profile as it is: nobody else writes it meanwhile.
pub(crate) async fn edit(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    caller: &Caller,
    id: Id,
    change: impl FnOnce(&Profile) -> Result<CoachChange, Problem>,
) -> Result<(), Problem> {
    let manages = caller.allowed::<ManageCoaches>().is_ok();
    let mut tx = db.write(caller.scope()).await?;
    // The revision's row is locked until this commits: nobody else writes coaches of the brand.
    let revision = next_revision(&mut tx, (clock, ids)).await?;
    let old = find(&mut tx, caller, id).await?.profile()?;
    let change = change(&old)?;
    let mut new = changed(old.clone(), change)?;
    if !manages {
        none(reserved(&old.facts, &new.facts))?;
        new.facts = carried_over(&old.facts, new.facts);
    }
    // What somebody counts and sends is taken as it is; what FitHire counts follows the profile.
    if !manages || (new.facts.engagement.is_some() && new.facts.engagement == old.facts.engagement) {
        count_pieces(&mut new);
    }
    let (before, after) = (old.known()?, new.known()?);
    let event = Event::new("coach.changed", "coach", id).about(id).changed(&before, &after);
    if !manages && new.facts.tz != old.facts.tz {
        fithire_notifications::lives_in(&mut tx, caller.account_id(), new.facts.tz).await?;
    }
    audit::record(&mut tx, (clock, ids), event).await?;
    let told_of = events::updated(clock.now(), id, (&before, &after));
    publish(&mut tx, (clock, ids), told_of.into_iter().collect()).await?;
    let row = row(id, None, new, revision, clock.now())?;
    let mut update = tx.update(Coaches::Table);
    update.and_where(Expr::col(Coaches::Id).eq(id));
    for (column, value) in COLUMNS.into_iter().zip(row).filter(|(column, _)| !is_lasting(*column)) {
        update.value(column, value);
    }
    tx.run(&update).await?;
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
        facts: facts_of(change.facts.as_ref())?.unwrap_or(old.facts),
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
fn count_pieces(profile: &mut Profile) {
    let pieces = pieces(profile);
    let counted = |count: usize| u64::try_from(count).unwrap_or_default();
    let mut engagement = profile.facts.engagement.unwrap_or_default();
    engagement.profile_sections = counted(pieces.len());
    engagement.profile_filled = counted(pieces.iter().filter(|piece| piece.done).count());
    profile.facts.engagement = Some(engagement);
}

/// A page of the brand's coaches by id.
pub(crate) async fn page(
    tx: &mut Tx,
    named: Option<&str>,
    limit: u64,
    cursor: Option<&str>,
) -> Result<(Vec<Row>, Option<String>), Problem> {
    let mut select = there(tx);
    select.columns(SHOWN).order_by(Coaches::Id, Order::Asc).limit(limit + 1);
    if let Some(named) = named {
        select.and_where(containing(Coaches::Name, named));
    }
    if let Some(cursor) = cursor {
        select.and_where(Expr::col(Coaches::Id).gt(paging::after::<Id>("coaches", cursor)?));
    }
    let rows = tx.all(&select).await?;
    Ok(paging::page("coaches", rows, limit, |row: &Row| row.id))
}

/// What is scored, read from what the API was sent: every problem with its pointer.
fn facts_of(sent: Option<&CoachFacts>) -> Result<Option<facts::Coach>, Problem> {
    let Some(sent) = sent else { return Ok(None) };
    read_facts(&sent.to_json().unwrap_or_default()).map(Some).map_err(|problems| {
        let error =
            |problem: Unreadable| FieldError { pointer: problem.pointer("/facts"), detail: problem.message };
        Problem::invalid(problems.into_iter().map(error).collect())
    })
}

fn none(errors: Vec<FieldError>) -> Result<(), Problem> {
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}
