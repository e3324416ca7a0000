//! The pages of files: a coach's own, what shows one, and what whoever has a link sees.

mod own;
mod shown;

use fithire_kernel::page::Templates;
use poem::{Route, get, post};

/// The templates of these pages.
pub const TEMPLATES: Templates = &[
    ("media/own.html", include_str!("../templates/media/own.html")),
    ("media/parts.html", include_str!("../templates/media/parts.html")),
    ("media/share.html", include_str!("../templates/media/share.html")),
];

/// Adds these pages to a site's.
#[must_use]
pub fn routes(route: Route) -> Route {
    route
        .at("/coach/media", get(own::overview))
        .at("/coach/media/upload", post(own::begin_upload))
        .at("/coach/media/:id/resume", post(own::resume_upload))
        .at("/coach/media/:id/confirm", post(own::confirm_upload))
        .at("/coach/media/:id/remove", post(own::take_away))
        .at("/coach/media/:id/share", post(own::add_link))
        .at("/coach/media/shares/:share_id/revoke", post(own::end_link))
        .at("/media/:id", get(shown::medium))
        .at("/share/:link", get(shown::shared))
        .at("/share/:link/video", get(shown::shared_video))
}
