//! Loops compiled several times over, for the widest instructions that the machine at hand has.
//!
//! There is one source for all widths: what differs is how many rows an instruction takes. Whole numbers, and floating
//! point in a fixed order without fused operations, come out the same in each, which the laws test. What no compiler finds in a
//! loop is written for a width besides, next to the loop that it is held against: `rows`, `tables`, `weigh` and `experience`.
//!
//! A loop is a function of its own marked `#[inline(always)]`, and so is what it calls: only what is inlined is compiled
//! for a width. Its columns are parameters of their own, because only of parameters does the compiler know that they do
//! not overlap. What works on sets of rows all through is a struct with [`pulp::WithSimd`] instead: a function of that length is
//! not inlined, whatever it is marked.

use pulp::{Arch, Simd, WithSimd};

/// Runs a loop in the widest version that this machine can.
#[inline]
pub(crate) fn wide<F: Loop<A>, A>(run: F, columns: A) -> F::Output {
    Arch::new().dispatch(Run(run, columns))
}

/// Asks for memory that is read soon, so that it is near by then: in the second cache, which takes many times as many requests
/// at once as the first, where most of them would be dropped. Of what is scattered no machine sees by itself what comes next.
#[inline]
pub(crate) fn ahead<T>(column: &[T]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        let start = column.as_ptr().cast::<i8>();
        for line in (0..size_of_val(column)).step_by(LINE) {
            simd.sse._mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(start.wrapping_add(line));
        }
    }
}

/// Begins where memory gives a line, so that no wide instruction needs two.
#[derive(Debug)]
#[repr(align(64))]
pub struct Aligned<T>(T);

impl<T> Aligned<T> {
    pub(crate) fn new(of: T) -> Self {
        Self(of)
    }
}

impl<T> std::ops::Deref for Aligned<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> std::ops::DerefMut for Aligned<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Bytes that memory gives at a time.
const LINE: usize = 64;

struct Run<F, A>(F, A);

impl<F: Loop<A>, A> WithSimd for Run<F, A> {
    type Output = F::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> F::Output {
        self.0.run(self.1)
    }
}

/// A function of several parameters.
pub(crate) trait Loop<A> {
    /// What it returns.
    type Output;
    fn run(self, columns: A) -> Self::Output;
}

macro_rules! loops {
    ($(($($of:ident)*))*) => { $(
        impl<Function: FnOnce($($of),*) -> Output, Output, $($of),*> Loop<($($of,)*)> for Function {
            type Output = Output;

            #[inline(always)]
            #[expect(non_snake_case, reason = "a parameter is named like its type")]
            fn run(self, ($($of,)*): ($($of,)*)) -> Output {
                self($($of),*)
            }
        }
    )* };
}
loops! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) (A B C D E F G H I) }
