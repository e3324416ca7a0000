//! Tables, roles and privileges.

use fithire_kernel::db::{GlobalTable, ScopedTable};
use fithire_kernel::scope::Privilege;
use sea_query::Iden;

#[derive(Iden, Clone, Copy)]
pub(crate) enum Accounts {
    Table,
    Id,
    Email,
    Name,
    PasswordHash,
    Brands,
    Disabled,
    CreatedAt,
    EmailConfirmedAt,
    SignedOutAt,
    EraseAfter,
}

impl GlobalTable for Accounts {
    const TABLE: Self = Self::Table;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum SigningKeys {
    Table,
    Kid,
    PrivatePem,
    CreatedAt,
}

impl GlobalTable for SigningKeys {
    const TABLE: Self = Self::Table;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum Identities {
    Table,
    Issuer,
    Subject,
    AccountId,
    UpdatedAt,
    LinkedAt,
    Banned,
    Deleted,
}

impl GlobalTable for Identities {
    const TABLE: Self = Self::Table;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum WebhookMessages {
    Table,
    Issuer,
    Id,
    TakenAt,
}

impl GlobalTable for WebhookMessages {
    const TABLE: Self = Self::Table;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum EmailCodes {
    Table,
    SecretHash,
    AccountId,
    Purpose,
    Email,
    ExpiresAt,
}

impl GlobalTable for EmailCodes {
    const TABLE: Self = Self::Table;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum Arrivals {
    Table,
    BrandId,
    Issuer,
    Subject,
    Belongs,
    HeardAt,
    Joined,
}

impl ScopedTable for Arrivals {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum Memberships {
    Table,
    BrandId,
    AccountId,
    Role,
    RegionId,
    LocationId,
    CreatedAt,
}

impl ScopedTable for Memberships {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum ApiKeys {
    Table,
    BrandId,
    Id,
    Name,
    Role,
    RegionId,
    LocationId,
    SecretHash,
    CreatedBy,
    CreatedAt,
    ExpiresAt,
    RevokedAt,
    UsedAt,
}

impl ScopedTable for ApiKeys {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum Invitations {
    Table,
    BrandId,
    Id,
    Email,
    Role,
    RegionId,
    LocationId,
    SecretHash,
    CreatedBy,
    CreatedAt,
    ExpiresAt,
    EndedAt,
}

impl ScopedTable for Invitations {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

/// What someone is in a brand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Has a profile and looks for jobs.
    Coach,
    /// Has jobs and looks for coaches.
    Manager,
    /// Looks after the brand.
    Admin,
}

impl Role {
    /// As the database has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coach => "coach",
            Self::Manager => "manager",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        [Self::Coach, Self::Manager, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// Declares privileges and the roles that have them: the access table of services.
macro_rules! privileges {
    ($($(#[$doc:meta])* $name:ident for $($role:ident)|+;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Privilege for $name {
            const NAME: &'static str = stringify!($name);
        }

        impl Held for $name {
            fn by(role: Role) -> bool {
                matches!(role, $(Role::$role)|+)
            }
        }
    )*};
}

/// Which roles hold a privilege. Default deny: a privilege names its roles, all others lack it.
pub trait Held: Privilege {
    /// Whether the role holds it.
    fn by(role: Role) -> bool;
}

privileges! {
    /// Create, change and deactivate jobs.
    ManageJobs for Manager | Admin;
    /// Have a profile and look for jobs by the pages of coaches.
    BeCoach for Coach;
    /// See every coach of the brand: coaches travel, so limits to a region do not hide them.
    ViewCoaches for Manager | Admin;
    /// Add coaches to the brand and change what is known of any.
    ManageCoaches for Manager | Admin;
    /// Decide what certificates prove and which profiles are approved, and rate what videos show.
    ReviewCoaches for Admin;
    /// Add people to the brand and change what they may do.
    ManageMembers for Admin;
    /// Change the brand itself: its places, its words for teaching styles, its link for signing up.
    ManageBrand for Admin;
    /// Say which programs are told of what happens, and see what was sent to them.
    ManageWebhooks for Admin;
}
