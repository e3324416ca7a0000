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

use std::collections::BTreeMap;

use chrono::NaiveDate;
use pulp::{Arch, Simd, WithSimd};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::columns::Lasting;
use crate::facts::{Cert, Coach, Holding, HoldingState, Job, Requirement, RequirementKind};
use crate::num::{FULL, Marks, Quotient, Share, div_round_bp, divided, gcd};
use crate::rows::WORD;
use crate::subscore::{
    Case, Change, Columns, Figure, Gate, Kernel, Lanes, Outcome, Rows, Run, Side, State, Statement, Step,
    SubScore, lanes_of,
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

/// What a holding is on the day of the snapshot. What it is on a later day follows from the days that are left.
#[derive(Clone, Copy, Debug)]
enum Today {
    /// Valid and verified.
    Verified,
    /// Verified and expired, in the days of grace of its type.
    InGrace,
    /// Valid, awaiting review.
    Pending,
    /// Valid, and nothing but a claim.
    Claimed,
}

impl Today {
    const COUNT: usize = 4;

    /// Its key in the columns.
    fn of(self, code: Cert) -> usize {
        Self::COUNT * code.index() + self as usize
    }

    /// A holding on a day, and for how many days more it is that.
    fn on(day: NaiveDate, standing: Standing, holding: &Holding) -> Option<(Self, u32)> {
        let left = holding.expires_on.map_or(i64::MAX, |last| (last - day).num_days());
        let grace = i64::from(holding.code.details().grace_days);
        let (today, left) = match standing {
            Standing::Verified if left < 0 => (Self::InGrace, left + grace),
            Standing::Verified => (Self::Verified, left),
            Standing::Pending => (Self::Pending, left),
            Standing::Claimed => (Self::Claimed, left),
        };
        (left >= 0).then(|| (today, u32::try_from(left).unwrap_or(u32::MAX)))
    }
}

/// The holdings of a block.
#[derive(Clone, Default)]
pub struct Holdings {
    rows: usize,
    /// Who has no holding, credited or not.
    unknown: Rows,
    /// Those that earn credit, by what they are [`Today`] and their code.
    held: Lasting,
}

impl Columns for Holdings {
    fn set(&mut self, row: usize, coach: &Coach, as_of: NaiveDate) {
        if row < self.rows {
            self.held.remove(row);
        }
        self.rows = self.rows.max(row + 1);
        self.unknown.put(row, coach.holdings.is_empty());
        // Of several alike, the one that lasts longest earns what any of them does.
        let mut longest = BTreeMap::new();
        for holding in &coach.holdings {
            let today = Standing::of(holding, &coach.holdings)
                .and_then(|standing| Today::on(as_of, standing, holding));
            if let Some((today, left)) = today {
                let most = longest.entry(today.of(holding.code)).or_insert(left);
                *most = left.max(*most);
            }
        }
        for (key, left) in longest {
            self.held.insert(key, row, left);
        }
    }

    fn shrink(&mut self) {
        self.held.shrink();
    }

    fn bytes(&self) -> usize {
        self.held.bytes()
    }

    fn index(&self) {
        self.held.index();
    }
}

/// Who earns how much for a requirement; whoever is in several earns the most of them.
#[derive(Clone, Copy)]
struct Earning {
    whole: Rows,
    /// 6000: awaiting review, or to be renewed.
    six: Rows,
    /// 5000: in grace.
    five: Rows,
    /// 3000: claimed.
    three: Rows,
}

impl Earning {
    /// Nobody anything.
    const NOTHING: Self = Self { whole: Rows::NONE, six: Rows::NONE, five: Rows::NONE, three: Rows::NONE };

    /// Adds those who hold a code, on a day so many days after that of the snapshot.
    #[inline(always)]
    fn add(&mut self, held: &Lasting, code: Cert, later: u32, case: Case) {
        let grace = u32::try_from(code.details().grace_days).unwrap_or_default();
        let (mut verified, ended) = held.of(Today::Verified.of(code), later);
        let (mut to_renew, mut lapsed) = (Rows::NONE, Rows::NONE);
        for (row, left) in ended {
            verified.put(row, false);
            to_renew.put(row, true);
            lapsed.put(row, left + grace >= later);
        }
        let still = |today: Today| {
            let (mut rows, ended) = held.of(today.of(code), later);
            ended.for_each(|(row, _)| rows.put(row, false));
            rows
        };
        self.whole |= verified;
        self.five |= still(Today::InGrace);
        match case {
            Case::Actual => {
                self.six |= still(Today::Pending) | to_renew;
                self.three |= still(Today::Claimed);
            }
            // At worst nothing is renewed, so that being valid today earns nothing beside the grace.
            Case::Worst => self.five |= lapsed,
            Case::Best => self.whole |= still(Today::Pending) | still(Today::Claimed) | to_renew,
        }
    }

    /// Adds what each earns to a sum, in thousands, so many times.
    #[inline(always)]
    fn credit(&self, thousands: &mut [u8], times: u8) {
        let mut earned = Rows::NONE;
        for (rows, worth) in [(self.whole, 10), (self.six, 6), (self.five, 5), (self.three, 3)] {
            let best = rows.without(earned);
            if !best.is_empty() {
                best.add(worth * times, thousands);
            }
            earned |= rows;
        }
    }

    /// Those who earn anything.
    #[inline(always)]
    fn something(&self) -> Rows {
        self.whole | self.six | self.five | self.three
    }
}

/// Empties small lanes into wide ones.
#[inline(always)]
fn empty(small: &mut [u8], wide: &mut [u32]) {
    for (small, wide) in small.iter_mut().zip(wide) {
        *wide += u32::from(std::mem::take(small));
    }
}

/// The requirements of one job.
pub struct Requirements {
    asked: Vec<Asked>,
    as_of: NaiveDate,
    starts_on: NaiveDate,
    /// Days between the two.
    later: u32,
    /// `n` and `m`.
    required: u32,
    preferred: u32,
    /// What a required and a preferred credit count, and what their sum is divided by.
    shares: ((u32, u32), u64),
    /// What credits in thousands come to, where all sums of them are bytes.
    marks: Option<Marks>,
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
        let (required, preferred) = (count(RequirementKind::Required), count(RequirementKind::Preferred));
        let shares = shares(required, preferred);
        Some(Requirements {
            shares,
            marks: Marks::new(10 * shares.1),
            asked: job
                .requirements
                .iter()
                .map(|requirement| Asked {
                    requirement: requirement.clone(),
                    proofs: proofs(&requirement.any_of),
                })
                .collect(),
            as_of,
            starts_on,
            later: u32::try_from((starts_on - as_of).num_days()).unwrap_or_default(),
            required,
            preferred,
        })
    }
}

