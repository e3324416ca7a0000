//! `/coach/profile`: a coach's own profile, with what is missing, and a form for each section.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use fithire_identity::{BeCoach, Posted, Visitor};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::form::{self, Fields, FormError};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::page::{Pages, Template, Toast, refused};
use fithire_kernel::problem::{Code, Problem};
use fithire_orgs::{StyleLine, dimensions, style_lines};
use fithire_scoring::catalog::{Cert, Modality};
use fithire_scoring::facts::{Rating, Source};
use poem::web::{Data, Html, Path, Redirect};
use poem::{IntoResponse, Response, handler};
use serde::Serialize;

use super::known::{Badge, Known, Upload, badge, known_to_oneself, note, upload};
use crate::approval::approval_of;
use crate::form::{HOLDINGS, LINES, NAMED, Section};
use crate::hours::{GridRow, Hours};
use crate::model::{CoachChange, NewCoach, Profile};
use crate::pieces::{Piece, pieces};
use crate::verification::{Item, items_of};
use crate::{service, writing};

/// The page of `/coach/profile`.
#[derive(Debug, Serialize)]
struct Overview {
    name: Option<String>,
    done: usize,
    pieces: Vec<Piece>,
    sections: Vec<Known>,
    approval: Option<Approved>,
}

/// What has become of a profile that its coach has made.
#[derive(Debug, Serialize)]
pub(super) struct Approved {
    /// waiting, approved or returned.
    state: &'static str,
    reason: Option<String>,
    since: String,
}

impl Approved {
    pub(super) async fn of(tx: &mut Tx, coach_id: Id) -> Result<Option<Self>, Problem> {
        let approval = approval_of(tx, coach_id).await?;
        Ok(approval.map(|approval| Self {
            state: approval.state.as_str(),
            reason: approval.reason,
            since: approval.since.format("%Y-%m-%d").to_string(),
        }))
    }
}

impl Template for Overview {
    const NAME: &'static str = "coaches/own.html";
}

#[handler]
pub(super) async fn overview(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
) -> Result<Html<String>, Problem> {
    visitor.caller().allowed::<BeCoach>()?;
    let today = fithire_orgs::today(&db, &clock, visitor.caller().scope().brand_id()).await?;
    let mut tx = db.read(visitor.caller().scope()).await?;
    let own = service::own_profile(&mut tx, visitor.caller()).await?;
    let (mut items, mut approval) = (Vec::new(), None);
    if let Some((id, _)) = own {
        items = items_of(&mut tx, id).await?;
        approval = Approved::of(&mut tx, id).await?;
    }
    let (name, profile) = own.map_or((None, Profile::default()), |(_, own)| (Some(own.name.clone()), own));
    let pieces = pieces(&profile).to_vec();
    let page = Overview {
        done: pieces.iter().filter(|piece| piece.done).count(),
        pieces,
        sections: if name.is_some() { known_to_oneself(&profile, today, &items) } else { Vec::new() },
        name,
        approval,
    };
    pages.render(visitor.shell(), &page)
}

/// The page of one section.
#[derive(Debug, Serialize)]
struct Editor {
    slug: &'static str,
    title: &'static str,
    /// Nothing is there yet: this makes the profile.
    is_new: bool,
    fields: Fields,
    errors: Vec<FormError>,
    wrong: BTreeMap<String, String>,
    /// The places of the lines of each kind.
    lines: BTreeMap<&'static str, Vec<usize>>,
    /// Value and label.
    certifications: Vec<(String, String)>,
    modalities: Vec<(String, String)>,
    /// How far the certificate in a line is checked, by its place; and its issuer's rule.
    held: BTreeMap<String, Held>,
    /// How far the coach travels as it is kept, or what is taken where nothing is said.
    reach_km: u64,
    /// The first hour of the grids.
    first_hour: usize,
    free: Vec<GridRow>,
    maybe: Vec<GridRow>,
    styles: Vec<RatedLine>,
    /// By which it is noticed that somebody else has changed the section.
    seen: String,
}

#[derive(Debug, Serialize)]
struct Held {
    badge: Option<Badge>,
    rule: Option<String>,
    note: Option<String>,
    upload: Option<Upload>,
}

