//! What can be done with brands, regions and locations.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use fithire_identity::ManageBrand;
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Glimpse, Tx, Within};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::paging::Asked;
use fithire_kernel::problem::{Code, Problem, breaks};
use fithire_kernel::scope::{Actor, Allowed, BrandScope, Limits, SystemScope};
use fithire_kernel::tasks::{self, NewTask};
use fithire_scoring::facts::Zone;
use fithire_scoring::wording;
use sea_query::{Expr, ExprTrait, OnConflict, Order, SelectStatement, SimpleExpr};
use serde::Serialize;
use serde_json::json;

use crate::model::{BrandRow, Brands, LocationRow, Locations, RegionRow, Regions};

/// A brand to be.
#[derive(Clone, Debug)]
pub struct NewBrand {
    /// Its name in addresses: lower-case letters, digits and dashes.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// IANA name; "today" is today there.
    pub time_zone: String,
}

/// Makes a brand and answers its id.
///
/// # Errors
/// When the slug is taken or not one.
pub async fn create_brand(db: &Db, clock: &Clock, ids: &Ids, new: NewBrand) -> Result<Id, Problem> {
    let id = ids.next();
    let mut tx = db.write(&BrandScope::mint(id, Actor::System)).await?;
    insert_brand(&mut tx, clock, id, new).await?;
    tx.commit().await?;
    Ok(id)
}

/// Makes a brand in a transaction.
pub(crate) async fn insert_brand(tx: &mut Tx, clock: &Clock, id: Id, new: NewBrand) -> Result<(), Problem> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if new.slug.is_empty() || new.slug.len() > 40 || !new.slug.chars().all(plain) {
        return Err(Problem::field("/slug", "is not made of 1 to 40 lower-case letters, digits and dashes"));
    }
    let columns = [Brands::Id, Brands::Slug, Brands::Name, Brands::TimeZone, Brands::CreatedAt];
    let row = vec![id.into(), new.slug.into(), new.name.into(), new.time_zone.into(), clock.now().into()];
    let insert = tx.insert_global(&columns, [row]);
    tx.run(&insert).await.map_err(|error| {
        if breaks(&error, "brands_slug", "brands.slug") {
            Problem::new(Code::Conflict).because("a brand of this name is there already")
        } else {
            error.into()
        }
    })?;
    Ok(())
}

/// The brand of a slug.
///
/// # Errors
/// When there is none; the sentence names the nearest.
pub async fn find_brand(db: &Db, slug: &str) -> Result<Id, Problem> {
    let mut tx = db.read_global().await?;
    let mut select = tx.select(Brands::Table);
    select.columns([Brands::Slug, Brands::Id]).order_by(Brands::Slug, Order::Asc);
    let brands: Vec<(String, Id)> = tx.all(&select).await?;
    brands.iter().find(|(other, _)| other == slug).map(|(_, id)| *id).ok_or_else(|| {
        Problem::field(
            "/brand",
            wording::unknown("brand", slug, brands.iter().map(|(slug, _)| slug.as_str())),
        )
    })
}

/// The region of that name, made when it is missing.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn region(tx: &mut Tx, ids: &Ids, now: DateTime<Utc>, name: &str) -> Result<Id, Problem> {
    let columns = [Regions::Id, Regions::Name, Regions::CreatedAt];
    let mut insert = tx.insert(&columns, [vec![ids.next().into(), name.into(), now.into()]]);
    // An update that changes nothing, so that the row's id comes back either way.
    let same = OnConflict::columns([Regions::BrandId, Regions::Name]).update_column(Regions::Name).to_owned();
    insert.on_conflict(same).returning_col(Regions::Id);
    returned(tx, &insert).await
}

/// Where a location is.
#[derive(Clone, Debug)]
pub struct Located {
    /// What people call it.
    pub name: String,
    /// IANA name.
    pub time_zone: String,
    /// As written.
    pub postal_code: Option<String>,
    /// Latitude and longitude in degrees.
    pub point: Option<(f64, f64)>,
}

