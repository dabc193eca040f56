//! What the engine tells by itself about our containers, so that an end is known at once.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptions;
use chrono::{DateTime, Utc};
use domain::container::{LABEL_INSTALL, LABEL_INSTANCE};
use domain::ids::InstanceId;
use futures::stream::BoxStream;
use futures::{StreamExt, future};

use super::container::{ContainerId, OwnedContainer};
use super::engine::Engine;
use super::error::NodeError;

const LIFETIME: Duration = Duration::from_mins(5);

/// What happened to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerEventKind {
    /// It started.
    Started,
    /// It ended with this exit code.
    Died {
        /// The exit code, if the engine gave it.
        exit_code: Option<i64>,
    },
    /// The kernel killed a process in it for want of memory.
    OutOfMemory,
}

/// One event of one of our containers. It is a hint: look before acting on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerEvent {
    /// The container.
    pub container: OwnedContainer,
    /// What happened.
    pub kind: ContainerEventKind,
    /// When, by the engine's clock.
    pub at: Option<DateTime<Utc>>,
}

impl Engine {
    /// Events of this installation's containers from now on. The stream ends when the connection does,
    /// after 64 MiB, and after five minutes, because a connection that died silently can't be told from
    /// a quiet one. The caller then asks again and looks at every container once: what happened in
    /// between is not told.
    pub fn events(&self, install_id: &str) -> BoxStream<'static, Result<ContainerEvent, NodeError>> {
        let filters = HashMap::from([
            ("type".to_owned(), vec!["container".to_owned()]),
            ("label".to_owned(), vec![format!("{LABEL_INSTALL}={install_id}")]),
            (
                "event".to_owned(),
                ["start", "die", "oom"].map(str::to_owned).to_vec(),
            ),
        ]);
        let options = EventsOptions {
            filters: Some(filters),
            ..EventsOptions::default()
        };
        let install_id = install_id.to_owned();
        let events = self.streams().events(Some(options)).filter_map(move |message| {
            future::ready(match message {
                Ok(message) => understood(&install_id, &message).map(Ok),
                Err(error) => Some(Err(NodeError::from_bollard("events", &error))),
            })
        });
        events.take_until(tokio::time::sleep(LIFETIME)).boxed()
    }
}

fn understood(install_id: &str, message: &EventMessage) -> Option<ContainerEvent> {
    let actor = message.actor.as_ref()?;
    let attributes = actor.attributes.as_ref()?;
    if attributes.get(LABEL_INSTALL)? != install_id {
        return None;
    }
    let kind = match message.action.as_deref()? {
        "start" => ContainerEventKind::Started,
        "die" => ContainerEventKind::Died {
            exit_code: attributes.get("exitCode").and_then(|text| text.parse().ok()),
        },
        "oom" => ContainerEventKind::OutOfMemory,
        _ => return None,
    };
    let instance: InstanceId = attributes.get(LABEL_INSTANCE)?.parse().ok()?;
    let id: ContainerId = actor.id.as_deref()?.parse().ok()?;
    Some(ContainerEvent {
        container: OwnedContainer {
            id,
            install_id: install_id.to_owned(),
            instance,
        },
        kind,
        at: message.time_nano.map(DateTime::from_timestamp_nanos),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(install: &str, id: &str) -> EventMessage {
        serde_json::from_value(serde_json::json!({
            "Type": "container",
            "Action": "die",
            "Actor": {"ID": id, "Attributes": {
                "exitCode": "137",
                LABEL_INSTALL: install,
                LABEL_INSTANCE: "0198c0de-0000-7000-8000-000000000001",
            }},
            "timeNano": 1_700_000_000_000_000_000_i64,
        }))
        .unwrap()
    }

    #[test]
    fn an_event_of_ours_is_understood() {
        let event = understood("mine", &message("mine", &"a".repeat(64))).unwrap();
        assert_eq!(event.kind, ContainerEventKind::Died { exit_code: Some(137) });
        assert_eq!(event.at.unwrap().timestamp(), 1_700_000_000);
    }

    #[test]
    fn what_the_engine_should_not_have_sent_is_dropped() {
        assert_eq!(understood("mine", &message("other", &"a".repeat(64))), None);
        assert_eq!(understood("mine", &message("mine", "../x")), None);
    }
}
