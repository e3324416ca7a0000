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

use crate::columns::{Sparse, put};
use crate::date::day_number;
use crate::facts::{Cert, Coach, Holding, HoldingState, Job, Requirement, RequirementKind};
use crate::num::{Divisor, FULL, real};
use crate::subscore::{
    BLOCKS, Case, Change, Columns, Figure, Gate, Kernel, Lanes, Outcome, PROVISIONAL, Side, State, Statement,
    SubScore, UNKNOWN, figure,
};
use crate::wide::wide;

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

/// A holding in the column of its code: the last valid day as a [`day_number`] above, its standing in the low two bits.
/// Comparing days is comparing entries without those bits.
#[derive(Clone, Copy)]
struct Entry(u32);

impl Entry {
    /// Days are counted from here, so that all that chrono knows are positive; "for ever" is a day after them all.
    const FIRST_DAY: i32 = -(1 << 28);
    const LAST_DAY: i32 = (1 << 28) - 1;

    fn new(standing: Standing, expires: i32) -> Self {
        Self(Self::day(expires) << 2 | standing as u32)
    }

    fn day(day: i32) -> u32 {
        (day.clamp(Self::FIRST_DAY, Self::LAST_DAY) - Self::FIRST_DAY).cast_unsigned()
    }
}

/// The holdings of a block.
#[derive(Clone, Default)]
pub struct Holdings {
    /// [`UNKNOWN`] where the coach has no holding, credited or not.
    unknown: Vec<u8>,
    /// Each an [`Entry`].
    by_code: Sparse,
}

impl Columns for Holdings {
    fn set(&mut self, row: usize, coach: &Coach, _as_of: NaiveDate) {
        if row < self.unknown.len() {
            self.by_code.remove(row);
        }
        put(&mut self.unknown, row, if coach.holdings.is_empty() { UNKNOWN } else { 0 });
        for holding in &coach.holdings {
            if let Some(standing) = Standing::of(holding, &coach.holdings) {
                self.by_code.insert(holding.code.index(), row, Entry::new(standing, expiry(holding)).0);
            }
        }
    }

    fn shrink(&mut self) {
        self.unknown.shrink_to_fit();
        self.by_code.shrink();
    }

    fn bytes(&self) -> usize {
        self.unknown.capacity() + self.by_code.bytes()
    }
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
        Credits::new(self, grace_days, case).of(Entry::new(standing, expires))
    }
}

/// The credit table for one type and case: what a holding earns whose last day is on or after each of three days. The
/// first day that it reaches decides.
#[derive(Clone, Copy)]
struct Credits {
    start: u32,
    as_of: u32,
    grace: u32,
    pending: u16,
    claimed: u16,
    to_renew: u16,
}

impl Credits {
    fn new(days: Days, grace_days: i32, case: Case) -> Self {
        let (to_renew, pending, claimed) = match case {
            Case::Actual => (6_000, 6_000, 3_000),
            Case::Worst => (0, 0, 0),
            Case::Best => (10_000, 10_000, 10_000),
        };
        // At worst nothing is renewed, so that being valid today earns nothing beside the grace.
        let as_of = if case == Case::Worst { days.start } else { days.as_of };
        Self {
            start: Entry::day(days.start),
            as_of: Entry::day(as_of),
            grace: Entry::day(days.start.saturating_sub(grace_days)),
            pending,
            claimed,
            to_renew,
        }
    }

    /// In basis points.
    #[inline(always)]
    fn of(self, entry: Entry) -> u16 {
        let (day, standing) = (entry.0 >> 2, entry.0 & 3);
        let late = if day >= self.grace { 5_000 } else { 0 };
        let today = if day >= self.as_of { self.to_renew } else { late };
        let verified = if day >= self.start { 10_000 } else { today };
        let unproved = if standing == Standing::Pending as u32 { self.pending } else { self.claimed };
        let unproved = if day >= self.start { unproved } else { 0 };
        if standing == Standing::Verified as u32 { verified } else { unproved }
    }
}

/// The requirements of one job.
pub struct Requirements {
    asked: Vec<Asked>,
    days: Days,
    starts_on: NaiveDate,
    required: u32,
    preferred: u32,
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