/// The location of that name, made or moved to where it is said to be.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn location(
    tx: &mut Tx,
    ids: &Ids,
    now: DateTime<Utc>,
    region_id: Id,
    located: Located,
) -> Result<Id, Problem> {
    use Locations::{CreatedAt, Latitude, Longitude, Name, PostalCode, RegionId, TimeZone};
    let columns = [Locations::Id, RegionId, Name, TimeZone, PostalCode, Latitude, Longitude, CreatedAt];
    let (latitude, longitude) = located.point.unzip();
    let row = vec![
        ids.next().into(),
        region_id.into(),
        located.name.into(),
        located.time_zone.into(),
        located.postal_code.into(),
        latitude.into(),
        longitude.into(),
        now.into(),
    ];
    let mut insert = tx.insert(&columns, [row]);
    let moved = OnConflict::columns([Locations::BrandId, Name])
        .update_columns([RegionId, TimeZone, PostalCode, Latitude, Longitude])
        .to_owned();
    insert.on_conflict(moved).returning_col(Locations::Id);
    returned(tx, &insert).await
}

async fn returned(tx: &mut Tx, insert: &sea_query::InsertStatement) -> Result<Id, Problem> {
    let row: Option<(Id,)> = tx.optional(insert).await?;
    row.map(|(id,)| id).ok_or_else(|| Problem::internal(&"an upsert returned no row"))
}

/// Today, where the brand is.
///
/// # Errors
/// When the database cannot be reached or has no such brand.
pub async fn today(db: &Db, clock: &Clock, brand_id: Id) -> Result<NaiveDate, Problem> {
    let brand = brand(db, brand_id).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let zone = Zone::named(&brand.time_zone).map_err(|message| Problem::internal(&message))?;
    Ok(zone.day_at(clock.now()))
}

/// The moment at which the next day begins where the brand is.
///
/// # Errors
/// When the database cannot be reached or has no such brand.
pub async fn next_midnight(tx: &mut Tx, clock: &Clock) -> Result<DateTime<Utc>, Problem> {
    let zone: Option<(String,)> = tx.optional(&ask_zone(tx)).await?;
    let (zone,) = zone.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Zone::named(&zone).map_err(|message| Problem::internal(&message))?.next(clock.now(), 0))
}

/// The task by which a brand's matches are worked out again.
pub const CHANGED: &str = "matches.rescore";

/// Says that something has changed on which matches rest: they are worked out again once this transaction is committed.
///
/// # Errors
/// When the database refuses or cannot be reached.
pub async fn changed(tx: &mut Tx, tools: (&Clock, &Ids)) -> Result<(), Problem> {
    tasks::enqueue(tx, tools, NewTask::new(CHANGED, serde_json::json!({})).keyed("")).await
}

/// Asks for the brand's time zone; [`today_there`] reads the answer.
#[must_use]
pub fn ask_zone(within: &Within) -> SelectStatement {
    let mut select = within.select_global(Brands::Table);
    select.column(Brands::TimeZone).and_where(Expr::col(Brands::Id).eq(within.scope().brand_id()));
    select
}

/// Asks for the brand's name, which is a text.
#[must_use]
pub fn ask_name(within: &Within) -> SelectStatement {
    let mut select = within.select_global(Brands::Table);
    select.column(Brands::Name).and_where(Expr::col(Brands::Id).eq(within.scope().brand_id()));
    select
}

/// The day in the brand's time zone, as [`ask_zone`] has asked.
///
/// # Errors
/// When the database has no such brand.
pub fn today_there(seen: &mut Glimpse, clock: &Clock) -> Result<NaiveDate, Problem> {
    let (zone,): (String,) = seen.optional()?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Zone::named(&zone).map_err(|message| Problem::internal(&message))?.day_at(clock.now()))
}

/// Asks for a location of the brand by its id; [`location_there`] reads the answer.
#[must_use]
pub fn ask_location(within: &Within, id: SimpleExpr) -> SelectStatement {
    let mut select = within.select(Locations::Table);
    select.columns(LOCATED).and_where(Expr::col(Locations::Id).eq(id));
    select
}

