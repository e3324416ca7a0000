//! The form of each section of a profile: fields as people type them, and the change that the API would be sent for them.
//! A section says nothing of the others, and nothing of what others have decided.

use chrono::NaiveDate;
use fithire_import::places::{self, Place};
use fithire_kernel::body;
use fithire_kernel::form::{self, Fields, Lines, number, text};
use fithire_kernel::problem::{FieldError, Problem};
use fithire_scoring::facts::{Coach, HoldingState, Source, Span, Zone};
use fithire_scoring::week::{QUARTERS, QUARTERS_A_DAY, quarter_of_day};
use serde_json::{Map, Value, json};

use crate::hours::Hours;
use crate::model::{CoachChange, Profile};

/// Declares the sections with the last step of their address, what they are called before the coach and before others.
macro_rules! sections {
    ($($name:ident $slug:literal $title:literal $of_another:literal;)*) => {
        /// A section of a profile.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Section { $($name,)* }

        impl Section {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];

            pub(crate) fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            pub(crate) fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            pub(crate) fn of_another(self) -> &'static str {
                match self { $(Self::$name => $of_another,)* }
            }
        }
    };
}

sections! {
    About "about" "About you" "About";
    Home "home" "Where you live" "Home";
    Certifications "certifications" "Certifications" "Certifications";
    Experience "experience" "Experience" "Experience";
    Availability "availability" "When you are free" "Availability";
    Hours "hours" "Exact times" "Exact times";
    Style "style" "Teaching style" "Teaching style";
    Pay "pay" "Pay" "Pay";
}

pub(crate) const HOLDINGS: Lines = Lines {
    kind: "holdings",
    label: "Certification",
    first: "code",
    keys: &["code", "expires_on"],
    preset: &[],
};
const POSITIONS: Lines = Lines {
    kind: "positions",
    label: "Position",
    first: "modality",
    keys: &["modality", "started_on", "ended_on"],
    preset: &[],
};
const TAUGHT: Lines = Lines {
    kind: "taught",
    label: "Last taught",
    first: "modality",
    keys: &["modality", "last_taught_on"],
    preset: &[],
};
const HOURS: Lines = Lines {
    kind: "hours",
    label: "Line",
    first: "start",
    keys: &["kind", "day", "start", "end"],
    preset: &["kind", "day"],
};
/// The dimensions are the brand's; one without a level is not said.
const STYLE: Lines = Lines {
    kind: "style",
    label: "Style",
    first: "level",
    keys: &["dimension", "level"],
    preset: &["dimension"],
};

/// Every kind of line.
pub(crate) const LINES: [Lines; 5] = [HOLDINGS, POSITIONS, TAUGHT, HOURS, STYLE];

/// Pointers that are not the names of their fields, with what people call these.
pub(crate) const NAMED: [(&str, &str, &str); 8] = [
    ("pay/type", "pay_type", "Paid"),
    ("pay/min", "pay_min", "At least"),
    ("pay/currency", "currency", "Currency"),
    ("radius_m", "radius_km", "How far you travel"),
    ("radius_km", "radius_km", "How far you travel"),
    ("tz", "tz", "Time zone"),
    ("free", "free-0-9", "Free"),
    ("email", "email", "E-mail address"),
];

