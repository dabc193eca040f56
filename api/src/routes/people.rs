//! The signed-in user.

use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::Tag;
use crate::access::Bearer;
use crate::context::Context;
use crate::error::ApiError;

/// The signed-in user's operations.
pub struct PeopleApi {
    /// What the operations work with.
    pub context: Context,
}

/// Me.
#[derive(Debug, Object)]
#[oai(read_only_all)]
struct MeView {
    uid: String,
}

#[OpenApi]
impl PeopleApi {
    /// Read the signed-in user
    #[oai(path = "/common/me", method = "get", operation_id = "read_me", tag = "Tag::Common")]
    async fn read_me(&self, caller: Bearer) -> Result<Json<MeView>, ApiError> {
        let _ = &self.context;
        Ok(Json(MeView { uid: caller.0.id.to_string() }))
    }
}