/// The location that [`ask_location`] has asked for, with its id and that of its region.
///
/// # Errors
/// When the database gives something else.
pub fn location_there(seen: &mut Glimpse) -> Result<Option<(Id, Id, Located)>, Problem> {
    let row: Option<LocationRow> = seen.optional()?;
    Ok(row.map(|row| (row.id, row.region_id, row.located())))
}

const LOCATED: [Locations; 7] = [
    Locations::Id,
    Locations::RegionId,
    Locations::Name,
    Locations::TimeZone,
    Locations::PostalCode,
    Locations::Latitude,
    Locations::Longitude,
];

impl LocationRow {
    fn located(self) -> Located {
        Located {
            name: self.name,
            time_zone: self.time_zone,
            postal_code: self.postal_code,
            point: self.latitude.zip(self.longitude),
        }
    }
}

/// Where a location of the brand is; `None` where there is none of that id.
///
/// # Errors
/// When the database cannot be reached.
pub async fn find_location(tx: &mut Tx, id: Id) -> Result<Option<Located>, Problem> {
    let row: Option<LocationRow> = tx.optional(&ask_location(tx, Expr::value(id))).await?;
    Ok(row.map(LocationRow::located))
}

/// The brand's locations by name.
///
/// # Errors
/// When the database cannot be reached.
pub async fn location_names(tx: &mut Tx) -> Result<BTreeMap<String, Id>, Problem> {
    let mut select = tx.select(Locations::Table);
    select.columns([Locations::Name, Locations::Id]);
    let rows: Vec<(String, Id)> = tx.all(&select).await?;
    Ok(rows.into_iter().collect())
}

/// The locations that limits reach; `None` is every one.
///
/// # Errors
/// When the database cannot be reached.
pub async fn reached(tx: &mut Tx, limits: Limits) -> Result<Option<Vec<Id>>, Problem> {
    if let Some(location_id) = limits.location_id {
        return Ok(Some(vec![location_id]));
    }
    let Some(region_id) = limits.region_id else { return Ok(None) };
    let mut select = tx.select(Locations::Table);
    select.column(Locations::Id).and_where(Expr::col(Locations::RegionId).eq(region_id));
    let rows: Vec<(Id,)> = tx.all(&select).await?;
    Ok(Some(rows.into_iter().map(|(id,)| id).collect()))
}

/// The brand of an id.
pub(crate) async fn brand(db: &Db, id: Id) -> Result<Option<BrandRow>, Problem> {
    let mut tx = db.read_global().await?;
    let mut select = tx.select(Brands::Table);
    select
        .columns([Brands::Id, Brands::Slug, Brands::Name, Brands::TimeZone, Brands::SignUpLink])
        .and_where(Expr::col(Brands::Id).eq(id));
    Ok(tx.optional(&select).await?)
}

/// A page of regions by name.
pub(crate) async fn regions(
    tx: &mut Tx,
    limit: u64,
    cursor: Option<&str>,
) -> Result<(Vec<RegionRow>, Option<String>), Problem> {
    let mut select = tx.select(Regions::Table);
    select.columns([Regions::Id, Regions::Name]);
    let asked = Asked { list: "regions", order: Order::Asc, limit, cursor };
    asked.by(tx, select, (Regions::Name, Regions::Id), |row: &RegionRow| (row.name.clone(), row.id)).await
}

/// A page of locations by name, of one region where it is given.
pub(crate) async fn locations(
    tx: &mut Tx,
    region_id: Option<Id>,
    limit: u64,
    cursor: Option<&str>,
) -> Result<(Vec<LocationRow>, Option<String>), Problem> {
    use Locations::{Id as Key, Latitude, Longitude, Name, PostalCode, RegionId, TimeZone};
    let mut select = tx.select(Locations::Table);
    select.columns([Key, RegionId, Name, TimeZone, PostalCode, Latitude, Longitude]);
    if let Some(region_id) = region_id {
        select.and_where(Expr::col(RegionId).eq(region_id));
    }
    let asked = Asked { list: "locations", order: Order::Asc, limit, cursor };
    asked.by(tx, select, (Name, Key), |row: &LocationRow| (row.name.clone(), row.id)).await
}

