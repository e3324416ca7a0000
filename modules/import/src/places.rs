//! Where a postal code or a city is: coordinates and time zone from `data/`, GeoNames' (CC BY 4.0).
//!
//! A postal code is only a way to a coordinate and never scored. Names are matched whole; a name that stands for
//! several places is an error that lists them, never a guess.

use std::collections::HashMap;
use std::sync::LazyLock;

use csv::StringRecord;
use fithire_scoring::facts::{Point, Zone};

const ZIPS: &str = include_str!("../../../data/us_zip_centroids.csv");
const CITIES: &str = include_str!("../../../data/cities.csv");

/// The farthest that a point may be from a known place to take its time zone, in metres.
const ZONE_REACH_M: u32 = 200_000;

/// A place that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Its centre.
    pub point: Point,
    /// Its time zone.
    pub zone: Zone,
}

/// A US ZIP code's place.
#[derive(Clone, Debug)]
pub struct Zip {
    /// The two letters of its state.
    pub state: String,
    /// The middle of its area.
    pub place: Place,
}

/// A city as people write it.
#[derive(Clone, Debug)]
pub struct City {
    /// Its name.
    pub name: String,
    /// State or the like, as a short code.
    pub region: String,
    /// Two letters.
    pub country: String,
    /// Where it is.
    pub place: Place,
}

static ZIP_PLACES: LazyLock<HashMap<String, Zip>> = LazyLock::new(|| {
    rows(ZIPS)
        .map(|row| {
            (row[0].to_owned(), Zip { state: row[1].to_owned(), place: place(&row[2], &row[3], &row[4]) })
        })
        .collect()
});

static CITY_LIST: LazyLock<Vec<City>> = LazyLock::new(|| {
    rows(CITIES)
        .map(|row| City {
            name: row[1].to_owned(),
            region: row[2].to_owned(),
            country: row[3].to_owned(),
            place: place(&row[4], &row[5], &row[7]),
        })
        .collect()
});

/// Indexes into [`CITY_LIST`] by folded name, most populous first.
static CITIES_BY_NAME: LazyLock<HashMap<String, Vec<usize>>> = LazyLock::new(|| {
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, city) in CITY_LIST.iter().enumerate() {
        by_name.entry(folded(&city.name)).or_default().push(index);
    }
    by_name
});

/// The rows of a table of the reference data.
fn rows(csv: &'static str) -> impl Iterator<Item = StringRecord> {
    csv::Reader::from_reader(csv.as_bytes())
        .into_records()
        .map(|row| row.expect("the tables of places are well formed"))
}

fn place(lat: &str, lon: &str, zone: &str) -> Place {
    let degrees = |text: &str| text.parse().expect("coordinates of the places are numbers");
    Place {
        point: Point::new(degrees(lat), degrees(lon)).expect("the places are on Earth"),
        zone: Zone::named(zone).expect("the zones of the places are known"),
    }
}

/// Lower case, without dots, `saint` as `st`.
fn folded(name: &str) -> String {
    let plain: String = name.to_lowercase().chars().filter(|c| *c != '.').collect();
    match plain.strip_prefix("saint ") {
        Some(rest) => format!("st {rest}"),
        None => plain,
    }
}

/// The two letters of a country, also from its usual English names.
///
/// # Errors
/// A sentence that says what a country looks like.
pub fn country_code(written: &str) -> Result<String, String> {
    let code = written.to_uppercase().replace('.', "");
    let known = match code.as_str() {
        "USA" | "UNITED STATES" | "UNITED STATES OF AMERICA" => "US",
        "UK" | "UNITED KINGDOM" | "GREAT BRITAIN" => "GB",
        "CANADA" => "CA",
        "AUSTRALIA" => "AU",
        "IRELAND" => "IE",
        "NEW ZEALAND" => "NZ",
        code if code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()) => code,
        _ => return Err(format!("`{written}` is not a country; write its two letters, such as US or GB")),
    };
    Ok(known.to_owned())
}

/// Whether it looks like a US ZIP code: five digits, or five and four.
#[must_use]
pub fn is_zip(written: &str) -> bool {
    let digits = |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    match written.split_once('-') {
        None => digits(written, 5),
        Some((code, more)) => digits(code, 5) && digits(more, 4),
    }
}

