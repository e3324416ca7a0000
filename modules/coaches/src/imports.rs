//! Many coaches at once: files, lists sent to the API, and made-up brands.

use std::collections::{BTreeMap, BTreeSet};

use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Tx;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{FieldError, Problem};
use fithire_scoring::facts;
use fithire_webhooks::publish;
use poem_openapi::Object;
use sea_query::{Expr, ExprTrait, OnConflict};
use serde_json::json;

use crate::decided::carried_over;
use crate::events;
use crate::model::{Coaches, NewCoach, Pay, Profile, Row};
use crate::service::SHOWN;
use crate::verification::{Moved, follow};
use crate::writing::{COLUMNS, count_pieces, is_lasting, next_revision, profile_of, row};

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
        let (mut told_of, mut moved) = (Vec::new(), Vec::new());
        for mut profile in chunk {
            let new_id = ids.next();
            match profile.external_id.as_ref().and_then(|id| known.get(id)) {
                None => {
                    added += 1;
                    told_of.extend(told.then(|| events::created(clock.now(), new_id)));
                    moved.extend(Moved::between(new_id, &facts::Coach::default(), &profile.facts));
                }
                Some((id, old)) => {
                    changed += 1;
                    profile = update(old, profile);
                    profile.facts = carried_over(&old.facts, profile.facts);
                    if profile.facts.engagement.is_some() {
                        count_pieces(&mut profile);
                    }
                    moved.extend(Moved::between(*id, &old.facts, &profile.facts));
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
        follow(tx, (clock, ids), moved).await?;
        progress(added + changed);
    }
    let event =
        Event::new("coaches.imported", "brand", None).with(json!({"added": added, "changed": changed}));
    audit::record(tx, (clock, ids), event).await?;
    Ok((added, changed))
}

/// Many coaches, as the API is sent them.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewCoaches {
    /// Each has an `external_id`. Of a coach who has that already changes what is said; what is missing stays as it is.
    #[oai(validator(min_items = 1, max_items = 10000))]
    coaches: Vec<NewCoach>,
}

/// Who of a list say what is scored of them, by external id.
#[derive(Default)]
pub struct SaidFacts(BTreeSet<String>);

impl NewCoaches {
    /// Checks every one, and answers them as they would be made.
    ///
    /// # Errors
    /// One problem that names each place where something is wrong.
    pub fn checked(self) -> Result<(Vec<Profile>, SaidFacts), Problem> {
        let (mut errors, mut rows) = (Vec::new(), BTreeMap::new());
        let (mut profiles, mut said) = (Vec::with_capacity(self.coaches.len()), SaidFacts::default());
        for (row, coach) in self.coaches.into_iter().enumerate() {
            let mut wrong = |pointer: &str, detail: String| {
                errors.push(FieldError { pointer: format!("/coaches/{row}{pointer}"), detail });
            };
            match &coach.external_id {
                None => wrong("/external_id", "is missing; every coach of a list needs it".to_owned()),
                Some(id) => {
                    if let Some(first) = rows.insert(id.clone(), row) {
                        wrong("/external_id", format!("is that of /coaches/{first}, too"));
                    }
                    if coach.facts.is_some() {
                        said.0.insert(id.clone());
                    }
                }
            }
            match profile_of(coach) {
                Ok(profile) => profiles.push(profile),
                Err(problem) => {
                    for error in problem.errors {
                        wrong(&error.pointer, error.detail);
                    }
                }
            }
        }
        if errors.is_empty() { Ok((profiles, said)) } else { Err(Problem::invalid(errors)) }
    }
}

/// A new profile over one that is there: what it does not say stays. `with_facts` are those that say what is scored.
#[must_use]
pub fn with_what_is_said(with_facts: &SaidFacts, old: &Profile, new: Profile) -> Profile {
    let says_facts = new.external_id.as_ref().is_some_and(|id| with_facts.0.contains(id));
    let kept = |new: Option<String>, old: &Option<String>| new.or_else(|| old.clone());
    Profile {
        external_id: new.external_id,
        name: new.name,
        email: kept(new.email, &old.email),
        phone: kept(new.phone, &old.phone),
        bio: kept(new.bio, &old.bio),
        languages: kept(new.languages, &old.languages),
        postal_code: kept(new.postal_code, &old.postal_code),
        city: kept(new.city, &old.city),
        region: kept(new.region, &old.region),
        country: kept(new.country, &old.country),
        pay: if new.pay == Pay::default() { old.pay.clone() } else { new.pay },
        facts: if says_facts { new.facts } else { old.facts.clone() },
    }
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
