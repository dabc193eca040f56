//! What a simulated engine answers to each request.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::state::{State, image_id};
use super::wire::{Request, frame};

/// An answer, and what it causes.
pub(super) enum Answer {
    Json(u16, Value),
    Raw(Vec<u8>),
    /// JSON lines, each a chunk.
    Lines(Vec<Value>),
    /// The raw stream of a command's output.
    Upgrade(Vec<u8>),
    /// A raw stream that the client writes to this container's standard input.
    Input(String),
    /// Events as they happen, until the client leaves.
    Events,
}

/// Answers a request; events that it causes are added to `events`.
pub(super) fn answer(state: &mut State, request: &Request, events: &mut Vec<Value>) -> Answer {
    let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["_ping"]) => Answer::Raw(b"OK".to_vec()),
        ("GET", ["version"]) => Answer::Json(
            200,
            json!({"Version": "20.10.24", "ApiVersion": state.api_version.as_deref().unwrap_or("1.41")}),
        ),
        ("GET", ["info"]) => Answer::Json(200, info(state)),
        ("GET", ["events"]) => Answer::Events,
        ("GET", ["images", "json"]) => Answer::Json(200, images(state)),
        ("POST", ["images", "create"]) => pull(state, &request.query),
        ("GET", ["images", .., "json"]) => image(state, &path[1..path.len() - 1].join("/")),
        ("GET", ["containers", "json"]) => Answer::Json(200, list(state, &request.query)),
        ("POST", ["containers", "create"]) => create(state, request),
        ("POST", ["exec", id, "start"]) => match state.execs.get(*id) {
            Some((_, output)) => Answer::Upgrade(frame(output.as_bytes())),
            None => missing(id),
        },
        ("GET", ["exec", id, "json"]) => match state.execs.get(*id) {
            Some((code, _)) => Answer::Json(200, json!({"ID": id, "Running": false, "ExitCode": code})),
            None => missing(id),
        },
        (method, ["containers", id, rest @ ..]) => container(state, request, method, id, rest, events),
        _ => Answer::Json(404, json!({"message": "page not found"})),
    }
}

fn missing(id: &str) -> Answer {
    Answer::Json(404, json!({"message": format!("No such container: {id}")}))
}

fn no_content() -> Answer {
    Answer::Json(204, Value::Null)
}

fn container(
    state: &mut State,
    request: &Request,
    method: &str,
    id: &str,
    rest: &[&str],
    events: &mut Vec<Value>,
) -> Answer {
    if (method, rest) == ("POST", &["exec"]) {
        let exec = state.next_id();
        state.execs.insert(exec.clone(), state.exec_result.clone());
        return Answer::Json(201, json!({"Id": exec}));
    }
    let Some(container) = state.containers.get_mut(id) else {
        return missing(id);
    };
    match (method, rest) {
        ("GET", ["json"]) => Answer::Json(200, container.inspection()),
        ("POST", ["start"]) => {
            if container.running {
                return Answer::Json(304, Value::Null);
            }
            (container.running, container.started) = (true, true);
            events.push(event(
                "start",
                container.id.as_str(),
                &container.config["Labels"],
                None,
            ));
            no_content()
        }
        ("POST", ["stop"]) => {
            if !container.running {
                return Answer::Json(304, Value::Null);
            }
            (container.running, container.exit_code) = (false, 143);
            events.push(event(
                "die",
                &container.id,
                &container.config["Labels"],
                Some(143),
            ));
            no_content()
        }
        ("DELETE", []) => {
            if container.running && request.query.get("force").is_none_or(|force| force != "true") {
                return Answer::Json(409, json!({"message": "You cannot remove a running container"}));
            }
            state.containers.remove(id);
            no_content()
        }
        ("GET", ["stats"]) => Answer::Json(
            200,
            json!({
                "read": "2026-01-01T00:00:00Z",
                "cpu_stats": {"cpu_usage": {"total_usage": container.cpu_ns},
                    "system_cpu_usage": u64::from(container.running) * 1_000_000_000_000, "online_cpus": 2},
                "memory_stats": if container.running {
                    json!({"usage": 64 << 20, "limit": 256 << 20, "stats": {"inactive_file": 0}})
                } else {
                    json!({})
                },
            }),
        ),
        ("GET", ["logs"]) => {
            let lines: Vec<&str> = container.log.split_inclusive('\n').collect();
            let wanted = request.query.get("tail").and_then(|text| text.parse().ok());
            let first = lines.len().saturating_sub(wanted.unwrap_or(usize::MAX));
            Answer::Raw(
                lines[first..]
                    .iter()
                    .flat_map(|line| frame(line.as_bytes()))
                    .collect(),
            )
        }
        ("POST", ["attach"]) => Answer::Input(id.to_owned()),
        _ => Answer::Json(404, json!({"message": "page not found"})),
    }
}

