//! `/notifications/stream`: what somebody is told, as it happens.

use std::sync::Arc;

use fithire_identity::{Identity, Onlooker};
use fithire_kernel::problem::Problem;
use poem::web::{Data, Query};
use poem::{Body, Request, Response, handler};
use serde::Deserialize;

use crate::hub::Hub;
use crate::stream::{Watching, events, number_of};

#[derive(Deserialize)]
pub(super) struct Asked {
    /// Tells what is there and ends: for whoever asks from time to time.
    #[serde(default)]
    once: String,
}

#[handler]
pub(super) fn stream(
    onlooker: Onlooker,
    request: &Request,
    hub: Data<&Hub>,
    identity: Data<&Arc<Identity>>,
    asked: Query<Asked>,
) -> Result<Response, Problem> {
    let caller = onlooker.caller();
    let whose = (caller.scope().brand_id(), caller.account_id());
    let place = hub.open(caller.scope(), caller.account_id())?;
    let after = request.header("Last-Event-ID").and_then(|id| number_of(id, whose));
    let (lasting, once) = (place.stream.lasting.clone(), asked.0.once == "yes");
    let watching = Watching { place, onlooker, identity: identity.clone(), after, once };
    let mut response = Response::builder()
        .content_type("text/event-stream")
        // A proxy that gathers an answer before it passes it on would never pass on this one.
        .header("X-Accel-Buffering", "no")
        .body(Body::from_bytes_stream(events(watching)));
    if !once {
        response.set_data(lasting);
    }
    Ok(response)
}