/// A dimension with the line of its own rating, and what a reviewer says.
#[derive(Debug, Serialize)]
struct RatedLine {
    #[serde(flatten)]
    line: StyleLine,
    reviewed: Option<u8>,
}

impl Template for Editor {
    const NAME: &'static str = "coaches/section.html";
}

/// The section of an address.
fn named(slug: &str) -> Result<Section, Problem> {
    let found = Section::ALL.iter().find(|section| section.slug() == slug).copied();
    found.ok_or_else(|| Problem::new(Code::NotFound))
}

impl Editor {
    async fn new(
        tx: &mut Tx,
        (section, today): (Section, NaiveDate),
        own: Option<&(Id, Profile)>,
        (fields, problem): (Fields, Option<&Problem>),
    ) -> Result<Self, Problem> {
        let errors =
            problem.map_or_else(Vec::new, |problem| form::errors(problem, &fields, &LINES, &NAMED, "name"));
        let profile = own.map(|(_, profile)| profile);
        let items = match own {
            Some((id, _)) if section == Section::Certifications => items_of(tx, *id).await?,
            _ => Vec::new(),
        };
        let empty = Profile::default();
        let facts = &profile.unwrap_or(&empty).facts;
        let blank = |label: &str| std::iter::once((String::new(), label.to_owned()));
        let spans = |spans: &Option<Vec<_>>| Hours::covering(spans.as_deref().unwrap_or_default());
        let (free, maybe) = (spans(&facts.free), spans(&facts.if_needed));
        let is_grid = section == Section::Availability;
        let first_hour = free.first_hour().min(maybe.first_hour());
        let grid = |hours: Hours, kind: &str| {
            let hours = if problem.is_some() { hours.with_grid(&fields, kind, first_hour) } else { hours };
            if is_grid { hours.grid(kind, first_hour) } else { Vec::new() }
        };
        let (free, maybe) = (grid(free, "free"), grid(maybe, "maybe"));
        let styles = match section {
            Section::Style => rated(style_lines(dimensions(tx).await?, &fields), profile.unwrap_or(&empty)),
            _ => Vec::new(),
        };
        Ok(Self {
            slug: section.slug(),
            title: section.title(),
            is_new: profile.is_none(),
            wrong: form::by_field(&errors),
            errors,
            lines: section.lines().iter().map(|lines| (lines.kind, lines.offered(&fields))).collect(),
            certifications: match section {
                Section::Certifications => blank("–")
                    .chain(Cert::all().map(|cert| {
                        let details = cert.details();
                        let label = format!("{}, {} ({})", details.code, details.title, details.issuer);
                        (details.code.to_owned(), label)
                    }))
                    .collect(),
                _ => Vec::new(),
            },
            modalities: match section {
                Section::Experience => blank("–")
                    .chain(Modality::all().map(|modality| {
                        let details = modality.details();
                        (details.code.to_owned(), details.title.to_owned())
                    }))
                    .collect(),
                _ => Vec::new(),
            },
            held: held((section, today), (profile.unwrap_or(&empty), &items), &fields),
            reach_km: facts.radius_m.map_or(25, |metres| metres.div_ceil(1_000)),
            first_hour,
            free,
            maybe,
            styles,
            seen: profile.map_or_else(String::new, |profile| form::mark(&section.mark(profile))),
            fields,
        })
    }
}

/// How far the certificates in the lines are checked, and what their issuers ask for.
fn held(
    (section, today): (Section, NaiveDate),
    (profile, items): (&Profile, &[Item]),
    fields: &Fields,
) -> BTreeMap<String, Held> {
    if section != Section::Certifications {
        return BTreeMap::new();
    }
    let line = |n: usize| {
        let code = form::text(fields, &format!("holdings-{n}-code"))?;
        let day = form::text(fields, &format!("holdings-{n}-expires_on"));
        let same = profile.facts.holdings.iter().find(|holding| {
            holding.code.details().code == code
                && holding.expires_on.map(|day| day.to_string()).as_deref() == day
        });
        let rule = Cert::named(code).ok().map(|cert| cert.details().rule());
        let held = Held {
            badge: same.map(|holding| badge(holding, today)),
            rule,
            note: same.and_then(|holding| note(holding, today, items)),
            upload: same.and_then(|holding| upload(holding, today, items)),
        };
        Some((n.to_string(), held))
    };
    HOLDINGS.offered(fields).into_iter().filter_map(line).collect()
}