fn create(state: &mut State, request: &Request) -> Answer {
    let name = request.query.get("name").cloned().unwrap_or_default();
    let Ok(config) = serde_json::from_slice(&request.body) else {
        return Answer::Json(400, json!({"message": "invalid JSON"}));
    };
    match state.create(&name, config) {
        Ok(id) => Answer::Json(201, json!({"Id": id, "Warnings": []})),
        Err((status, message)) => Answer::Json(status, json!({"message": message})),
    }
}

fn list(state: &State, query: &HashMap<String, String>) -> Value {
    let filters: Value = query
        .get("filters")
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let labels: Vec<&str> = filters["label"]
        .as_array()
        .map(|labels| labels.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let all = query.get("all").is_some_and(|all| all == "true");
    state
        .containers
        .values()
        .filter(|container| all || container.running)
        .filter(|container| {
            labels.iter().all(|label| match label.split_once('=') {
                Some((name, value)) => container.label(name) == Some(value),
                None => container.label(label).is_some(),
            })
        })
        .map(super::SimContainer::summary)
        .collect()
}

fn info(state: &State) -> Value {
    json!({
        "ServerVersion": "20.10.24", "OSType": "linux", "Architecture": "x86_64", "NCPU": 2, "MemTotal": 4_u64 << 30,
        "MemoryLimit": true, "SwapLimit": true, "CpuCfsQuota": true, "PidsLimit": true, "CgroupVersion": "2",
        "CgroupDriver": "systemd", "Driver": "overlay2", "DockerRootDir": "/no/such/directory",
        "Containers": state.containers.len(),
        "ContainersRunning": state.containers.values().filter(|container| container.running).count(),
    })
}

fn images(state: &State) -> Value {
    let one = |name: &String| {
        json!({"Id": image_id(name), "RepoTags": [name], "ParentId": "", "RepoDigests": [], "Created": 1, "Size": 1,
               "SharedSize": -1, "Labels": {}, "Containers": -1})
    };
    state.images.iter().map(one).collect()
}

fn image(state: &State, name: &str) -> Answer {
    if state.images.contains(name) {
        Answer::Json(200, json!({"Id": image_id(name), "Config": {"User": "runner"}}))
    } else {
        Answer::Json(404, json!({"message": format!("No such image: {name}")}))
    }
}

fn pull(state: &mut State, query: &HashMap<String, String>) -> Answer {
    let part = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let name = format!("{}:{}", part("fromImage"), part("tag"));
    if !state.pullable.contains(&name) {
        return Answer::Json(
            404,
            json!({"message": format!("manifest for {name} not found: manifest unknown")}),
        );
    }
    let layer = |status: &str, current: u64| json!({"status": status, "id": "aaaaaaaaaaaa", "progressDetail": {"current": current, "total": 100}});
    state.images.insert(name);
    Answer::Lines(vec![
        layer("Downloading", 50),
        layer("Download complete", 100),
        layer("Pull complete", 100),
    ])
}

pub(super) fn event(action: &str, id: &str, labels: &Value, exit_code: Option<i64>) -> Value {
    let mut attributes = labels.as_object().cloned().unwrap_or_default();
    if let Some(code) = exit_code {
        attributes.insert("exitCode".to_owned(), code.to_string().into());
    }
    json!({"Type": "container", "Action": action, "Actor": {"ID": id, "Attributes": attributes},
           "time": 1_767_225_600, "timeNano": 1_767_225_600_000_000_000_i64})
}
