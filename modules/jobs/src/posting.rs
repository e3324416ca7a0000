//! A job as a posting for search engines and job boards: JSON-LD by <https://schema.org/JobPosting>. It says what anybody may
//! read, and nothing of how coaches are scored: no preset, no threshold, no weights.

use fithire_kernel::db::Tx;
use fithire_kernel::problem::{Code, Problem};
use fithire_orgs::Located;
use fithire_scoring::facts;
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::ToJSON;
use poem_openapi::{ApiResponse, Object};

use crate::model::Row;
use crate::open::located;

/// A posting.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct JobPosting {
    #[oai(rename = "@context")]
    context: String,
    #[oai(rename = "@type")]
    kind: String,
    title: String,
    description: String,
    identifier: PropertyValue,
    /// `YYYY-MM-DD`.
    #[oai(rename = "datePosted")]
    posted_on: String,
    /// Such as `PART_TIME`; one that schema.org does not name is as written.
    #[oai(rename = "employmentType")]
    employment_type: Option<String>,
    #[oai(rename = "hiringOrganization")]
    organization: Organization,
    #[oai(rename = "jobLocation")]
    location: Place,
    /// `TELECOMMUTE` where it is taught from anywhere.
    #[oai(rename = "jobLocationType")]
    location_type: Option<String>,
    /// `YYYY-MM-DD`; missing means at once.
    #[oai(rename = "jobStartDate")]
    starts_on: Option<String>,
    #[oai(rename = "baseSalary")]
    salary: Option<MonetaryAmount>,
    #[oai(rename = "experienceRequirements")]
    experience: Option<Experience>,
    /// The certifications that are asked for, in words.
    qualifications: Option<String>,
    /// When, each week, in words.
    #[oai(rename = "workHours")]
    work_hours: Option<String>,
}

/// The id of a job within its brand.
#[derive(Object)]
struct PropertyValue {
    #[oai(rename = "@type")]
    kind: String,
    name: String,
    value: String,
}

/// A brand.
#[derive(Object)]
struct Organization {
    #[oai(rename = "@type")]
    kind: String,
    name: String,
}

/// A location.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct Place {
    #[oai(rename = "@type")]
    kind: String,
    name: String,
    address: Option<PostalAddress>,
    geo: Option<GeoCoordinates>,
}

/// Its address, as far as it is known.
#[derive(Object)]
struct PostalAddress {
    #[oai(rename = "@type")]
    kind: String,
    #[oai(rename = "postalCode")]
    postal_code: String,
}

/// Where it is, in degrees.
#[derive(Object)]
struct GeoCoordinates {
    #[oai(rename = "@type")]
    kind: String,
    latitude: f64,
    longitude: f64,
}

/// What is paid.
#[derive(Object)]
struct MonetaryAmount {
    #[oai(rename = "@type")]
    kind: String,
    currency: String,
    value: QuantitativeValue,
}

/// From how much to how much, for what.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct QuantitativeValue {
    #[oai(rename = "@type")]
    kind: String,
    #[oai(rename = "minValue")]
    min: Option<f64>,
    #[oai(rename = "maxValue")]
    max: Option<f64>,
    /// `HOUR` and the like; one that schema.org does not name is as written.
    #[oai(rename = "unitText")]
    unit: Option<String>,
}

/// How long somebody has done it.
#[derive(Object)]
struct Experience {
    #[oai(rename = "@type")]
    kind: String,
    #[oai(rename = "monthsOfExperience")]
    months: u64,
}

/// JSON-LD as an answer.
pub(crate) struct Linked<T>(pub(crate) T);

impl<T: ToJSON> IntoResponse for Linked<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type("application/ld+json").body(self.0.to_json_string())
    }
}