/// The place of a US ZIP code, also as ZIP+4.
///
/// # Errors
/// A sentence that says what a ZIP code looks like or that it is not known.
pub fn zip(written: &str) -> Result<&'static Zip, String> {
    if is_zip(written) {
        let known = ZIP_PLACES.get(&written[..5]);
        return known.ok_or_else(|| format!("ZIP code {written} is not known; give a city or coordinates"));
    }
    let padded = format!("{written:0>5}");
    if written.len() < 5 && ZIP_PLACES.contains_key(padded.as_str()) {
        return Err(format!("`{written}` is not a ZIP code; did a spreadsheet drop a zero of {padded}?"));
    }
    Err(format!(
        "`{written}` is not a US ZIP code; for other postal codes give a city and a country, or coordinates"
    ))
}

/// The place of a city; region and country narrow the choice.
///
/// # Errors
/// A sentence that says that it is not known, or lists the places of that name.
pub fn city(name: &str, region: Option<&str>, country: Option<&str>) -> Result<Place, String> {
    let alike =
        |wanted: Option<&str>, has: &str| wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(has));
    let found = |name: &str| -> Vec<&City> {
        let indexes = CITIES_BY_NAME.get(&folded(name)).map_or(&[][..], Vec::as_slice);
        let cities = indexes.iter().map(|index| &CITY_LIST[*index]);
        cities.filter(|city| alike(region, &city.region) && alike(country, &city.country)).collect()
    };
    let mut cities = found(name);
    if cities.is_empty() && folded(name) == "new york" {
        cities = found("New York City");
    }
    // Two places of one name in one region: the data puts the larger first.
    cities.dedup_by_key(|city| (&city.region, &city.country));
    let whole = [Some(name), region, country].into_iter().flatten().collect::<Vec<_>>().join(", ");
    match cities[..] {
        [] => Err(format!("the city {whole} is not known; give a ZIP code or coordinates")),
        [city] => Ok(city.place),
        _ => {
            let listed: Vec<String> =
                cities.iter().take(4).map(|city| format!("{}, {}", city.region, city.country)).collect();
            let more = if cities.len() > 4 { " and more" } else { "" };
            Err(format!(
                "there are {} places called {whole} ({}{more}); give region and country",
                cities.len(),
                listed.join("; ")
            ))
        }
    }
}

/// The place of an address as people write it, its country as [`country_code`] reads it; `None` where neither postal code
/// nor city is given.
///
/// # Errors
/// The part that is not right, `postal_code` or `city`, and a sentence on it.
pub fn find(
    code: Option<&str>,
    city_name: Option<&str>,
    region: Option<&str>,
    country: Option<&str>,
) -> Result<Option<Place>, (&'static str, String)> {
    let by_code = |code| zip(code).map(|zip| zip.place);
    let (part, found) = match (code, city_name, country) {
        (None, None, _) => return Ok(None),
        (Some(code), Some(name), Some("US")) if zip(code).is_ok() => ("city", beside(code, name, region)),
        (Some(code), _, Some("US")) | (Some(code), None, None) => ("postal_code", by_code(code)),
        (Some(_), None, Some(country)) => {
            ("city", Err(format!("is needed: postal codes of {country} are not known, only those of the US")))
        }
        // Without a country five digits may be Berlin's.
        (Some(code), Some(city_name), None) if is_zip(code) => {
            ("postal_code", same_place(code, city_name, region))
        }
        (_, Some(city_name), _) => ("city", city(city_name, region, country)),
    };
    found.map(Some).map_err(|message| (part, message))
}

/// A ZIP code lies this near to the middle of its city, in metres, generously.
const NEAR_M: u32 = 100_000;

/// A ZIP code's place, unless the city beside it is known to be somewhere else.
fn beside(code: &str, city_name: &str, region: Option<&str>) -> Result<Place, String> {
    let zip = zip(code)?;
    match city(city_name, region, Some("US")) {
        Ok(city) if city.point.distance_m(zip.place.point) > NEAR_M => {
            Err(format!("is {city_name}, and ZIP code {code} is in {}; one of the two is old", zip.state))
        }
        _ => Ok(zip.place),
    }
}

