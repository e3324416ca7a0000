//! Many jobs at once, as the API is sent them: all of them or none, and each problem by its place in the list.

use std::collections::{BTreeMap, BTreeSet};

use fithire_kernel::db::Tx;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{FieldError, Problem};
use fithire_scoring::preset::Presets;
use poem_openapi::Object;
use sea_query::{Expr, ExprTrait};

use crate::model::{Jobs, Sent};
use crate::service::{Errors, NewJob};

/// Many jobs, as the API is sent them.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewJobs {
    /// Each has an `external_id`. Of a job that has that already changes what is said; what is missing stays as it is.
    #[oai(validator(min_items = 1, max_items = 10000))]
    jobs: Vec<Sent>,
}

/// What jobs of a list say that could be missing, by external id.
#[derive(Default)]
pub struct SaidOfJobs(BTreeMap<String, Said>);

#[derive(Clone, Copy)]
struct Said {
    preset: bool,
    pay: bool,
    facts: bool,
}

impl NewJobs {
    /// Checks every one against the presets and the brand's locations, and answers them as they would be made.
    ///
    /// # Errors
    /// One problem that names each place where something is wrong.
    pub fn checked(
        self,
        presets: &Presets,
        locations: &BTreeSet<Id>,
    ) -> Result<(Vec<NewJob>, SaidOfJobs), Problem> {
        let (mut errors, mut rows) = (Vec::new(), BTreeMap::new());
        let (mut jobs, mut said) = (Vec::with_capacity(self.jobs.len()), SaidOfJobs::default());
        for (row, sent) in self.jobs.into_iter().enumerate() {
            let mut wrong = Errors::default();
            match &sent.external_id {
                None => wrong.add("/external_id", "is missing; every job of a list needs it".to_owned()),
                Some(id) => {
                    if let Some(first) = rows.insert(id.clone(), row) {
                        wrong.add("/external_id", format!("is that of /jobs/{first}, too"));
                    }
                    let of = Said {
                        preset: sent.preset.is_some(),
                        pay: sent.pay.is_some(),
                        facts: sent.facts.is_some(),
                    };
                    said.0.insert(id.clone(), of);
                }
            }
            if !locations.contains(&sent.location_id) {
                wrong.no_location();
            }
            let job = wrong.job(presets, sent);
            let at =
                |error: FieldError| FieldError { pointer: format!("/jobs/{row}{}", error.pointer), ..error };
            errors.extend(wrong.0.into_iter().map(at));
            jobs.push(job);
        }
        if errors.is_empty() { Ok((jobs, said)) } else { Err(Problem::invalid(errors)) }
    }
}

/// A new job over one that is there: what it does not say stays.
#[must_use]
pub fn with_what_is_said(said: &SaidOfJobs, old: &NewJob, new: NewJob) -> NewJob {
    let all = Said { preset: true, pay: true, facts: true };
    let says = new.external_id.as_ref().and_then(|id| said.0.get(id)).copied().unwrap_or(all);
    NewJob {
        description: new.description.or_else(|| old.description.clone()),
        preset: if says.preset { new.preset } else { old.preset.clone() },
        threshold: new.threshold.or(old.threshold),
        employment_type: new.employment_type.or_else(|| old.employment_type.clone()),
        pay: if says.pay { new.pay } else { old.pay.clone() },
        facts: if says.facts { new.facts } else { old.facts.clone() },
        ..new
    }
}

/// How many of these external ids jobs have already.
///
/// # Errors
/// When the database cannot be reached.
pub async fn count_known(tx: &mut Tx, external_ids: &[String]) -> Result<u64, Problem> {
    let mut select = tx.select(Jobs::Table);
    select.expr(Expr::col(Jobs::Id).count()).and_where(Expr::col(Jobs::ExternalId).is_in(external_ids));
    let row: Option<(i64,)> = tx.optional(&select).await?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}