/// The lines of a style, each with what a reviewer says.
fn rated(lines: Vec<StyleLine>, profile: &Profile) -> Vec<RatedLine> {
    let reviewed = |name: &str| {
        let by_reviewer = |rating: &&Rating| rating.source == Source::Reviewer && rating.dimension == name;
        profile.facts.style.iter().find(by_reviewer).map(|rating| rating.level)
    };
    lines.into_iter().map(|line| RatedLine { reviewed: reviewed(&line.dimension.name), line }).collect()
}

#[handler]
pub(super) async fn editor(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    pages: Data<&Arc<Pages>>,
    slug: Path<String>,
) -> Result<Response, Problem> {
    visitor.caller().allowed::<BeCoach>()?;
    let today = fithire_orgs::today(&db, &clock, visitor.caller().scope().brand_id()).await?;
    let section = named(&slug.0)?;
    let mut tx = db.read(visitor.caller().scope()).await?;
    let own = service::own_profile(&mut tx, visitor.caller()).await?;
    if own.is_none() && section != Section::About {
        return Ok(Redirect::see_other("/coach/profile/about").into_response());
    }
    let fields = own.as_ref().map_or_else(
        || Fields::from([("name".to_owned(), visitor.caller().name().to_owned())]),
        |(_, profile)| section.fields(profile),
    );
    let page = Editor::new(&mut tx, (section, today), own.as_ref(), (fields, None)).await?;
    Ok(pages.render(visitor.shell(), &page)?.into_response())
}

#[handler]
pub(super) async fn save(
    visitor: Visitor,
    db: Data<&Db>,
    clock: Data<&Clock>,
    ids: Data<&Ids>,
    pages: Data<&Arc<Pages>>,
    slug: Path<String>,
    form: Posted<Fields>,
) -> Result<Response, Problem> {
    let caller = visitor.caller();
    caller.allowed::<BeCoach>()?;
    let (section, fields) = (named(&slug.0)?, form.0);
    let mut tx = db.read(caller.scope()).await?;
    let own = service::own_profile(&mut tx, caller).await?;
    drop(tx);
    let saved = match &own {
        Some((id, _)) => {
            writing::edit(&db, (&clock, &ids), caller, *id, |old| section.change(&fields, old)).await
        }
        None => match section.change(&fields, &Profile::default()).map(NewCoach::try_from) {
            Ok(Ok(new)) => writing::create(&db, &clock, &ids, caller, new).await.map(|_| ()),
            Ok(Err(problem)) | Err(problem) => Err(problem),
        },
    };
    match saved {
        // More lines were asked for: what was typed is kept, and the page shown again.
        Ok(()) if fields.contains_key("more") => {
            Ok(Redirect::see_other(format!("/coach/profile/{}", section.slug())).into_response())
        }
        Ok(()) => {
            let blank = section == Section::Availability
                && !fields.keys().any(|name| name.starts_with("free-") || name.starts_with("maybe-"))
                && !fields.contains_key("never");
            let more = if blank { "; with nothing ticked, your hours are not known" } else { "" };
            let toast = Toast::new(format!("{} saved{more}", section.title()));
            Ok(visitor.done("/coach/profile", &toast).into_response())
        }
        Err(problem) if problem.keeps_form() => {
            let today = fithire_orgs::today(&db, &clock, caller.scope().brand_id()).await?;
            let mut tx = db.read(caller.scope()).await?;
            let page = Editor::new(&mut tx, (section, today), own.as_ref(), (fields, Some(&problem))).await?;
            refused(pages.render(visitor.shell(), &page)?, &problem)
        }
        Err(problem) => Err(problem),
    }
}

/// A first profile is what its first section says.
impl TryFrom<CoachChange> for NewCoach {
    type Error = Problem;

    fn try_from(change: CoachChange) -> Result<Self, Problem> {
        Ok(Self {
            external_id: None,
            name: change.name.ok_or_else(|| Problem::field("/name", "is missing"))?,
            email: change.email,
            phone: change.phone,
            bio: change.bio,
            languages: change.languages,
            postal_code: change.postal_code,
            city: change.city,
            region: change.region,
            country: change.country,
            pay: change.pay,
            facts: change.facts,
        })
    }
}