    fn compile(&self, job: &Job, as_of: NaiveDate) -> Option<Requirements> {
        if job.requirements.is_empty() {
            return None;
        }
        let proofs =
            |asked: &[Cert]| Cert::all().filter(|held| asked.iter().any(|code| held.proves(*code))).collect();
        let count = |kind| {
            let of_kind = job.requirements.iter().filter(|requirement| requirement.kind == kind);
            u32::try_from(of_kind.count()).unwrap_or(u32::MAX)
        };
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

/// Holdings whose credits are found together, before each goes to its row.
const CHUNK: usize = 128;

#[inline(always)]
fn earn(earned: &mut [u16], entries: &[u32], credits: Credits) {
    for (earned, entry) in earned.iter_mut().zip(entries) {
        *earned = credits.of(Entry(*entry));
    }
}

#[inline(always)]
fn gather(sums: &mut [u32], best: &[u16]) {
    for (sum, best) in sums.iter_mut().zip(best) {
        *sum += u32::from(*best);
    }
}

#[inline(always)]
fn lessen(least: &mut [u16], best: &[u16]) {
    for (least, best) in least.iter_mut().zip(best) {
        *least = (*least).min(*best);
    }
}

#[inline(always)]
fn divide(
    bp: &mut [u16],
    required: &[u32],
    preferred: &[u32],
    unknown: &[u8],
    (of_required, of_preferred, share): (f64, f64, Divisor),
    case: Case,
) {
    for (bp, ((required, preferred), unknown)) in
        bp.iter_mut().zip(required.iter().zip(preferred).zip(unknown))
    {
        let sum = real(*required) * of_required + real(*preferred) * of_preferred;
        *bp = figure(share.bp(sum), *unknown, case);
    }
}

#[inline(always)]
fn flag(flags: &mut [u8], least: &[u16], unknown: &[u8]) {
    for (flags, (least, unknown)) in flags.iter_mut().zip(least.iter().zip(unknown)) {
        let doubt = if *least < 10_000 { PROVISIONAL } else { 0 };
        *flags = *unknown | if *least == 0 { BLOCKS } else { doubt };
    }
}

impl Kernel for Requirements {
    type Columns = Holdings;

    fn run(&self, columns: &Holdings, case: Case, out: &mut Lanes) {
        let rows = columns.unknown.len();
        let Lanes { bp, flags, sums: [required, preferred, _], least: [least, best], .. } = out;
        let (bp, flags) = (&mut bp[..rows], &mut flags[..rows]);
        let (required, preferred) = (&mut required[..rows], &mut preferred[..rows]);
        let (least, best) = (&mut least[..rows], &mut best[..rows]);
        required.fill(0);
        preferred.fill(0);
        least.fill(10_000);
        for asked in &self.asked {
            best.fill(0);
            for code in &asked.proofs {
                let credits = Credits::new(self.days, code.details().grace_days, case);
                let (places, entries) = columns.by_code.of(code.index());
                for (places, entries) in places.chunks(CHUNK).zip(entries.chunks(CHUNK)) {
                    let mut earned = [0; CHUNK];
                    wide(earn, (&mut earned[..], entries, credits));
                    for (row, earned) in places.iter().zip(earned) {
                        let best = &mut best[usize::from(*row)];
                        *best = earned.max(*best);
                    }
                }
            }
            match asked.requirement.kind {
                RequirementKind::Required => {
                    wide(gather, (&mut *required, &*best));
                    wide(lessen, (&mut *least, &*best));
                }
                RequirementKind::Preferred => wide(gather, (&mut *preferred, &*best)),
            }
        }
        // 8·m·ΣR + 2·n·ΣP of 10·n·m; with one kind alone, Σ of its count.
        let (n, m) = (f64::from(self.required), f64::from(self.preferred));
        let (of_required, of_preferred, whole) = match (self.required, self.preferred) {
            (_, 0) => (1.0, 0.0, n),
            (0, _) => (0.0, 1.0, m),
            _ => (8.0 * m, 2.0 * n, 10.0 * n * m),
        };
        let share = Divisor::new(whole);
        wide(
            divide,
            (bp, &*required, &*preferred, &columns.unknown[..], (of_required, of_preferred, share), case),
        );
        wide(flag, (flags, &*least, &columns.unknown[..]));
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
