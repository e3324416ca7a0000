//! `/admin/organisation`: brand → regions → locations, the brand's words for teaching styles, and its link for coaches.

use std::collections::BTreeMap;
use std::sync::Arc;

use fithire_identity::{ManageBrand, Nothing, Posted, Site, Visitor, random_secret};
use fithire_import::places;
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::form::{self, FormError};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template, Toast, shown};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::Allowed;
use fithire_scoring::facts::Zone;
use poem::web::{Data, Path, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::founding::set_link;
use crate::service::{self, Branch, Located, location, location_names};
use crate::styles::{Dimension, add_dimension, dimensions, remove_dimension};

/// The page, with what was typed into one of its forms.
#[derive(Debug, Serialize)]
struct Page {
    brand: String,
    slug: String,
    time_zone: String,
    link: Option<String>,
    /// The link leads to this machine alone.
    here_only: bool,
    regions: Vec<Branch>,
    choices: Vec<(String, String)>,
    styles: Vec<Dimension>,
    fields: BTreeMap<String, String>,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
}

impl Template for Page {
    const NAME: &'static str = "orgs/organisation.html";
}

/// What is typed into the form `prefix`, whose fields are named after it.
struct Typed<'t> {
    prefix: &'static str,
    fields: &'t [(&'static str, &'t str)],
}

