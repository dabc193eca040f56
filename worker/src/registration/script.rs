//! The commands of a runner's container, and what they read from their standard input.
//!
//! What is secret comes by standard input alone (see [`Engine::feed`](crate::nodes::Engine::feed)): the
//! environment, labels and arguments of a container are seen by anybody who may look at the engine. A command
//! that gets the end of its input early ends with [`EXIT_NOT_CONFIGURED`]. It needs a shell and, for a
//! just-in-time configuration, `base64`; `printf` is the shell's own, so that no argument holds a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use super::image::HOME;
use crate::decide::exit::{EXIT_NOT_CONFIGURED, NOT_DELIVERED};

/// The line after the last file.
const END: &str = "end";

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

/// Puts the files of [`files_input`] into the runner's directory and becomes the runner.
pub fn run_with_files() -> Vec<String> {
    shell(&format!(
        "cd {HOME} || exit {EXIT_NOT_CONFIGURED}
while read -r name content; do
    [ \"$name\" = {END} ] && exec ./run.sh </dev/null
    (umask 077; printf %s \"$content\" | base64 -d >\"$name\") || exit {EXIT_NOT_CONFIGURED}
done
echo '{NOT_DELIVERED}' >&2
exit {EXIT_NOT_CONFIGURED}"
    ))
}

/// Files by name, each a line with its content in base64.
pub fn files_input(files: &[(String, Vec<u8>)]) -> SecretString {
    let mut input = String::new();
    for (name, content) in files {
        input.push_str(name);
        input.push(' ');
        STANDARD.encode_string(content, &mut input);
        input.push('\n');
    }
    input.push_str(END);
    input.push('\n');
    input.into()
}

/// Registers with the token of [`token_input`] and becomes the runner. `config.sh` takes any option as
/// `ACTIONS_RUNNER_INPUT_<NAME>` and drops the variable at once (actions/runner, `CommandSettings.cs`).
pub fn run_with_token(configuration: &Configuration<'_>) -> Vec<String> {
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
    // Takes over a registration of the same name that an earlier attempt left.
    arguments.push("--replace".to_owned());
    shell(&format!(
        "{}
./config.sh {} </dev/null || exit {EXIT_NOT_CONFIGURED}
unset ACTIONS_RUNNER_INPUT_TOKEN
exec ./run.sh </dev/null",
        read_token(),
        arguments.join(" "),
    ))
}

/// A token, as the commands that need one read it.
pub fn token_input(token: &SecretString) -> SecretString {
    format!("{}\n", token.expose_secret()).into()
}

/// Takes the runner off GitHub from inside its running container, with the token of [`token_input`].
pub fn remove_with_token() -> Vec<String> {
    shell(&format!("{}\nexec ./config.sh remove </dev/null", read_token()))
}

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

/// Reads the outcome of [`remove_with_token`].
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

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

/// Leaves the token in the variable that `config.sh` reads, and nowhere else.
fn read_token() -> String {
    format!(
        "cd {HOME} || exit {EXIT_NOT_CONFIGURED}
if ! read -r ACTIONS_RUNNER_INPUT_TOKEN; then
    echo '{NOT_DELIVERED}' >&2
    exit {EXIT_NOT_CONFIGURED}
fi
export ACTIONS_RUNNER_INPUT_TOKEN"
    )
}

/// A word of a shell's command line, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Output, Stdio};

    use super::*;

    /// Runs a container's command on this machine, in a directory instead of the image's.
    fn run(home: &std::path::Path, command: &[String], input: &str) -> Output {
        let script = command[2].replace(HOME, home.to_str().unwrap());
        let mut child = Command::new(&command[0])
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn home() -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        for (name, text) in [
            (
                "run.sh",
                "#!/bin/sh\necho \"run $#\"; umask; env | grep RUNNER_INPUT; exit 3\n",
            ),
            (
                "config.sh",
                "#!/bin/sh\nprintf '%s\\n' \"$@\" >said; echo \"$ACTIONS_RUNNER_INPUT_TOKEN\" >token\n",
            ),
        ] {
            let path = home.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        home
    }

    fn labels() -> [String; 2] {
        ["gpu".to_owned(), "it's $(date)".to_owned()]
    }

    fn configuration(labels: &[String]) -> Configuration<'_> {
        Configuration {
            url: "https://github.com/acme/web",
            name: "web-0123456789ab",
            labels,
            ephemeral: true,
        }
    }

    #[test]
    fn the_files_are_put_in_place_for_their_owner_alone_before_the_runner_starts() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = home();
        // A line that is longer than a pipe's page, bytes that are no text, and nothing at all.
        let files = [
            (".runner".to_owned(), vec![b'x'; 9000]),
            (".credentials".to_owned(), vec![0, 255, b'\n', b'\'']),
            (".empty".to_owned(), Vec::new()),
        ];
        let output = run(
            home.path(),
            &run_with_files(),
            files_input(&files).expose_secret(),
        );
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.starts_with("run 0\n"), "{output:?}");
        assert!(
            !said.contains("0077"),
            "the jobs' own files are not to be private: {said}"
        );
        assert_eq!(output.status.code(), Some(3), "the runner's own code");
        for (name, content) in files {
            let path = home.path().join(name);
            assert_eq!(std::fs::read(&path).unwrap(), content);
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn an_input_that_was_cut_off_ends_without_a_runner() {
        let home = home();
        let files = files_input(&[(".runner".to_owned(), b"{}".to_vec())]);
        let cut = files.expose_secret().trim_end_matches("end\n");
        let labels = labels();
        for (command, input) in [
            (run_with_files(), cut),
            (run_with_files(), ""),
            (run_with_token(&configuration(&labels)), ""),
            (remove_with_token(), ""),
        ] {
            let output = run(home.path(), &command, input);
            assert_eq!(output.status.code(), Some(78), "{output:?}");
            assert_eq!(String::from_utf8_lossy(&output.stderr).trim(), NOT_DELIVERED);
            assert!(output.stdout.is_empty(), "{output:?}");
        }
    }

    #[test]
    fn a_token_reaches_config_sh_alone() {
        let (home, labels) = (home(), labels());
        let command = run_with_token(&configuration(&labels));
        assert!(!command.concat().contains("canary"));
        let output = run(
            home.path(),
            &command,
            token_input(&"canary-token".into()).expose_secret(),
        );
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.starts_with("run 0\n") && !said.contains("canary"),
            "{output:?}"
        );
        let read = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap();
        assert_eq!(read("token"), "canary-token\n");
        assert_eq!(
            read("said").lines().collect::<Vec<_>>(),
            [
                "--unattended",
                "--url",
                "https://github.com/acme/web",
                "--name",
                "web-0123456789ab",
                "--labels",
                "gpu,it's $(date)",
                "--work",
                "_work",
                "--ephemeral",
                "--disableupdate",
                "--replace"
            ]
        );
        run(home.path(), &remove_with_token(), "other-token\n");
        assert_eq!(
            (read("token").as_str(), read("said").as_str()),
            ("other-token\n", "remove\n")
        );
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
