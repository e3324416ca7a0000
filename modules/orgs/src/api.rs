//! `GET /brands`, `/brands/{id}/regions`, `/brands/{id}/locations`.

use fithire_identity::{Caller, Signed};
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::paging::page_size;
use fithire_kernel::problem::{Code, Problem};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi, Tags};

use crate::model::{BrandRow, LocationRow, RegionRow};
use crate::service;

/// The operations on organisations.
pub struct Api;

/// A brand.
#[derive(Object)]
struct Brand {
    id: Id,
    /// Its name in addresses.
    slug: String,
    name: String,
    /// IANA name; "today" is today there.
    time_zone: String,
}

/// A region of a brand.
#[derive(Object)]
struct Region {
    id: Id,
    name: String,
}

/// A place where a brand has jobs.
#[derive(Object)]
struct Location {
    id: Id,
    region_id: Id,
    name: String,
    /// IANA name; the times of its jobs are local to it.
    time_zone: String,
    #[oai(skip_serializing_if_is_none)]
    postal_code: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    latitude: Option<f64>,
    #[oai(skip_serializing_if_is_none)]
    longitude: Option<f64>,
}

/// Declares a page of a list.
macro_rules! page {
    ($name:ident of $item:ident) => {
        /// A page of a list.
        #[derive(Object)]
        struct $name {
            items: Vec<$item>,
            /// Where the next page begins; null on the last.
            next_cursor: Option<String>,
        }
    };
}
page!(Brands of Brand);
page!(Regions of Region);
page!(Locations of Location);

impl From<BrandRow> for Brand {
    fn from(row: BrandRow) -> Self {
        Self { id: row.id, slug: row.slug, name: row.name, time_zone: row.time_zone }
    }
}

impl From<RegionRow> for Region {
    fn from(row: RegionRow) -> Self {
        Self { id: row.id, name: row.name }
    }
}

impl From<LocationRow> for Location {
    fn from(row: LocationRow) -> Self {
        Self {
            id: row.id,
            region_id: row.region_id,
            name: row.name,
            time_zone: row.time_zone,
            postal_code: row.postal_code,
            latitude: row.latitude,
            longitude: row.longitude,
        }
    }
}

/// Where the document lists them.
#[derive(Tags)]
enum Tag {
    /// The brand with its regions and locations.
    Organisation,
}

#[OpenApi(tag = "Tag::Organisation")]
impl Api {
    /// Brands
    ///
    /// The brands that the token opens: the one that it was issued for.
    #[oai(path = "/brands", method = "get", operation_id = "list_brands")]
    async fn list_brands(&self, signed: Signed, db: Data<&Db>) -> Result<Json<Brands>, Problem> {
        let brand = service::brand(&db, signed.0.scope().brand_id()).await?;
        Ok(Json(Brands { items: brand.into_iter().map(Brand::from).collect(), next_cursor: None }))
    }

    /// Regions of a brand, by name
    #[oai(path = "/brands/:id/regions", method = "get", operation_id = "list_regions")]
    async fn list_regions(
        &self,
        signed: Signed,
        db: Data<&Db>,
        id: Path<Id>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Regions>, Problem> {
        own(&signed.0, id.0)?;
        let mut tx = db.read(signed.0.scope()).await?;
        let (rows, next_cursor) = service::regions(&mut tx, page_size(limit.0)?, cursor.0.as_deref()).await?;
        Ok(Json(Regions { items: rows.into_iter().map(Region::from).collect(), next_cursor }))
    }

    /// Locations of a brand, by name
    #[oai(path = "/brands/:id/locations", method = "get", operation_id = "list_locations")]
    async fn list_locations(
        &self,
        signed: Signed,
        db: Data<&Db>,
        id: Path<Id>,
        /// Only those of this region.
        region_id: Query<Option<Id>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Locations>, Problem> {
        own(&signed.0, id.0)?;
        let mut tx = db.read(signed.0.scope()).await?;
        let (rows, next_cursor) =
            service::locations(&mut tx, region_id.0, page_size(limit.0)?, cursor.0.as_deref()).await?;
        Ok(Json(Locations { items: rows.into_iter().map(Location::from).collect(), next_cursor }))
    }
}

/// Another brand answers like one that is not there.
fn own(caller: &Caller, brand_id: Id) -> Result<(), Problem> {
    if caller.scope().brand_id() == brand_id { Ok(()) } else { Err(Problem::new(Code::NotFound)) }
}
