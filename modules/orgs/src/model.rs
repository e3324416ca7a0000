//! Tables and rows.

use fithire_kernel::db::{GlobalTable, ScopedTable};
use fithire_kernel::ids::Id;
use sea_query::Iden;
use sqlx::FromRow;

#[derive(Iden, Clone, Copy)]
pub(crate) enum Brands {
    Table,
    Id,
    Slug,
    Name,
    TimeZone,
    SignUpLink,
    CreatedAt,
}

impl GlobalTable for Brands {
    const TABLE: Self = Self::Table;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum Regions {
    Table,
    BrandId,
    Id,
    Name,
    CreatedAt,
}

impl ScopedTable for Regions {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum Locations {
    Table,
    BrandId,
    Id,
    RegionId,
    Name,
    TimeZone,
    PostalCode,
    Latitude,
    Longitude,
    CreatedAt,
}

impl ScopedTable for Locations {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(Iden, Clone, Copy)]
pub(crate) enum StyleDimensions {
    Table,
    BrandId,
    Id,
    Name,
    Low,
    High,
    CreatedAt,
}

impl ScopedTable for StyleDimensions {
    const TABLE: Self = Self::Table;
    const BRAND_ID: Self = Self::BrandId;
}

#[derive(FromRow)]
pub(crate) struct BrandRow {
    pub(crate) id: Id,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) time_zone: String,
    pub(crate) sign_up_link: Option<String>,
}

#[derive(FromRow)]
pub(crate) struct RegionRow {
    pub(crate) id: Id,
    pub(crate) name: String,
}

#[derive(FromRow)]
pub(crate) struct LocationRow {
    pub(crate) id: Id,
    pub(crate) region_id: Id,
    pub(crate) name: String,
    pub(crate) time_zone: String,
    pub(crate) postal_code: Option<String>,
    pub(crate) latitude: Option<f64>,
    pub(crate) longitude: Option<f64>,
}
