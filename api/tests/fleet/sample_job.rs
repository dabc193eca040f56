//! Sample jobs: in the sandbox only, and nowhere else whatever a runner's credential says.

use serde_json::{Value, json};
use testkit::github::{SANDBOX_PAT, SimulatedGitHub};
use testkit::harness::database::DatabaseKind;

use crate::support::{System, uid};

/// A runner with a credential for the GitHub at this address; the path of its sample jobs.
async fn runner_at(system: &System, name: &str, api_url: &str) -> anyhow::Result<String> {
    let credential = json!({"name": name, "secret": SANDBOX_PAT, "api_url": api_url});
    let credential = system
        .admin
        .post(&system.path("/credentials"), &credential)
        .await?
        .expect(201)?;
    let more =
        json!({"github_runner_token": null, "credential_id": uid(&credential), "labels": ["linux", "gpu"]});
    let runner = system.runner(name, more).await?;
    Ok(system.path(&format!("/runners/{}/sample-job", uid(&runner))))
}

async fn sandboxed(sandbox: &SimulatedGitHub) -> anyhow::Result<System> {
    let variables = [("SANDBOX_GITHUB_URL", sandbox.url().as_str())];
    System::start_with(DatabaseKind::Sqlite, &variables).await
}

#[tokio::test]
async fn a_runner_in_the_sandbox_gets_a_sample_job_with_its_labels() -> anyhow::Result<()> {
    let sandbox = SimulatedGitHub::start().await?;
    let system = sandboxed(&sandbox).await?;
    let path = runner_at(&system, "boxed", sandbox.url().as_str()).await?;
    let job = system.admin.post(&path, &json!({})).await?.expect(202)?;
    let queued = sandbox.jobs();
    assert_eq!(queued.len(), 1, "{queued:?}");
    assert_eq!(job["job_id"], queued[0].id);
    assert_eq!(
        (job["target"].as_str(), &job["labels"]),
        (Some("acme/app"), &json!(["linux", "gpu"]))
    );
    assert_eq!(
        (queued[0].spec.target.as_str(), queued[0].spec.labels.len()),
        ("acme/app", 2)
    );
    let audit = system
        .admin
        .get(&system.path("/audit?q=sample_job"))
        .await?
        .expect(200)?;
    assert_eq!(audit["total"], 1, "{audit}");
    Ok(())
}

#[tokio::test]
async fn a_runner_elsewhere_is_told_how_it_gets_a_job_and_nobody_is_called() -> anyhow::Result<()> {
    let (sandbox, elsewhere) = (SimulatedGitHub::start().await?, SimulatedGitHub::start().await?);
    let system = sandboxed(&sandbox).await?;
    let other = runner_at(&system, "other", elsewhere.url().as_str()).await?;
    let own_token = system.runner("own-token", json!({})).await?;
    let own_token = system.path(&format!("/runners/{}/sample-job", uid(&own_token)));
    for path in [other, own_token] {
        let problem = system.admin.post(&path, &json!({})).await?.problem(409)?;
        assert_eq!(problem["code"], "not_in_sandbox");
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(
            detail.contains(sandbox.url().as_str()) && detail.contains("credential"),
            "{detail}"
        );
    }
    assert!(sandbox.jobs().is_empty() && elsewhere.jobs().is_empty());

    let without = System::start().await?;
    let path = runner_at(&without, "boxed", sandbox.url().as_str()).await?;
    let problem = without.admin.post(&path, &json!({})).await?.problem(409)?;
    assert_eq!(problem["code"], "no_sandbox");
    assert!(sandbox.jobs().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_sandbox_that_does_not_answer_is_named() -> anyhow::Result<()> {
    let sandbox = SimulatedGitHub::start().await?;
    let system = sandboxed(&sandbox).await?;
    let path = runner_at(&system, "boxed", sandbox.url().as_str()).await?;
    let address = sandbox.url().to_string();
    sandbox.stop().await?;
    let before: Value = system.footprint().await?;
    let problem = system.admin.post(&path, &json!({})).await?.problem(504)?;
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains(&address)),
        "{problem}"
    );
    assert_eq!(system.footprint().await?, before);
    Ok(())
}
