//! What a container reads from its standard input: the way for secrets, which `inspect` does not show.
//!
//! The archive endpoint would do as well, but an engine runs a process of its own to unpack what it is sent:
//! half as long again as the start of the container (Docker 20.10). An attached input costs a connection.

use bollard::container::AttachContainerResults;
use bollard::query_parameters::AttachContainerOptions;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncWriteExt as _;

use super::container::OwnedContainer;
use super::engine::{CALL, Engine};
use super::error::{NodeError, plain};

/// The most that is given at once, in bytes: what an engine and the connection to it hold while nobody reads.
const MAX_INPUT: usize = 64 << 10;

/// A container's whole standard input, on its way. To be kept until the container was started: an engine may
/// take the end of the connection for the end of the client.
#[must_use = "the input may be lost when the connection ends before the container starts"]
pub struct Fed {
    _connection: AttachContainerResults,
}

impl Engine {
    /// Gives a container that was not started yet all that it will read from its standard input. An engine
    /// takes an input once: to be called once in a container's life, so that a container which may have been
    /// given one is removed and made anew.
    pub async fn feed(&self, container: &OwnedContainer, input: &SecretString) -> Result<Fed, NodeError> {
        const OPERATION: &str = "attach container";
        let input = input.expose_secret().as_bytes();
        if input.len() > MAX_INPUT {
            return Err(NodeError::Malformed {
                operation: OPERATION,
                message: format!("{} bytes are more than {MAX_INPUT}", input.len()),
            });
        }
        let options = AttachContainerOptions {
            stdin: true,
            stream: true,
            ..AttachContainerOptions::default()
        };
        let attached = self
            .docker()
            .attach_container(container.id.as_str(), Some(options));
        self.guarded(OPERATION, CALL, async {
            let mut connection = attached
                .await
                .map_err(|error| NodeError::from_bollard(OPERATION, &error))?;
            let writing = async {
                connection.input.write_all(input).await?;
                connection.input.flush().await?;
                connection.input.shutdown().await
            };
            writing
                .await
                .map_err(|error| NodeError::Unreachable(plain(&error.to_string())))?;
            Ok(Fed {
                _connection: connection,
            })
        })
        .await
    }
}
