//! What the README tells a newcomer to paste works as it stands.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use testkit::github::{Pat, SANDBOX_PAT};
use testkit::harness::paths::repository_root;
use testkit::harness::{DatabaseKind, Stack, engine, eventually};
use testkit::runner_image;

const DEADLINE: Duration = Duration::from_mins(3);

/// The code between `<!-- first-runner` and `<!-- /first-runner -->`.
fn first_runner() -> anyhow::Result<String> {
    let readme = std::fs::read_to_string(repository_root().join("README.md"))?;
    let (_, after) = readme
        .split_once("<!-- first-runner")
        .context("the README has no first runner")?;
    let (block, _) = after
        .split_once("<!-- /first-runner -->")
        .context("the first runner has no end")?;
    let (_, code) = block
        .split_once("```sh\n")
        .context("the first runner has no code")?;
    let (code, _) = code.rsplit_once("```").context("the code has no end")?;
    Ok(code.to_owned())
}

#[tokio::test]
async fn the_first_runner_of_the_readme_starts_works_and_goes() -> anyhow::Result<()> {
    let engine = engine().await?;
    runner_image::build(engine.docker()).await?;
    let stack = Stack::start(DatabaseKind::Sqlite, &[]).await?;
    stack.github.add_pat(Pat::admin(SANDBOX_PAT));

    let pasted = tokio::process::Command::new("bash")
        .args(["-euo", "pipefail", "-c", &first_runner()?])
        .env("api", stack.url())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(DEADLINE, pasted)
        .await
        .context("the commands do not end");
    let label = stack.install_label().await?;
    let gone = match &output {
        Ok(_) => {
            eventually(DEADLINE, "the container is removed", || async {
                let left = engine.containers(&label).await?;
                ensure!(left.is_empty(), "{} containers are left", left.len());
                Ok(())
            })
            .await
        }
        Err(_) => Ok(()),
    };
    engine.remove_containers(&label).await?;
    let output = output??;
    ensure!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    gone
}
