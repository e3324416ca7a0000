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

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::columns::Sparse;
use crate::date::day_number;
use crate::facts::{Cert, Coach, Holding, HoldingState, Job, Requirement, RequirementKind};
use crate::num::{FULL, div_round_bp};
use crate::subscore::{
    BLOCK, BLOCKS, Case, Change, Figure, Gate, Kernel, Lanes, Outcome, PROVISIONAL, Side, State, Statement,
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
    const SHORT: &'static str = "cert";
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
        let served: Vec<Served<'_>> = self.asked.iter().map(|asked| self.served(asked, coach)).collect();
        let decisive = if self.required > 0 { RequirementKind::Required } else { RequirementKind::Preferred };
        let decisive: Vec<&Served<'_>> =
            served.iter().filter(|served| served.asked.kind == decisive).collect();
        let all_met = decisive.iter().all(|served| served.met());
        Statement {
            fact: match figure.state {
                State::Unknown => format!("No certifications given; {} asked for", self.asked.len()),
                _ => self.fact(&decisive),
            },
            middling: Some(if all_met { Side::Strength } else { Side::Gap }),
            evidence: served.iter().map(|served| self.evidence(served)).collect(),
        }
    }

    fn advise(&self, coach: &Coach, _figure: &Figure) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        for asked in &self.asked {
            let serving =
                coach.holdings.iter().enumerate().filter(|(_, held)| asked.proofs.contains(&held.code));
            let mut proposed: Vec<Change> =
                serving.filter_map(|(place, holding)| self.mend(coach, place, holding)).collect();
            if proposed.is_empty() && !self.served(asked, coach).met() {
                proposed.push(add(coach, &asked.requirement.any_of));
            }
            for change in proposed {
                // One holding may serve two requirements, and two requirements may ask alike.
                if changes.iter().all(|other| other.action != change.action) {
                    changes.push(change);
                }
            }
        }
        changes
    }
}

/// A requirement with the holding that serves it best.
struct Served<'a> {
    asked: &'a Requirement,
    /// In basis points.
    credit: u16,
    /// The best holding that would prove it, even when it earns nothing; `None` where there is none.
    holding: Option<&'a Holding>,
}

impl Served<'_> {
    fn met(&self) -> bool {
        u32::from(self.credit) == FULL
    }
}

impl Requirements {
    fn served<'a>(&self, asked: &'a Asked, coach: &'a Coach) -> Served<'a> {
        let mut best = Served { asked: &asked.requirement, credit: 0, holding: None };
        for holding in coach.holdings.iter().filter(|holding| asked.proofs.contains(&holding.code)) {
            let grace = holding.code.details().grace_days;
            let credit = Standing::of(holding, &coach.holdings)
                .map_or(0, |standing| self.days.credit(standing, expiry(holding), grace, Case::Actual));
            // Of those that earn nothing, a refuted one says more than a claim beside it.
            let refuted =
                |holding: &Holding| matches!(holding.state, HoldingState::Rejected | HoldingState::Revoked);
            let telling = credit == 0 && best.credit == 0 && refuted(holding);
            if best.holding.is_none() || credit > best.credit || telling {
                best = Served { credit, holding: Some(holding), ..best };
            }
        }
        best
    }

    /// What there is to say of the requirements that decide: the required ones, else the preferred.
    fn fact(&self, decisive: &[&Served<'_>]) -> String {
        let name = if self.required > 0 { "required" } else { "preferred" };
        let met = decisive.iter().filter(|served| served.met()).count();
        if met == decisive.len() {
            return if self.required > 0 {
                "Required certs met".to_owned()
            } else {
                "Preferred certs met".to_owned()
            };
        }
        let lacking: Vec<String> =
            decisive.iter().filter(|served| !served.met()).map(|served| self.lack(served)).collect();
        format!("{met}/{} {name} certs met: {}", decisive.len(), lacking.join(", "))
    }

    /// Why a requirement is not met.
    fn lack(&self, served: &Served<'_>) -> String {
        match served.holding {
            None => format!("{} missing", one_of(&served.asked.any_of)),
            Some(holding) => format!("{} {}", holding.code.details().code, self.doubt(holding)),
        }
    }

    /// Why a holding earns less than full credit.
    fn doubt(&self, holding: &Holding) -> String {
        let start = day_number(self.starts_on);
        match (holding.state, holding.expires_on) {
            (HoldingState::Rejected, _) => "rejected".to_owned(),
            (HoldingState::Revoked, _) => "revoked".to_owned(),
            (HoldingState::Verified, Some(last)) if day_number(last) >= self.days.as_of => {
                format!("to be renewed before {}", self.starts_on)
            }
            (HoldingState::Verified, Some(last))
                if start - day_number(last) <= holding.code.details().grace_days =>
            {
                format!("expired {last}, in its grace period")
            }
            (_, Some(last)) if day_number(last) < self.days.as_of => format!("expired {last}"),
            (_, Some(last)) if day_number(last) < start => format!("expires {last}, before the start"),
            (HoldingState::Pending, _) => "awaiting review".to_owned(),
            _ => "without a valid document".to_owned(),
        }
    }

    fn evidence(&self, served: &Served<'_>) -> String {
        let kind = match served.asked.kind {
            RequirementKind::Required => "Required",
            RequirementKind::Preferred => "Preferred",
        };
        let wanted = one_of(&served.asked.any_of);
        match served.holding {
            None => format!("{kind} {wanted}: none held"),
            Some(holding) if served.met() => {
                let until =
                    holding.expires_on.map_or("with no expiry".to_owned(), |last| format!("until {last}"));
                format!("{kind} {wanted}: {} verified {until}", holding.code.details().code)
            }
            Some(_) => format!("{kind} {wanted}: {}, counts {}%", self.lack(served), served.credit / 100),
        }
    }

    /// The coach with one holding verified or renewed, unless it is in order.
    fn mend(&self, coach: &Coach, place: usize, holding: &Holding) -> Option<Change> {
        // What an issuer or a reviewer has refused is not mended by asking again.
        Standing::of(holding, &coach.holdings)?;
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
