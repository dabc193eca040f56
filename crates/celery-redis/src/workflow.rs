//! What applying signatures sends: calls, chains, groups and chords become messages.

use serde_json::{Value, json};

use crate::{
    draft::Draft,
    routing::Routes,
    signature_json::{
        descend, eta, expires, extend_option, fresh_id, inherit, is_group, link_error, list, members,
        name_end, option, options_but, set_option, stamps,
    },
};

/// Deepest nesting of chains, groups and chords that is followed.
pub(crate) const DEPTH: usize = 64;

/// Options of a chain that are not for its first call, and of a group that are not for its members.
const OF_A_CHAIN: [&str; 9] = [
    "chain",
    "chord",
    "group_id",
    "group_index",
    "link",
    "link_error",
    "parent_id",
    "root_id",
    "task_id",
];
const OF_A_GROUP: [&str; 7] = [
    "chain",
    "chord",
    "group_id",
    "group_index",
    "parent_id",
    "root_id",
    "task_id",
];

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

impl FollowUp {
    /// Whether nothing is to be sent.
    pub(crate) fn is_nothing(&self) -> bool {
        self.drafts.is_empty() && self.raw.is_empty() && self.chords.is_empty()
    }
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

impl Place {
    /// This place, or where it says nothing what the signature itself says.
    fn or_own(&self, signature: &Value) -> Self {
        let own_group = || {
            let group = option(signature, "group_id")?.as_str()?.to_owned();
            let index = option(signature, "group_index").and_then(Value::as_u64);
            Some((group, index.and_then(|index| usize::try_from(index).ok())))
        };
        let own_chain = || option(signature, "chain").map(|chain| list(Some(chain)));
        Self {
            chain: self.chain.clone().or_else(own_chain),
            group: self.group.clone().or_else(own_group),
            chord: self.chord.clone().or_else(|| option(signature, "chord").cloned()),
            ..self.clone()
        }
    }
}

/// Collects what applying signatures sends.
pub(crate) struct Sender<'a> {
    pub(crate) follow_up: FollowUp,
    /// Where calls go that name no queue.
    routes: &'a Routes,
}

impl<'a> Sender<'a> {
    pub(crate) fn new(routes: &'a Routes) -> Self {
        Self {
            follow_up: FollowUp::default(),
            routes,
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
        let place = place.or_own(signature);
        let mut tasks = members(signature, "tasks");
        let alone = tasks.len() == 1;
        for errback in list(option(signature, "link_error")) {
            for task in &mut tasks {
                link_error(task, &errback);
            }
        }
        let Some(last) = tasks.last_mut() else {
            return Err("a chain is empty".to_owned());
        };
        // The end of a chain is what is called by its id, linked to it, and counted by a group or chord.
        if let Some(id) = option(signature, "task_id") {
            name_end(last, id);
        }
        extend_option(last, "link", list(option(signature, "link")));
        if !alone {
            if let Some((group, index)) = &place.group {
                set_option(last, "group_id", json!(group));
                set_option(last, "group_index", json!(index));
            }
            if let Some(chord) = &place.chord {
                set_option(last, "chord", chord.clone());
            }
        }
        let mut first = tasks.remove(0);
        inherit(&mut first, &options_but(signature, &OF_A_CHAIN));
        tasks.reverse();
        let mut rest = place.chain.clone().unwrap_or_default();
        rest.extend(tasks);
        let inner = Place {
            chain: Some(rest),
            group: place.group.clone().filter(|_| alone),
            chord: place.chord.clone().filter(|_| alone),
            ..place
        };
        self.apply(&first, prepend, &inner)
    }

    fn group(&mut self, signature: &Value, prepend: &[Value], place: &Place) -> Result<Value, String> {
        let place = place.or_own(signature);
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
                    ..place
                },
            );
        }
        let group = option(signature, "task_id")
            .and_then(Value::as_str)
            .map_or_else(fresh_id, str::to_owned);
        // Each counts by itself in the chord that the group ends a member of.
        let counted = place.chord.as_ref().and(place.group.as_ref());
        let belongs = counted.map_or(&group, |(outer, _)| outer);
        let options = options_but(signature, &OF_A_GROUP);
        let mut flat = Vec::new();
        flatten(&members(signature, "tasks"), &mut flat);
        if place.chord.is_some() && counted.is_none() {
            let size = flat.iter().map(descend).sum();
            self.follow_up.chords.push((group.clone(), size));
        }
        let mut children = Vec::new();
        for (index, mut member) in flat.into_iter().enumerate() {
            inherit(&mut member, &options);
            // A call that says which group it belongs to stays in it, as in Celery.
            let own = option(&member, "group_id").filter(|_| member["subtask_type"].is_null());
            let group = own.and_then(Value::as_str).unwrap_or(belongs).to_owned();
            let inner = Place {
                group: Some((group, Some(index))),
                chain: None,
                ..place.clone()
            };
            children.push(self.apply(&member, prepend, &inner)?);
        }
        Ok(json!([[group, null], children]))
    }

    fn chord(&mut self, signature: &Value, prepend: &[Value], place: &Place) -> Result<Value, String> {
        let place = place.or_own(signature);
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
        // A delay is for the header alone.
        let mut options = options_but(signature, &OF_A_CHAIN);
        let delays = ["countdown", "eta"].map(|name| options.remove_entry(name));
        inherit(&mut body, &options);
        options.extend(delays.into_iter().flatten());
        let id = [&body, signature]
            .into_iter()
            .find_map(|named| option(named, "task_id")?.as_str())
            .map_or_else(fresh_id, str::to_owned);
        set_option(&mut body, "task_id", json!(id));
        set_option(&mut body, "root_id", json!(place.root_id));
        extend_option(&mut body, "link", list(option(signature, "link")));
        for errback in list(option(signature, "link_error")) {
            link_error(&mut body, &errback);
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
                ..place
            };
            return self.apply(&body, &[json!([])], &inner);
        }
        let size = flat.iter().map(descend).sum();
        self.follow_up.chords.push((group.clone(), size));
        let header_options = options_but(&header, &OF_A_GROUP);
        for (index, mut member) in flat.into_iter().enumerate() {
            inherit(&mut member, &header_options);
            inherit(&mut member, &options);
            let inner = Place {
                chain: None,
                group: Some((group.clone(), Some(index))),
                chord: Some(body.clone()),
                ..place.clone()
            };
            self.apply(&member, prepend, &inner)?;
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
        // One without the other counts for nothing, as in Celery; both go before a queue.
        let address = text("exchange").zip(text("routing_key"));
        let (exchange, routing_key) = address
            .filter(|(exchange, key)| !exchange.is_empty() && !key.is_empty())
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
            routing_key,
            queue: Some(text("queue").unwrap_or_else(|| self.routes.queue_of(task).to_owned())),
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
