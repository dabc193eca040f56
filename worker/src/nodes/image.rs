//! An image on the node: look for it, or pull it with progress and a plain reason if that fails.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bollard::models::{CreateImageInfo, ImageInspect};
use bollard::query_parameters::CreateImageOptions;
use domain::runner::ImageReference;
use futures::StreamExt;

use super::engine::{CALL, Engine};
use super::error::NodeError;

const PULL_TIMEOUT: Duration = Duration::from_mins(10);
/// Progress goes onto a timeline: more often than this is noise.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);
/// An image has at most 127 layers; what claims more is not followed.
const MAX_LAYERS: usize = 512;

/// An image that is on the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageOutcome {
    /// Its id, `sha256:…`.
    pub id: String,
    /// The user its containers run as, if the image names one.
    pub user: Option<String>,
    /// Whether it had to be pulled.
    pub pulled: bool,
}

/// How far a pull is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullProgress {
    /// Layers that are on the node.
    pub layers_done: usize,
    /// Layers known so far.
    pub layers: usize,
    /// Bytes downloaded of the layers known so far.
    pub bytes: u64,
    /// Their size, as far as it is known.
    pub total_bytes: u64,
}

impl Engine {
    /// Makes sure that the image is on the node. `progress` is called at the start of a pull, then at most
    /// every two seconds, and at its end; never for an image that is there.
    pub async fn ensure_image(
        &self,
        image: &ImageReference,
        mut progress: impl FnMut(PullProgress) + Send,
    ) -> Result<ImageOutcome, NodeError> {
        match self.image(image).await {
            Err(NodeError::NotFound(_)) => {}
            outcome => return outcome,
        }
        self.pull(image, &mut progress).await?;
        let found = self.image(image).await?;
        Ok(ImageOutcome {
            pulled: true,
            ..found
        })
    }

    async fn image(&self, image: &ImageReference) -> Result<ImageOutcome, NodeError> {
        // The grammar of a reference leaves nothing that a path could misread.
        let look = self.docker().inspect_image(image.as_str());
        let ImageInspect { id, config, .. } = self.call("inspect image", CALL, look).await?;
        Ok(ImageOutcome {
            id: id.unwrap_or_default(),
            user: config
                .and_then(|config| config.user)
                .filter(|user| !user.is_empty()),
            pulled: false,
        })
    }

    async fn pull(
        &self,
        image: &ImageReference,
        progress: &mut (impl FnMut(PullProgress) + Send),
    ) -> Result<(), NodeError> {
        let (name, tag) = split(image);
        let options = CreateImageOptions {
            from_image: Some(name.to_owned()),
            tag: Some(tag.to_owned()),
            ..CreateImageOptions::default()
        };
        let mut steps = self.streams().create_image(Some(options), None, None);
        let mut layers = Layers::default();
        let mut reported: Option<Instant> = None;
        let follow = async {
            while let Some(step) = steps.next().await {
                let step = step.map_err(|error| NodeError::from_bollard("pull image", &error))?;
                layers.note(step);
                if reported.is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL) {
                    progress(layers.progress());
                    reported = Some(Instant::now());
                }
            }
            progress(layers.progress());
            Ok(())
        };
        // A registry that is slow for ten minutes says nothing about the engine: the breaker, which
        // `call` feeds, must not count it.
        let outcome =
            tokio::time::timeout(PULL_TIMEOUT, follow)
                .await
                .unwrap_or(Err(NodeError::RegistryUnreachable {
                    image: image.as_str().to_owned(),
                    message: "it was not pulled within 10 minutes".into(),
                }));
        outcome.map_err(|error| classified(image, error))
    }
}

/// Name and tag or digest; without a tag an engine would pull every tag there is.
fn split(image: &ImageReference) -> (&str, &str) {
    let text = image.as_str();
    if let Some((name, digest)) = text.split_once('@') {
        // A tag beside a digest says nothing more: the digest decides.
        let name = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => name,
            _ => name,
        };
        return (name, digest);
    }
    match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (text, "latest"),
    }
}

