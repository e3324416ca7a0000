//! `/admin/verify`: the queue, and the pages of what is in it. `/admin/tags`: videos and their tags.

mod desk;
mod item;
mod profiles;
mod tags;

use fithire_kernel::page::Templates;
use poem::{Route, get, post};

/// The templates of these pages.
pub const TEMPLATES: Templates = &[
    ("verification/desk.html", include_str!("../templates/verification/desk.html")),
    ("verification/item.html", include_str!("../templates/verification/item.html")),
    ("verification/parts.html", include_str!("../templates/verification/parts.html")),
    ("verification/profiles.html", include_str!("../templates/verification/profiles.html")),
    ("verification/videos.html", include_str!("../templates/verification/videos.html")),
    ("verification/tagging.html", include_str!("../templates/verification/tagging.html")),
    ("verification/profile.html", include_str!("../templates/verification/profile.html")),
];

/// Adds these pages to a site's.
#[must_use]
pub fn routes(route: Route) -> Route {
    route
        .at("/admin/tags", get(tags::list))
        .at("/admin/tags/:id", get(tags::one).post(tags::save))
        .at("/admin/verify", get(desk::page))
        .at("/admin/verify/next", post(desk::begin))
        .at("/admin/verify/profiles", get(profiles::list))
        .at("/admin/verify/coaches/:id", get(profiles::page).post(profiles::decide))
        .at("/admin/verify/:id", get(item::page).post(item::decide))
        .at("/admin/verify/:id/rule", post(item::rule))
        .at("/admin/verify/:id/claim", post(item::claim))
        .at("/admin/verify/:id/free", post(item::free))
        .at("/admin/verify/:id/skip", post(item::skip))
        .at("/admin/verify/:id/undo", post(item::undo))
}
