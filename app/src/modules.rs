//! The one list of modules: their operations make the API, their pages the site.

use crate::document::complete;
use fithire_kernel::page::{Pages, Templates};
use poem::Route;
use poem_openapi::OpenApiService;
use {
    fithire_coaches as coaches, fithire_identity as identity, fithire_impact as impact, fithire_jobs as jobs,
    fithire_matching as matching, fithire_media as media, fithire_notifications as notifications,
    fithire_orgs as orgs, fithire_verification as verification, fithire_webhooks as webhooks,
};

/// The operations of every module. The document lists them in this order.
type Operations = (
    identity::api::Api,
    orgs::api::Api,
    coaches::api::Api,
    jobs::api::Api,
    matching::api::Api,
    verification::api::Api,
    webhooks::api::Api,
    media::api::Api,
    crate::api::Api,
);

/// The API. Its document is complete as [`document`] has it.
pub(crate) fn api() -> OpenApiService<Operations, ()> {
    let operations = (
        identity::api::Api,
        orgs::api::Api,
        coaches::api::Api,
        jobs::api::Api,
        matching::api::Api,
        verification::api::Api,
        webhooks::api::Api,
        media::api::Api,
        crate::api::Api,
    );
    OpenApiService::new(operations, "FitHire", env!("CARGO_PKG_VERSION")).url_prefix("/api/v1")
}

/// The templates of every module and of the frame.
pub(crate) fn pages(globals: &[(&'static str, &str)]) -> Pages {
    const FRAME: Templates = &[
        ("base.html", include_str!("../templates/base.html")),
        ("components.html", include_str!("../templates/components.html")),
        ("error.html", include_str!("../templates/error.html")),
    ];
    let modules = [
        identity::pages::TEMPLATES,
        orgs::pages::TEMPLATES,
        coaches::pages::TEMPLATES,
        impact::pages::TEMPLATES,
        jobs::pages::TEMPLATES,
        matching::pages::TEMPLATES,
        verification::pages::TEMPLATES,
        webhooks::pages::TEMPLATES,
        media::pages::TEMPLATES,
        notifications::pages::TEMPLATES,
        crate::pages::TEMPLATES,
    ];
    Pages::new(&[&[FRAME], &modules[..]].concat(), globals)
}

/// The pages of every module.
pub(crate) fn routes(route: Route) -> Route {
    [
        identity::pages::routes,
        orgs::pages::routes,
        coaches::pages::routes,
        impact::pages::routes,
        jobs::pages::routes,
        matching::pages::routes,
        verification::pages::routes,
        webhooks::pages::routes,
        media::pages::routes,
        notifications::pages::routes,
        crate::pages::routes,
    ]
    .into_iter()
    .fold(route, |route, add| add(route))
}

/// The OpenAPI document, as `openapi/fithire.json` has it.
pub(crate) fn document() -> String {
    complete(&api().spec())
}

/// The page on which the API can be tried, by the whole document.
pub(crate) fn browser() -> String {
    let api = api();
    api.swagger_ui_html().replacen(&api.spec(), &document(), 1)
}
