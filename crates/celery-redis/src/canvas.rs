//! Workflows: calls that follow each other, that run side by side, or that wait for each other.

use serde_json::{Value, json};

use crate::{
    error::Error,
    result::TaskId,
    signature::Signature,
    signature_json::{fresh_id, option},
};

/// A call or a workflow of calls; see [`chain`], [`group`] and [`chord`].
#[derive(Debug, Clone)]
pub struct Canvas(Step);

#[derive(Debug, Clone)]
enum Step {
    Call(Box<Signature>),
    Chain(Vec<Step>),
    Group(Vec<Step>),
    /// A header, and a body that gets the list of its results.
    Chord(Vec<Step>, Box<Step>),
}

/// Calls one after the other: each gets the value of the one before as its first argument.
///
/// A group that something follows becomes a chord, as in Celery.
pub fn chain<C: Into<Canvas>>(steps: impl IntoIterator<Item = C>) -> Canvas {
    Canvas(Step::Chain(inner(steps)))
}

/// Calls side by side.
pub fn group<C: Into<Canvas>>(members: impl IntoIterator<Item = C>) -> Canvas {
    Canvas(Step::Group(inner(members)))
}

/// Calls side by side, and a last one that gets the list of their values, in order, as its first argument.
pub fn chord<C: Into<Canvas>>(header: impl IntoIterator<Item = C>, body: impl Into<Canvas>) -> Canvas {
    Canvas(Step::Chord(inner(header), Box::new(body.into().0)))
}

fn inner<C: Into<Canvas>>(canvases: impl IntoIterator<Item = C>) -> Vec<Step> {
    canvases.into_iter().map(|canvas| canvas.into().0).collect()
}

impl From<Signature> for Canvas {
    fn from(signature: Signature) -> Self {
        Self(Step::Call(Box::new(signature)))
    }
}

impl Canvas {
    /// This workflow, then the next with its value as the first argument.
    #[must_use]
    pub fn then(self, next: impl Into<Self>) -> Self {
        Self(Step::Chain(vec![self.0, next.into().0]))
    }

    /// Adds a call to make when any call of this workflow fails, with the failed one's id as its first argument.
    /// The header of a chord is left out, for its failure is the failure of the body.
    #[must_use]
    pub fn link_error(mut self, errback: &Signature) -> Self {
        self.0.link_error(errback);
        self
    }

    /// The workflow as JSON with all ids fixed, and these ids.
    pub(crate) fn freeze(self) -> Result<(Value, Started), Error> {
        let mut steps = Vec::new();
        for step in upgrade(self.0.flatten()?)? {
            steps.push(step.freeze()?);
        }
        let ids = steps.iter().map(|frozen| frozen.id.clone()).collect();
        let Some(last) = steps.last() else {
            return Err(nonsense("a chain is empty"));
        };
        let started = Started {
            id: last.id.clone(),
            members: last.members.clone(),
            steps: ids,
        };
        Ok((chained(steps), started))
    }
}

/// The ids of a workflow that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Started {
    /// Of the last call, whose result is that of the workflow; of the group if it ends in one.
    pub id: TaskId,
    /// The members of the group that the workflow ends in, in order; else empty.
    pub members: Vec<TaskId>,
    /// Each step of a chain, in order; a chord counts as its body. A single call is one step.
    pub steps: Vec<TaskId>,
}

/// A step whose ids are fixed.
struct Frozen {
    json: Value,
    id: TaskId,
    /// Those of a group.
    members: Vec<TaskId>,
}

impl Step {
    /// The steps of a chain, with chains inside it opened.
    fn flatten(self) -> Result<Vec<Self>, Error> {
        match self {
            Self::Chain(steps) => {
                let mut flat = Vec::new();
                for step in steps {
                    flat.extend(step.flatten()?);
                }
                Ok(flat)
            }
            Self::Chord(header, body) => {
                let mut rest = body.flatten()?.into_iter();
                let body = match rest.next() {
                    Some(call @ Self::Call(_)) => Box::new(call),
                    Some(_) => return Err(nonsense("the body of a chord must begin with a call")),
                    None => return Err(nonsense("a chord has no body")),
                };
                Ok(std::iter::once(Self::Chord(header, body)).chain(rest).collect())
            }
            step => Ok(vec![step]),
        }
    }

    fn link_error(&mut self, errback: &Signature) {
        match self {
            Self::Call(call) => **call = (**call).clone().link_error(errback.clone()),
            Self::Chain(steps) | Self::Group(steps) => {
                for step in steps {
                    step.link_error(errback);
                }
            }
            Self::Chord(_, body) => body.link_error(errback),
        }
    }

    fn freeze(self) -> Result<Frozen, Error> {
        match self {
            Self::Call(call) => {
                let json = call.to_json();
                let id = option(&json, "task_id")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                Ok(Frozen {
                    id: id.into(),
                    members: Vec::new(),
                    json,
                })
            }
            Self::Group(members) => {
                let id = TaskId(fresh_id());
                let (members, ids) = side_by_side(members)?;
                let json = composite("group", &json!({"tasks": members}), &json!({"task_id": id}));
                Ok(Frozen {
                    json,
                    id,
                    members: ids,
                })
            }
            Self::Chord(header, body) => {
                let (header, _) = side_by_side(header)?;
                let header = composite(
                    "group",
                    &json!({"tasks": header}),
                    &json!({"task_id": fresh_id()}),
                );
                let body = body.freeze()?;
                let kwargs = json!({"header": header, "body": body.json, "kwargs": {}});
                Ok(Frozen {
                    json: composite("chord", &kwargs, &json!({})),
                    ..body
                })
            }
            Self::Chain(_) => Err(nonsense("a chain was not opened")),
        }
    }
}

