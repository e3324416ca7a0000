//! The dimensions of teaching style that a brand cares about, in its own words. Jobs want a level in some of them and
//! coaches rate themselves; the levels go from 0 to 4.

use fithire_identity::ManageBrand;
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::{Db, Tx};
use fithire_kernel::form::{Fields, capital};
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, FieldError, Problem, breaks};
use fithire_kernel::scope::Allowed;
use fithire_scoring::facts::MAX_DIMENSIONS;
use sea_query::{Expr, ExprTrait, Order};
use serde::Serialize;
use serde_json::json;
use sqlx::FromRow;

use crate::model::StyleDimensions;

/// A dimension of teaching style.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dimension {
    /// Its id in the brand; 0 for one that the brand does not have.
    pub id: Id,
    /// The name by which facts know it.
    pub name: String,
    /// The same for people.
    pub label: String,
    /// What level 0 means.
    pub low: String,
    /// What level 4 means.
    pub high: String,
}

impl Dimension {
    /// One of which only the name is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Row { id: 0, name: name.to_owned(), low: "little".to_owned(), high: "much".to_owned() }.into()
    }
}

#[derive(FromRow)]
struct Row {
    id: Id,
    name: String,
    low: String,
    high: String,
}

impl From<Row> for Dimension {
    fn from(row: Row) -> Self {
        let Row { id, name, low, high } = row;
        Self { id, label: capital(&name), name, low, high }
    }
}

/// A dimension in a form: the line `style-N-…` in which its level is typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StyleLine {
    /// The place of the line.
    pub n: usize,
    /// What it is about.
    #[serde(flatten)]
    pub dimension: Dimension,
}

/// The brand's dimensions, each in the line of a form that names it or in a free one, then those that the form alone has.
#[must_use]
pub fn style_lines(known: Vec<Dimension>, fields: &Fields) -> Vec<StyleLine> {
    let used: Vec<(usize, &str)> = fields
        .iter()
        .filter_map(|(name, text)| {
            let line = name.strip_prefix("style-")?.strip_suffix("-dimension")?;
            Some((line.parse().ok()?, text.as_str()))
        })
        .collect();
    let mut free = (0..).filter(|n| used.iter().all(|(taken, _)| taken != n));
    let mut lines: Vec<StyleLine> = known
        .into_iter()
        .map(|dimension| {
            let line = used.iter().find(|(_, name)| *name == dimension.name).map(|(n, _)| *n);
            StyleLine { n: line.or_else(|| free.next()).unwrap_or_default(), dimension }
        })
        .collect();
    for (n, name) in used {
        if !lines.iter().any(|line| line.n == n) {
            lines.push(StyleLine { n, dimension: Dimension::named(name) });
        }
    }
    lines
}

/// The brand's dimensions in the order in which they were named.
///
/// # Errors
/// When the database cannot be reached.
pub async fn dimensions(tx: &mut Tx) -> Result<Vec<Dimension>, Problem> {
    use StyleDimensions::{High, Id as Key, Low, Name, Table};
    let mut select = tx.select(Table);
    select.columns([Key, Name, Low, High]).order_by(Key, Order::Asc);
    let rows: Vec<Row> = tx.all(&select).await?;
    Ok(rows.into_iter().map(Dimension::from).collect())
}

/// Names a dimension, with what its lowest and its highest level mean.
///
/// # Errors
/// When a word is missing or too long, the brand has eight, or has this one.
pub async fn add_dimension(
    tx: &mut Tx,
    (clock, ids): (&Clock, &Ids),
    (name, low, high): (&str, &str, &str),
) -> Result<(), Problem> {
    use StyleDimensions::{CreatedAt, High, Id as Key, Low, Name};
    let name = name.trim().to_lowercase();
    let wrong = [("name", &*name), ("low", low.trim()), ("high", high.trim())]
        .into_iter()
        .filter(|(_, text)| !(1..=50).contains(&text.chars().count()) || text.contains(char::is_control));
    let wrong: Vec<FieldError> = wrong
        .map(|(field, _)| FieldError {
            pointer: format!("/{field}"),
            detail: "is not a text of 1 to 50 characters".to_owned(),
        })
        .collect();
    if !wrong.is_empty() {
        return Err(Problem::invalid(wrong));
    }
    if dimensions(tx).await?.len() >= MAX_DIMENSIONS {
        let told = format!("is one too many: a brand has at most {MAX_DIMENSIONS}; remove one first");
        return Err(Problem::field("/name", told));
    }
    let (id, said) = (ids.next(), name.clone());
    let row = vec![id.into(), name.into(), low.trim().into(), high.trim().into(), clock.now().into()];
    tx.run(&tx.insert(&[Key, Name, Low, High, CreatedAt], [row])).await.map_err(|error| {
        let columns = "style_dimensions.brand_id, style_dimensions.name";
        if breaks(&error, "style_dimensions_name", columns) {
            Problem::field("/name", "is there already")
        } else {
            error.into()
        }
    })?;
    let event = Event::new("style.named", "style", id).with(json!({"after": {"name": said}}));
    audit::record(tx, (clock, ids), event).await
}

/// Removes a dimension and answers it. Jobs and coaches that name it keep what they say.
pub(crate) async fn remove_dimension(
    db: &Db,
    tools: (&Clock, &Ids),
    allowed: &Allowed<ManageBrand>,
    id: Id,
) -> Result<Dimension, Problem> {
    let mut tx = db.write(allowed).await?;
    let known = dimensions(&mut tx).await?.into_iter().find(|dimension| dimension.id == id);
    let removed = known.ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut delete = tx.delete(StyleDimensions::Table);
    delete.and_where(Expr::col(StyleDimensions::Id).eq(id));
    tx.run(&delete).await?;
    let event = Event::new("style.removed", "style", id).with(json!({"before": {"name": removed.name}}));
    audit::record(&mut tx, tools, event).await?;
    tx.commit().await?;
    Ok(removed)
}
