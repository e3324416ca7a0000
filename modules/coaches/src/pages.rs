//! The pages on coaches: a coach's own profile, section by section, and the brand's coaches as its managers see them.

mod known;
mod listing;
mod own;

use fithire_kernel::page::Templates;
use poem::{Route, get};

pub use self::known::{Known, Line, holdings, known};
pub use listing::Videos;

/// The templates of these pages.
pub const TEMPLATES: Templates = &[
    ("coaches/own.html", include_str!("../templates/coaches/own.html")),
    ("coaches/section.html", include_str!("../templates/coaches/section.html")),
    ("coaches/list.html", include_str!("../templates/coaches/list.html")),
    ("coaches/parts.html", include_str!("../templates/coaches/parts.html")),
    ("coaches/coach.html", include_str!("../templates/coaches/coach.html")),
];

/// Adds these pages to a site's.
#[must_use]
pub fn routes(route: Route) -> Route {
    route
        .at("/coach/profile", get(own::overview))
        .at("/coach/profile/:section", get(own::editor).post(own::save))
        .at("/manager/coaches", get(listing::list))
        .at("/manager/coaches/:id", get(listing::coach))
}
