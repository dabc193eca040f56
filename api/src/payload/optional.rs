//! A JSON body that may be left out.

use poem::{FromRequest, Request, RequestBody};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::body::{Body, parse};
use crate::error::ApiError;

/// A [`Body`] that stands for the default where the request has none.
#[derive(Debug)]
pub struct OptionalBody<T>(pub T);

impl<'a, T: ParseFromJSON + Default + 'static> ApiExtractor<'a> for OptionalBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Body<T> as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: <Body<T> as Payload>::CONTENT_TYPE,
                schema: <Body<T> as Payload>::schema_ref(),
            }],
            required: false,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = if body.is_some() {
            <Vec<u8> as FromRequest>::from_request(request, body).await?
        } else {
            Vec::new()
        };
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if !request.content_type().is_some_and(Json::<T>::check_content_type) {
            return Err(ApiError::unsupported_media_type().into());
        }
        Ok(Self(parse(&bytes)?))
    }
}
