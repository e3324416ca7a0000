//! What people were shown lately: rankings, coaches as rankings need them, and explanations of them. A list of candidates is
//! mostly the list of a moment ago, and explaining a coach costs a thousand times what scoring one does.
//!
//! Nothing here is ever older than the copy of its brand: a ranking belongs to one copy, a coach who changed is replaced
//! before the copy moves on, and an explanation belongs to the very facts of coach, job, preset and day that it was made
//! from. All of it is forgotten with the copies of idle brands, so that nobody who was erased stays here for long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use fithire_coaches::Scored;
use fithire_kernel::ids::Id;
use fithire_scoring::explain::Explanation;
use fithire_scoring::plan::{Plan, Query, Ranking};
use poem_openapi::types::ToJSON as _;

use crate::copies::Copy;
use crate::model::Candidate;

/// A coach with what is said of them for a job.
pub(crate) struct Explained {
    pub(crate) coach: Arc<Scored>,
    pub(crate) why: Explanation,
    json: OnceLock<String>,
}

impl Explained {
    fn new(coach: Arc<Scored>, why: Explanation) -> Self {
        Self { coach, why, json: OnceLock::new() }
    }

    /// As the API writes a [`Candidate`].
    pub(crate) fn json(&self) -> &str {
        self.json.get_or_init(|| Candidate::new(&self.coach, self.why.clone()).to_json_string())
    }
}

/// Everything that was shown lately, of every brand.
#[derive(Default)]
pub(crate) struct Lately {
    rankings: Mutex<HashMap<(Key, Query), Ranked>>,
    coaches: Mutex<HashMap<Id, Arc<Scored>>>,
    explained: Mutex<HashMap<(Key, Id), Arc<Explained>>>,
}

/// A ranking, and the copy that it was made of: that is told by its address, which nothing else has while this is here.
struct Ranked {
    of: Weak<Copy>,
    ranking: Arc<Ranking>,
}

/// The hash of everything but the coach that an explanation is made from.
pub(crate) type Key = [u8; 32];

/// Rankings that are kept; about half a KB each.
const RANKINGS: usize = 4_096;
/// A longer list is not kept: a file is asked for once.
const LONGEST: usize = 101;
/// Coaches that are kept; about 2 KB each.
const COACHES: usize = 16_384;
/// Explanations that are kept; about 6 KB each.
const EXPLANATIONS: usize = 8_192;

impl Lately {
    /// The ranking of a copy that was made lately.
    pub(crate) fn ranking(&self, copy: &Arc<Copy>, key: (Key, Query)) -> Option<Arc<Ranking>> {
        let rankings = self.rankings.lock().unwrap_or_else(PoisonError::into_inner);
        let known = rankings.get(&key)?;
        std::ptr::eq(known.of.as_ptr(), Arc::as_ptr(copy)).then(|| known.ranking.clone())
    }

    /// Keeps the ranking of a copy.
    pub(crate) fn keep_ranking(&self, copy: &Arc<Copy>, key: (Key, Query), ranking: Arc<Ranking>) {
        if key.1.limit > LONGEST {
            return;
        }
        let mut rankings = self.rankings.lock().unwrap_or_else(PoisonError::into_inner);
        if rankings.len() >= RANKINGS {
            rankings.clear();
        }
        rankings.insert(key, Ranked { of: Arc::downgrade(copy), ranking });
    }

    /// For changes and looks of one brand at a time.
    pub(crate) fn coaches(&self) -> MutexGuard<'_, HashMap<Id, Arc<Scored>>> {
        let mut coaches = self.coaches.lock().unwrap_or_else(PoisonError::into_inner);
        if coaches.len() > COACHES {
            coaches.clear();
        }
        coaches
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.rankings.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.coaches().clear();
        self.explained.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Explains coaches for the job of a plan.
    pub(crate) fn explained(&self, plan: &Plan<'_>, coaches: Vec<Arc<Scored>>) -> Vec<Arc<Explained>> {
        let key = plan.key();
        let known: Vec<Option<Arc<Explained>>> = {
            let explained = self.explained.lock().unwrap_or_else(PoisonError::into_inner);
            let of = |coach: &Arc<Scored>| {
                let known = explained.get(&(key, coach.id))?;
                Arc::ptr_eq(&known.coach, coach).then(|| known.clone())
            };
            coaches.iter().map(of).collect()
        };
        let mut new = Vec::new();
        let explain = |(coach, known): (Arc<Scored>, Option<Arc<Explained>>)| {
            known.unwrap_or_else(|| {
                let why = plan.explain(&coach.facts);
                let explained = Arc::new(Explained::new(coach, why));
                new.push(explained.clone());
                explained
            })
        };
        let all = coaches.into_iter().zip(known).map(explain).collect();
        if !new.is_empty() {
            let mut explained = self.explained.lock().unwrap_or_else(PoisonError::into_inner);
            if explained.len() + new.len() > EXPLANATIONS {
                explained.clear();
            }
            explained.extend(new.into_iter().map(|one| ((key, one.coach.id), one)));
        }
        all
    }
}
