//! # Certifications
//!
//! Does the coach hold what the job asks for, on the day the work starts?
//!
//! A job lists requirements: each is any of one or more certifications, `required` or `preferred`. A holding
//! earns credit by its state and its last day. With *D* the later of `as_of` and the job's start:
//!
//! | holding | credit | uncertain |
//! |---|---|---|
//! | verified, valid on D | 10000 | |
//! | verified, valid on `as_of` but not on D: to be renewed before the start | 6000 | yes |
//! | verified, not valid on `as_of`, expired no more than its type's days of grace before D | 5000 | |
//! | pending, valid on D | 6000 | yes |
//! | claimed, valid on D, no rejected or revoked holding of the same code | 3000 | yes |
//! | anything else | 0 | |
//!
//! A type may imply others (E-RYT-500 implies RYT-200); the implied one inherits the holding, with the held
//! type's grace. A requirement earns the best credit of the holdings that prove one of its codes. With `n`
//! required credits `R` and `m` preferred credits `P`:
//!
//! ```text
//! both kinds:  s = div_round(8·m·ΣR + 2·n·ΣP, 10·n·m)
//! one kind:    s = div_round(Σ, count)
//! ```
//!
//! **Not applicable** without requirements. **Unknown** when the coach has no holding at all. **Range**: an
//! uncertain holding counts nothing at worst (5000 if it is to be renewed and in grace on D) and full at
//! best; unknown is full at best. **Eligibility**: a required credit of 0 makes ineligible (see `gate`), one
//! below 10000 provisional.

use std::borrow::Cow;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::columns::Sparse;
use crate::date::day_number;
use crate::facts::{Cert, Coach, Holding, HoldingState, Job, Requirement, RequirementKind};
use crate::num::{FULL, div_round_bp};
use crate::subscore::{
    BLOCK, BLOCKS, Case, Change, Figure, Gate, Kernel, Lanes, Outcome, PROVISIONAL, State, Statement,
    SubScore,
};

/// The table `[certifications]` of a preset.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// What happens to a coach without a required certification: "exclude" takes the coach off the ranked
    /// list (still counted and listed on request), "flag" leaves the coach on it, marked.
    pub gate: Gate,
}

/// A holding's state, as far as credit depends on it. The states that never earn any are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Verified,
    Pending,
    Claimed,
}

impl Standing {
    /// Its standing among all holdings of the coach.
    fn of(holding: &Holding, all: &[Holding]) -> Option<Self> {
        let refuted = || {
            all.iter().any(|other| {
                other.code == holding.code
                    && matches!(other.state, HoldingState::Rejected | HoldingState::Revoked)
            })
        };
        match holding.state {
            HoldingState::Verified => Some(Self::Verified),
            HoldingState::Pending => Some(Self::Pending),
            HoldingState::Claimed if !refuted() => Some(Self::Claimed),
            HoldingState::Claimed | HoldingState::Rejected | HoldingState::Revoked => None,
        }
    }
}

/// One entry of the column of its code.
struct Entry {
    standing: Standing,
    /// [`day_number`] of the last valid day; `i32::MAX` for ever.
    expires: i32,
}

/// The holdings of a block.
pub struct Columns {
    /// Whether the coach has any holding, credited or not.
    any: Vec<bool>,
    by_code: Sparse<Cert, Entry>,
}

/// The two days that credit depends on, as [`day_number`]s.
#[derive(Clone, Copy)]
struct Days {
    as_of: i32,
    start: i32,
}

impl Days {
    /// The credit table of the manual above.
    fn credit(self, standing: Standing, expires: i32, grace_days: i32, case: Case) -> u16 {
        let uncertain = |credit: u16, worst: u16| match case {
            Case::Actual => credit,
            Case::Worst => worst,
            Case::Best => 10_000,
        };
        let valid_at_start = expires >= self.start;
        let in_grace = || if self.start - expires <= grace_days { 5_000 } else { 0 };
        match standing {
            Standing::Verified if valid_at_start => 10_000,
            Standing::Verified if expires >= self.as_of => uncertain(6_000, in_grace()),
            Standing::Verified => in_grace(),
            Standing::Pending if valid_at_start => uncertain(6_000, 0),
            Standing::Claimed if valid_at_start => uncertain(3_000, 0),
            Standing::Pending | Standing::Claimed => 0,
        }
    }
}

/// The requirements of one job.
pub struct Requirements {
    asked: Vec<Asked>,
    days: Days,
    starts_on: NaiveDate,
    required: u64,
    preferred: u64,
}

struct Asked {
    requirement: Requirement,
    /// Every certification that proves one of those asked for.
    proofs: Vec<Cert>,
}