impl Section {
    /// The kinds of line that it has.
    pub(crate) fn lines(self) -> &'static [Lines] {
        match self {
            Self::Certifications => &[HOLDINGS],
            Self::Experience => &[POSITIONS, TAUGHT],
            Self::Hours => &[HOURS],
            Self::Style => &[STYLE],
            Self::About | Self::Home | Self::Availability | Self::Pay => &[],
        }
    }

    /// The fields as the profile has them.
    pub(crate) fn fields(self, profile: &Profile) -> Fields {
        let mut fields = Fields::new();
        let mut put = |name: &str, text: Option<String>| {
            fields.extend(text.filter(|text| !text.is_empty()).map(|text| (name.to_owned(), text)));
        };
        let facts = &profile.facts;
        match self {
            Self::About => {
                put("name", Some(profile.name.clone()));
                put("email", profile.email.clone());
                put("phone", profile.phone.clone());
                put("bio", profile.bio.clone());
                put("languages", profile.languages.clone());
            }
            Self::Home => {
                put("postal_code", profile.postal_code.clone());
                put("city", profile.city.clone());
                put("region", profile.region.clone());
                put("country", profile.country.clone());
                put("radius_km", facts.radius_m.map(kilometres));
                put("tz", facts.tz.map(|zone| zone.name().to_owned()));
            }
            Self::Pay => {
                put("pay_type", profile.pay.kind.clone());
                put("pay_min", profile.pay.min.map(|min| min.to_string()));
                put("currency", profile.pay.currency.clone());
            }
            Self::Availability => {
                put("never", is_never(facts).then(|| "yes".to_owned()));
                put("tz", facts.tz.map(|zone| zone.name().to_owned()));
            }
            Self::Hours => {
                put("tz", facts.tz.map(|zone| zone.name().to_owned()));
                HOURS.put(&mut fields, &hours(facts));
            }
            Self::Style => {
                let own = facts.style.iter().filter(|rating| rating.source == Source::SelfRated);
                STYLE.put(&mut fields, &json!(own.collect::<Vec<_>>()));
            }
            Self::Certifications => HOLDINGS.put(&mut fields, &json!(facts.holdings)),
            Self::Experience => {
                POSITIONS.put(&mut fields, &json!(facts.positions));
                TAUGHT.put(&mut fields, &json!(facts.taught));
            }
        }
        fields
    }

    /// What is there now, for [`form::check_mark`]: the fields, and the hours that the grid shows.
    pub(crate) fn mark(self, profile: &Profile) -> Fields {
        let mut fields = self.fields(profile);
        if self == Self::Availability {
            let hours = json!([profile.facts.free, profile.facts.if_needed]);
            fields.insert("grid".to_owned(), hours.to_string());
        }
        fields
    }

    /// The change for what was typed.
    pub(crate) fn change(self, fields: &Fields, old: &Profile) -> Result<CoachChange, Problem> {
        form::check_mark(fields, &self.mark(old))?;
        body::read(self.request(fields, old)?.to_string().as_bytes())
    }

    /// The same as the request that the API would be sent.
    pub(crate) fn request(self, fields: &Fields, old: &Profile) -> Result<Value, Problem> {
        match self {
            Self::About => about(fields, old),
            Self::Pay => Ok(pay(fields)),
            _ => {
                let mut facts = match serde_json::to_value(&old.facts) {
                    Ok(Value::Object(facts)) => facts,
                    _ => Map::new(),
                };
                let mut change = Map::new();
                match self {
                    Self::Home => {
                        home(fields, old, &mut facts)?;
                        for name in ["postal_code", "city", "region", "country"] {
                            change.insert(name.to_owned(), kept(fields, name));
                        }
                    }
                    Self::Availability => availability(fields, &old.facts, &mut facts)?,
                    Self::Hours => exact_hours(fields, &old.facts, &mut facts)?,
                    _ => {
                        for lines in self.lines() {
                            let items = self.items(*lines, fields, &old.facts);
                            facts.insert(lines.kind.to_owned(), Value::Array(items));
                        }
                    }
                }
                change.insert("facts".to_owned(), Value::Object(facts));
                Ok(Value::Object(change))
            }
        }
    }

    /// The lines of a kind as facts.
    fn items(self, lines: Lines, fields: &Fields, old: &Coach) -> Vec<Value> {
        match self {
            Self::Certifications => holdings(fields, old),
            Self::Style => {
                let read = |key: &str, text: &str| if key == "level" { number(text) } else { json!(text) };
                let mut own = lines.request(fields, read);
                for rating in &mut own {
                    rating["source"] = json!("self");
                }
                own
            }
            _ => lines.request(fields, |_, text| json!(text)),
        }
    }
}

