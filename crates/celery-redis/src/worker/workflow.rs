//! What a task's end sets in motion: callbacks, the rest of a chain, errbacks.

use serde_json::{Value, json};

use crate::{
    message::Message,
    signature_json::is_group,
    worker::runtime::Core,
    workflow::{FollowUp, Place, Sender},
};

impl Core {
    /// What a success sends: callbacks, then the next of the chain.
    pub(crate) fn after_success(&self, message: &Message, value: &Value) -> Result<FollowUp, String> {
        if message.embed.callbacks.is_empty() && message.embed.chain.is_empty() {
            return Ok(FollowUp::default());
        }
        let place = Place {
            root_id: Some(message.root().to_owned()),
            parent_id: Some(message.id.clone()),
            ..Place::default()
        };
        let mut sender = Sender::new(&self.settings.routes);
        let prepend = std::slice::from_ref(value);
        let (groups, simple): (Vec<&Value>, Vec<&Value>) = message
            .embed
            .callbacks
            .iter()
            .partition(|callback| is_group(callback));
        let mut children = Vec::new();
        match simple.as_slice() {
            [] => {}
            [one] => children.push(sender.apply(one, prepend, &place)?),
            many => {
                let group = json!({"subtask_type": "group", "kwargs": {"tasks": many}, "options": {}});
                children.push(sender.apply(&group, prepend, &place)?);
            }
        }
        for group in groups {
            children.push(sender.apply(group, prepend, &place)?);
        }
        let mut rest = message.embed.chain.clone();
        if let Some(next) = rest.pop() {
            children.push(sender.apply(
                &next,
                prepend,
                &Place {
                    chain: Some(rest),
                    ..place
                },
            )?);
        }
        sender.follow_up.children = children;
        Ok(sender.follow_up)
    }

    /// What a failure sends: the errbacks, each with the failed task's id, as one group.
    pub(crate) fn after_failure(&self, message: &Message) -> FollowUp {
        self.errbacks(&message.embed.errbacks, &message.id, message.root())
    }

    pub(super) fn errbacks(&self, errbacks: &[Value], failed: &str, root: &str) -> FollowUp {
        let place = Place {
            root_id: Some(root.to_owned()),
            parent_id: Some(failed.to_owned()),
            ..Place::default()
        };
        let mut sender = Sender::new(&self.settings.routes);
        if !errbacks.is_empty() {
            let group = json!({"subtask_type": "group", "kwargs": {"tasks": errbacks}, "options": {}});
            if let Err(problem) = sender.apply(&group, &[json!(failed)], &place) {
                tracing::error!(task.id = failed, problem, "an errback cannot be sent");
            }
        }
        sender.follow_up
    }
}