impl SubScore for Parameters {
    const KEY: &'static str = "certifications";
    type Kernel = Requirements;

    fn gate(&self) -> Gate {
        self.gate
    }

    fn pack(coaches: &[&Coach], _as_of: NaiveDate) -> Columns {
        let mut columns = Columns { any: Vec::with_capacity(coaches.len()), by_code: Sparse::new() };
        for (row, coach) in coaches.iter().enumerate() {
            columns.any.push(!coach.holdings.is_empty());
            for holding in &coach.holdings {
                if let Some(standing) = Standing::of(holding, &coach.holdings) {
                    columns.by_code.push(holding.code, row, Entry { standing, expires: expiry(holding) });
                }
            }
        }
        columns
    }

    fn compile(&self, job: &Job, as_of: NaiveDate) -> Option<Requirements> {
        if job.requirements.is_empty() {
            return None;
        }
        let proofs =
            |asked: &[Cert]| Cert::all().filter(|held| asked.iter().any(|code| held.proves(*code))).collect();
        let count =
            |kind| job.requirements.iter().filter(|requirement| requirement.kind == kind).count() as u64;
        let starts_on = job.start(as_of);
        Some(Requirements {
            asked: job
                .requirements
                .iter()
                .map(|requirement| Asked {
                    requirement: requirement.clone(),
                    proofs: proofs(&requirement.any_of),
                })
                .collect(),
            days: Days { as_of: day_number(as_of), start: day_number(starts_on) },
            starts_on,
            required: count(RequirementKind::Required),
            preferred: count(RequirementKind::Preferred),
        })
    }
}

fn expiry(holding: &Holding) -> i32 {
    holding.expires_on.map_or(i32::MAX, day_number)
}

impl Kernel for Requirements {
    type Columns = Columns;

    fn run(&self, columns: &Columns, case: Case, out: &mut Lanes) {
        let rows = columns.any.len();
        let mut required_sum = [0_u64; BLOCK];
        let mut preferred_sum = [0_u64; BLOCK];
        let mut least_required = [10_000_u16; BLOCK];
        for asked in &self.asked {
            let mut best = [0_u16; BLOCK];
            for code in &asked.proofs {
                let grace = code.details().grace_days;
                for (row, entry) in columns.by_code.rows(code) {
                    best[row] = best[row].max(self.days.credit(entry.standing, entry.expires, grace, case));
                }
            }
            let required = asked.requirement.kind == RequirementKind::Required;
            let sum = if required { &mut required_sum } else { &mut preferred_sum };
            for row in 0..rows {
                sum[row] += u64::from(best[row]);
                if required {
                    least_required[row] = least_required[row].min(best[row]);
                }
            }
        }
        let (n, m) = (self.required, self.preferred);
        for row in 0..rows {
            let (required, preferred) = (required_sum[row], preferred_sum[row]);
            out.bp[row] = match (n, m) {
                (_, 0) => div_round_bp(required, n),
                (0, _) => div_round_bp(preferred, m),
                _ => div_round_bp(8 * m * required + 2 * n * preferred, 10 * n * m),
            };
            if least_required[row] == 0 {
                out.flags[row] |= BLOCKS;
            } else if least_required[row] < 10_000 {
                out.flags[row] |= PROVISIONAL;
            }
            if !columns.any[row] {
                out.unknown(row, case);
            }
        }
    }

    fn explain(&self, coach: &Coach, figure: &Figure) -> Statement {
        let credited: Vec<(&Asked, Option<(u16, &Holding)>)> =
            self.asked.iter().map(|asked| (asked, self.best_holding(asked, coach))).collect();
        Statement {
            fact: if figure.state == State::Unknown {
                format!("No certifications given; {} asked for", self.asked.len())
            } else {
                self.fact(&credited)
            },
            always: true,
            evidence: credited.iter().map(|(asked, best)| self.evidence(asked, *best)).collect(),
        }
    }

    fn advise(&self, coach: &Coach, _figure: &Figure) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        for asked in &self.asked {
            let mut serving = coach
                .holdings
                .iter()
                .enumerate()
                .filter(|(_, held)| asked.proofs.contains(&held.code))
                .peekable();
            if serving.peek().is_none() {
                changes.push(add(coach, &asked.requirement.any_of));
            }
            for (place, holding) in serving {
                let Some(change) = self.mend(coach, place, holding) else { continue };
                // One holding may serve two requirements; it is mended once.
                if changes.iter().all(|other| other.action != change.action) {
                    changes.push(change);
                }
            }
        }
        changes
    }
}