/// A ZIP code's place, when the city or the region beside it agrees that it is a ZIP code.
fn same_place(code: &str, city_name: &str, region: Option<&str>) -> Result<Place, String> {
    let zip = zip(code)?;
    let same_state = region.is_some_and(|region| region.eq_ignore_ascii_case(&zip.state));
    let near = || {
        city(city_name, region, Some("US")).is_ok_and(|city| city.point.distance_m(zip.place.point) <= NEAR_M)
    };
    if same_state || near() {
        return Ok(zip.place);
    }
    Err(format!(
        "{code} is a ZIP code in {}, and {city_name} is not known to be near; give the country",
        zip.state
    ))
}

/// Every known place, by whole degrees of latitude and longitude.
static PLACES_BY_DEGREE: LazyLock<HashMap<(i32, i32), Vec<Place>>> = LazyLock::new(|| {
    let mut by_degree: HashMap<_, Vec<Place>> = HashMap::new();
    for place in ZIP_PLACES.values().map(|zip| zip.place).chain(CITY_LIST.iter().map(|city| city.place)) {
        by_degree.entry(degree(place.point)).or_default().push(place);
    }
    by_degree
});

fn degree(point: Point) -> (i32, i32) {
    #[expect(clippy::cast_possible_truncation, reason = "-180..=180")]
    let whole = |degrees: f64| degrees.floor() as i32;
    (whole(point.lat), whole(point.lon))
}

/// The time zone of the nearest known place, unless that is far away. Near the poles and the date line no place
/// of the data is near enough to matter.
#[must_use]
pub fn zone_near(point: Point) -> Option<Zone> {
    let (lat, lon) = degree(point);
    // The reach is below two degrees of latitude, and below four of longitude up to 60° north or south.
    let cells = (lat - 2..=lat + 2).flat_map(|lat| (lon - 4..=lon + 4).map(move |lon| (lat, lon)));
    let places = cells.filter_map(|cell| PLACES_BY_DEGREE.get(&cell)).flatten();
    let nearest = places.map(|place| (place.point.distance_m(point), place.zone)).min()?;
    (nearest.0 <= ZONE_REACH_M).then_some(nearest.1)
}

/// Every city, most populous first.
#[must_use]
pub fn cities() -> &'static [City] {
    &CITY_LIST
}

/// Every ZIP code with its place, in order of the code.
#[must_use]
pub fn zips() -> Vec<(&'static str, Place)> {
    let mut zips: Vec<_> = ZIP_PLACES.iter().map(|(code, zip)| (code.as_str(), zip.place)).collect();
    zips.sort_unstable_by_key(|(zip, _)| *zip);
    zips
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_data_is_a_place() {
        assert_eq!((ZIP_PLACES.len(), CITY_LIST.len()), (41_033, 8_859));
    }

    #[test]
    fn finds_zips_and_cities() {
        assert_eq!(zip("10013-1234").unwrap().place.zone.name(), "America/New_York");
        assert_eq!(city("New York", Some("ny"), None).unwrap().zone.name(), "America/New_York");
        assert_eq!(city("Saint Paul", Some("MN"), Some("US")).unwrap().zone.name(), "America/Chicago");
        assert_eq!(city("Dublin", None, Some("IE")).unwrap().zone.name(), "Europe/Dublin");
    }

    #[test]
    fn never_guesses() {
        assert!(zip("2134").unwrap_err().contains("02134"));
        assert!(zip("99999").unwrap_err().contains("not known"));
        let berlin = find(Some("10115"), None, None, Some("DE"));
        assert_eq!(berlin.unwrap_err().0, "city", "no New York for Berlin's postal code");
        let moved = find(Some("60609"), Some("Boston"), Some("MA"), Some("US"));
        assert!(moved.unwrap_err().1.contains("one of the two is old"));
        assert!(find(Some("60609"), Some("Chicago"), Some("IL"), Some("US")).unwrap().is_some());
        assert!(zip("SW1A 1AA").unwrap_err().contains("not a US ZIP"));
        assert!(city("Springfield", None, None).unwrap_err().contains("give region and country"));
        assert!(city("Atlantis", None, None).unwrap_err().contains("not known"));
    }

    #[test]
    fn a_point_takes_the_zone_of_its_nearest_place() {
        let near = |lat, lon| zone_near(Point::new(lat, lon).unwrap()).map(Zone::name);
        assert_eq!(near(40.7163, -74.0086), Some("America/New_York"));
        assert_eq!(near(0.0, -140.0), None, "mid-ocean");
    }
}
