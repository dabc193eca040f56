//! Answers other than 200.

use poem_openapi::ApiResponse;
use poem_openapi::payload::Json;
use poem_openapi::types::ToJSON;

/// 201 with the new resource and where it is.
#[derive(Debug, ApiResponse)]
pub enum Created<T: ToJSON> {
    /// The new resource, in its first state.
    #[oai(status = 201)]
    Created(Json<T>, #[oai(header = "Location")] String),
}

impl<T: ToJSON> Created<T> {
    /// The resource at this path.
    pub fn at(path: String, resource: T) -> Self {
        Self::Created(Json(resource), path)
    }
}

/// 202 with the resource while the work on it goes on.
#[derive(Debug, ApiResponse)]
pub enum Accepted<T: ToJSON> {
    /// The resource in its transient state.
    #[oai(status = 202)]
    Accepted(Json<T>),
}

/// 204.
#[derive(Debug, ApiResponse)]
pub enum NoContent {
    /// Done; there is nothing to say.
    #[oai(status = 204)]
    Done,
}
