//! Just-in-time configurations.

use entities::repo::assignment::Assignment;
use github::{DeleteOutcome, Error, JitConfig, JitConfigRequest, Runner};
use tracing::info;

use super::{Account, Prepared, labels_of, script};
use crate::jobs::JobError;

/// GitHub's own bound.
const MAX_LABELS: usize = 100;

/// The registration of the instance's name, if GitHub has one: an attempt that was cut off may have left it,
/// and a second registration of that name is refused.
pub async fn find(account: &Account, assignment: &Assignment) -> Result<Option<Runner>, JobError> {
    let name = &assignment.instance.name;
    Ok(account.client.find_runner(&account.target, name).await?)
}

/// Registers the runner, in place of the stale registration if there is one.
pub async fn prepare(
    account: &Account,
    assignment: &Assignment,
    stale: Option<Runner>,
) -> Result<Prepared, JobError> {
    if let Some(stale) = stale {
        remove(account, &stale).await?;
    }
    let request = JitConfigRequest {
        name: assignment.instance.name.clone(),
        runner_group_id: assignment.runner.runner_group_id,
        labels: labels(assignment)?,
        work_folder: "_work".to_owned(),
    };
    let mint = || account.client.generate_jit_config(&account.target, &request);
    let minted = match mint().await {
        // Between the look-up and the call; or the look-up was answered from before it.
        Err(Error::Conflict { .. }) => {
            if let Some(stale) = find(account, assignment).await? {
                remove(account, &stale).await?;
            }
            mint().await
        }
        outcome => outcome,
    };
    let config: JitConfig = minted.map_err(not_registered)?;
    let files = config
        .files()
        .map_err(|error| JobError::fail(error.to_string()))?;
    Ok(Prepared {
        input: script::files_input(&files),
        github_runner_id: Some(config.runner.id),
    })
}

/// Removes the registration that an earlier attempt left. Its container never ran, so it can't be running a
/// job; if GitHub says that it is, the name belongs to something else.
async fn remove(account: &Account, stale: &Runner) -> Result<(), JobError> {
    info!(
        github.runner_id = stale.id,
        "a registration left by an earlier attempt is removed"
    );
    match account.client.delete_runner(&account.target, stale.id).await? {
        DeleteOutcome::Deleted | DeleteOutcome::NotFound => Ok(()),
        DeleteOutcome::Busy => Err(JobError::retry(format!(
            "GitHub says that a runner named {} runs a job, but its container was never started",
            stale.name
        ))),
    }
}

/// A JIT runner has only the labels it is given, so the ones that `config.sh` adds by itself come first.
fn labels(assignment: &Assignment) -> Result<Vec<String>, JobError> {
    let arch = assignment
        .node
        .facts
        .as_ref()
        .and_then(|facts| facts.get("arch"))
        .and_then(|arch| arch.as_str())
        .unwrap_or("x86_64");
    let arch = match arch {
        "aarch64" | "arm64" => "ARM64",
        "arm" | "armv7l" => "ARM",
        _ => "X64",
    };
    let own = labels_of(assignment)?;
    Ok(with_defaults(arch, own))
}

fn with_defaults(arch: &str, own: Vec<String>) -> Vec<String> {
    let mut labels = vec!["self-hosted".to_owned(), "Linux".to_owned(), arch.to_owned()];
    for label in own {
        if !labels.iter().any(|known| known.eq_ignore_ascii_case(&label)) {
            labels.push(label);
        }
    }
    labels.truncate(MAX_LABELS);
    labels
}

/// What a person can do about it belongs to the reason.
fn not_registered(error: Error) -> JobError {
    match &error {
        Error::Unauthorized { .. } => JobError::fail(format!("{error}. Save a new token in the credential.")),
        Error::Forbidden { .. } | Error::NotFound { .. } => JobError::fail(format!(
            "{error}. Check github_repo, and that the credential may administer runners there."
        )),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_labels_come_first_and_none_comes_twice() {
        let own = vec!["gpu".to_owned(), "linux".to_owned(), "GPU".to_owned()];
        assert_eq!(with_defaults("X64", own), ["self-hosted", "Linux", "X64", "gpu"]);
        let many = (0..200).map(|n| format!("l{n}")).collect();
        assert_eq!(with_defaults("X64", many).len(), MAX_LABELS);
    }
}
