//! What applying signatures sends: calls, chains, groups and chords become messages.

use serde_json::{Value, json};

use crate::{
    draft::Draft,
    signature_json::{eta, expires, fresh_id, is_group, list, members, option, set_option, stamps},
};

/// Deepest nesting of chains, groups and chords that is followed.
pub(crate) const DEPTH: usize = 64;

/// What a delivery's end sets in motion.
#[derive(Debug, Default)]
pub(crate) struct FollowUp {
    pub drafts: Vec<Draft>,
    /// Messages already written, with their lists.
    pub raw: Vec<(String, String)>,
    /// Chords to open: group id and number of members.
    pub chords: Vec<(String, usize)>,
    /// Celery's result tuples of all of these.
    pub children: Vec<Value>,
}

/// Where a signature is applied.
#[derive(Clone, Default)]
pub(crate) struct Place {
    /// The first task of the workflow; `None` for what is itself the first.
    pub(crate) root_id: Option<String>,
    pub(crate) parent_id: Option<String>,
    /// What follows, reversed: the next task is last.
    pub(crate) chain: Option<Vec<Value>>,
    pub(crate) group: Option<(String, Option<usize>)>,
    pub(crate) chord: Option<Value>,
    pub(crate) depth: usize,
}

/// Collects what applying signatures sends.
pub(crate) struct Sender {
    pub(crate) follow_up: FollowUp,
    /// Where calls go that name no queue.
    default_queue: String,
}

impl Sender {
    pub(crate) fn new(default_queue: &str) -> Self {
        Self {
            follow_up: FollowUp::default(),
            default_queue: default_queue.to_owned(),
        }
    }

    /// Applies a signature with arguments before its own; returns Celery's result tuple of it.
    pub(crate) fn apply(
        &mut self,
        signature: &Value,
        prepend: &[Value],
        place: &Place,
    ) -> Result<Value, String> {
        if place.depth > DEPTH {
            return Err("the workflow is nested too deeply".to_owned());
        }
        let deeper = Place {
            depth: place.depth + 1,
            ..place.clone()
        };
        match signature.get("subtask_type").and_then(Value::as_str) {
            Some("chain") => self.chain(signature, prepend, &deeper),
            Some("group") => self.group(signature, prepend, &deeper),
            Some("chord") => self.chord(signature, prepend, &deeper),
            _ => self.task(signature, prepend, place),
        }
    }

    fn chain(&mut self, signature: &Value, prepend: &[Value], place: &Place) -> Result<Value, String> {
        let mut tasks = members(signature, "tasks");
        let Some(last) = tasks.last_mut() else {
            return Err("a chain is empty".to_owned());
        };
        // What is linked to the chain is linked to its end.
        for name in ["link", "link_error"] {
            let outer = list(option(signature, name));
            if !outer.is_empty() {
                let mut all = list(option(last, name));
                all.extend(outer);
                set_option(last, name, json!(all));
            }
        }
        // The end of a chain is what a group or chord counts.
        if tasks.len() > 1 {
            let counted = place.group.clone();
            let chord = place.chord.clone();
            if let Some(last) = tasks.last_mut() {
                if let Some((group, index)) = counted {
                    set_option(last, "group_id", json!(group));
                    set_option(last, "group_index", json!(index));
                }
                if let Some(chord) = chord {
                    set_option(last, "chord", chord);
                }
            }
        }
        let alone = tasks.len() == 1;
        let first = tasks.remove(0);
        tasks.reverse();
        let mut rest = place.chain.clone().unwrap_or_default();
        rest.extend(tasks);
        let inner = Place {
            chain: Some(rest),
            group: place.group.clone().filter(|_| alone),
            chord: place.chord.clone().filter(|_| alone),
            ..place.clone()
        };
        self.apply(&first, prepend, &inner)
    }

    fn group(&mut self, signature: &Value, prepend: &[Value], place: &Place) -> Result<Value, String> {
        if let Some(rest) = place.chain.as_ref().filter(|rest| !rest.is_empty()) {
            // A group that something follows is the header of a chord.
            let mut rest = rest.clone();
            let body = rest.pop().unwrap_or_default();
            let chord = json!({"subtask_type": "chord", "kwargs": {"header": signature, "body": body}, "options": {}});
            return self.chord(
                &chord,
                prepend,
                &Place {
                    chain: Some(rest),
                    ..place.clone()
                },
            );
        }
        let group = option(signature, "task_id")
            .and_then(Value::as_str)
            .map_or_else(fresh_id, str::to_owned);
        let mut children = Vec::new();
        for (index, member) in members(signature, "tasks").iter().enumerate() {
            let inner = Place {
                group: Some((group.clone(), Some(index))),
                chain: None,
                chord: None,
                ..place.clone()
            };
            children.push(self.apply(member, prepend, &inner)?);
        }
        Ok(json!([[group, null], children]))
    }

