//! An answer that is written already.

use std::marker::PhantomData;

use poem::http::header;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaHeader, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};

/// A JSON answer of a type, as text: for answers whose parts were written before.
#[derive(Clone, Debug)]
pub struct Written<T> {
    json: String,
    tag: Option<String>,
    of: PhantomData<fn() -> T>,
}

impl<T> Written<T> {
    /// What the type would be written as.
    #[must_use]
    pub fn new(json: String) -> Self {
        Self { json, tag: None, of: PhantomData }
    }

    /// The same with an `ETag`.
    #[must_use]
    pub fn tagged(self, tag: String) -> Self {
        Self { tag: Some(tag), ..self }
    }
}

impl<T: Type> Payload for Written<T> {
    const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for Written<T> {
    fn into_response(self) -> Response {
        let mut response = Response::builder().content_type("application/json; charset=utf-8");
        if let Some(tag) = self.tag {
            response = response.header(header::ETAG, tag);
        }
        response.body(self.json)
    }
}

impl<T: ToJSON> ApiResponse for Written<T> {
    fn meta() -> MetaResponses {
        let mut meta = Json::<T>::meta();
        for response in &mut meta.responses {
            response.headers.push(MetaHeader {
                name: "ETag".to_owned(),
                description: Some("The state that is shown, for `If-None-Match`.".to_owned()),
                required: false,
                deprecated: false,
                schema: String::schema_ref(),
            });
        }
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