/// A region with its locations.
#[derive(Debug, Serialize)]
pub(crate) struct Branch {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) locations: Vec<Leaf>,
}

/// A location in its region.
#[derive(Debug, Serialize)]
pub(crate) struct Leaf {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) time_zone: String,
    /// Where the name does not say it already.
    pub(crate) postal_code: Option<String>,
    /// Whether distances to it can be known.
    pub(crate) placed: bool,
}

/// The regions of the brand with their locations, each by name.
pub(crate) async fn tree(tx: &mut Tx) -> Result<Vec<Branch>, Problem> {
    let (regions, _) = regions(tx, EVERY, None).await?;
    let (locations, _) = locations(tx, None, EVERY, None).await?;
    let mut leaves: BTreeMap<Id, Vec<Leaf>> = BTreeMap::new();
    for location in locations {
        leaves.entry(location.region_id).or_default().push(Leaf {
            id: location.id,
            postal_code: location.postal_code.filter(|code| !location.name.contains(&**code)),
            name: location.name,
            time_zone: location.time_zone,
            placed: location.latitude.is_some(),
        });
    }
    let branch = |region: RegionRow| Branch {
        locations: leaves.remove(&region.id).unwrap_or_default(),
        id: region.id,
        name: region.name,
    };
    Ok(regions.into_iter().map(branch).collect())
}

/// More regions or locations than a page shows.
const EVERY: u64 = 10_000;

/// Whether a text can be a name.
pub(crate) fn check_name(pointer: &str, name: &str) -> Result<(), Problem> {
    if name.is_empty() {
        return Err(Problem::field(pointer, "is missing; type a name"));
    }
    if name.chars().count() > 100 || name.contains(char::is_control) {
        return Err(Problem::field(
            pointer,
            "is longer than 100 characters, or has some that cannot be shown",
        ));
    }
    Ok(())
}

/// Changes what the brand is called and where "today" is.
pub(crate) async fn change_brand(
    db: &Db,
    tools: (&Clock, &Ids),
    allowed: &Allowed<ManageBrand>,
    name: &str,
    time_zone: &str,
) -> Result<(), Problem> {
    check_name("/name", name.trim())?;
    let zone = Zone::named(time_zone.trim()).map_err(|message| Problem::field("/time_zone", message))?;
    let mut tx = db.write(allowed).await?;
    let mut update = tx.update_global(Brands::Table);
    update
        .value(Brands::Name, name.trim())
        .value(Brands::TimeZone, zone.name())
        .and_where(Expr::col(Brands::Id).eq(allowed.brand_id()));
    tx.run(&update).await?;
    let event = Event::new("brand.changed", "brand", allowed.brand_id())
        .with(json!({"after": {"name": name.trim(), "time_zone": zone.name()}}));
    audit::record(&mut tx, tools, event).await?;
    tx.commit().await?;
    Ok(())
}

/// The brands of the installation, for a sweep over all of them.
///
/// # Errors
/// When the database cannot be reached.
pub async fn every_brand(db: &Db, sweep: &SystemScope) -> Result<Vec<BrandScope>, Problem> {
    tracing::trace!(reason = sweep.reason(), "brands are listed");
    let mut tx = db.read_global().await?;
    let mut select = tx.select(Brands::Table);
    select.column(Brands::Id).order_by(Brands::Id, Order::Asc);
    let rows: Vec<(Id,)> = tx.all(&select).await?;
    Ok(rows.into_iter().map(|(id,)| BrandScope::mint(id, Actor::System)).collect())
}

/// Whether coaches can sign up by a link of the brand.
///
/// # Errors
/// When the database cannot be reached.
pub async fn has_link(db: &Db, id: Id) -> Result<bool, Problem> {
    Ok(brand(db, id).await?.is_some_and(|brand| brand.sign_up_link.is_some()))
}

/// The name of a brand.
///
/// # Errors
/// When the database cannot be reached or has no such brand.
pub async fn brand_name(db: &Db, id: Id) -> Result<String, Problem> {
    Ok(brand(db, id).await?.ok_or_else(|| Problem::new(Code::NotFound))?.name)
}