impl Requirements {
    /// The holding that earns a requirement's credit, if one earns any.
    fn best_holding<'c>(&self, asked: &Asked, coach: &'c Coach) -> Option<(u16, &'c Holding)> {
        let mut best = None;
        for holding in coach.holdings.iter().filter(|holding| asked.proofs.contains(&holding.code)) {
            let Some(standing) = Standing::of(holding, &coach.holdings) else { continue };
            let grace = holding.code.details().grace_days;
            let credit = self.days.credit(standing, expiry(holding), grace, Case::Actual);
            if credit > best.map_or(0, |(credit, _)| credit) {
                best = Some((credit, holding));
            }
        }
        best
    }

    fn fact(&self, credited: &[(&Asked, Option<(u16, &Holding)>)]) -> String {
        let met = |kind| {
            credited
                .iter()
                .filter(|(asked, best)| {
                    asked.requirement.kind == kind && best.is_some_and(|(c, _)| c == 10_000)
                })
                .count()
        };
        let kind = if self.required > 0 { RequirementKind::Required } else { RequirementKind::Preferred };
        let (name, of) = match kind {
            RequirementKind::Required => ("Required", self.required),
            RequirementKind::Preferred => ("Preferred", self.preferred),
        };
        if met(kind) as u64 == of {
            return format!("{name} certs met");
        }
        let missing: Vec<Cow<'_, str>> = credited
            .iter()
            .filter(|(asked, _)| asked.requirement.kind == kind)
            .filter_map(|(asked, best)| match best {
                Some((10_000, _)) => None,
                Some((_, holding)) => {
                    Some(Cow::Owned(format!("{} {}", holding.code.details().code, self.doubt(holding))))
                }
                None => Some(Cow::Owned(format!("{} missing", one_of(&asked.requirement.any_of)))),
            })
            .collect();
        format!("{}/{of} {} certs met: {}", met(kind), name.to_lowercase(), missing.join(", "))
    }

    /// Why a holding earns less than full credit.
    fn doubt(&self, holding: &Holding) -> String {
        match (holding.state, holding.expires_on) {
            (HoldingState::Verified, Some(last)) if day_number(last) >= self.days.as_of => {
                format!("to be renewed before {}", self.starts_on)
            }
            (HoldingState::Verified, Some(last)) => format!("expired {last}, in its grace period"),
            (HoldingState::Pending, _) => "awaiting review".to_owned(),
            _ => "without a document".to_owned(),
        }
    }

    fn evidence(&self, asked: &Asked, best: Option<(u16, &Holding)>) -> String {
        let kind = match asked.requirement.kind {
            RequirementKind::Required => "Required",
            RequirementKind::Preferred => "Preferred",
        };
        let wanted = one_of(&asked.requirement.any_of);
        let Some((credit, holding)) = best else {
            return format!("{kind} {wanted}: no holding counts");
        };
        let until = holding.expires_on.map_or("with no expiry".to_owned(), |last| format!("until {last}"));
        let code = holding.code.details().code;
        if u32::from(credit) == FULL {
            format!("{kind} {wanted}: {code} verified {until}")
        } else {
            format!("{kind} {wanted}: {code} {} counts {}%", self.doubt(holding), credit / 100)
        }
    }

    /// The coach with one holding verified or renewed, unless it is in order.
    fn mend(&self, coach: &Coach, place: usize, holding: &Holding) -> Option<Change> {
        let current = holding.valid_on(self.starts_on);
        let code = holding.code.details().code;
        let action = match (holding.state, current) {
            (HoldingState::Verified, true) | (HoldingState::Rejected | HoldingState::Revoked, _) => {
                return None;
            }
            (_, false) => format!("Renew {code}"),
            (_, true) => format!("Get {code} verified"),
        };
        let mut changed = coach.clone();
        let mended = &mut changed.holdings[place];
        mended.state = HoldingState::Verified;
        if !current {
            mended.expires_on = None;
        }
        Some(Change { action, outcome: Outcome::Facts(Box::new(changed)) })
    }
}

/// The coach with one certification more.
fn add(coach: &Coach, any_of: &[Cert]) -> Change {
    let mut changed = coach.clone();
    changed.holdings.push(Holding { code: any_of[0], state: HoldingState::Verified, expires_on: None });
    Change { action: format!("Add {}", one_of(any_of)), outcome: Outcome::Facts(Box::new(changed)) }
}

/// `NASM-CPT or ACE-CPT`.
fn one_of(codes: &[Cert]) -> String {
    codes.iter().map(|code| code.details().code).collect::<Vec<_>>().join(" or ")
}
