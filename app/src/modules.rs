//! The one list of modules: their operations make the API.

use poem_openapi::OpenApiService;

/// The operations of every module. The document lists them in this order.
type Operations = (fithire_identity::api::Api, fithire_orgs::api::Api);

/// The API with its document.
pub(crate) fn api() -> OpenApiService<Operations, ()> {
    let operations = (fithire_identity::api::Api, fithire_orgs::api::Api);
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
