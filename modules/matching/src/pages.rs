//! The pages on matches: a job's candidates as a table, as a CSV file and side by side; one coach for a job; and a
//! coach's own matches; where a manager's and a coach's day begins; the presets. Each shows what the API answers, from the same rankings.

pub(crate) mod candidates;
mod compare;
pub(crate) mod export;
mod history;
mod job;
mod listing;
mod matches;
mod overview;
mod own_data;
mod pair;
mod preset;
mod presets;
mod review;
mod view;

use fithire_kernel::page::Templates;
use poem::{Route, get, post};

/// The templates of these pages.
pub const TEMPLATES: Templates = &[
    ("matching/coach.html", include_str!("../templates/matching/coach.html")),
    ("matching/manager.html", include_str!("../templates/matching/manager.html")),
    ("matching/data.html", include_str!("../templates/matching/data.html")),
    ("matching/reviews.html", include_str!("../templates/matching/reviews.html")),
    ("matching/preset.html", include_str!("../templates/matching/preset.html")),
    ("matching/presets.html", include_str!("../templates/matching/presets.html")),
    ("matching/candidates.html", include_str!("../templates/matching/candidates.html")),
    ("matching/history.html", include_str!("../templates/matching/history.html")),
    ("matching/compare.html", include_str!("../templates/matching/compare.html")),
    ("matching/pair.html", include_str!("../templates/matching/pair.html")),
    ("matching/matches.html", include_str!("../templates/matching/matches.html")),
    ("matching/match.html", include_str!("../templates/matching/match.html")),
    ("matching/kept.html", include_str!("../templates/matching/kept.html")),
    ("matching/score.html", include_str!("../templates/matching/score.html")),
];

/// Adds these pages to a site's.
#[must_use]
pub fn routes(route: Route) -> Route {
    route
        .at("/coach", get(overview::of_coach))
        .at("/manager", get(overview::of_manager))
        .at("/admin/presets", get(presets::page))
        .at("/admin/presets/:name", get(preset::show))
        .at("/admin/presets/:name/impact.csv", get(preset::export))
        .at("/manager/jobs/new", get(job::blank).post(job::create))
        .at("/manager/jobs/preview", post(job::preview_new))
        .at("/manager/jobs/:id", get(job::edit).post(job::change))
        .at("/manager/jobs/:id/preview", post(job::preview_change))
        .at("/manager/jobs/:id/switch", post(job::switch))
        .at("/manager/jobs/:id/candidates", get(candidates::page))
        .at("/manager/jobs/:id/candidates.csv", get(export::file))
        .at("/manager/jobs/:id/matches", get(history::page))
        .at("/manager/jobs/:id/compare", get(compare::page))
        .at("/manager/jobs/:id/candidates/:coach_id", get(pair::candidate))
        .at("/manager/jobs/:id/candidates/:coach_id/keep", post(pair::keep))
        .at("/manager/scores/:id", get(pair::kept))
        .at("/manager/views", post(candidates::save_view))
        .at("/manager/views/:id/remove", post(candidates::remove_view))
        .at("/coach/matches", get(matches::page))
        .at("/coach/matches/:job_id", get(pair::own_match))
        .at("/coach/matches/:job_id/review", post(review::ask))
        .at("/coach/data", get(own_data::page))
        .at("/coach/data.json", get(own_data::file))
        .at("/coach/data/erase", post(own_data::erase))
        .at("/manager/reviews", get(review::page))
        .at("/manager/reviews/:id", post(review::answer))
}
