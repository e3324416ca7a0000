//! How much anyone may ask: so many requests a minute for one address, one account and one key, and far fewer attempts to
//! sign in. Whoever has been quiet may ask a minute's worth at once.
//!
//! Each process counts for itself: behind a balancer, what several let through adds up.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::Actor;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde::{Deserialize, Serialize};

/// So many remembered, and those that have recovered are forgotten.
const REMEMBERED: usize = 10_000;

/// `[rates]`: requests a minute.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateSettings {
    /// Of one address; many people may share it.
    pub address: NonZeroU32,
    /// Of one account.
    pub account: NonZeroU32,
    /// Of one API key.
    pub key: NonZeroU32,
}

impl Default for RateSettings {
    fn default() -> Self {
        let number = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self { address: number(3_000), account: number(600), key: number(1_200) }
    }
}

/// So many a minute of each.
pub(crate) struct Rate<K: Clone + Hash + Eq>(DefaultKeyedRateLimiter<K>);

impl<K: Clone + Hash + Eq> Rate<K> {
    pub(crate) fn per_minute(most: NonZeroU32) -> Self {
        Self(RateLimiter::keyed(Quota::per_minute(most)))
    }

    pub(crate) fn per_hour(most: NonZeroU32) -> Self {
        Self(RateLimiter::keyed(Quota::per_hour(most)))
    }

    /// Counts one.
    ///
    /// # Errors
    /// 429 with the seconds after which there is room again; `what` there was too much of.
    pub(crate) fn check(&self, who: &K, what: &str) -> Result<(), Problem> {
        if self.0.len() > REMEMBERED {
            self.0.retain_recent();
        }
        self.0.check_key(who).map_err(|until| {
            let seconds = until.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
            Problem { retry_after: Some(seconds), ..Problem::new(Code::TooMany) }
                .because(format!("{what}; try again in {seconds} seconds"))
        })
    }
}

/// What requests are counted by.
pub(crate) struct Rates {
    address: Rate<IpAddr>,
    account: Rate<Id>,
    key: Rate<Id>,
}

impl Rates {
    pub(crate) fn new(settings: RateSettings) -> Self {
        Self {
            address: Rate::per_minute(settings.address),
            account: Rate::per_minute(settings.account),
            key: Rate::per_minute(settings.key),
        }
    }

    /// Counts a request from an address.
    pub(crate) fn from(&self, address: IpAddr) -> Result<(), Problem> {
        self.address.check(&network(address), "too many requests from your address")
    }

    /// Counts a request of somebody who has been recognised.
    pub(crate) fn of(&self, actor: Actor) -> Result<(), Problem> {
        match actor {
            Actor::Account(id) => self.account.check(&id, "too many requests of your account"),
            Actor::Key(id) => self.key.check(&id, "too many requests with this key"),
            Actor::System => Ok(()),
        }
    }
}

/// What one subscriber has: an address of version 4, or the 2⁶⁴ of version 6 that share their first half.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn addresses_of_one_subscriber_are_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.7"));
        assert_ne!(of("203.0.113.7"), of("203.0.113.8"));
    }
}
