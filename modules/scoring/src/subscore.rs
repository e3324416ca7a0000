//! What a sub-score is: the contract between the engine and its plugins.
//!
//! A plugin is one file in `subscores/`. Its type is its table in a preset (its *parameters*); from a coach
//! it packs *columns*, and for a job it compiles a *kernel*. The engine runs kernels over blocks of columns:
//! one dynamic call per block, none per pair. The same kernel makes a score, its range and its explanation,
//! so what is explained is what was computed.

use std::any::Any;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::facts::{Coach, Job};
use crate::num::FULL;

/// Rows in a block.
pub const BLOCK: usize = 1024;

/// A sub-score: the parameters of its table in a preset, and how they make columns and kernels.
pub trait SubScore: Default + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Its name in presets and answers.
    const KEY: &'static str;
    /// Its name over a narrow column, at most seven letters.
    const SHORT: &'static str;
    /// The largest weight that a preset may give it, in basis points.
    const MAX_WEIGHT_BP: u32 = FULL;
    /// What it compiles to.
    type Kernel: Kernel;

    /// Rules across parameters; the parameters one by one are checked against their schema.
    ///
    /// # Errors
    /// The parameter to blame, and a sentence.
    fn check(&self) -> Result<(), (&'static str, String)> {
        Ok(())
    }

    /// What to do with a coach whom this sub-score makes ineligible.
    fn gate(&self) -> Gate {
        Gate::Flag
    }

    /// The columns of at most [`BLOCK`] coaches; a function of the facts and the day, never of a preset.
    fn pack(coaches: &[&Coach], as_of: NaiveDate) -> <Self::Kernel as Kernel>::Columns;

    /// The kernel for a job, or nothing when the job does not ask for this sub-score.
    fn compile(&self, job: &Job, as_of: NaiveDate) -> Option<Self::Kernel>;
}

/// A sub-score bound to one job.
pub trait Kernel: Send + Sync + 'static {
    /// What it reads.
    type Columns: Send + Sync + 'static;

    /// Writes `bp` for every row of the columns and sets its flags; `out` comes in without flags.
    fn run(&self, columns: &Self::Columns, case: Case, out: &mut Lanes);

    /// Puts the figure that [`Kernel::run`] gave into words.
    fn explain(&self, coach: &Coach, figure: &Figure) -> Statement;

    /// Single changes that could raise this coach's figure, in the job's order. The engine scores them.
    fn advise(&self, _coach: &Coach, _figure: &Figure) -> Vec<Change> {
        Vec::new()
    }
}

/// How a kernel treats what is uncertain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// As the specification weighs it: the score.
    Actual,
    /// Everything uncertain turns out badly: the low end of the range.
    Worst,
    /// Everything uncertain turns out well: the high end.
    Best,
}

/// What a preset does with ineligible coaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// They leave the ranked list, are counted, and are listed on request with the reason.
    #[default]
    Exclude,
    /// They stay in the ranked list, marked.
    Flag,
}

/// Set when the coach has given nothing that the sub-score could use.
pub const UNKNOWN: u8 = 1;
/// Set when the figure makes the coach ineligible.
pub const BLOCKS: u8 = 2;
/// Set when eligibility rests on something not yet proved.
pub const PROVISIONAL: u8 = 4;

/// A kernel's output, one lane per row.
#[derive(Debug)]
pub struct Lanes {
    /// Sub-score in basis points.
    pub bp: [u16; BLOCK],
    /// [`UNKNOWN`], [`BLOCKS`], [`PROVISIONAL`].
    pub flags: [u8; BLOCK],
    /// Metres between job and coach, or [`Lanes::NO_DISTANCE`]. Only location writes it.
    pub distance_m: [u32; BLOCK],
}

impl Lanes {
    /// No distance is known; sorts last.
    pub const NO_DISTANCE: u32 = u32::MAX;

    /// Lanes on the heap, reset.
    #[must_use]
    pub fn new() -> Box<Self> {
        Box::new(Self { bp: [0; BLOCK], flags: [0; BLOCK], distance_m: [Self::NO_DISTANCE; BLOCK] })
    }

    /// Marks a row as unknown: whatever the figure is otherwise, it is full at best.
    pub fn unknown(&mut self, row: usize, case: Case) {
        self.flags[row] |= UNKNOWN;
        if case == Case::Best {
            self.bp[row] = 10_000;
        }
    }

    /// No flags in the first `rows` lanes. Figures are written by every kernel; distances stay, as they
    /// belong to the pair and not to a sub-score.
    pub fn reset(&mut self, rows: usize) {
        self.flags[..rows].fill(0);
    }
}

/// What one kernel says of one coach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Sub-score in basis points.
    pub score: u16,
    /// The same with what is uncertain at its worst.
    pub low: u16,
    /// And at its best.
    pub high: u16,
    /// How much of it is known.
    pub state: State,
    /// Whether it makes the coach ineligible.
    pub blocks: bool,
    /// Whether eligibility rests on something not yet proved.
    pub provisional: bool,
}

/// How much is known of a sub-score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The job does not ask for it.
    NotApplicable,
    /// The coach has given nothing.
    Unknown,
    /// Low and high differ.
    Partial,
    /// All of it.
    Known,
}

/// A figure in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// One fact, in fixed wording.
    pub fact: String,
    /// Where it is said of a middling figure, 5000..8000; `None`: not at all.
    pub middling: Option<Side>,
    /// What it rests on.
    pub evidence: Vec<String>,
}

/// What a fact speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// For the coach.
    Strength,
    /// Against.
    Gap,
}

/// A single change that a coach could make.
#[derive(Clone, Debug)]
pub struct Change {
    /// What to do, such as `Renew CPR-AED`.
    pub action: String,
    /// What it would lead to.
    pub outcome: Outcome,
}

/// What a change leads to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// These facts.
    Facts(Box<Coach>),
    /// Facts that are not known yet: at best, full marks in this sub-score.
    UpToFull,
}

/// A kernel whose columns are known only to itself.
pub(crate) trait AnyKernel: Send + Sync {
    fn run(&self, columns: &(dyn Any + Send + Sync), case: Case, out: &mut Lanes);
    fn explain(&self, coach: &Coach, figure: &Figure) -> Statement;
    fn advise(&self, coach: &Coach, figure: &Figure) -> Vec<Change>;
}

impl<K: Kernel> AnyKernel for K {
    fn run(&self, columns: &(dyn Any + Send + Sync), case: Case, out: &mut Lanes) {
        let columns = columns.downcast_ref().expect("the registry pairs a kernel with its own columns");
        Kernel::run(self, columns, case, out);
    }

    fn explain(&self, coach: &Coach, figure: &Figure) -> Statement {
        Kernel::explain(self, coach, figure)
    }

    fn advise(&self, coach: &Coach, figure: &Figure) -> Vec<Change> {
        Kernel::advise(self, coach, figure)
    }
}

/// A sub-score with its parameters, whatever its type.
pub(crate) trait Configured: Send + Sync {
    fn gate(&self) -> Gate;
    fn compile(&self, job: &Job, as_of: NaiveDate) -> Option<Box<dyn AnyKernel>>;
}

impl<S: SubScore> Configured for S {
    fn gate(&self) -> Gate {
        SubScore::gate(self)
    }

    fn compile(&self, job: &Job, as_of: NaiveDate) -> Option<Box<dyn AnyKernel>> {
        SubScore::compile(self, job, as_of).map(|kernel| Box::new(kernel) as Box<dyn AnyKernel>)
    }
}
