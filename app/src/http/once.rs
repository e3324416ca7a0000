//! Requests to the API that happen once for each `Idempotency-Key`: who sends one, what makes it this request and no other, and
//! the answer that it got before. What follows from that is the kernel's.

use std::sync::Arc;

use fithire_identity::recognised;
use fithire_kernel::body::{MAX_BYTES, limited};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::once::{Gates, Key, Once, digest};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::Limits;
use poem::http::header;
use poem::{Endpoint, Request, Response};

use super::parameters::{KEY, Operation};
use crate::api::MAX_FILE_BYTES;

/// Answers a request to an operation; once, where it says so.
pub(super) async fn answer(
    next: Arc<impl Endpoint<Output = Response>>,
    gates: Gates,
    operation: Option<&Operation>,
    mut request: Request,
) -> poem::Result<Response> {
    let Some(key) = key(&request, operation)? else { return next.call(request).await };
    let caller = recognised(&mut request).await?;
    let most = if request.original_uri().path().contains("/imports/") { MAX_FILE_BYTES } else { MAX_BYTES };
    let body = limited(request.take_body(), most).await?;
    let kind = request.header(header::CONTENT_TYPE).unwrap_or_default();
    let Limits { region_id, location_id } = caller.limits();
    let rights = format!("{:?} {region_id:?} {location_id:?}", caller.role());
    let uri = request.original_uri().to_string();
    let [method, uri, kind, rights] = [request.method().as_str(), &uri, kind, &rights].map(str::as_bytes);
    let request_hash = digest(&[method, uri, kind, rights, &body]);
    request.set_body(body);
    let missing = || Problem::internal(&"the app has no database");
    let db = request.data::<Db>().ok_or_else(missing)?.clone();
    let now = request.data::<Clock>().ok_or_else(missing)?.now();
    let once = Once { db: &db, scope: caller.scope(), key, request_hash, now };
    let happen = async {
        match next.call(request).await {
            Ok(response) => response,
            Err(error) => super::as_problem(error).await,
        }
    };
    Ok(once.run(&gates, happen).await?)
}

/// The key of a request to an operation that takes one.
fn key(request: &Request, operation: Option<&Operation>) -> Result<Option<Key>, Problem> {
    let mut sent = request.headers().get_all(KEY).iter();
    let Some(first) = sent.next().filter(|_| operation.is_some_and(Operation::takes_key)) else {
        return Ok(None);
    };
    if sent.next().is_some() {
        return Err(Problem::new(Code::Malformed).because("the header Idempotency-Key stands there twice"));
    }
    Key::read(first.as_bytes()).map(Some)
}
