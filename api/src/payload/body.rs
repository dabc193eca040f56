//! A request's JSON body as a handler's parameter.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use poem::{FromRequest, Request, RequestBody};
use poem_openapi::payload::{Json, ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::schema::{Schemas, faults};
use super::strict::Strict;
use crate::error::ApiError;

/// A JSON body. Refuses, before anything is parsed: duplicate keys, unknown fields, values of another
/// type than the schema's. All faults are reported in one 422.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: ParseFromJSON> Payload for Body<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        Json::<T>::check_content_type(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ParseFromJSON + 'static> ParsePayload for Body<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        let bytes = <Vec<u8> as FromRequest>::from_request(request, body).await?;
        Ok(Self(parse(&bytes)?))
    }
}

impl<'a, T: ParseFromJSON + 'static> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: <Self as Payload>::CONTENT_TYPE,
                schema: <Self as Payload>::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if !request.content_type().is_some_and(Self::check_content_type) {
            return Err(ApiError::unsupported_media_type().into());
        }
        <Self as ParsePayload>::from_request(request, body).await
    }
}

pub(super) fn parse<T: ParseFromJSON + 'static>(bytes: &[u8]) -> Result<T, ApiError> {
    let Strict(value) = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
    let found = faults(&schemas_of::<T>(), &T::schema_ref(), &value);
    if !found.is_empty() {
        return Err(ApiError::unprocessable(found));
    }
    // The parser's own message repeats the value, which may be a secret.
    T::parse_from_json(Some(value)).map_err(|_| ApiError::bad_body("does not fit the documented schema"))
}

/// Says where the JSON breaks, never what stands there.
fn malformed(error: &serde_json::Error) -> ApiError {
    let fault = match error.classify() {
        serde_json::error::Category::Data => "has an object with the same key twice",
        serde_json::error::Category::Eof => "ends too early",
        serde_json::error::Category::Io | serde_json::error::Category::Syntax => "is not valid JSON",
    };
    ApiError::bad_body(format!(
        "{fault}, at line {} column {}",
        error.line(),
        error.column()
    ))
}

/// The schemas that `T` is made of; built at its first use.
fn schemas_of<T: ParseFromJSON + 'static>() -> Arc<Schemas> {
    static KNOWN: LazyLock<RwLock<HashMap<TypeId, Arc<Schemas>>>> = LazyLock::new(RwLock::default);
    let id = TypeId::of::<T>();
    if let Some(schemas) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return Arc::clone(schemas);
    }
    let mut registry = Registry::new();
    T::register(&mut registry);
    let schemas = Arc::new(registry.schemas);
    KNOWN
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(id, Arc::clone(&schemas));
    schemas
}
