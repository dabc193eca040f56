//! Sample jobs for runners in the sandbox. The one address that is called is the operator's setting: no part
//! of it comes from a request or from the database.

use std::time::Duration;

use celery_redis::Signature;
use domain::tasks::TaskCall;
use entities::repo::{credentials, fleet};
use github::{SampleJob, Sandbox};
use serde_json::json;
use url::Url;

use super::instances::find_runner;
use crate::access::OrgAccess;
use crate::context::Context;
use crate::dto::runner_actions::SampleJobView;
use crate::error::{ApiError, chain};
use crate::queue::signature;

/// How long a request waits for the sandbox.
const SANDBOX_TIMEOUT: Duration = Duration::from_secs(5);
const JOB_NAME: &str = "Sample job";
/// Long enough to be seen, short enough to be waited for.
const JOB_DURATION_SECS: u32 = 10;

/// When the runner is looked at after a job was queued.
const LOOKS: [Duration; 4] = [
    Duration::from_secs(2),
    Duration::from_secs(6),
    Duration::from_secs(12),
    Duration::from_secs(16),
];
/// Instances that are looked at for one job.
const MOST_WATCHED: u64 = 20;

/// Queues a job that an instance of the runner can take.
pub async fn run(context: &Context, access: &OrgAccess, runner: &str) -> Result<SampleJobView, ApiError> {
    let runner = find_runner(context, access, runner).await?;
    let Some(sandbox) = &context.settings.github.sandbox_url else {
        return Err(ApiError::conflict(
            "no_sandbox",
            "This installation has no sandbox (SANDBOX_GITHUB_URL is not set). Start a workflow at GitHub that \
             runs on this runner's labels.",
        ));
    };
    let api_url = match &runner.credential_id {
        Some(id) => {
            let id = id.parse().map_err(|_| ApiError::not_found())?;
            let credential = credentials::find(&context.db, &access.org_id, &id).await?;
            credential.and_then(|credential| credential.api_url.parse().ok())
        }
        // Its own token is for the server's usual GitHub.
        None => Some(context.settings.github.api_url.clone()),
    };
    if !api_url.is_some_and(|url: Url| is_same(&url, sandbox)) {
        return Err(ApiError::conflict(
            "not_in_sandbox",
            format!(
                "`{}` is not registered in the sandbox: give it a credential whose api_url is {sandbox}, or start \
                 a workflow at GitHub that runs on its labels.",
                runner.name
            ),
        ));
    }
    let job = SampleJob {
        target: runner.github_repo.clone(),
        labels: runner.labels()?,
        name: JOB_NAME.to_owned(),
        duration_secs: JOB_DURATION_SECS,
    };
    let queued = queue(sandbox, &job).await?;
    watch(context, &runner.uid).await;
    let now = context.now();
    let detail = json!({"job_id": queued, "github_repo": runner.github_repo});
    access
        .audit(
            &context.db,
            now,
            "runner.sample_job",
            ("runner", &runner.uid),
            detail,
        )
        .await?;
    let SampleJob {
        target,
        labels,
        name,
        duration_secs,
    } = job;
    Ok(SampleJobView {
        job_id: queued,
        name,
        target,
        labels,
        duration_secs,
    })
}

/// Has the runner's instances looked at while the job should run and after it: the usual look, every half
/// minute, would pass a short job by. That nobody looks is no reason to refuse the job.
async fn watch(context: &Context, runner: &str) {
    match fleet::list_live_of(&context.db, runner, MOST_WATCHED).await {
        Ok(instances) => {
            let looks: Vec<Signature> = instances
                .into_iter()
                .flat_map(|instance| {
                    let look = signature(&TaskCall::SendHeartbeat(instance.id), instance.host.as_deref());
                    LOOKS.map(|after| look.clone().countdown(after))
                })
                .collect();
            context.send_signatures(&looks).await;
        }
        Err(error) => tracing::warn!(error = %chain(&error), "the runner of a sample job is not watched"),
    }
}

fn is_same(one: &Url, other: &Url) -> bool {
    let bare = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    bare(one) == bare(other)
}

async fn queue(sandbox: &Url, job: &SampleJob) -> Result<u64, ApiError> {
    let client = Sandbox::new(sandbox).map_err(|error| ApiError::internal(&error))?;
    match tokio::time::timeout(SANDBOX_TIMEOUT, client.queue_job(job)).await {
        Ok(Ok(queued)) => Ok(queued.id),
        Ok(Err(github::Error::RateLimited { .. })) => Err(ApiError::conflict(
            "sandbox_full",
            "Too many sample jobs wait already. Start an instance to run them, or restart the sandbox.",
        )),
        Ok(Err(error)) => {
            tracing::warn!(error = %chain(&error), "the sandbox did not take a sample job");
            Err(silent_sandbox(sandbox))
        }
        Err(_) => Err(silent_sandbox(sandbox)),
    }
}

fn silent_sandbox(sandbox: &Url) -> ApiError {
    ApiError::gateway_timeout(format!(
        "The sandbox at {sandbox} did not take the job. See that it runs (`make up` starts it), then try again."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_address_of_the_sandbox_counts_as_it() {
        let sandbox: Url = "http://127.0.0.1:8090/".parse().unwrap();
        for same in ["http://127.0.0.1:8090", "http://127.0.0.1:8090/"] {
            assert!(is_same(&same.parse().unwrap(), &sandbox), "{same}");
        }
        for other in [
            "http://127.0.0.1:8091/",
            "https://127.0.0.1:8090/",
            "http://127.0.0.1:8090/api/v3",
            "http://127.0.0.1.example.org:8090/",
        ] {
            assert!(!is_same(&other.parse().unwrap(), &sandbox), "{other}");
        }
    }
}