impl<T: ToJSON> ApiResponse for Linked<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: "application/ld+json", schema: T::schema_ref() }];
        let (status, status_range, headers) = (Some(200), None, Vec::new());
        MetaResponses {
            responses: vec![MetaResponse { description: "", status, status_range, content, headers }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// The posting of a job that looks for coaches.
///
/// # Errors
/// 409 when it does not.
pub(crate) async fn posting(tx: &mut Tx, row: Row, brand: String) -> Result<JobPosting, Problem> {
    if !row.active {
        return Err(Problem::new(Code::Conflict).because("the job no longer looks for coaches"));
    }
    let place = located(tx, row.location_id).await?;
    let facts: facts::Job = serde_json::from_str(&row.facts).map_err(|error| Problem::internal(&error))?;
    let kind = |name: &str| name.to_owned();
    let months = u64::try_from(facts.min_years.months()).unwrap_or_default();
    Ok(JobPosting {
        context: kind("https://schema.org"),
        kind: kind("JobPosting"),
        description: row.description.clone().unwrap_or_else(|| row.title.clone()),
        identifier: PropertyValue {
            kind: kind("PropertyValue"),
            name: brand.clone(),
            value: row.id.to_string(),
        },
        posted_on: row.created_at.date_naive().to_string(),
        employment_type: row.employment_type.as_deref().map(employment),
        organization: Organization { kind: kind("Organization"), name: brand },
        location: at(place),
        location_type: facts.is_virtual.then(|| kind("TELECOMMUTE")),
        starts_on: facts.starts_on.map(|day| day.to_string()),
        salary: salary(&row),
        experience: (months > 0)
            .then(|| Experience { kind: kind("OccupationalExperienceRequirements"), months }),
        qualifications: qualifications(&facts),
        work_hours: (!facts.slots.is_empty())
            .then(|| facts.slots.iter().map(|slot| slot.span.to_string()).collect::<Vec<_>>().join("; ")),
        title: row.title,
    })
}

fn at(place: Located) -> Place {
    let kind = |name: &str| name.to_owned();
    let address =
        place.postal_code.map(|postal_code| PostalAddress { kind: kind("PostalAddress"), postal_code });
    let geo = place.point.map(|(latitude, longitude)| GeoCoordinates {
        kind: kind("GeoCoordinates"),
        latitude,
        longitude,
    });
    Place { kind: kind("Place"), name: place.name, address, geo }
}

/// What schema.org calls a type of employment.
fn employment(written: &str) -> String {
    let plain: String = written.to_lowercase().chars().filter(char::is_ascii_alphabetic).collect();
    match &*plain {
        "fulltime" => "FULL_TIME",
        "parttime" => "PART_TIME",
        "contract" | "contractor" | "freelance" => "CONTRACTOR",
        "temporary" | "temp" => "TEMPORARY",
        "intern" | "internship" => "INTERN",
        "volunteer" => "VOLUNTEER",
        "perdiem" => "PER_DIEM",
        _ => written,
    }
    .to_owned()
}

fn salary(row: &Row) -> Option<MonetaryAmount> {
    row.pay_min.or(row.pay_max)?;
    let unit = row.pay_type.as_deref().map(|written| {
        let plain = written.to_lowercase();
        let units =
            [("hour", "HOUR"), ("day", "DAY"), ("daily", "DAY"), ("week", "WEEK"), ("month", "MONTH")];
        let yearly = ["year", "annual"].iter().any(|word| plain.contains(word)).then_some("YEAR");
        let known = units.iter().find(|(word, _)| plain.contains(word)).map(|(_, unit)| *unit).or(yearly);
        known.unwrap_or(written).to_owned()
    });
    let value =
        QuantitativeValue { kind: "QuantitativeValue".to_owned(), min: row.pay_min, max: row.pay_max, unit };
    // An amount of nobody knows what says nothing.
    let currency = row.currency.clone()?;
    Some(MonetaryAmount { kind: "MonetaryAmount".to_owned(), currency, value })
}

fn qualifications(facts: &facts::Job) -> Option<String> {
    let wanted = facts.requirements.iter().map(|requirement| {
        let codes: Vec<&str> = requirement.any_of.iter().map(|cert| cert.details().code).collect();
        let kind = match requirement.kind {
            facts::RequirementKind::Required => "Required",
            facts::RequirementKind::Preferred => "Preferred",
        };
        format!("{kind}: {}", codes.join(" or "))
    });
    let wanted: Vec<String> = wanted.collect();
    (!wanted.is_empty()).then(|| wanted.join("; "))
}
