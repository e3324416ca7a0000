//! `/manager/jobs/{id}/candidates.csv`: the list of a page, or the coaches chosen in it, as a file for a spreadsheet; the API has
//! the same file.

use std::sync::Arc;

use fithire_identity::{ViewCoaches, Visitor};
use fithire_kernel::audit::Reads;
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use fithire_kernel::spreadsheet;
use fithire_scoring::exchange::{points, share};
use fithire_scoring::registry;
use poem::web::{Data, Path};
use poem::{IntoResponse as _, Request, Response, handler};

use super::listing::{self, list};
use crate::rankings::{Candidates, Rankings};

/// More rows than anyone reads; a whole brand goes through the API.
pub(crate) const MOST: usize = 1_000;

#[handler]
pub(super) async fn file(
    visitor: Visitor,
    request: &Request,
    db: Data<&Db>,
    clock: Data<&Clock>,
    rankings: Data<&Arc<Rankings>>,
    reads: Data<&Reads>,
    id: Path<Id>,
) -> Result<Response, Problem> {
    let allowed = visitor.caller().allowed::<ViewCoaches>()?;
    let asked: Vec<(String, String)> =
        serde_urlencoded::from_str(request.uri().query().unwrap_or_default()).unwrap_or_default();
    let chosen: Vec<Id> =
        asked.iter().filter(|(name, _)| name == "coach").filter_map(|(_, id)| id.parse().ok()).collect();
    let query: listing::Query =
        asked.into_iter().filter(|(name, _)| name != "coach" && name != "cursor").collect();
    let listing = list((&db, &clock), &rankings, &allowed, id.0, (&query, MOST)).await?;

    reads.note(&allowed, listing.found.viewed("candidates.exported", id.0))?;
    Ok(csv(id.0, &listing.found, &chosen).into_response())
}

/// The candidates of a job as a file: those of these ids, or all that were found.
pub(crate) fn csv(job_id: Id, found: &Candidates, chosen: &[Id]) -> spreadsheet::File {
    let head = ["rank", "coach_id", "name", "fitscore", "low", "high", "eligible", "distance_m"];
    let head = head.into_iter().chain(registry::keys()).chain(["points", "strengths", "gaps", "advice"]);
    let mut lines = vec![head.map(str::to_owned).collect()];
    for (rank, shown) in (1..).zip(&found.shown) {
        let (coach, why) = (&shown.coach, &shown.why);
        if !chosen.is_empty() && !chosen.contains(&coach.id) {
            continue;
        }
        let (score, advice) = (&why.score, why.advice.iter().map(ToString::to_string).collect::<Vec<_>>());
        let eligible = match score.eligibility {
            _ if score.excluded => "no",
            fithire_scoring::score::Eligibility::Provisional => "provisional",
            _ => "yes",
        };
        let mut line = vec![
            usize::to_string(&rank),
            coach.id.to_string(),
            spreadsheet::text(&coach.name),
            share(score.bp).to_string(),
            share(score.low).to_string(),
            share(score.high).to_string(),
            eligible.to_owned(),
            score.distance_m.map_or_else(String::new, |metres| metres.to_string()),
        ];
        line.extend(registry::keys().map(|key| {
            let part = score.components.iter().find(|part| part.key == *key);
            part.and_then(|part| part.figure)
                .map_or_else(String::new, |figure| share(figure.score).to_string())
        }));
        line.push(points(score));
        line.extend([&why.strengths, &why.gaps, &advice].map(|facts| spreadsheet::text(&facts.join("; "))));
        lines.push(line);
    }
    spreadsheet::File { name: format!("candidates-{job_id}.csv"), csv: spreadsheet::csv(&lines), next: None }
}