/// What a required and a preferred credit count, and what their sum is divided by: 4m and n, by 5nm; with one kind alone 1, by
/// its count.
fn shares(n: u32, m: u32) -> ((u32, u32), u64) {
    match (n, m) {
        (n, 0) => ((1, 0), n.into()),
        (0, m) => ((0, 1), m.into()),
        _ => {
            let common = gcd(4 * m, n);
            ((4 * m / common, n / common), 5 * u64::from(n) * u64::from(m) / u64::from(common))
        }
    }
}

/// So many credits of a kind can be summed up in lanes of 32 bits, whatever they count.
const FEW: u32 = 6_000;

#[inline(always)]
fn divide<Q: Quotient>(
    bp: &mut [u16],
    required: &[u32],
    preferred: &[u32],
    (of_required, of_preferred): (u32, u32),
    share: Q,
) {
    for (bp, (required, preferred)) in bp.iter_mut().zip(required.iter().zip(preferred)) {
        *bp = share.bp(required * of_required + preferred * of_preferred);
    }
}

impl WithSimd for Run<'_, Requirements> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { job, columns, case, out } = self;
        let lanes = lanes_of(columns.rows);
        let Lanes { bp, bytes: [credits, _], sums: [required, preferred], .. } = out;
        let (bp, credits) = (&mut bp[..lanes], &mut credits[..lanes]);
        let (required, preferred) = (&mut required[..lanes], &mut preferred[..lanes]);
        credits.fill(0);
        if job.marks.is_none() {
            required.fill(0);
            preferred.fill(0);
        }
        let ((of_required, of_preferred), whole) = job.shares;
        let (mut met, mut all_whole) = (Rows::ALL, Rows::ALL);
        for asked in &job.asked {
            let mut earning = Earning::NOTHING;
            for code in &asked.proofs {
                earning.add(&columns.held, *code, job.later, case);
            }
            let (of, sums) = match asked.requirement.kind {
                RequirementKind::Required => {
                    met &= earning.something();
                    all_whole &= earning.whole;
                    (of_required, &mut *required)
                }
                RequirementKind::Preferred => (of_preferred, &mut *preferred),
            };
            if job.marks.is_some() {
                earning.credit(credits, u8::try_from(of).unwrap_or(u8::MAX));
            } else {
                earning.credit(credits, 1);
                empty(credits, sums);
            }
        }
        match job.marks {
            Some(marks) => marks.give(bp, credits),
            None if job.required.max(job.preferred) <= FEW => {
                let (of, share) = ((of_required, of_preferred), Share::scaled(1_000, whole));
                divided!(divide(&mut *bp, &*required, &*preferred, of; share));
            }
            None => {
                for (bp, (required, preferred)) in bp.iter_mut().zip(required.iter().zip(preferred)) {
                    let credits = u64::from(*required) * u64::from(of_required);
                    let sum = credits + u64::from(*preferred) * u64::from(of_preferred);
                    *bp = div_round_bp(1_000 * sum, whole);
                }
            }
        }
        out.blocks = !met;
        out.provisional = met.without(all_whole);
        out.set_unknown(&columns.unknown, case);
    }
}

