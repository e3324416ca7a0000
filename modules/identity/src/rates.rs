//! How much anyone may ask: so many requests a minute for one address, one account and one key, and far fewer attempts to
//! sign in. Whoever has been quiet may ask a minute's worth at once.
//!
//! Each process counts for itself: behind a balancer, what several let through adds up.
//!
//! What is left is told in the headers `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers), one item for each
//! way in which a request was counted ([`Counted`]).

use std::fmt::Write as _;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::Actor;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use poem::http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

/// So many remembered, and those that have recovered are forgotten.
const REMEMBERED: usize = 10_000;
/// Looking for those takes time: it is done once in so many requests.
const LOOKS: u32 = 4_096;

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
pub(crate) struct Rate<K: Clone + Hash + Eq> {
    limiter: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>,
    most: NonZeroU32,
    counted: AtomicU32,
}

impl<K: Clone + Hash + Eq> Rate<K> {
    pub(crate) fn per_minute(most: NonZeroU32) -> Self {
        Self::of(Quota::per_minute(most), most)
    }

    pub(crate) fn per_hour(most: NonZeroU32) -> Self {
        Self::of(Quota::per_hour(most), most)
    }

    fn of(quota: Quota, most: NonZeroU32) -> Self {
        let limiter = RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>();
        Self { limiter, most, counted: AtomicU32::new(0) }
    }

    /// Counts one, and says how many more there may be at once.
    ///
    /// # Errors
    /// 429 with the seconds after which there is room again; `what` there was too much of.
    pub(crate) fn check(&self, who: &K, what: &str) -> Result<u32, Problem> {
        let counted = self.counted.fetch_add(1, Ordering::Relaxed);
        if counted.is_multiple_of(LOOKS) && self.limiter.len() > REMEMBERED {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        match self.limiter.check_key(who) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(until) => {
                let seconds = until.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
                Err(Problem { retry_after: Some(seconds), ..Problem::new(Code::TooMany) }
                    .because(format!("{what}; try again in {seconds} seconds")))
            }
        }
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
    pub(crate) fn from(&self, address: IpAddr, counted: Option<&Counted>) -> Result<(), Problem> {
        let left = self.address.check(&network(address), "too many requests from your address");
        told(counted, "address", self.address.most, left)
    }

    /// Counts a request of somebody who has been recognised.
    pub(crate) fn of(&self, actor: Actor, counted: Option<&Counted>) -> Result<(), Problem> {
        match actor {
            Actor::Account(id) => {
                let left = self.account.check(&id, "too many requests of your account");
                told(counted, "account", self.account.most, left)
            }
            Actor::Key(id) => {
                let left = self.key.check(&id, "too many requests with this key");
                told(counted, "key", self.key.most, left)
            }
            Actor::System => Ok(()),
        }
    }
}

/// Notes what is left, for the answer.
fn told(
    counted: Option<&Counted>,
    policy: &'static str,
    most: NonZeroU32,
    left: Result<u32, Problem>,
) -> Result<(), Problem> {
    let item = Item {
        policy,
        most: most.get(),
        left: left.as_ref().copied().unwrap_or_default(),
        wait: left.as_ref().err().and_then(|problem| problem.retry_after),
    };
    if let Some(Counted(items)) = counted {
        items.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }
    left.map(|_| ())
}

/// In which ways a request was counted, and what was left of each.
#[derive(Clone, Debug, Default)]
pub struct Counted(Arc<Mutex<Vec<Item>>>);

#[derive(Clone, Copy, Debug)]
struct Item {
    policy: &'static str,
    /// A minute.
    most: u32,
    left: u32,
    /// Seconds until there is room for one, where there is none.
    wait: Option<u64>,
}

impl Item {
    /// Seconds after which everything is there again, or where nothing is left, one.
    fn seconds(self) -> u64 {
        let gone = u64::from(self.most.saturating_sub(self.left));
        self.wait.unwrap_or_else(|| (gone * 60).div_ceil(u64::from(self.most)))
    }
}

impl Counted {
    /// Tells it in the headers of an answer.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut policy, mut limit) = (String::with_capacity(64), String::with_capacity(64));
        for item in items.iter() {
            let comma = if policy.is_empty() { "" } else { ", " };
            // Writing to a string does not fail.
            let _ = write!(policy, "{comma}\"{}\";q={};w=60", item.policy, item.most);
            let _ = write!(limit, "{comma}\"{}\";r={};t={}", item.policy, item.left, item.seconds());
        }
        for (name, text) in [("ratelimit-policy", policy), ("ratelimit", limit)] {
            if let Ok(value) = HeaderValue::from_str(&text)
                && !text.is_empty()
            {
                headers.insert(HeaderName::from_static(name), value);
            }
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
    use std::num::NonZeroU32;

    use fithire_kernel::scope::Actor;
    use poem::http::HeaderMap;

    use super::{Counted, RateSettings, Rates, network};

    #[test]
    fn what_is_left_is_told() {
        let few = |n| NonZeroU32::new(n).unwrap();
        let rates = Rates::new(RateSettings { address: few(60), account: few(2), key: few(1) });
        let told = |outcome: &dyn Fn(&Counted) -> bool| {
            let (counted, mut headers) = (Counted::default(), HeaderMap::new());
            let admitted = outcome(&counted);
            counted.tell(&mut headers);
            (
                admitted,
                ["ratelimit-policy", "ratelimit"].map(|name| headers[name].to_str().unwrap().to_owned()),
            )
        };
        let from = "203.0.113.7".parse().unwrap();
        let once = |counted: &Counted| {
            rates.from(from, Some(counted)).is_ok() && rates.of(Actor::Account(1), Some(counted)).is_ok()
        };
        let (admitted, [policy, limit]) = told(&once);
        assert!(admitted);
        assert_eq!(policy, "\"address\";q=60;w=60, \"account\";q=2;w=60");
        assert_eq!(limit, "\"address\";r=59;t=1, \"account\";r=1;t=30");
        told(&once);
        let (admitted, [_, limit]) = told(&once);
        assert!(!admitted);
        assert!(limit.starts_with("\"address\";r=57;t=3, \"account\";r=0;t="), "{limit}");
        assert!(HeaderMap::new().is_empty());
    }

    #[test]
    fn addresses_of_one_subscriber_are_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.7"));
        assert_ne!(of("203.0.113.7"), of("203.0.113.8"));
    }
}
