//! From a node's row to its engine.

use domain::ids::NodeId;
use domain::keyring::{Keyring, KeyringError, Place};
use domain::node::NodeType;
use entities::model::nodes;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use crate::nodes::{NodeTarget, TlsMaterial};

/// Why a node's row does not say how to reach it.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A field is missing or not what its type needs.
    #[error("the node's {0} is missing or wrong; save the node again with a right one")]
    Field(&'static str),
    /// The TLS material does not open.
    #[error("the node's TLS material can't be read; save it again")]
    Sealed(#[from] KeyringError),
    /// The opened TLS material is not what was sealed once.
    #[error("the node's TLS material is not complete; save it again")]
    Material,
}

#[derive(Deserialize)]
struct Material {
    ca: String,
    cert: String,
    key: String,
}

/// How to reach a node's engine. `docker_host` is this host's own setting, for nodes of type `local`.
pub fn target_of(
    node: &nodes::Model,
    keyring: &Keyring,
    docker_host: Option<&str>,
) -> Result<NodeTarget, TargetError> {
    match node.r#type.parse().map_err(|_| TargetError::Field("type"))? {
        NodeType::Socket => {
            let path = node.socket_path.as_deref().and_then(|path| path.parse().ok());
            Ok(NodeTarget::Socket(path.ok_or(TargetError::Field("socket path"))?))
        }
        NodeType::Local => Ok(NodeTarget::Local {
            docker_host: docker_host.map(str::to_owned),
        }),
        NodeType::Remote => {
            let host = node.ip_address.as_deref().and_then(|host| host.parse().ok());
            let port = node.port.and_then(|port| u16::try_from(port).ok());
            Ok(NodeTarget::Remote {
                host: host.ok_or(TargetError::Field("address"))?,
                port: port.ok_or(TargetError::Field("port"))?,
                tls: tls_of(node, keyring)?,
                allow_plain: false,
            })
        }
    }
}

fn tls_of(node: &nodes::Model, keyring: &Keyring) -> Result<Option<TlsMaterial>, TargetError> {
    let Some(sealed) = &node.tls_material else {
        return Ok(None);
    };
    let place = Place {
        table: "nodes",
        column: "tls_material",
        row: &node.uid,
        org: &node.org_id,
    };
    let opened = keyring.open(sealed, place)?;
    let Material { ca, cert, key } =
        serde_json::from_str(opened.expose_secret()).map_err(|_| TargetError::Material)?;
    Ok(Some(TlsMaterial {
        ca,
        cert,
        key: key.into(),
    }))
}

/// The node's id.
pub fn id_of(node: &nodes::Model) -> Result<NodeId, TargetError> {
    node.uid.parse().map_err(|_| TargetError::Field("id"))
}

/// Where a node's containers are, for people: its address, or the host it is local to.
pub fn host_of(node: &nodes::Model) -> String {
    [&node.ip_address, &node.host, &node.socket_path]
        .into_iter()
        .flatten()
        .next()
        .unwrap_or(&node.name)
        .clone()
}
