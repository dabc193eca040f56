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

/// What this worker's own settings say of reaching engines.
#[derive(Debug, Clone, Copy)]
pub struct Reach<'a> {
    /// `DOCKER_HOST`, for nodes of type `local`.
    pub docker_host: Option<&'a str>,
    /// `ALLOW_PLAIN_TCP_NODES`: whether a remote node without TLS may be elsewhere than on loopback.
    pub allow_plain_tcp: bool,
}

/// How to reach a node's engine.
pub fn target_of(
    node: &nodes::Model,
    keyring: &Keyring,
    reach: Reach<'_>,
) -> Result<NodeTarget, TargetError> {
    match node.r#type.parse().map_err(|_| TargetError::Field("type"))? {
        NodeType::Socket => {
            let path = node.socket_path.as_deref().and_then(|path| path.parse().ok());
            Ok(NodeTarget::Socket(path.ok_or(TargetError::Field("socket path"))?))
        }
        NodeType::Local => Ok(NodeTarget::Local {
            docker_host: reach.docker_host.map(str::to_owned),
        }),
        NodeType::Remote => {
            let host = node.ip_address.as_deref().and_then(|host| host.parse().ok());
            let port = node.port.and_then(|port| u16::try_from(port).ok());
            Ok(NodeTarget::Remote {
                host: host.ok_or(TargetError::Field("address"))?,
                port: port.ok_or(TargetError::Field("port"))?,
                tls: tls_of(node, keyring)?,
                allow_plain: reach.allow_plain_tcp,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn remote() -> nodes::Model {
        nodes::Model {
            uid: NodeId::new().into(),
            created_at: chrono::DateTime::default(),
            updated_at: chrono::DateTime::default(),
            deleted_at: None,
            is_deleted: false,
            is_active: true,
            name: "far".into(),
            ip_address: Some("192.0.2.7".into()),
            port: Some(2375),
            socket_path: None,
            r#type: "remote".into(),
            status: "inactive".into(),
            user_id: String::new(),
            org_id: String::new(),
            host: None,
            tls_material: None,
            capacity: 1,
            facts: None,
            checks: None,
            status_reason: None,
            last_checked_at: None,
        }
    }

    #[test]
    fn plain_tcp_elsewhere_is_allowed_only_where_the_operator_says_so() {
        let keyring = Keyring::parse(&"q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=".into()).unwrap();
        for allowed in [true, false] {
            let reach = Reach {
                docker_host: None,
                allow_plain_tcp: allowed,
            };
            let NodeTarget::Remote { allow_plain, .. } = target_of(&remote(), &keyring, reach).unwrap()
            else {
                panic!("a remote node is reached as one")
            };
            assert_eq!(allow_plain, allowed);
        }
    }
}