/// A text as it is kept. What is blank is a text without letters: a key that is missing would leave what was there.
fn kept(fields: &Fields, name: &str) -> Value {
    json!(text(fields, name).unwrap_or_default())
}

fn about(fields: &Fields, old: &Profile) -> Result<Value, Problem> {
    let mut change = json!({});
    for name in ["name", "phone", "bio", "languages"] {
        change[name] = kept(fields, name);
    }
    match text(fields, "email") {
        Some(email) => change["email"] = json!(email),
        None if old.email.is_some() => {
            return Err(Problem::field("/email", "is missing; managers would have no address to write to"));
        }
        None => {}
    }
    Ok(change)
}

fn pay(fields: &Fields) -> Value {
    let mut pay = Map::new();
    pay.extend(text(fields, "pay_type").map(|kind| ("type".to_owned(), json!(kind))));
    pay.extend(text(fields, "pay_min").map(|min| ("min".to_owned(), number(min))));
    pay.extend(text(fields, "currency").map(|code| ("currency".to_owned(), json!(code.to_uppercase()))));
    json!({"pay": pay})
}

/// Whether the coach has said not to be free at all.
fn is_never(facts: &Coach) -> bool {
    facts.free.as_ref().is_some_and(Vec::is_empty) && facts.if_needed.as_ref().is_none_or(Vec::is_empty)
}

/// The hours that are ticked in the grid.
fn availability(fields: &Fields, old: &Coach, facts: &mut Map<String, Value>) -> Result<(), Problem> {
    let first: usize = text(fields, "first").and_then(|hour| hour.parse().ok()).unwrap_or(0);
    let grid = |kind: &str, old: Option<&Vec<Span>>| {
        Hours::covering(old.map_or(&[][..], |spans| spans)).with_grid(fields, kind, first)
    };
    let (free, maybe) = (grid("free", old.free.as_ref()), grid("maybe", old.if_needed.as_ref()));
    let never = text(fields, "never").is_some();
    if never && free.quarters() + maybe.quarters() > 0 {
        let told = "contradicts the hours that are ticked or hatched; clear those, in exact times where they are hatched";
        return Err(Problem::field("/never", told));
    }
    put_hours(facts, (&free, &maybe), never);
    Ok(())
}

/// The hours that are typed line by line. No line at all leaves it at "never" where that was said.
fn exact_hours(fields: &Fields, old: &Coach, facts: &mut Map<String, Value>) -> Result<(), Problem> {
    let [free, maybe] = exact(fields)?;
    put_hours(facts, (&Hours::covering(&free), &Hours::covering(&maybe)), is_never(old));
    Ok(())
}

fn kilometres(metres: u64) -> String {
    let (whole, rest) = (metres / 1_000, metres % 1_000);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:03}").trim_end_matches('0').to_owned() }
}

/// Free hours as facts. Nothing ticked means that nothing is known, unless it is said that it means never: nobody is
/// taken off lists by saving an empty page.
fn put_hours(facts: &mut Map<String, Value>, (free, maybe): (&Hours, &Hours), never: bool) {
    let written = |hours: &Hours| -> Value {
        let span = |span: Span| {
            let (day, start, minutes) = span.written();
            json!({"day": day, "start": start, "minutes": minutes})
        };
        hours.spans().into_iter().map(span).collect()
    };
    let nothing = free.quarters() == 0 && maybe.quarters() == 0;
    facts.remove("free");
    facts.remove("if_needed");
    if free.quarters() > 0 || (nothing && never) {
        facts.insert("free".to_owned(), written(free));
    }
    if maybe.quarters() > 0 {
        facts.insert("if_needed".to_owned(), written(maybe));
    }
}

