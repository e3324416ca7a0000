//! The pages of notifications: the list, how somebody wishes to be told, the live stream, and the end of all messages by a
//! link.

mod list;
mod live;
mod preferences;
mod unsubscribe;

use fithire_kernel::page::Templates;
use poem::{Route, get, post};

/// The templates of these pages.
pub const TEMPLATES: Templates = &[
    ("notifications/list.html", include_str!("../templates/notifications/list.html")),
    ("notifications/preferences.html", include_str!("../templates/notifications/preferences.html")),
    ("notifications/unsubscribe.html", include_str!("../templates/notifications/unsubscribe.html")),
];

/// Adds these pages to a site's.
#[must_use]
pub fn routes(route: Route) -> Route {
    route
        .at("/notifications", get(list::page))
        .at("/notifications/read", post(list::read_all))
        .at("/notifications/:id/read", post(list::read_one))
        .at("/notifications/stream", get(live::stream))
        .at("/notifications/preferences", get(preferences::page).post(preferences::save))
        .at("/notifications/preferences/address", post(preferences::try_again))
        .at("/unsubscribe", get(unsubscribe::page).post(unsubscribe::end))
}
