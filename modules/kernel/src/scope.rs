//! Who may reach which brand.
//!
//! A [`BrandScope`] is the only key to a brand's rows. It has private fields, no default and no reader: it is
//! minted by whoever has proved a right to it (a verified session, token or task) and by tests, through
//! [`BrandScope::mint`]; a check of the sources lists the callers. A privilege is a parameter type:
//! `Allowed<ManageJobs>` cannot be had without the check, so a service that takes one has been checked.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::ops::Deref;

use crate::ids::Id;

/// The right to reach one brand's rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrandScope {
    brand_id: Id,
    actor: Actor,
    origin: Option<IpAddr>,
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A signed-in account.
    Account(Id),
    /// A program with a key of the brand.
    Key(Id),
    /// The program itself: a task, an import from the command line.
    System,
}

impl BrandScope {
    /// A scope for an actor whose right to the brand has been proved.
    #[must_use]
    pub fn mint(brand_id: Id, actor: Actor) -> Self {
        Self { brand_id, actor, origin: None }
    }

    /// The same for somebody who acts from an address.
    #[must_use]
    pub fn from(self, origin: Option<IpAddr>) -> Self {
        Self { origin, ..self }
    }

    /// From where the actor acts, where that is known.
    #[must_use]
    pub fn origin(&self) -> Option<IpAddr> {
        self.origin
    }

    /// The brand.
    #[must_use]
    pub fn brand_id(&self) -> Id {
        self.brand_id
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.actor
    }
}

/// The right to list brands for a sweep over all of them, and to nothing else.
#[derive(Debug)]
pub struct SystemScope(&'static str);

impl SystemScope {
    /// For a sweep that says why it is one.
    #[must_use]
    pub fn new(reason: &'static str) -> Self {
        Self(reason)
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.0
    }
}

/// The part of a brand that a membership reaches; nothing set reaches all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// This region only.
    pub region_id: Option<Id>,
    /// This location only; it goes before a region.
    pub location_id: Option<Id>,
}

impl Limits {
    /// Whether a location of a region is within them.
    #[must_use]
    pub fn reach(self, region_id: Id, location_id: Id) -> bool {
        match (self.location_id, self.region_id) {
            (Some(only), _) => only == location_id,
            (None, Some(only)) => only == region_id,
            (None, None) => true,
        }
    }
}

/// Something that only some may do.
pub trait Privilege {
    /// Its name, for logs and the access table.
    const NAME: &'static str;
}

/// Proof that the actor of a scope holds a privilege, within limits; dereferences to the scope.
#[derive(Debug)]
pub struct Allowed<P> {
    scope: BrandScope,
    limits: Limits,
    privilege: PhantomData<fn() -> P>,
}

impl<P: Privilege> Allowed<P> {
    /// Proof for a scope whose actor has been checked.
    #[must_use]
    pub fn mint(scope: BrandScope, limits: Limits) -> Self {
        Self { scope, limits, privilege: PhantomData }
    }

    /// The part of the brand in which the privilege is held.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }
}

impl<P> Deref for Allowed<P> {
    type Target = BrandScope;

    fn deref(&self) -> &BrandScope {
        &self.scope
    }
}
