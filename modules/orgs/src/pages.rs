//! The pages on organisations: the tree of a brand with its words and its link, who is in it, joining one, and going from
//! one to another.

mod joining;
mod keys;
mod members;
mod organisation;
mod other_issuers;
mod reach;

use fithire_kernel::page::Templates;
use poem::{Route, get, post};

/// The templates of these pages.
pub const TEMPLATES: Templates = &[
    ("orgs/organisation.html", include_str!("../templates/orgs/organisation.html")),
    ("orgs/members.html", include_str!("../templates/orgs/members.html")),
    ("orgs/member.html", include_str!("../templates/orgs/member.html")),
    ("orgs/keys.html", include_str!("../templates/orgs/keys.html")),
    ("orgs/invitation.html", include_str!("../templates/orgs/invitation.html")),
    ("orgs/brands.html", include_str!("../templates/orgs/brands.html")),
    ("orgs/sign-up.html", include_str!("../templates/orgs/sign-up.html")),
    ("orgs/not-signed-in.html", include_str!("../templates/orgs/not-signed-in.html")),
    ("orgs/first-run.html", include_str!("../templates/orgs/first-run.html")),
];

/// Adds these pages to a site's.
#[must_use]
pub fn routes(route: Route) -> Route {
    route
        .at("/sign-up", get(joining::sign_up).post(joining::signed_up))
        .at("/sign-in/with/:issuer", get(other_issuers::begin))
        .at("/sign-in/with/:issuer/back", get(other_issuers::back))
        .at("/first-run", get(joining::first_run).post(joining::began))
        .at("/brands", get(joining::brands).post(joining::switch))
        .at("/admin/organisation", get(organisation::page))
        .at("/admin/organisation/brand", post(organisation::change_brand))
        .at("/admin/organisation/regions", post(organisation::add_region))
        .at("/admin/organisation/locations", post(organisation::add_location))
        .at("/admin/organisation/styles", post(organisation::add_style))
        .at("/admin/organisation/styles/:id/remove", post(organisation::remove_style))
        .at("/admin/organisation/link", post(organisation::set_link_of))
        .at("/invitation", get(joining::invitation).post(joining::taken_up))
        .at("/admin/members", get(members::page))
        .at("/admin/members/invitations", post(members::invite_somebody))
        .at("/admin/members/invitations/:id/end", post(members::end_invitation))
        .at("/admin/members/back", post(members::put_back))
        .at("/admin/members/:id", get(members::one).post(members::change))
        .at("/admin/members/:id/remove", post(members::remove))
        .at("/admin/keys", get(keys::page).post(keys::create))
        .at("/admin/keys/:id/revoke", post(keys::revoke))
}
