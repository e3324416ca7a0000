//! Ids: positive, below 2^53 so that JavaScript keeps them, ordered by time.
//!
//! An id is 41 bits of milliseconds since 2026 and 12 bits that begin at random within each millisecond. There
//! is no sequence in the database: one brand's ids tell nothing of how busy another is. Within a process ids
//! rise strictly. Two processes may make the same id in the same millisecond; the primary key then refuses the
//! second, and the request is tried again by its client.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::clock::Clock;

/// 2026-01-01T00:00:00Z in Unix milliseconds.
const EPOCH_MS: i64 = 1_767_225_600_000;
const RANDOM_BITS: u32 = 12;

/// An id of any row; always in 1..2^53.
pub type Id = i64;

/// When an id was made, to the millisecond.
#[must_use]
pub fn made_at(id: Id) -> DateTime<Utc> {
    DateTime::from_timestamp_millis((id >> RANDOM_BITS) + EPOCH_MS).unwrap_or_default()
}

/// Makes ids.
#[derive(Clone, Debug)]
pub struct Ids {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    last: Id,
    random: fastrand::Rng,
}

impl Ids {
    /// Ids by a clock; the same seed and times give the same ids.
    #[must_use]
    pub fn new(clock: Clock, seed: u64) -> Self {
        Self { clock, state: Arc::new(Mutex::new(State { last: 0, random: fastrand::Rng::with_seed(seed) })) }
    }

    /// A new id, above every one that this generator made before.
    ///
    /// # Panics
    /// After 2095, when milliseconds no longer fit.
    #[must_use]
    pub fn next(&self) -> Id {
        let ms = (self.clock.now().timestamp_millis() - EPOCH_MS).max(0);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // The lower half of the random bits leaves room to count up within the millisecond.
        let fresh = (ms << RANDOM_BITS) | state.random.i64(0..1 << (RANDOM_BITS - 1));
        state.last = fresh.max(state.last + 1);
        assert!(state.last < 1 << 53, "ids are exhausted");
        state.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_even_when_the_clock_stands() {
        let clock = Clock::fixed("2026-11-23T12:00:00Z".parse().unwrap());
        let ids = Ids::new(clock.clone(), 7);
        let many: Vec<Id> = (0..10_000).map(|_| ids.next()).collect();
        assert!(many.is_sorted_by(|a, b| a < b));
        assert!(many.iter().all(|id| (1..1 << 53).contains(id)));
        clock.advance(chrono::TimeDelta::days(365 * 60));
        assert!(ids.next() > *many.last().unwrap());
    }

    #[test]
    fn ids_carry_their_time() {
        let clock = Clock::fixed("2026-11-23T12:00:00Z".parse().unwrap());
        for seed in 0..100 {
            let id = Ids::new(clock.clone(), seed).next();
            assert_eq!(made_at(id), clock.now());
        }
    }

    #[test]
    fn a_seed_repeats_itself() {
        let make = || Ids::new(Clock::fixed("2026-11-23T12:00:00Z".parse().unwrap()), 7).next();
        assert_eq!(make(), make());
    }
}
