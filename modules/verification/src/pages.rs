//! `/admin/verify`: the queue, and the pages of what is in it. `/admin/tags`: videos and their tags.

mod desk;
mod item;
mod profiles;
mod tags;

use fithire_kernel::ids::Id;
use fithire_kernel::page::Templates;
use fithire_kernel::paging;
use fithire_kernel::problem::Problem;
use poem::{Route, get, post};
use serde::Deserialize;

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
        .at("/admin/tags/:id/undo", post(tags::undo))
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

/// The query of a list: where its page begins.
#[derive(Deserialize)]
struct Asked {
    cursor: Option<String>,
}

impl Asked {
    /// The id after which the page begins; nothing on the first.
    fn after(&self, list: &str) -> Result<Option<Id>, Problem> {
        self.cursor.as_deref().map(|cursor| paging::after(list, cursor)).transpose()
    }
}
