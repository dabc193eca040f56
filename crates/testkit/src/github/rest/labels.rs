//! Labels of one runner.

use poem::{Body, IntoResponse, Request, Response, Result, handler, web::Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    guard::Need,
    reply::{Refusal, parse},
    runners::one,
};
use crate::github::{model::Registration, registry::is_system_label};

#[derive(Deserialize)]
struct LabelPath {
    label: String,
}

#[derive(Deserialize)]
struct LabelsBody {
    labels: Vec<String>,
}

/// `GET …/labels`
#[handler]
pub(super) fn list(request: &Request) -> Result<Response> {
    change(request, Need::Read, |_| Ok(()))
}

/// `POST …/labels`: adds to the custom labels.
#[handler]
pub(super) async fn add(request: &Request, payload: Body) -> Result<Response> {
    let labels = checked(parse(payload).await?, 1)?;
    change(request, Need::Write, |runner| {
        for label in labels {
            if !runner.has_labels(std::slice::from_ref(&label)) {
                runner.custom_labels.push(label);
            }
        }
        Ok(())
    })
}

/// `PUT …/labels`: replaces the custom labels.
#[handler]
pub(super) async fn set(request: &Request, payload: Body) -> Result<Response> {
    let labels = checked(parse(payload).await?, 0)?;
    change(request, Need::Write, |runner| {
        runner.custom_labels = labels
            .into_iter()
            .filter(|label| !is_system_label(label))
            .collect();
        Ok(())
    })
}

/// `DELETE …/labels`: drops all custom labels.
#[handler]
pub(super) fn clear(request: &Request) -> Result<Response> {
    change(request, Need::Write, |runner| {
        runner.custom_labels.clear();
        Ok(())
    })
}

/// `DELETE …/labels/{name}`: drops one custom label.
#[handler]
pub(super) fn remove(request: &Request) -> Result<Response> {
    let LabelPath { label } = request.path_params().map_err(|_| Refusal::not_found())?;
    change(request, Need::Write, |runner| {
        if is_system_label(&label) {
            return Err(Refusal::invalid("Read-only labels cannot be removed."));
        }
        let before = runner.custom_labels.len();
        runner
            .custom_labels
            .retain(|known| !known.eq_ignore_ascii_case(&label));
        if runner.custom_labels.len() == before {
            Err(Refusal::not_found())
        } else {
            Ok(())
        }
    })
}

fn checked(LabelsBody { labels }: LabelsBody, least: usize) -> Result<Vec<String>, Refusal> {
    let right_count = (least..=100).contains(&labels.len());
    if right_count && labels.iter().all(|label| (1..=256).contains(&label.len())) {
        Ok(labels)
    } else {
        Err(Refusal::invalid(
            "Invalid request.\n\nUp to 100 labels of 1 to 256 characters are needed.",
        ))
    }
}

fn change(
    request: &Request,
    need: Need,
    edit: impl FnOnce(&mut Registration) -> Result<(), Refusal>,
) -> Result<Response> {
    let (simulation, target, id) = one(request, need)?;
    let labels = simulation.update(|state, _| {
        let runner = state.runner_of(&target, id).ok_or_else(Refusal::not_found)?;
        edit(&mut runner.registration)?;
        Ok::<_, Refusal>(labels_json(&runner.registration))
    })?;
    Ok(Json(json!({ "total_count": labels.len(), "labels": labels })).into_response())
}

/// The labels in GitHub's JSON.
pub(super) fn labels_json(runner: &Registration) -> Vec<Value> {
    let system = runner.system_labels.iter().map(|label| (label, "read-only"));
    let custom = runner.custom_labels.iter().map(|label| (label, "custom"));
    system
        .chain(custom)
        .enumerate()
        .map(|(index, (name, kind))| json!({ "id": index + 1, "name": name, "type": kind }))
        .collect()
}
