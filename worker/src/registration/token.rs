//! Registration by `config.sh` with a token.

use entities::repo::assignment::Assignment;
use github::Target;
use secrecy::SecretString;
use url::Url;

use super::script::{self, Configuration};
use super::{Owner, Prepared, labels_of};
use crate::jobs::JobError;

/// The script that registers and starts the runner, and the token for it. `config.sh --replace` takes over
/// a registration of the same name that an earlier attempt left.
pub fn prepare(
    assignment: &Assignment,
    target: &Target,
    web_url: &Url,
    token: &SecretString,
    owner: Owner,
) -> Result<Prepared, JobError> {
    let labels = labels_of(assignment)?;
    let url = target.html_url(web_url);
    let configuration = Configuration {
        url: url.as_str(),
        name: &assignment.instance.name,
        labels: &labels,
        ephemeral: assignment.runner.ephemeral,
    };
    Ok(Prepared {
        files: script::start_files(&configuration, token, owner),
        github_runner_id: None,
    })
}
