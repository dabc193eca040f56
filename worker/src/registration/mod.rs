//! How a runner gets its registration at GitHub.
//!
//! With a credential, an ephemeral runner gets a just-in-time configuration: registered by one call, its
//! files put into place by the container's command, nothing to configure. Any other runner gets a registration
//! token, minted by the credential or given by its owner, for `config.sh`. Either way the secret enters the
//! container by its standard input, never as environment, argument or label.

mod identity;
mod image;
mod jit;
mod script;

use std::time::Duration;

use domain::keyring::Place;
use entities::repo::assignment::Assignment;
use github::{GitHub, Target};
use secrecy::SecretString;
use url::Url;

use crate::context::Context;
use crate::github_access::{self, RunnerList};
use crate::jobs::JobError;

use self::script::Configuration;
pub use identity::find_own;
pub use image::runs_as_root;
pub use script::{Removal, removal_of, remove_with_token, token_input};

/// How an instance is registered.
pub enum Registration {
    /// By a just-in-time configuration.
    Jit(Account),
    /// By `config.sh` with a token that the credential mints.
    Minted(Account),
    /// By `config.sh` with the runner's own token. GitHub can't be asked about it.
    Own(SecretString),
}

/// A credential at work: whom to ask, and about what.
pub struct Account {
    /// The client.
    pub client: GitHub,
    /// The credential's id.
    pub credential_id: String,
    /// Where the runner is registered.
    pub target: Target,
    /// The web address that runners of this credential register at.
    pub web_url: Url,
}

/// What a container must be given before it starts.
pub struct Prepared {
    /// All that its command reads from its standard input.
    pub input: SecretString,
    /// The runner's id at GitHub, where it is known before the start.
    pub github_runner_id: Option<i64>,
}

impl Account {
    /// The account that an assignment's credential opens; `None` for a runner with a token of its own.
    pub fn of(context: &Context, assignment: &Assignment) -> Result<Option<Self>, JobError> {
        let Some(credential) = &assignment.credential else {
            return Ok(None);
        };
        if credential.is_deleted {
            return Err(JobError::fail(format!(
                "the credential {} was deleted; give the runner another one",
                credential.name
            )));
        }
        Ok(Some(Self {
            client: context.github.client(credential, &context.keyring)?,
            credential_id: credential.uid.clone(),
            target: github_access::target_of(&assignment.runner)?,
            web_url: credential
                .web_url
                .parse()
                .map_err(|_| JobError::fail("the credential's web address is not valid; save it again"))?,
        }))
    }

    /// The runners of the target, at most `max_age` old, shared with all other jobs.
    pub async fn runners(&self, context: &Context, max_age: Duration) -> Result<RunnerList, JobError> {
        Ok(context
            .github
            .runners(&self.credential_id, &self.client, &self.target, max_age)
            .await?)
    }
}

impl Registration {
    /// How this assignment is registered.
    pub fn of(context: &Context, assignment: &Assignment) -> Result<Self, JobError> {
        match Account::of(context, assignment)? {
            Some(account) if assignment.runner.ephemeral => Ok(Self::Jit(account)),
            Some(account) => Ok(Self::Minted(account)),
            None => Ok(Self::Own(own_token(context, assignment)?)),
        }
    }

    /// The account, where there is a credential.
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::Jit(account) | Self::Minted(account) => Some(account),
            Self::Own(_) => None,
        }
    }

    /// The command that the container runs; nothing in it is secret.
    pub fn command(&self, context: &Context, assignment: &Assignment) -> Result<Vec<String>, JobError> {
        let url = match self {
            Self::Jit(_) => return Ok(script::run_with_files()),
            Self::Minted(account) => account.target.html_url(&account.web_url),
            Self::Own(_) => github_access::target_of(&assignment.runner)?.html_url(&context.github_url),
        };
        Ok(script::run_with_token(&Configuration {
            url: url.as_str(),
            name: &assignment.instance.name,
            labels: &labels_of(assignment)?,
            ephemeral: assignment.runner.ephemeral,
        }))
    }

    /// The registration of the instance's name, where one that is there would be in the way of
    /// [`Self::prepare`]. It changes nothing, so that it may run beside other steps.
    pub async fn find(&self, assignment: &Assignment) -> Result<Option<github::Runner>, JobError> {
        match self {
            Self::Jit(account) => jit::find(account, assignment).await,
            // `config.sh --replace` takes it over.
            Self::Minted(_) | Self::Own(_) => Ok(None),
        }
    }

    /// Registers the runner, or makes it able to, and returns what the container needs. To be called last
    /// before the start: what it returns is worth little an hour later. `stale`, which [`Self::find`] found,
    /// was left by an attempt whose container never ran, and is removed.
    pub async fn prepare(
        &self,
        assignment: &Assignment,
        stale: Option<github::Runner>,
    ) -> Result<Prepared, JobError> {
        let input = match self {
            Self::Jit(account) => return jit::prepare(account, assignment, stale).await,
            Self::Minted(account) => {
                let minted = account.client.create_registration_token(&account.target).await?;
                token_input(&minted.token)
            }
            Self::Own(own) => token_input(own),
        };
        Ok(Prepared {
            input,
            github_runner_id: None,
        })
    }
}

/// The runner's own registration token.
pub fn own_token(context: &Context, assignment: &Assignment) -> Result<SecretString, JobError> {
    let runner = &assignment.runner;
    let sealed = runner.github_runner_token.as_deref().ok_or_else(|| {
        JobError::fail("the runner has neither a credential nor a github_runner_token; give it one")
    })?;
    let place = Place {
        table: "runners",
        column: "github_runner_token",
        row: &runner.uid,
        org: &runner.org_id,
    };
    context.keyring.open(sealed, place).map_err(|error| {
        JobError::fail(format!(
            "the runner's token can't be read: {error}. Save it again"
        ))
    })
}

/// The custom labels of a runner.
fn labels_of(assignment: &Assignment) -> Result<Vec<String>, JobError> {
    serde_json::from_value(assignment.runner.labels.clone())
        .map_err(|_| JobError::fail("the runner's labels are not a list of texts; save the runner again"))
}
