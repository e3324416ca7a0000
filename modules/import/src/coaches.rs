//! coaches.csv: one coach a row.

use fithire_scoring::facts::{Coach, Point, Zone};

use crate::cells;
use crate::places::{self, Place};
use crate::table::{self, Cells, Problem};

/// Every column that the file may have.
pub const COLUMNS: [&str; 20] = [
    "external_id",
    "name",
    "email",
    "phone",
    "postal_code",
    "city",
    "region",
    "country",
    "latitude",
    "longitude",
    "radius_km",
    "time_zone",
    "bio",
    "languages",
    "certifications",
    "positions",
    "taught",
    "free",
    "if_needed",
    "style",
];

/// One coach.
#[derive(Clone, Debug)]
pub struct Row {
    /// The brand's own id; the same one again updates.
    pub external_id: String,
    /// Full name.
    pub name: String,
    /// Address of the account.
    pub email: String,
    /// As written.
    pub phone: Option<String>,
    /// As written.
    pub bio: Option<String>,
    /// As written.
    pub languages: Option<String>,
    /// Where the coach lives.
    pub address: Address,
    /// What is scored.
    pub facts: Coach,
}

/// A place as people write it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// As written.
    pub postal_code: Option<String>,
    /// As written.
    pub city: Option<String>,
    /// State or province, as written.
    pub region: Option<String>,
    /// As written.
    pub country: Option<String>,
}

/// The place in a row of either file, as it stands there.
pub(crate) fn address(cells: &mut Cells<'_>) -> Address {
    Address {
        postal_code: cells.owned("postal_code", 20),
        city: cells.owned("city", 100),
        region: cells.owned("region", 100),
        country: cells.owned("country", 100),
    }
}

/// Reads the file; `progress` is told the bytes read so far.
///
/// # Errors
/// Every problem of the file, in row order.
pub fn read(bytes: &[u8], progress: &mut dyn FnMut(u64)) -> Result<Vec<Row>, Vec<Problem>> {
    table::read(bytes, &COLUMNS, &COLUMNS[..3], progress, row)
}

fn row(cells: &mut Cells<'_>) -> Row {
    let place = place(cells);
    let point = point(cells).or(place.map(|place| place.point));
    Row {
        external_id: cells.needed("external_id", 100),
        name: cells.needed("name", 200),
        email: email(cells),
        phone: cells.owned("phone", 50),
        bio: cells.owned("bio", 5_000),
        languages: cells.owned("languages", 200),
        address: address(cells),
        facts: Coach {
            point,
            tz: cells
                .parse("time_zone", Zone::named)
                .or(place.map(|place| place.zone))
                .or_else(|| point.and_then(places::zone_near)),
            radius_m: cells.parse("radius_km", |cell| {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1..=20100000")]
                cells::number(cell, 0.001, 20_100.0).map(|km| (km * 1_000.0).round() as u64)
            }),
            holdings: cells.parse("certifications", cells::holdings).unwrap_or_default(),
            positions: cells.parse("positions", cells::positions).unwrap_or_default(),
            taught: cells.parse("taught", cells::taught).unwrap_or_default(),
            free: cells.parse("free", cells::availability),
            if_needed: cells.parse("if_needed", cells::availability),
            style: cells.parse("style", cells::ratings).unwrap_or_default(),
            engagement: None,
        },
    }
}

fn email(cells: &mut Cells<'_>) -> String {
    let email = cells.needed("email", 320);
    let (local, domain) = email.split_once('@').unwrap_or_default();
    if !email.is_empty()
        && (local.is_empty()
            || domain.is_empty()
            || domain.contains('@')
            || email.contains(char::is_whitespace))
    {
        cells.problem("email", format!("`{email}` is not an e-mail address"));
    }
    email
}

/// The coordinates given in a row of either file; one without the other is a problem.
pub(crate) fn point(cells: &mut Cells<'_>) -> Option<Point> {
    let lat = cells.parse("latitude", |cell| cells::number(cell, -90.0, 90.0));
    let lon = cells.parse("longitude", |cell| cells::number(cell, -180.0, 180.0));
    match (cells.text("latitude"), cells.text("longitude")) {
        (Some(_), None) => cells.problem("longitude", "is empty beside a latitude".to_owned()),
        (None, Some(_)) => cells.problem("latitude", "is empty beside a longitude".to_owned()),
        _ => {}
    }
    Point::new(lat?, lon?).ok()
}

/// The place that postal code and city name in a row of either file. Coordinates win where they are given, so
/// what is not known beside them is no problem.
pub(crate) fn place(cells: &mut Cells<'_>) -> Option<Place> {
    let country = cells.parse("country", places::country_code);
    let (code, city, region) = (cells.text("postal_code"), cells.text("city"), cells.text("region"));
    match places::find(code, city, region, country.as_deref()) {
        Ok(place) => place,
        Err(_) if cells.text("latitude").is_some() => None,
        Err((column, message)) => {
            cells.problem(column, message);
            None
        }
    }
}
