//! jobs.csv: one job a row.

use chrono::NaiveDate;
use fithire_scoring::date;
use fithire_scoring::facts::{Job, Modality, Years};
use fithire_scoring::preset::Presets;
use fithire_scoring::wording;

use crate::coaches::{self, Address};
use crate::table::{self, Cells, Problem};
use crate::{cells, places};

/// Every column that the file may have.
pub const COLUMNS: [&str; 24] = [
    "external_id",
    "title",
    "location",
    "postal_code",
    "city",
    "region",
    "country",
    "latitude",
    "longitude",
    "modality",
    "description",
    "starts_on",
    "virtual",
    "employment_type",
    "pay_type",
    "pay_min",
    "pay_max",
    "currency",
    "min_years",
    "requirements",
    "slots",
    "style",
    "preset",
    "threshold",
];

/// One job.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its place in the file.
    pub row: u64,
    /// The brand's own id; the same one again updates.
    pub external_id: String,
    /// What it is called.
    pub title: String,
    /// The location's name.
    pub location: String,
    /// Where that is.
    pub address: Address,
    /// As written.
    pub description: Option<String>,
    /// As written.
    pub employment_type: Option<String>,
    /// What is paid.
    pub pay: Pay,
    /// The preset by name.
    pub preset: Option<String>,
    /// The lowest score that is ranked, in basis points.
    pub threshold: Option<u16>,
    /// What is scored.
    pub facts: Job,
}

/// What a job pays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pay {
    /// As written: per class, hourly, …
    pub kind: Option<String>,
    /// Least, in units of the currency.
    pub min: Option<f64>,
    /// Most, not below `min`.
    pub max: Option<f64>,
    /// Three letters.
    pub currency: Option<String>,
}

/// What a file may name, where that is limited.
#[derive(Clone, Copy, Default)]
pub struct Known<'k> {
    /// The presets that there are.
    pub presets: Option<&'k Presets>,
    /// The names of the locations that there are.
    pub locations: Option<&'k [String]>,
}

/// Reads the file, which names nothing that is not known; `progress` is told the bytes read so far.
///
/// # Errors
/// Every problem of the file, in row order.
pub fn read(bytes: &[u8], known: Known<'_>, progress: &mut dyn FnMut(u64)) -> Result<Vec<Row>, Vec<Problem>> {
    table::read(bytes, &COLUMNS, &COLUMNS[..3], progress, |cells| row(cells, known))
}

fn location(cells: &mut Cells<'_>, known: Option<&[String]>) -> String {
    let name = cells.needed("location", 100);
    if let Some(known) = known
        && !name.is_empty()
        && !known.contains(&name)
    {
        cells.problem("location", wording::unknown("location", &name, known.iter().map(String::as_str)));
    }
    name
}

fn row(cells: &mut Cells<'_>, known: Known<'_>) -> Row {
    let place = coaches::place(cells);
    let given = coaches::point(cells);
    // Slots are local times, so a place without a name still needs its zone.
    let zone = place.map(|place| place.zone).or_else(|| given.and_then(places::zone_near));
    Row {
        row: cells.row(),
        external_id: cells.needed("external_id", 100),
        title: cells.needed("title", 200),
        location: location(cells, known.locations),
        address: coaches::address(cells),
        description: cells.owned("description", 20_000),
        employment_type: cells.owned("employment_type", 50),
        pay: pay(cells),
        preset: cells.parse("preset", |name| match known.presets {
            Some(presets) => presets.named(name).map(|preset| preset.name.clone()),
            None => Ok(name.to_owned()),
        }),
        threshold: cells.parse("threshold", threshold),
        facts: Job {
            starts_on: cells.parse::<NaiveDate>("starts_on", date::parse),
            is_virtual: cells.parse("virtual", cells::yes_or_no).unwrap_or_default(),
            point: given.or(place.map(|place| place.point)),
            tz: zone,
            modality: cells.parse("modality", Modality::named),
            min_years: cells
                .parse("min_years", |cell| Years::new(cells::number(cell, 0.0, 40.0)?))
                .unwrap_or_default(),
            requirements: cells.parse("requirements", cells::requirements).unwrap_or_default(),
            slots: cells.parse("slots", cells::slots).unwrap_or_default(),
            style: cells.parse("style", cells::wanted).unwrap_or_default(),
        },
    }
}

/// A threshold from 0 to 1, in basis points.
///
/// # Errors
/// A sentence that says what does not hold.
pub fn threshold(cell: &str) -> Result<u16, String> {
    let share = cells::number(cell, 0.0, 1.0)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=10000")]
    let bp = (share * 10_000.0).round() as u16;
    if (f64::from(bp) / 10_000.0 - share).abs() > 1e-12 {
        return Err(format!("{cell} has more than 4 decimals"));
    }
    Ok(bp)
}

fn pay(cells: &mut Cells<'_>) -> Pay {
    let amount = |cell: &str| cells::number(cell, 0.0, 1e9);
    let pay = Pay {
        kind: cells.owned("pay_type", 50),
        min: cells.parse("pay_min", amount),
        max: cells.parse("pay_max", amount),
        currency: cells.parse("currency", |cell| {
            let three = cell.len() == 3 && cell.bytes().all(|b| b.is_ascii_alphabetic());
            if three {
                Ok(cell.to_uppercase())
            } else {
                Err(format!("`{cell}` is not a currency; write three letters such as USD"))
            }
        }),
    };
    if let (Some(min), Some(max)) = (pay.min, pay.max)
        && min > max
    {
        cells.problem("pay_max", format!("{max} is less than pay_min {min}"));
    }
    pay
}
