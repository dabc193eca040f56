//! Which registration at GitHub is an instance's own.

use entities::repo::assignment::Assignment;

use super::Account;
use crate::jobs::JobError;

/// The id of the instance's own registration, if GitHub has one where its runner is registered now.
///
/// The id that was written down is not believed alone: it is a number that another target or another GitHub
/// uses for a runner which is not ours. The name holds a random part of the instance's own id.
pub async fn find_own(account: &Account, assignment: &Assignment) -> Result<Option<i64>, JobError> {
    let (client, target) = (&account.client, &account.target);
    let instance = &assignment.instance;
    if let Some(id) = instance.github_runner_id {
        match client.get_runner(target, id).await? {
            Some(runner) if runner.name == instance.name => return Ok(Some(id)),
            Some(runner) => tracing::warn!(
                instance.id = %instance.uid,
                github.runner_id = id,
                "the runner of that id is {}, not {}; it is left alone",
                runner.name,
                instance.name
            ),
            None => return Ok(None),
        }
    }
    let found = client.find_runner(target, &instance.name).await?;
    Ok(found.map(|runner| runner.id))
}