impl Kernel for Requirements {
    type Columns = Holdings;

    fn run(&self, columns: &Holdings, case: Case, out: &mut Lanes) {
        Arch::new().dispatch(Run { job: self, columns, case, out });
    }

    fn ahead(&self, columns: &Holdings, step: Step) {
        if step == Step::Index {
            return;
        }
        for code in self.asked.iter().flat_map(|asked| &asked.proofs) {
            for today in [Today::Verified, Today::InGrace, Today::Pending, Today::Claimed] {
                columns.held.ahead(today.of(*code));
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
            let credit = self.credit(coach, holding);
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

    /// What a holding alone earns, by what makes the score.
    fn credit(&self, coach: &Coach, holding: &Holding) -> u16 {
        let mut held = Lasting::default();
        let today = Standing::of(holding, &coach.holdings)
            .and_then(|standing| Today::on(self.as_of, standing, holding));
        if let Some((today, left)) = today {
            held.insert(today.of(holding.code), 0, left);
        }
        let mut earning = Earning::NOTHING;
        earning.add(&held, holding.code, self.later, Case::Actual);
        let mut thousands = [0; WORD];
        earning.credit(&mut thousands, 1);
        1_000 * u16::from(thousands[0])
    }

    /// Why a holding earns less than full credit.
    fn doubt(&self, holding: &Holding) -> String {
        let grace = i64::from(holding.code.details().grace_days);
        match (holding.state, holding.expires_on) {
            (HoldingState::Rejected, _) => "rejected".to_owned(),
            (HoldingState::Revoked, _) => "revoked".to_owned(),
            (HoldingState::Verified, Some(last)) if last >= self.as_of => {
                format!("to be renewed before {}", self.starts_on)
            }
            (HoldingState::Verified, Some(last)) if (self.starts_on - last).num_days() <= grace => {
                format!("expired {last}, in its grace period")
            }
            (_, Some(last)) if last < self.as_of => format!("expired {last}"),
            (_, Some(last)) if last < self.starts_on => format!("expires {last}, before the start"),
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