    fn chord(&mut self, signature: &Value, prepend: &[Value], place: &Place) -> Result<Value, String> {
        let header = signature.pointer("/kwargs/header").cloned().unwrap_or_default();
        let mut body = signature.pointer("/kwargs/body").cloned().unwrap_or_default();
        if !body.is_object() {
            return Err("a chord has no body".to_owned());
        }
        let tasks = if header.is_array() {
            list(Some(&header))
        } else {
            members(&header, "tasks")
        };
        let group = option(&header, "task_id")
            .and_then(Value::as_str)
            .map_or_else(fresh_id, str::to_owned);
        let id = option(&body, "task_id")
            .and_then(Value::as_str)
            .map_or_else(fresh_id, str::to_owned);
        set_option(&mut body, "task_id", json!(id));
        set_option(&mut body, "root_id", json!(place.root_id));
        for name in ["link", "link_error"] {
            let outer = list(option(signature, name));
            if !outer.is_empty() {
                let mut all = list(option(&body, name));
                all.extend(outer);
                set_option(&mut body, name, json!(all));
            }
        }
        let mut rest = place.chain.clone().unwrap_or_default();
        rest.extend(list(option(&body, "chain")));
        if !rest.is_empty() {
            set_option(&mut body, "chain", json!(rest));
        }
        if let Some(outer) = &place.chord {
            set_option(&mut body, "chord", outer.clone());
        }
        // The body counts for an outer group, which Python may have written into it; else its own header's group tells
        // Python where it came from.
        match &place.group {
            Some((outer, index)) => {
                set_option(&mut body, "group_id", json!(outer));
                set_option(&mut body, "group_index", json!(index));
            }
            None if option(&body, "group_id").is_none() => set_option(&mut body, "group_id", json!(group)),
            None => {}
        }
        let mut flat = Vec::new();
        flatten(&tasks, &mut flat);
        if flat.is_empty() {
            let inner = Place {
                chain: None,
                chord: None,
                group: None,
                ..place.clone()
            };
            return self.apply(&body, &[json!([])], &inner);
        }
        self.follow_up.chords.push((group.clone(), flat.len()));
        for (index, member) in flat.iter().enumerate() {
            let inner = Place {
                chain: None,
                group: Some((group.clone(), Some(index))),
                chord: Some(body.clone()),
                ..place.clone()
            };
            self.apply(member, prepend, &inner)?;
        }
        Ok(json!([[id, null], null]))
    }

    fn task(&mut self, signature: &Value, prepend: &[Value], place: &Place) -> Result<Value, String> {
        let task = signature
            .get("task")
            .and_then(Value::as_str)
            .ok_or("a signature names no task")?;
        let text = |name: &str| option(signature, name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| option(signature, name).and_then(Value::as_f64);
        let value = |name: &str| option(signature, name).cloned().unwrap_or_default();
        let immutable = signature
            .get("immutable")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let mut args = if immutable { Vec::new() } else { prepend.to_vec() };
        args.extend(list(signature.get("args")));
        let id = text("task_id").unwrap_or_else(fresh_id);
        let mut chain = list(option(signature, "chain"));
        let had_chain = option(signature, "chain").is_some();
        let rest = place.chain.clone();
        let is_chain = had_chain || rest.is_some();
        // What follows from outside comes after what the signature brings along, so it lies deeper in the stack.
        let mut stack = rest.unwrap_or_default();
        stack.append(&mut chain);
        let nothing = |value: Vec<Value>| {
            if value.is_empty() {
                Value::Null
            } else {
                Value::Array(value)
            }
        };
        let (group, group_index) = match (&place.group, text("group_id")) {
            (Some((group, index)), _) => (json!(group), json!(index)),
            (None, Some(group)) => (json!(group), value("group_index")),
            (None, None) => (Value::Null, Value::Null),
        };
        let exchange = text("exchange")
            .filter(|_| option(signature, "queue").is_none())
            .unwrap_or_default();
        self.follow_up.drafts.push(Draft {
            task: task.to_owned(),
            id: id.clone(),
            args,
            kwargs: signature
                .get("kwargs")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
            callbacks: nothing(list(option(signature, "link"))),
            errbacks: nothing(list(option(signature, "link_error"))),
            chain: if is_chain {
                Value::Array(stack)
            } else {
                Value::Null
            },
            chord: place.chord.clone().unwrap_or_else(|| value("chord")),
            shadow: text("shadow"),
            eta: eta(signature),
            expires: expires(signature),
            group,
            group_index,
            time_limits: [number("time_limit"), number("soft_time_limit")],
            root_id: place.root_id.clone(),
            parent_id: place.parent_id.clone(),
            ignore_result: option(signature, "ignore_result")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            replaced_task_nesting: value("replaced_task_nesting"),
            stamped_headers: value("stamped_headers"),
            stamps: stamps(signature),
            headers: option(signature, "headers")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
            reply_to: text("reply_to").unwrap_or_default(),
            exchange,
            queue: Some(
                text("queue")
                    .or_else(|| text("routing_key"))
                    .unwrap_or_else(|| self.default_queue.clone()),
            ),
            priority: option(signature, "priority").and_then(Value::as_i64).unwrap_or(0),
        });
        Ok(json!([[id, null], null]))
    }
}

/// Opens groups inside a chord's header: each member counts by itself.
fn flatten(tasks: &[Value], flat: &mut Vec<Value>) {
    for task in tasks {
        if is_group(task) {
            flatten(&members(task, "tasks"), flat);
        } else {
            flat.push(task.clone());
        }
    }
}
