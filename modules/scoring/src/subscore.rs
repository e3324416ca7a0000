//! What a sub-score is: the contract between the engine and its plugins.
//!
//! A plugin is one file in `subscores/`. Its type is its table in a preset (its *parameters*); coaches are put
//! into its *columns*, and for a job it compiles a *kernel*. The engine runs kernels over blocks of columns:
//! one dynamic call per block, none per pair. The same kernel makes a score, its range and its explanation,
//! so what is explained is what was computed.
//!
//! A kernel's loops over rows are straight: no branch, no call, no allocation. They, or the whole kernel, are compiled
//! for whatever the machine has (`wide`).

use std::any::Any;
use std::cell::Cell;
use std::thread::LocalKey;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::facts::{Coach, Job};
use crate::num::FULL;
pub use crate::rows::Rows;
use crate::rows::WORD;
use crate::wide::{Aligned, ahead};

/// Rows in a block.
pub const BLOCK: usize = 4_096;

/// A sub-score: the parameters of its table in a preset, and how they make columns and kernels.
pub trait SubScore: Default + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Its name in presets and answers.
    const KEY: &'static str;
    /// Its name over a narrow column, at most seven letters.
    const SHORT: &'static str;
    /// The largest weight that a preset may give it, in basis points.
    const MAX_WEIGHT_BP: u32 = FULL;
    /// What it compiles to.
    type Kernel: Kernel<Columns: Default>;

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

    /// The kernel for a job, or nothing when the job does not ask for this sub-score.
    fn compile(&self, job: &Job, as_of: NaiveDate) -> Option<Self::Kernel>;
}

/// What a sub-score keeps of the coaches of a block, at most [`BLOCK`] rows: a function of their facts and the day, and of
/// its own table where a preset defines it.
pub trait Columns: Clone + Send + Sync + 'static {
    /// Puts a coach into a row, the next one or one that is there.
    fn set(&mut self, row: usize, coach: &Coach, as_of: NaiveDate);

    /// Gives back the memory that growing took too much.
    fn shrink(&mut self);

    /// Bytes on the heap.
    fn bytes(&self) -> usize;

    /// Asks for the memory of what says where the rest is, whatever the job.
    fn index(&self) {}
}

/// A kernel's run that is compiled for a width all through, and not only its loops.
pub(crate) struct Run<'a, K: Kernel> {
    pub(crate) job: &'a K,
    pub(crate) columns: &'a K::Columns,
    pub(crate) case: Case,
    pub(crate) out: &'a mut Lanes,
}

/// How far ahead memory is asked for: what is scattered is found by what is scattered itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What says where it is.
    Index,
    /// What is read.
    Data,
}

/// A sub-score bound to one job.
pub trait Kernel: Send + Sync + 'static {
    /// What it reads.
    type Columns: Columns;

    /// Writes `bp`, `blocks` and `provisional` for every row of the columns, and `unknown`; of `blocks` and `unknown` what is
    /// asked for, else they hold anything.
    fn run(&self, columns: &Self::Columns, case: Case, out: &mut Lanes);

    /// Asks for the memory that [`Kernel::run`] is going to read, some time before, and before that for what says where that
    /// is.
    fn ahead(&self, _columns: &Self::Columns, _step: Step) {}

    /// Whether every row is blocked, where that can be told without looking at each.
    fn blocks_all(&self, _columns: &Self::Columns) -> bool {
        false
    }

    /// Metres between the job and the coach in a row, where this is the sub-score that knows.
    fn distance_m(&self, _columns: &Self::Columns, _row: usize) -> Option<u32> {
        None
    }

    /// Puts the figure that [`Kernel::run`] gave into words.
    fn explain(&self, coach: &Coach, figure: &Figure) -> Statement;

    /// Single changes that could raise this coach's figure, in the job's order, and no other sub-score's. The engine scores
    /// them.
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

/// Rows whose distances are in lanes at a time.
pub(crate) const PART: usize = 1_024;

/// What is asked of a kernel, and its output, one lane per row. Lanes of rows that the columns do not have hold anything, and
/// so do their bits.
#[derive(Debug)]
pub struct Lanes {
    /// Sub-score in basis points; on the heap by itself, so that the engine can take it.
    pub bp: Box<Aligned<[u16; BLOCK]>>,
    /// Who has given nothing that the sub-score could use, where that is asked for.
    pub unknown: Rows,
    /// Whether it is: a ranking does without.
    pub asks_unknown: bool,
    /// Whether `blocks` is asked for: a ranking does without where nobody is excluded for it.
    pub asks_blocks: bool,
    /// Whom the figure makes ineligible.
    pub blocks: Rows,
    /// Whose eligibility rests on something not yet proved.
    pub provisional: Rows,
    /// For a kernel on its way to the figures; it holds anything when a kernel begins.
    pub sums: [Aligned<[u32; BLOCK]>; 2],
    /// The same, for smaller numbers.
    pub small: Aligned<[u16; BLOCK]>,
    /// The same, for the smallest.
    pub bytes: [Aligned<[u8; BLOCK]>; 2],
    /// The same, for the distances of a part of the rows.
    pub metres: Aligned<[f64; PART]>,
}