/// Freezes the members of a group; each must end in a call, which is what counts.
fn side_by_side(members: Vec<Step>) -> Result<(Vec<Value>, Vec<TaskId>), Error> {
    let (mut values, mut ids) = (Vec::new(), Vec::new());
    for member in members {
        let steps = upgrade(member.flatten()?)?;
        let alone = steps.len() == 1;
        match steps.last() {
            None => return Err(nonsense("a chain is empty")),
            Some(Step::Group(_)) => return Err(nonsense("a member of a group must not end in a group")),
            Some(Step::Chord(..)) if !alone => {
                return Err(nonsense("a chain inside a group must end in a call"));
            }
            Some(_) => {}
        }
        let frozen = steps
            .into_iter()
            .map(Step::freeze)
            .collect::<Result<Vec<_>, _>>()?;
        ids.extend(frozen.last().map(|last| last.id.clone()));
        values.push(chained(frozen));
    }
    if values.is_empty() {
        return Err(nonsense("a group is empty"));
    }
    Ok((values, ids))
}

/// Makes a chord of each group that something follows.
fn upgrade(steps: Vec<Step>) -> Result<Vec<Step>, Error> {
    let mut upgraded: Vec<Step> = Vec::new();
    for step in steps {
        match (upgraded.pop(), step) {
            (Some(Step::Group(header)), call @ Step::Call(_)) => {
                upgraded.push(Step::Chord(header, Box::new(call)));
            }
            (Some(Step::Group(_)), _) => {
                return Err(nonsense("only a call can directly follow a group"));
            }
            (before, step) => {
                upgraded.extend(before);
                upgraded.push(step);
            }
        }
    }
    Ok(upgraded)
}

/// One step as it is, several as a chain.
fn chained(mut steps: Vec<Frozen>) -> Value {
    if steps.len() == 1 {
        steps.remove(0).json
    } else {
        let tasks: Vec<Value> = steps.into_iter().map(|step| step.json).collect();
        composite("chain", &json!({"tasks": tasks}), &json!({}))
    }
}

fn composite(kind: &str, kwargs: &Value, options: &Value) -> Value {
    json!({"task": format!("celery.{kind}"), "args": [], "kwargs": kwargs, "options": options,
           "subtask_type": kind, "immutable": false})
}

fn nonsense(problem: &str) -> Error {
    Error::Canvas(problem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str) -> Signature {
        Signature::new(name).task_id(format!("id-{name}"))
    }

    fn names(value: &Value) -> Vec<&str> {
        let tasks = value.pointer("/kwargs/tasks").and_then(Value::as_array);
        tasks
            .into_iter()
            .flatten()
            .filter_map(|task| task["task"].as_str())
            .collect()
    }

    #[test]
    fn a_group_that_something_follows_becomes_a_chord() {
        let canvas = call("a")
            .then(group([call("b"), call("c")]))
            .then(call("d"))
            .then(call("e"));
        let (json, started) = canvas.freeze().unwrap();
        assert_eq!(names(&json), ["a", "celery.chord", "e"]);
        assert_eq!(json["kwargs"]["tasks"][1]["kwargs"]["body"]["task"], "d");
        let steps: Vec<&str> = started.steps.iter().map(TaskId::as_str).collect();
        assert_eq!(
            (started.id.as_str(), steps),
            ("id-e", vec!["id-a", "id-d", "id-e"])
        );
    }

    #[test]
    fn chains_inside_chains_are_opened() {
        let (json, _) = chain([call("a").then(call("b")), call("c").into()])
            .freeze()
            .unwrap();
        assert_eq!(names(&json), ["a", "b", "c"]);
    }

    #[test]
    fn what_a_workflow_ends_in_can_be_waited_for() {
        let (_, started) = group([call("a").then(call("b")), call("c").into()])
            .freeze()
            .unwrap();
        let members: Vec<&str> = started.members.iter().map(TaskId::as_str).collect();
        assert_eq!(members, ["id-b", "id-c"]);
    }

    #[test]
    fn what_follows_the_body_of_a_chord_follows_the_chord() {
        let (json, started) = chord([call("a")], call("b").then(call("c"))).freeze().unwrap();
        assert_eq!(names(&json), ["celery.chord", "c"]);
        assert_eq!(started.id.as_str(), "id-c");
    }

    #[test]
    fn an_errback_is_told_of_every_call_but_those_of_a_header() {
        let canvas = call("a")
            .then(chord([call("b")], call("c")))
            .link_error(&call("oops"));
        let (json, _) = canvas.freeze().unwrap();
        let errbacks = |at: &str| json.pointer(at).unwrap()["options"]["link_error"].clone();
        assert_eq!(errbacks("/kwargs/tasks/0")[0]["task"], "oops");
        assert_eq!(errbacks("/kwargs/tasks/1/kwargs/body")[0]["task"], "oops");
        assert!(errbacks("/kwargs/tasks/1/kwargs/header/kwargs/tasks/0").is_null());
    }

    #[test]
    fn workflows_that_nobody_could_carry_out_are_refused() {
        let none: [Signature; 0] = [];
        for canvas in [
            chain(none.clone()),
            group(none.clone()),
            chord([call("a")], group([call("b")])),
            group([call("a")]).then(group([call("b")])),
            group([group([call("a")])]),
            chord(none, call("b")),
        ] {
            assert!(matches!(canvas.freeze(), Err(Error::Canvas(_))));
        }
    }
}
