//! The one list of modules: their operations make the API.

use poem_openapi::OpenApiService;
use {
    fithire_coaches as coaches, fithire_identity as identity, fithire_jobs as jobs,
    fithire_matching as matching, fithire_orgs as orgs,
};

/// The operations of every module. The document lists them in this order.
type Operations = (identity::api::Api, orgs::api::Api, coaches::api::Api, jobs::api::Api, matching::api::Api);

/// The API with its document.
pub(crate) fn api() -> OpenApiService<Operations, ()> {
    let operations =
        (identity::api::Api, orgs::api::Api, coaches::api::Api, jobs::api::Api, matching::api::Api);
    OpenApiService::new(operations, "FitHire", env!("CARGO_PKG_VERSION"))
        .description("Matches fitness coaches with jobs by a score that anyone can check.")
        .url_prefix("/api/v1")
}

/// The OpenAPI document, as `openapi/fithire.json` has it.
pub(crate) fn document() -> String {
    let mut document = api().spec();
    document.push('\n');
    document
}