thread_local! {
    static LANES: Cell<Option<Box<Lanes>>> = const { Cell::new(None) };
}

/// Lends what a thread keeps for the next time. Large pieces of memory that are made anew each time leave holes, in which what stays
/// of an answer is put, so that the next piece does not fit: a process would grow with each answer by what it took to make it.
pub(crate) fn lent<S, T>(
    kept: &'static LocalKey<Cell<Option<S>>>,
    make: impl FnOnce() -> S,
    run: impl FnOnce(&mut S) -> T,
) -> T {
    let mut lent = kept.take().unwrap_or_else(make);
    let done = run(&mut lent);
    kept.set(Some(lent));
    done
}

impl Lanes {
    /// Does something with lanes that are asked for everything and hold anything.
    pub(crate) fn lent<T>(run: impl FnOnce(&mut Self) -> T) -> T {
        lent(&LANES, Self::new, |lanes| run(lanes))
    }

    /// Lanes on the heap.
    #[must_use]
    pub fn new() -> Box<Self> {
        Box::new(Self {
            bp: Box::new(Aligned::new([0; BLOCK])),
            unknown: Rows::NONE,
            asks_unknown: true,
            asks_blocks: true,
            blocks: Rows::NONE,
            provisional: Rows::NONE,
            sums: [0; 2].map(|_: u8| Aligned::new([0; BLOCK])),
            small: Aligned::new([0; BLOCK]),
            bytes: [0; 2].map(|_: u8| Aligned::new([0; BLOCK])),
            metres: Aligned::new([0.0; PART]),
        })
    }

    /// Says of everybody who is unknown; at best, they have full marks.
    pub(crate) fn set_unknown(&mut self, unknown: &Rows, case: Case) {
        if self.asks_unknown {
            self.unknown = *unknown;
        }
        if case == Case::Best {
            unknown.iter().for_each(|row| self.bp[row] = 10_000);
        }
    }
}

/// So many lanes hold so many rows, and whole words of them.
pub(crate) fn lanes_of(rows: usize) -> usize {
    rows.next_multiple_of(WORD)
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

/// Columns, whatever their type.
pub(crate) trait AnyColumns: Any + Send + Sync {
    fn set(&mut self, row: usize, coach: &Coach, as_of: NaiveDate);
    fn shrink(&mut self);
    fn bytes(&self) -> usize;
    fn copied(&self) -> Box<dyn AnyColumns>;
    /// Asks for the memory of the columns themselves, not of what they point to.
    fn ahead(&self);
    fn index(&self);
}

impl<C: Columns> AnyColumns for C {
    fn set(&mut self, row: usize, coach: &Coach, as_of: NaiveDate) {
        Columns::set(self, row, coach, as_of);
    }

    fn shrink(&mut self) {
        Columns::shrink(self);
    }

    fn bytes(&self) -> usize {
        Columns::bytes(self)
    }

    fn copied(&self) -> Box<dyn AnyColumns> {
        Box::new(self.clone())
    }

    fn ahead(&self) {
        ahead(std::slice::from_ref(self));
    }

    fn index(&self) {
        Columns::index(self);
    }
}

/// A kernel whose columns are known only to itself.
pub(crate) trait AnyKernel: Send + Sync {
    fn run(&self, columns: &dyn AnyColumns, case: Case, out: &mut Lanes);
    fn ahead(&self, columns: &dyn AnyColumns, step: Step);
    fn blocks_all(&self, columns: &dyn AnyColumns) -> bool;
    fn distance_m(&self, columns: &dyn AnyColumns, row: usize) -> Option<u32>;
    fn explain(&self, coach: &Coach, figure: &Figure) -> Statement;
    fn advise(&self, coach: &Coach, figure: &Figure) -> Vec<Change>;
}

/// The columns of a kernel.
fn own<K: Kernel>(columns: &dyn AnyColumns) -> &K::Columns {
    (columns as &dyn Any).downcast_ref().expect("the registry pairs a kernel with its own columns")
}

impl<K: Kernel> AnyKernel for K {
    fn run(&self, columns: &dyn AnyColumns, case: Case, out: &mut Lanes) {
        Kernel::run(self, own::<K>(columns), case, out);
    }

    fn ahead(&self, columns: &dyn AnyColumns, step: Step) {
        Kernel::ahead(self, own::<K>(columns), step);
    }

    fn blocks_all(&self, columns: &dyn AnyColumns) -> bool {
        Kernel::blocks_all(self, own::<K>(columns))
    }

    fn distance_m(&self, columns: &dyn AnyColumns, row: usize) -> Option<u32> {
        Kernel::distance_m(self, own::<K>(columns), row)
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
