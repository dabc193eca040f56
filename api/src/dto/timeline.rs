//! Timelines: an instance's, and those of a runner's or a node's instances together.

use chrono::{DateTime, Utc};
use entities::model::instance_events;
use entities::repo::timeline::SharedEntry;
use poem_openapi::Object;

/// An entry on an instance's timeline.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct EventView {
    /// Its id; later ones sort after earlier ones.
    pub uid: String,
    /// `state`, `progress`, `warning` or `log`.
    pub kind: String,
    /// What happened, as one sentence.
    pub message: String,
    /// Figures that belong to it.
    pub detail: Option<serde_json::Value>,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

impl From<instance_events::Model> for EventView {
    fn from(row: instance_events::Model) -> Self {
        let instance_events::Model {
            uid,
            created_at,
            updated_at: _,
            deleted_at: _,
            is_deleted: _,
            is_active: _,
            runner_instance_id: _,
            org_id: _,
            kind,
            message,
            detail,
        } = row;
        Self {
            uid,
            kind,
            message,
            detail,
            created_at,
        }
    }
}

/// An entry on the timeline that the instances of a runner or a node have together.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SharedEventView {
    /// Its id; later ones sort after earlier ones.
    pub uid: String,
    /// The instance that it is about.
    pub instance_id: String,
    /// That instance's name.
    pub instance_name: String,
    /// That instance's runner.
    pub runner_id: String,
    /// Whether the instance was removed since: then there is no more of it than this.
    pub instance_removed: bool,
    /// `state`, `progress`, `warning` or `log`.
    pub kind: String,
    /// What happened, as one sentence.
    pub message: String,
    /// Figures that belong to it.
    pub detail: Option<serde_json::Value>,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

impl From<SharedEntry> for SharedEventView {
    fn from(shared: SharedEntry) -> Self {
        let SharedEntry {
            entry,
            runner_id,
            instance_name,
            is_removed,
        } = shared;
        let instance_id = entry.runner_instance_id.clone();
        let EventView {
            uid,
            kind,
            message,
            detail,
            created_at,
        } = entry.into();
        Self {
            uid,
            instance_id,
            instance_name,
            runner_id,
            instance_removed: is_removed,
            kind,
            message,
            detail,
            created_at,
        }
    }
}