/// Certificates as they are claimed. One that is there already keeps its state; another expiry is another certificate.
fn holdings(fields: &Fields, old: &Coach) -> Vec<Value> {
    let mut items = HOLDINGS.request(fields, |_, text| json!(text));
    for item in &mut items {
        let day = item["expires_on"].as_str().and_then(|day| day.parse::<NaiveDate>().ok());
        let same = old.holdings.iter().find(|known| {
            Some(known.code.details().code) == item["code"].as_str() && known.expires_on == day
        });
        item["state"] = json!(same.map_or(HoldingState::Claimed, |known| known.state));
    }
    items
}

/// Home and reach as facts. An address that has not changed leaves its place, which may be more exact than it says.
fn home(fields: &Fields, old: &Profile, facts: &mut Map<String, Value>) -> Result<(), Problem> {
    let typed = |name: &str| text(fields, name);
    let mut errors = Vec::new();
    let mut wrong = |field: &str, detail: String| {
        errors.push(FieldError { pointer: format!("/{field}"), detail });
    };
    let given = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
    let address = ["postal_code", "city", "region", "country"].map(|name| typed(name).map(str::to_owned));
    let before = [&old.postal_code, &old.city, &old.region, &old.country].map(given);
    if address != before {
        facts.remove("lat");
        facts.remove("lon");
        let country = typed("country").map(places::country_code).transpose();
        let country = country.unwrap_or_else(|message| {
            wrong("country", message);
            None
        });
        match places::find(typed("postal_code"), typed("city"), typed("region"), country.as_deref()) {
            Ok(Some(Place { point, zone })) => {
                facts.insert("lat".to_owned(), json!(point.lat));
                facts.insert("lon".to_owned(), json!(point.lon));
                facts.insert("tz".to_owned(), json!(zone.name()));
            }
            Ok(None) => {}
            Err((part, message)) => wrong(part, message),
        }
    }
    // A zone that is typed anew goes before the one of the place.
    let zone_before = old.facts.tz.map(Zone::name);
    match typed("tz") {
        Some(zone) if Some(zone) != zone_before => {
            facts.insert("tz".to_owned(), json!(zone));
        }
        None if zone_before.is_some() && address == before => {
            facts.remove("tz");
        }
        _ => {}
    }
    match typed("radius_km").map(str::parse::<f64>) {
        None => {
            facts.remove("radius_m");
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1..=20100000")]
        Some(Ok(km)) if (0.001..=20_100.0).contains(&km) => {
            facts.insert("radius_m".to_owned(), json!((km * 1_000.0).round() as u64));
        }
        Some(_) => wrong("radius_km", "is not a number of kilometres from 0.001 to 20100".to_owned()),
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}

/// Free hours line by line, as [`exact`] reads them. A line has one day and two times, so that what is longer than a day
/// stands in several, from midnight to midnight.
fn hours(facts: &Coach) -> Value {
    let lines = |kind: &'static str, spans: &Option<Vec<Span>>| -> Vec<Value> {
        let line = |span: Span| {
            let (day, start, _) = span.written();
            let (_, end, _) = Span { start: (span.start + span.quarters) % QUARTERS, quarters: 1 }.written();
            json!({"kind": kind, "day": day.to_string(), "start": start, "end": end})
        };
        spans.iter().flatten().flat_map(|span| days(*span)).map(line).collect()
    };
    let all = [lines("free", &facts.free), lines("maybe", &facts.if_needed)].concat();
    Value::Array(all)
}

/// A span as it is when it is shorter than a day, else day by day.
fn days(span: Span) -> Vec<Span> {
    if span.quarters < QUARTERS_A_DAY {
        return vec![span];
    }
    let (mut start, mut left, mut days) = (span.start, span.quarters, Vec::new());
    while left > 0 {
        let quarters = left.min(QUARTERS_A_DAY - start % QUARTERS_A_DAY);
        days.push(Span { start, quarters });
        (start, left) = ((start + quarters) % QUARTERS, left - quarters);
    }
    days
}

/// The stretches that are typed line by line: free, and free if needed. One that does not end after it starts runs past
/// midnight; from midnight to midnight is a whole day.
fn exact(fields: &Fields) -> Result<[Vec<Span>; 2], Problem> {
    let (mut free, mut maybe, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for (place, item) in HOURS.request(fields, |_, text| json!(text)).into_iter().enumerate() {
        let said = |key: &str| item[key].as_str().unwrap_or_default();
        let mut wrong = |key: &str, detail: String| {
            errors.push(FieldError { pointer: format!("/hours/{place}/{key}"), detail });
        };
        let time = |key: &str| quarter_of_day(said(key));
        let (from, to) = match (time("start"), time("end")) {
            (Ok(from), Ok(to)) if from != to || from == 0 => (from, to),
            (Ok(_), Ok(_)) => {
                wrong("end", "is the time at which it starts".to_owned());
                continue;
            }
            (from, to) => {
                for (key, time) in [("start", from), ("end", to)] {
                    let told = match said(key) {
                        "" => "is missing".to_owned(),
                        written => format!("is {written}; write a time on a quarter-hour, such as 09:15"),
                    };
                    if time.is_err() {
                        wrong(key, told);
                    }
                }
                continue;
            }
        };
        let quarters = if to > from { to - from } else { to + QUARTERS_A_DAY - from };
        match Span::new(said("day").parse().unwrap_or_default(), said("start"), u32::from(quarters) * 15) {
            Ok(span) if said("kind") == "maybe" => maybe.push(span),
            Ok(span) => free.push(span),
            Err(message) => wrong("start", message),
        }
    }
    if errors.is_empty() { Ok([free, maybe]) } else { Err(Problem::invalid(errors)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn profile(facts: Value) -> Profile {
        Profile {
            name: "Ada".to_owned(),
            facts: serde_json::from_value(facts).unwrap(),
            ..Profile::default()
        }
    }

    /// The facts after a section was saved.
    fn saved(section: Section, typed: &Fields, old: &Profile) -> Value {
        section.request(typed, old).unwrap()["facts"].clone()
    }

    #[test]
    fn a_section_that_is_saved_as_it_is_changes_nothing() {
        let old = profile(json!({
            "lat": 40.7, "lon": -74.0, "tz": "America/New_York", "radius_m": 12_500,
            "holdings": [{"code": "NASM-CPT", "state": "verified", "expires_on": "2027-06-30"},
                         {"code": "CPR-AED", "state": "pending"}],
            "positions": [{"modality": "hiit", "started_on": "2023-02-01"}],
            "taught": [{"modality": "yin", "last_taught_on": "2026-10-01"}],
            "free": [{"day": 0, "start": "09:15", "minutes": 105}, {"day": 6, "start": "22:00", "minutes": 240}],
            "if_needed": [{"day": 2, "start": "00:00", "minutes": 1440}, {"day": 3, "start": "18:00", "minutes": 3000}],
            "style": [{"dimension": "music", "level": 3, "source": "self"}]
        }));
        for section in Section::ALL {
            let typed = section.fields(&old);
            let request = match section {
                // The grid's boxes are rendered from the hours themselves.
                Section::Availability => continue,
                _ => section.request(&typed, &old).unwrap(),
            };
            if let Some(facts) = request.get("facts") {
                let read: Coach = serde_json::from_value(facts.clone()).unwrap();
                let hours = |spans: &Option<Vec<Span>>| Hours::covering(spans.as_deref().unwrap_or_default());
                assert_eq!(hours(&read.if_needed), hours(&old.facts.if_needed), "{section:?}");
                let read = Coach { if_needed: old.facts.if_needed.clone(), ..read };
                assert_eq!(read, old.facts, "{section:?}");
            }
        }
    }

    #[test]
    fn an_address_that_changes_is_looked_up_and_one_that_is_unknown_is_said() {
        let old = profile(json!({"lat": 1.0, "lon": 1.0}));
        let moved = saved(Section::Home, &fields(&[("postal_code", "10013"), ("radius_km", "7.5")]), &old);
        assert_eq!((&moved["tz"], &moved["radius_m"]), (&json!("America/New_York"), &json!(7_500)));
        assert!((40.0..41.0).contains(&moved["lat"].as_f64().unwrap()), "{moved}");
        let typed = fields(&[("city", "Atlantis"), ("radius_km", "far"), ("country", "Nowhere")]);
        let problem = Section::Home.request(&typed, &old).unwrap_err();
        let wrong: Vec<&str> = problem.errors.iter().map(|error| &*error.pointer).collect();
        assert_eq!(wrong, ["/country", "/city", "/radius_km"]);
    }

    #[test]
    fn an_empty_week_is_unknown_unless_it_is_said_to_mean_never() {
        let old = profile(json!({"free": [{"day": 0, "start": "09:00", "minutes": 60}]}));
        assert_eq!(saved(Section::Availability, &fields(&[("first", "5")]), &old).get("free"), None);
        let never = saved(Section::Availability, &fields(&[("first", "5"), ("never", "yes")]), &old);
        assert_eq!(never["free"], json!([]));
        // Saving the exact times as they are leaves it at that, and hours that are there contradict it.
        let old = profile(json!({"free": []}));
        assert_eq!(saved(Section::Hours, &Section::Hours.fields(&old), &old)["free"], json!([]));
        let half = profile(json!({"free": [{"day": 0, "start": "09:15", "minutes": 15}]}));
        let refused = Section::Availability.request(&fields(&[("first", "5"), ("never", "yes")]), &half);
        assert_eq!(refused.unwrap_err().errors[0].pointer, "/never");
    }

    #[test]
    fn what_was_changed_elsewhere_is_not_overwritten_unseen() {
        let shown = profile(json!({"free": [{"day": 0, "start": "09:00", "minutes": 60}]}));
        let seen = form::mark(&Section::Availability.mark(&shown));
        let typed = fields(&[("first", "5"), ("seen", &seen)]);
        assert!(Section::Availability.change(&typed, &shown).is_ok());
        let other = profile(json!({"free": [{"day": 1, "start": "09:00", "minutes": 60}]}));
        assert!(Section::Availability.change(&typed, &other).is_err());
    }

    #[test]
    fn exact_times_run_past_midnight_and_say_what_is_wrong() {
        let line = |start: &str, end: &str| {
            fields(&[
                ("hours-0-kind", "free"),
                ("hours-0-day", "6"),
                ("hours-0-start", start),
                ("hours-0-end", end),
            ])
        };
        assert_eq!(exact(&line("22:00", "02:00")).unwrap()[0], [Span::new(6, "22:00", 240).unwrap()]);
        assert_eq!(exact(&line("00:00", "00:00")).unwrap()[0], [Span::new(6, "00:00", 1_440).unwrap()]);
        for (start, end, pointer) in [
            ("9", "10:00", "/hours/0/start"),
            ("09:00", "", "/hours/0/end"),
            ("09:00", "09:00", "/hours/0/end"),
        ] {
            assert_eq!(exact(&line(start, end)).unwrap_err().errors[0].pointer, pointer, "{start} {end}");
        }
    }

    #[test]
    fn a_new_expiry_is_a_new_claim() {
        let old = profile(
            json!({"holdings": [{"code": "NASM-CPT", "state": "verified", "expires_on": "2027-06-30"}]}),
        );
        let typed = fields(&[("holdings-0-code", "NASM-CPT"), ("holdings-0-expires_on", "2029-06-30")]);
        let claimed = json!([{"code": "NASM-CPT", "expires_on": "2029-06-30", "state": "claimed"}]);
        assert_eq!(saved(Section::Certifications, &typed, &old)["holdings"], claimed);
    }
}
