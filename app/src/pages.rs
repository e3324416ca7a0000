//! The pages that belong to no module: where an admin's day begins, importing files, and what explains the rest.

mod admin;
mod audit;
mod docs;
mod import;
mod queue;
mod reference;

use fithire_kernel::page::Templates;
use poem::{Route, get, post};

/// The templates of these pages.
pub(crate) const TEMPLATES: Templates = &[
    ("admin.html", include_str!("../templates/admin.html")),
    ("audit.html", include_str!("../templates/audit.html")),
    ("import.html", include_str!("../templates/import.html")),
    ("queue.html", include_str!("../templates/queue.html")),
    ("guide.html", include_str!("../templates/guide.html")),
    ("guide-webhooks.html", include_str!("../templates/guide-webhooks.html")),
    ("reference.html", include_str!("../templates/reference.html")),
    ("operation.html", include_str!("../templates/operation.html")),
    ("problems.html", include_str!("../templates/problems.html")),
    ("how-it-scores.html", include_str!("../templates/how-it-scores.html")),
    ("style.html", include_str!("../templates/style.html")),
];

/// Adds these pages to a site's.
pub(crate) fn routes(route: Route) -> Route {
    route
        .at("/admin", get(admin::page))
        .at("/admin/audit", get(audit::page))
        .at("/admin/import", get(import::blank).post(import::take))
        .at("/admin/queue", get(queue::page))
        .at("/admin/queue/:id/replay", post(queue::replay))
        .at("/admin/queue/:id/discard", post(queue::discard))
        .at("/docs", get(docs::guide))
        .at("/docs/webhooks", get(docs::webhooks))
        .at("/docs/reference", get(reference::index))
        .at("/docs/reference/:name", get(reference::operation_page))
        .at("/docs/problems", get(docs::problems))
        .at("/docs/score", get(docs::score))
        .at("/docs/style", get(docs::style))
}