/// What a failed pull means. Engines pass on what registries and resolvers say as text, mostly under
/// status 404 and 500.
fn classified(image: &ImageReference, error: NodeError) -> NodeError {
    let (status, message) = match error {
        NodeError::NotFound(message) => (404, message),
        NodeError::Api { status, message, .. } => (status, message),
        other => return other,
    };
    let image = image.as_str().to_owned();
    let says = |words: &[&str]| {
        let message = message.to_ascii_lowercase();
        words.iter().any(|word| message.contains(word))
    };
    // The order matters: "pull access denied … may require 'docker login'" is also what a public
    // registry says of a name that does not exist.
    if says(&[
        "does not exist",
        "manifest unknown",
        "not found: manifest",
        "no such image",
    ]) {
        NodeError::ImageNotFound { image, message }
    } else if status == 401 || status == 403 || says(&["unauthorized", "authentication required", "denied"]) {
        NodeError::ImageAuth { image, message }
    } else if says(&[
        "dial tcp",
        "no such host",
        "lookup ",
        "i/o timeout",
        "connection refused",
        "connection reset",
        "network is unreachable",
        "tls handshake",
        "client.timeout",
        "context deadline exceeded",
        "x509",
        "proxyconnect",
        "eof",
        "server misbehaving",
    ]) {
        NodeError::RegistryUnreachable { image, message }
    } else if status == 404 {
        NodeError::ImageNotFound { image, message }
    } else {
        NodeError::Api {
            operation: "pull image",
            status,
            message,
        }
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Layer {
    bytes: u64,
    total: u64,
    done: bool,
}

#[derive(Debug, Default)]
struct Layers(HashMap<String, Layer>);

impl Layers {
    fn note(&mut self, step: CreateImageInfo) {
        let (Some(id), Some(status)) = (step.id, step.status) else {
            return;
        };
        // The first line, "Pulling from …", has the tag as its id.
        if status.starts_with("Pulling from") || (self.0.len() >= MAX_LAYERS && !self.0.contains_key(&id)) {
            return;
        }
        let layer = self.0.entry(id).or_default();
        match status.as_str() {
            "Downloading" => {
                let detail = step.progress_detail.unwrap_or_default();
                let positive = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
                layer.bytes = positive(detail.current);
                layer.total = layer.total.max(positive(detail.total));
            }
            "Download complete" | "Extracting" => layer.bytes = layer.total,
            "Pull complete" | "Already exists" => {
                layer.bytes = layer.total;
                layer.done = true;
            }
            _ => {}
        }
    }

    fn progress(&self) -> PullProgress {
        let sum = |of: fn(&Layer) -> u64| self.0.values().map(of).fold(0, u64::saturating_add);
        PullProgress {
            layers_done: self.0.values().filter(|layer| layer.done).count(),
            layers: self.0.len(),
            bytes: sum(|layer| layer.bytes),
            total_bytes: sum(|layer| layer.total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text: &str) -> ImageReference {
        text.parse().unwrap()
    }

    #[test]
    fn a_pull_always_names_one_tag_or_digest() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, expected) in [
            ("ubuntu", ("ubuntu", "latest")),
            ("ubuntu:24.04", ("ubuntu", "24.04")),
            ("localhost:5000/a", ("localhost:5000/a", "latest")),
            ("localhost:5000/a:b", ("localhost:5000/a", "b")),
            (&format!("a/b@{digest}"), ("a/b", digest.as_str())),
            (&format!("a/b:c@{digest}"), ("a/b", digest.as_str())),
        ] {
            assert_eq!(split(&image(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_failed_pull_says_why() {
        let reason = |status, message: &str| {
            classified(
                &image("acme/app"),
                NodeError::Api {
                    operation: "pull image",
                    status,
                    message: message.into(),
                },
            )
        };
        assert!(matches!(
            reason(
                404,
                "pull access denied for acme/app, repository does not exist or may require 'docker login'"
            ),
            NodeError::ImageNotFound { .. }
        ));
        assert!(matches!(
            reason(404, "manifest for acme/app:1 not found: manifest unknown"),
            NodeError::ImageNotFound { .. }
        ));
        assert!(matches!(
            reason(500, "unauthorized: authentication required"),
            NodeError::ImageAuth { .. }
        ));
        for message in [
            "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host",
            "Get https://x/v2/: net/http: request canceled while waiting for connection (Client.Timeout exceeded)",
            "x509: certificate signed by unknown authority",
        ] {
            let error = reason(500, message);
            assert!(
                matches!(error, NodeError::RegistryUnreachable { .. }),
                "{message}"
            );
            assert!(error.to_string().contains("docker load"), "{error}");
        }
    }

    #[test]
    fn progress_adds_up_layers() {
        let mut layers = Layers::default();
        for step in [
            r#"{"status":"Pulling from acme/app","id":"latest"}"#,
            r#"{"status":"Already exists","progressDetail":{},"id":"a1"}"#,
            r#"{"status":"Downloading","progressDetail":{"current":30,"total":100},"id":"b2"}"#,
            r#"{"status":"Status: Downloaded newer image"}"#,
        ] {
            layers.note(serde_json::from_str(step).unwrap());
        }
        assert_eq!(
            layers.progress(),
            PullProgress {
                layers_done: 1,
                layers: 2,
                bytes: 30,
                total_bytes: 100
            }
        );
    }
}
