//! `POST …/generate-jitconfig`.

use poem::{Body, IntoResponse, Request, Response, Result, handler, http::StatusCode, web::Json};
use serde::Deserialize;
use serde_json::json;

use super::{
    guard::{Need, runner_target, simulation},
    reply::{Refusal, parse},
    runners::runner_json,
};
use crate::github::{
    issued::jit_blob,
    registry::{NewRunner, RegisterError},
};

#[derive(Deserialize)]
struct JitBody {
    name: String,
    runner_group_id: i64,
    labels: Vec<String>,
    #[serde(default = "default_work_folder")]
    work_folder: String,
}

fn default_work_folder() -> String {
    "_work".to_owned()
}

/// Registers an ephemeral runner and hands out its configuration.
#[handler]
pub(super) async fn generate(request: &Request, payload: Body) -> Result<Response> {
    let target = runner_target(request, Need::Write)?;
    let simulation = simulation(request)?;
    let JitBody {
        name,
        runner_group_id,
        labels,
        work_folder,
    } = parse(payload).await?;
    if name.is_empty() || name.len() > 64 {
        return Err(Refusal::invalid("Invalid request.\n\nName must be 1 to 64 characters long.").into());
    }
    if labels.is_empty() || labels.len() > 100 || labels.iter().any(|l| l.is_empty() || l.len() > 256) {
        return Err(Refusal::invalid(
            "Invalid request.\n\n1 to 100 labels of 1 to 256 characters are needed.",
        )
        .into());
    }
    if runner_group_id != 1 && target.contains('/') {
        return Err(Refusal::not_found().into());
    }
    let new = NewRunner {
        target,
        name: name.clone(),
        labels,
        default_labels: false,
        runner_group_id,
        ephemeral: true,
        os: "unknown",
        replace: false,
    };
    let (runner, credential) = simulation
        .update(|state, now| state.register(new, now))
        .map_err(|error| refusal(&error, &name))?;
    let blob = jit_blob(&runner, &credential, &work_folder, &simulation.root);
    simulation.note(|state, _| state.secrets.note("a JIT configuration", &blob));
    let reply = json!({ "runner": runner_json(&runner), "encoded_jit_config": blob });
    Ok(Json(reply).with_status(StatusCode::CREATED).into_response())
}

fn refusal(error: &RegisterError, name: &str) -> Refusal {
    match error {
        RegisterError::Exists => Refusal::new(
            StatusCode::CONFLICT,
            format!("Already exists - A runner with the name {name} already exists."),
        ),
        RegisterError::GroupFull => {
            Refusal::invalid("Runner group 1 has reached max limit of 10000 runners.")
        }
    }
}
