//! Just-in-time configurations: a runner registered by one call, and the files it starts from.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::{
    Error, GitHub, Runner, Target,
    client::{Call, Expect},
};

const OPERATION: &str = "create a JIT configuration";
/// The official blob holds three files; more than this many is not a runner configuration.
const MAX_FILES: usize = 16;

/// What to register: `POST …/actions/runners/generate-jitconfig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JitConfigRequest {
    /// The runner's name; unique within the target, so derive it from the runner's own id.
    pub name: String,
    /// The runner group; repositories always have group 1.
    pub runner_group_id: i64,
    /// 1 to 100 labels; a JIT runner has these only.
    pub labels: Vec<String>,
    /// The working directory, relative to the runner's own (`_work` by default at GitHub).
    pub work_folder: String,
}

/// A registered runner and its secret configuration.
#[derive(Debug, Clone)]
pub struct JitConfig {
    /// The runner as GitHub registered it; its id is known before anything was started.
    pub runner: Runner,
    /// The blob for `run.sh --jitconfig`: base64 of JSON, name to base64 content.
    pub encoded: SecretString,
}

/// Why a JIT blob can't be unpacked; never quotes the blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JitFilesError {
    /// The blob isn't base64.
    #[error("the JIT configuration is not base64")]
    Encoding,
    /// The decoded blob isn't a JSON object of texts.
    #[error("the JIT configuration is not a JSON object of files")]
    Shape,
    /// A file's content isn't base64.
    #[error("a file of the JIT configuration is not base64")]
    Content,
    /// A file's name would leave the runner's directory, or there are too many files.
    #[error("the JIT configuration names files that a runner does not have")]
    Names,
}

#[derive(Deserialize)]
struct JitReply {
    runner: Runner,
    encoded_jit_config: String,
}

impl GitHub {
    /// Registers an ephemeral runner and returns its configuration.
    ///
    /// Not idempotent: after a failure that [`Error::is_retryable`] says may have taken effect, look the name up
    /// with [`GitHub::find_runner`] first, or the second call answers [`Error::Conflict`].
    pub async fn generate_jit_config(
        &self,
        target: &Target,
        request: &JitConfigRequest,
    ) -> Result<JitConfig, Error> {
        let url = self.target_url(target, "actions/runners/generate-jitconfig")?;
        let call = Call::new(OPERATION, Method::POST, url).with_body(request)?;
        let reply = self.send(call, Expect::Status(201)).await?;
        let JitReply {
            runner,
            encoded_jit_config,
        } = reply.json(OPERATION)?;
        Ok(JitConfig {
            runner,
            encoded: encoded_jit_config.into(),
        })
    }
}

impl JitConfig {
    /// The files inside the blob, sorted by name (`.credentials`, `.credentials_rsaparams`, `.runner`), to be
    /// put into the runner's directory with mode 0600.
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>, JitFilesError> {
        let json = decode(self.encoded.expose_secret()).ok_or(JitFilesError::Encoding)?;
        let files: BTreeMap<String, String> =
            serde_json::from_slice(&json).map_err(|_| JitFilesError::Shape)?;
        if files.is_empty() || files.len() > MAX_FILES || !files.keys().all(|name| is_file_name(name)) {
            return Err(JitFilesError::Names);
        }
        files
            .into_iter()
            .map(|(name, content)| Ok((name, decode(&content).ok_or(JitFilesError::Content)?)))
            .collect()
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.trim()).ok()
}

/// A plain name: what GitHub sends is trusted no further than the runner's own directory.
fn is_file_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=64).contains(&name.len()) && name.chars().all(plain) && name != "." && name != ".."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunnerStatus;

    fn config(blob: &str) -> JitConfig {
        let runner = Runner {
            id: 1,
            name: "r".into(),
            os: "linux".into(),
            status: RunnerStatus::Offline,
            busy: false,
            labels: vec![],
            runner_group_id: None,
            ephemeral: None,
            version: None,
        };
        JitConfig {
            runner,
            encoded: blob.to_owned().into(),
        }
    }

    fn blob(json: &str) -> String {
        STANDARD.encode(json)
    }

    #[test]
    fn the_blob_unpacks_into_its_files() {
        let json = format!(
            r#"{{".runner":"{}",".credentials":"{}"}}"#,
            blob("{\"a\":1}"),
            blob("c")
        );
        let files = config(&blob(&json)).files().unwrap();
        assert_eq!(
            files,
            [
                (".credentials".to_owned(), b"c".to_vec()),
                (".runner".to_owned(), b"{\"a\":1}".to_vec())
            ]
        );
    }

    #[test]
    fn a_blob_that_is_no_configuration_is_refused_without_quoting_it() {
        for (text, expected) in [
            ("not base64!".to_owned(), JitFilesError::Encoding),
            (blob("[1]"), JitFilesError::Shape),
            (blob("{}"), JitFilesError::Names),
            (
                blob(r#"{"../.ssh/authorized_keys":"YQ=="}"#),
                JitFilesError::Names,
            ),
            (blob(r#"{".runner":"%%"}"#), JitFilesError::Content),
        ] {
            let error = config(&text).files().unwrap_err();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains(&text));
        }
    }

    #[test]
    fn the_blob_stays_out_of_debug_output() {
        assert!(!format!("{:?}", config("c2VjcmV0")).contains("c2VjcmV0"));
    }
}
