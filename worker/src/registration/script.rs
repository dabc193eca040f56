//! The scripts put into a container that is registered by `config.sh`.
//!
//! The token comes in a file of its own that the script removes after reading: the container's environment,
//! labels and arguments, which anybody who may look at the engine sees, never hold it. `config.sh` takes any
//! option as `ACTIONS_RUNNER_INPUT_<NAME>` and drops the variable at once (actions/runner,
//! `CommandSettings.cs`).

use secrecy::{ExposeSecret as _, SecretString};

use super::files::{HOME, Owner};
use crate::decide::exit::EXIT_NOT_CONFIGURED;
use crate::nodes::ContainerFile;

const TOKEN_FILE: &str = ".runner-pilot-token";
const START_SCRIPT: &str = ".runner-pilot-start.sh";
const REMOVE_SCRIPT: &str = ".runner-pilot-remove.sh";

/// What `config.sh` is told.
pub struct Configuration<'a> {
    /// The page of the repository or organisation.
    pub url: &'a str,
    /// The runner's name.
    pub name: &'a str,
    /// Its own labels.
    pub labels: &'a [String],
    /// Whether it ends after one job.
    pub ephemeral: bool,
}

/// The container's command.
pub fn start_command() -> Vec<String> {
    vec!["/bin/sh".to_owned(), format!("{HOME}/{START_SCRIPT}")]
}

/// The start script and the token.
pub fn start_files(
    configuration: &Configuration<'_>,
    token: &SecretString,
    owner: Owner,
) -> Vec<ContainerFile> {
    vec![
        owner.file(START_SCRIPT, 0o700, start_script(configuration).into_bytes()),
        token_file(token, owner),
    ]
}

/// The removal script and the token.
pub fn removal_files(token: &SecretString, owner: Owner) -> Vec<ContainerFile> {
    let script = format!(
        "#!/bin/sh\n{}exec ./config.sh remove\n",
        read_token(EXIT_NOT_CONFIGURED)
    );
    vec![
        owner.file(REMOVE_SCRIPT, 0o700, script.into_bytes()),
        token_file(token, owner),
    ]
}

/// Runs the removal script inside the container.
pub const REMOVE_COMMAND: [&str; 2] = ["/bin/sh", "/home/runner/.runner-pilot-remove.sh"];

/// What `config.sh remove` said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The registration is gone.
    Done,
    /// A job runs.
    Busy,
    /// The token was refused, or it failed otherwise.
    Refused,
}

/// Reads the outcome of [`REMOVE_COMMAND`].
pub fn removal_of(exit_code: i64, output: &str) -> Removal {
    // Both sentences of GitHub's `TaskAgentJobStillRunningException`.
    if output.contains("is running a job currently") || output.contains("is still running a job") {
        Removal::Busy
    } else if exit_code == 0 {
        Removal::Done
    } else {
        Removal::Refused
    }
}

fn token_file(token: &SecretString, owner: Owner) -> ContainerFile {
    owner.file(TOKEN_FILE, 0o600, token.expose_secret().as_bytes().to_vec())
}

/// Leaves the token in the variable that `config.sh` reads, and nowhere else.
fn read_token(exit_code: i64) -> String {
    format!(
        "cd {HOME} || exit {exit_code}\n\
         ACTIONS_RUNNER_INPUT_TOKEN=$(cat {TOKEN_FILE}) || exit {exit_code}\n\
         rm -f {TOKEN_FILE}\n\
         export ACTIONS_RUNNER_INPUT_TOKEN\n"
    )
}

fn start_script(configuration: &Configuration<'_>) -> String {
    let Configuration {
        url,
        name,
        labels,
        ephemeral,
    } = configuration;
    let mut arguments = vec![
        "--unattended".to_owned(),
        format!("--url {}", quoted(url)),
        format!("--name {}", quoted(name)),
    ];
    if !labels.is_empty() {
        arguments.push(format!("--labels {}", quoted(&labels.join(","))));
    }
    arguments.push("--work _work".to_owned());
    if *ephemeral {
        arguments.push("--ephemeral".to_owned());
    }
    // The image's version is what its owner chose; an update inside a container would be lost anyway.
    arguments.push("--disableupdate".to_owned());
    arguments.push("--replace".to_owned());
    format!(
        "#!/bin/sh\n{read_token}./config.sh {arguments} || exit {EXIT_NOT_CONFIGURED}\n\
         unset ACTIONS_RUNNER_INPUT_TOKEN\nexec ./run.sh\n",
        read_token = read_token(EXIT_NOT_CONFIGURED),
        arguments = arguments.join(" "),
    )
}

/// A word of a shell's command line, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner = Owner { uid: 1001, gid: 1001 };

    fn files() -> Vec<ContainerFile> {
        let labels = ["gpu".to_owned(), "it's".to_owned()];
        let configuration = Configuration {
            url: "https://github.com/acme/web",
            name: "web-0123456789ab",
            labels: &labels,
            ephemeral: true,
        };
        start_files(&configuration, &"canary-token".into(), OWNER)
    }

    #[test]
    fn the_token_is_in_its_file_alone() {
        let files = files();
        assert_eq!(files[1].path, "/home/runner/.runner-pilot-token");
        assert_eq!((files[1].mode, files[1].uid), (0o600, 1001));
        assert_eq!(files[1].bytes, b"canary-token");
        for text in [
            String::from_utf8(files[0].bytes.clone()).unwrap(),
            start_command().join(" "),
            REMOVE_COMMAND.join(" "),
        ] {
            assert!(!text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn the_script_configures_and_then_becomes_the_runner() {
        let script = String::from_utf8(files()[0].bytes.clone()).unwrap();
        assert!(script.contains(
            r"./config.sh --unattended --url 'https://github.com/acme/web' --name 'web-0123456789ab' --labels 'gpu,it'\''s' --work _work --ephemeral --disableupdate --replace || exit 78"
        ), "{script}");
        let order: Vec<_> = [
            "rm -f .runner-pilot-token",
            "config.sh",
            "unset ACTIONS_RUNNER_INPUT_TOKEN",
            "exec ./run.sh",
        ]
        .iter()
        .map(|part| script.find(part).unwrap())
        .collect();
        assert!(order.is_sorted(), "{script}");
    }

    #[test]
    fn the_outcome_of_a_removal_is_read_from_code_and_words() {
        assert_eq!(removal_of(0, "√ Runner removed successfully"), Removal::Done);
        assert_eq!(
            removal_of(1, "Runner \"x\" is running a job currently"),
            Removal::Busy
        );
        assert_eq!(
            removal_of(1, "Runner \"x\" is still running a job"),
            Removal::Busy
        );
        assert_eq!(removal_of(1, "Http response code: NotFound"), Removal::Refused);
    }
}