async fn show(
    visitor: &Visitor,
    (db, site, pages): (&Db, &Site, &Pages),
    refused: Option<(Typed<'_>, Problem)>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let brand = service::brand(db, allowed.brand_id()).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut tx = db.read(&allowed).await?;
    let regions = service::tree(&mut tx).await?;
    let styles = dimensions(&mut tx).await?;
    let (mut fields, mut errors, mut problem) = (BTreeMap::new(), Vec::new(), None);
    if let Some((typed, why)) = refused {
        if !why.keeps_form() {
            return Err(why);
        }
        let named = |name: &str| format!("{}-{name}", typed.prefix);
        errors = form::errors(&why, &BTreeMap::new(), &[], &[], "name");
        for error in &mut errors {
            error.field = named(&error.field);
        }
        fields = typed.fields.iter().map(|(name, text)| (named(name), (*text).to_owned())).collect();
        problem = Some(why);
    }
    let whole = Page {
        here_only: !site.is_secure(),
        link: brand.sign_up_link.map(|link| format!("{}/sign-up?link={link}", site.origin())),
        brand: brand.name,
        slug: brand.slug,
        time_zone: brand.time_zone,
        choices: regions.iter().map(|region| (region.id.to_string(), region.name.clone())).collect(),
        regions,
        styles,
        wrong: form::by_field(&errors),
        fields,
        errors,
    };
    shown(pages.render(visitor.shell(), &whole)?, problem.as_ref())
}

/// Says on the page what has been done.
fn done(visitor: &Visitor, text: String) -> Redirect {
    visitor.done("/admin/organisation", &Toast::new(text))
}

#[handler]
pub(super) async fn page(
    visitor: Visitor,
    db: Data<&Db>,
    site: Data<&Site>,
    pages: Data<&Arc<Pages>>,
) -> Result<Response, Problem> {
    show(&visitor, (&db, &site, &pages), None).await
}

#[derive(Deserialize)]
pub(super) struct BrandForm {
    name: String,
    time_zone: String,
}

#[handler]
pub(super) async fn change_brand(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    site: Data<&Site>,
    pages: Data<&Arc<Pages>>,
    form: Posted<BrandForm>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let BrandForm { name, time_zone } = &form.0;
    match service::change_brand(&db, (&clock, &ids), &allowed, name, time_zone).await {
        Ok(()) => Ok(done(&visitor, "The brand is changed".to_owned()).into_response()),
        Err(problem) => {
            let fields = &[("name", &**name), ("time_zone", &**time_zone)];
            let typed = Typed { prefix: "brand", fields };
            show(&visitor, (&db, &site, &pages), Some((typed, problem))).await
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RegionForm {
    name: String,
}

#[handler]
pub(super) async fn add_region(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    site: Data<&Site>,
    pages: Data<&Arc<Pages>>,
    form: Posted<RegionForm>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let name = form.0.name.trim();
    let made = async {
        service::check_name("/name", name)?;
        let mut tx = db.write(&allowed).await?;
        if service::tree(&mut tx).await?.iter().any(|region| region.name == name) {
            return Err(Problem::field("/name", "is there already"));
        }
        let id = service::region(&mut tx, &ids, clock.now(), name).await?;
        let event = Event::new("region.added", "region", id).with(json!({"after": {"name": name}}));
        audit::record(&mut tx, (&clock, &ids), event).await?;
        tx.commit().await?;
        Ok(())
    };
    match made.await {
        Ok(()) => Ok(done(&visitor, format!("{name} is one of your regions")).into_response()),
        Err(problem) => {
            let typed = Typed { prefix: "region", fields: &[("name", name)] };
            show(&visitor, (&db, &site, &pages), Some((typed, problem))).await
        }
    }
}

#[derive(Deserialize)]
pub(super) struct LocationForm {
    name: String,
    #[serde(default)]
    region_id: String,
    postal_code: String,
    city: String,
    state: String,
    country: String,
    time_zone: String,
}

#[handler]
pub(super) async fn add_location(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    site: Data<&Site>,
    pages: Data<&Arc<Pages>>,
    form: Posted<LocationForm>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    match make_location(&db, (&clock, &ids), &allowed, &form.0).await {
        Ok(()) => Ok(done(&visitor, format!("{} is one of your locations", form.0.name)).into_response()),
        Err(problem) => {
            let LocationForm { name, region_id, postal_code, city, state, country, time_zone } = &form.0;
            let fields = &[
                ("name", &**name),
                ("region_id", &**region_id),
                ("postal_code", &**postal_code),
                ("city", &**city),
                ("state", &**state),
                ("country", &**country),
                ("time_zone", &**time_zone),
            ];
            let typed = Typed { prefix: "location", fields };
            show(&visitor, (&db, &site, &pages), Some((typed, problem))).await
        }
    }
}

async fn make_location(
    db: &Db,
    (clock, ids): (&Clock, &Ids),
    allowed: &Allowed<ManageBrand>,
    form: &LocationForm,
) -> Result<(), Problem> {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let (name, code, city, state) =
        (form.name.trim(), given(&form.postal_code), given(&form.city), given(&form.state));
    service::check_name("/name", name)?;
    let country = given(&form.country).map(|written| places::country_code(&written)).transpose();
    let country = country.map_err(|message| Problem::field("/country", message))?;
    let place = places::find(code.as_deref(), city.as_deref(), state.as_deref(), country.as_deref())
        .map_err(|(part, message)| Problem::field(format!("/{part}"), message))?;
    let zone = match given(&form.time_zone) {
        Some(zone) => Zone::named(&zone).map_err(|message| Problem::field("/time_zone", message))?,
        None => place.map(|place| place.zone).ok_or_else(|| {
            Problem::field("/postal_code", "is empty: give a postal code, a city, or a time zone")
        })?,
    };
    let mut tx = db.write(allowed).await?;
    if location_names(&mut tx).await?.contains_key(name) {
        return Err(Problem::field("/name", "is there already; its jobs name it"));
    }
    let region_id: Option<Id> = form.region_id.parse().ok();
    let tree = service::tree(&mut tx).await?;
    let region = tree.iter().find(|region| Some(region.id) == region_id);
    let region = region.ok_or_else(|| Problem::field("/region_id", "is no region of the brand"))?;
    let located = Located {
        name: name.to_owned(),
        time_zone: zone.name().to_owned(),
        postal_code: code,
        point: place.map(|place| (place.point.lat, place.point.lon)),
    };
    let event = json!({"after": {"name": name, "time_zone": located.time_zone}});
    let id = location(&mut tx, ids, clock.now(), region.id, located).await?;
    let event = Event::new("location.added", "location", id).with(event);
    audit::record(&mut tx, (clock, ids), event).await?;
    tx.commit().await?;
    Ok(())
}

#[derive(Deserialize)]
pub(super) struct StyleForm {
    name: String,
    low: String,
    high: String,
}

#[handler]
pub(super) async fn add_style(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    site: Data<&Site>,
    pages: Data<&Arc<Pages>>,
    form: Posted<StyleForm>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let StyleForm { name, low, high } = &form.0;
    let made = async {
        let mut tx = db.write(&allowed).await?;
        add_dimension(&mut tx, (&clock, &ids), (name, low, high)).await?;
        tx.commit().await?;
        Ok(())
    };
    match made.await {
        Ok(()) => Ok(done(&visitor, format!("Coaches can now rate their {}", name.trim())).into_response()),
        Err(problem) => {
            let fields = &[("name", &**name), ("low", &**low), ("high", &**high)];
            let typed = Typed { prefix: "style", fields };
            show(&visitor, (&db, &site, &pages), Some((typed, problem))).await
        }
    }
}

#[handler]
pub(super) async fn remove_style(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    id: Path<Id>,
    _form: Posted<Nothing>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let Dimension { name, label, low, high, .. } =
        remove_dimension(&db, (&clock, &ids), &allowed, id.0).await?;
    let again = [("name", &*name), ("low", &low), ("high", &high)];
    let toast = Toast::new(format!("{label} is removed")).with_undo("/admin/organisation/styles", &again);
    Ok(visitor.done("/admin/organisation", &toast))
}

#[derive(Deserialize)]
pub(super) struct LinkForm {
    /// `new`, `none`, or `back` with the secret that it was.
    link: String,
    #[serde(default)]
    secret: String,
}

#[handler]
pub(super) async fn set_link_of(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    form: Posted<LinkForm>,
) -> Result<Redirect, Problem> {
    let allowed = visitor.caller().allowed::<ManageBrand>()?;
    let brand = service::brand(&db, allowed.brand_id()).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let before = brand.sign_up_link;
    let Posted(LinkForm { link: wanted, secret }) = form;
    let link = match &*wanted {
        "new" => Some(random_secret()),
        // Nobody chooses a secret that could be guessed.
        "back" if secret.len() == random_secret().len() => Some(secret),
        _ => None,
    };
    let told = match (&link, &before) {
        (Some(_), None) => "Here is the link",
        (Some(_), Some(_)) => "There is another link now; the one before no longer works",
        (None, _) => "Nobody can sign up by the link any more",
    };
    set_link(&db, (&clock, &ids), &allowed, link).await?;
    let toast = match &before {
        Some(before) => {
            Toast::new(told).with_undo("/admin/organisation/link", &[("link", "back"), ("secret", before)])
        }
        None => Toast::new(told),
    };
    Ok(visitor.done("/admin/organisation", &toast))
}
