//! Nodes, as they are added and changed.

use std::sync::Arc;

use domain::node::{NodeHost, NodeType as Kind, SocketPath};
use domain::org::ResourceName;
use entities::model::nodes::Model;
use entities::repo::nodes::NodeSpec;
use poem_openapi::Object;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::SecretString;

use super::words::NodeType;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::restrictions::Restrictions;

/// The port of a remote engine by custom, with TLS.
const DEFAULT_PORT: u16 = 2376;
const DEFAULT_CAPACITY: u32 = 10;
const CAPACITY: std::ops::RangeInclusive<u32> = 1..=1000;

/// What a remote engine is trusted by, and what it trusts: PEM texts. Write-only.
#[derive(Object)]
#[oai(deny_unknown_fields, write_only_all)]
pub struct TlsInput {
    /// The authority that the engine's certificate must chain to.
    #[oai(validator(max_length = 65_536))]
    ca: String,
    /// This client's certificate.
    #[oai(validator(max_length = 65_536))]
    cert: String,
    /// This client's private key.
    #[oai(validator(max_length = 65_536))]
    key: String,
}

/// A node to be added.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NodeCreate {
    /// Unique in the organisation.
    #[oai(validator(max_length = 64))]
    name: String,
    /// How the engine is reached.
    r#type: NodeType,
    /// Remote only: an IP address or host name.
    #[oai(validator(max_length = 253))]
    ip_address: Option<String>,
    /// Remote only: the TCP port; 2376 unless given.
    port: Option<u16>,
    /// Socket only: an absolute path on the worker's host.
    #[oai(validator(max_length = 120))]
    socket_path: Option<String>,
    /// Local only: the host whose workers reach the engine; this server's own unless given.
    #[oai(validator(max_length = 64))]
    host: Option<String>,
    /// Remote only; needed unless the address is of the loopback range.
    tls: Option<TlsInput>,
    /// How many instances may take up room on it, 1 to 1000; 10 unless given.
    capacity: Option<u32>,
    /// Whether new instances may be placed on it; true unless given.
    is_active: Option<bool>,
}

/// Changes of a node; what is absent stays as it is.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NodeUpdate {
    /// Unique in the organisation.
    #[oai(validator(max_length = 64))]
    name: Option<String>,
    /// How the engine is reached.
    r#type: Option<NodeType>,
    /// Remote only: an IP address or host name.
    #[oai(validator(max_length = 253))]
    ip_address: Option<String>,
    /// Remote only: the TCP port.
    port: Option<u16>,
    /// Socket only: an absolute path on the worker's host.
    #[oai(validator(max_length = 120))]
    socket_path: Option<String>,
    /// Local only: the host whose workers reach the engine.
    #[oai(validator(max_length = 64))]
    host: Option<String>,
    /// Remote only: replaces the stored material.
    tls: Option<TlsInput>,
    /// How many instances may take up room on it, 1 to 1000.
    capacity: Option<u32>,
    /// Whether new instances may be placed on it.
    is_active: Option<bool>,
}

impl From<NodeCreate> for NodeUpdate {
    fn from(create: NodeCreate) -> Self {
        let NodeCreate {
            name,
            r#type,
            ip_address,
            port,
            socket_path,
            host,
            tls,
            capacity,
            is_active,
        } = create;
        Self {
            name: Some(name),
            r#type: Some(r#type),
            ip_address,
            port,
            socket_path,
            host,
            tls,
            capacity,
            is_active,
        }
    }
}

/// What the rules for nodes depend on beside the request.
pub struct NodeRules<'a> {
    /// Whether plain TCP may go to other addresses than loopback.
    pub allow_plain_tcp: bool,
    /// This server's own host name.
    pub own_host: &'a str,
    /// What the operator allows.
    pub restrictions: &'a Restrictions,
}

/// A checked node.
pub struct NodeWish {
    /// All but the secrets.
    pub spec: NodeSpec,
    /// New TLS material: JSON of `ca`, `cert` and `key`.
    pub tls: Option<SecretString>,
    /// Whether stored material, if any, stays.
    pub keeps_tls: bool,
}

impl NodeUpdate {
    /// Checks the node that results from these changes of `current`, or of nothing.
    pub fn parse(self, current: Option<&Model>, rules: &NodeRules<'_>) -> Result<NodeWish, ApiError> {
        let mut fields = Fields::default();
        let name = match (self.name, current) {
            (Some(name), _) => fields
                .parse::<ResourceName>("name", &name)
                .map(|name| name.as_str().to_owned()),
            (None, Some(row)) => Some(row.name.clone()),
            (None, None) => None,
        };
        let stored_type = current.map(Model::node_type).transpose()?;
        let Some(kind) = self.r#type.map(Kind::from).or(stored_type) else {
            fields.refuse_as("type", "required", "is required");
            return Err(fields.into_error());
        };
        // What was stored for another type says nothing of this one.
        let stored = current.filter(|_| stored_type == Some(kind));
        let given = Endpoint {
            ip_address: self.ip_address,
            port: self.port,
            socket_path: self.socket_path,
            host: self.host,
        };
        let tls = self.tls.and_then(|tls| check_tls(&mut fields, &tls));
        let keeps_tls = kind == Kind::Remote && stored.is_some_and(|row| row.tls_material.is_some());
        given.refuse_foreign(&mut fields, kind, tls.is_some());
        let endpoint = given.complete(&mut fields, kind, stored, rules);
        if kind == Kind::Remote && tls.is_none() && !keeps_tls && fields.is_clean() {
            check_plain(&mut fields, endpoint.ip_address.as_deref(), rules);
        }
        let capacity = self
            .capacity
            .or_else(|| current.and_then(|row| u32::try_from(row.capacity).ok()))
            .unwrap_or(DEFAULT_CAPACITY);
        if !CAPACITY.contains(&capacity) {
            fields.refuse("capacity", "must be 1 to 1000");
        }
        let (Some(name), true) = (name, fields.is_clean()) else {
            return Err(fields.into_error());
        };
        let Endpoint {
            ip_address,
            port,
            socket_path,
            host,
        } = endpoint;
        let is_active = self
            .is_active
            .or(current.map(|row| row.is_active))
            .unwrap_or(true);
        let spec = NodeSpec {
            name,
            node_type: kind,
            ip_address,
            port,
            socket_path,
            host,
            capacity,
            is_active,
        };
        let is_elsewhere =
            |row: &Model| row.ip_address != spec.ip_address || row.socket_path != spec.socket_path;
        if stored.is_none_or(is_elsewhere)
            && let Err((field, message)) = rules.restrictions.check_node(&spec)
        {
            fields.refuse_as(field, "not_allowed", message);
            return Err(fields.into_error());
        }
        Ok(NodeWish { spec, tls, keeps_tls })
    }
}

/// Where an engine is, as given.
struct Endpoint {
    ip_address: Option<String>,
    port: Option<u16>,
    socket_path: Option<String>,
    host: Option<String>,
}

impl Endpoint {
    /// Refuses what belongs to nodes of other types.
    fn refuse_foreign(&self, fields: &mut Fields, kind: Kind, has_tls: bool) {
        let of_remote = [
            ("ip_address", self.ip_address.is_some()),
            ("port", self.port.is_some()),
            ("tls", has_tls),
        ];
        let given = of_remote
            .map(|(field, given)| (field, given, Kind::Remote))
            .into_iter()
            .chain([
                ("socket_path", self.socket_path.is_some(), Kind::Socket),
                ("host", self.host.is_some(), Kind::Local),
            ]);
        for (field, _, of) in given.filter(|(_, given, of)| *given && *of != kind) {
            fields.refuse(
                field,
                format!("belongs to nodes of type {}; leave it out", of.as_str()),
            );
        }
    }

    /// Checks what this type needs, taking what is absent from the stored node.
    fn complete(
        self,
        fields: &mut Fields,
        kind: Kind,
        stored: Option<&Model>,
        rules: &NodeRules<'_>,
    ) -> Self {
        let mut complete = Self {
            ip_address: None,
            port: None,
            socket_path: None,
            host: None,
        };
        match kind {
            Kind::Socket => {
                let path = self.socket_path.or_else(|| stored?.socket_path.clone());
                match path {
                    Some(path) => {
                        complete.socket_path = fields
                            .parse::<SocketPath>("socket_path", &path)
                            .map(|path| path.as_str().to_owned());
                    }
                    None => fields.refuse_as(
                        "socket_path",
                        "required",
                        "is required; /var/run/docker.sock by custom",
                    ),
                }
            }
            Kind::Remote => {
                let address = self.ip_address.or_else(|| stored?.ip_address.clone());
                match address {
                    Some(address) => {
                        complete.ip_address = fields
                            .parse::<NodeHost>("ip_address", &address)
                            .map(|host| host.to_string());
                    }
                    None => fields.refuse_as("ip_address", "required", "is required"),
                }
                let stored_port = stored
                    .and_then(|row| row.port)
                    .and_then(|port| u16::try_from(port).ok());
                complete.port = Some(self.port.or(stored_port).unwrap_or(DEFAULT_PORT));
                if complete.port == Some(0) {
                    fields.refuse("port", "must be 1 to 65535");
                }
            }
            Kind::Local => {
                let host = self.host.or_else(|| stored?.host.clone());
                let host = host.as_deref().unwrap_or(rules.own_host);
                complete.host = fields
                    .parse::<ResourceName>("host", host)
                    .map(|host| host.as_str().to_owned());
            }
        }
        complete
    }
}

/// Plain TCP gives root on the node to whoever can reach the port.
fn check_plain(fields: &mut Fields, address: Option<&str>, rules: &NodeRules<'_>) {
    let is_loopback = address
        .and_then(|address| address.parse::<NodeHost>().ok())
        .is_some_and(|host| host.is_loopback());
    if !is_loopback && !rules.allow_plain_tcp {
        fields.refuse_as(
            "tls",
            "required",
            "is required: without mutual TLS, whoever reaches the port owns the node",
        );
    }
}

/// Checks that the texts are certificates and a key that go together; never quotes them.
fn check_tls(fields: &mut Fields, tls: &TlsInput) -> Option<SecretString> {
    certificates(fields, "tls.ca", &tls.ca);
    let chain = certificates(fields, "tls.cert", &tls.cert);
    let key = PrivateKeyDer::from_pem_slice(tls.key.as_bytes()).ok();
    if key.is_none() {
        fields.refuse("tls.key", "must be a private key in PEM form");
    }
    let (chain, key) = (chain?, key?);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    if CertifiedKey::from_der(chain, key, &provider).is_err() {
        fields.refuse(
            "tls.key",
            "must be the private key of the certificate in tls.cert",
        );
        return None;
    }
    let material = serde_json::json!({"ca": tls.ca, "cert": tls.cert, "key": tls.key});
    Some(material.to_string().into())
}

fn certificates(fields: &mut Fields, field: &str, pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Some(found),
        _ => {
            fields.refuse(field, "must be a certificate in PEM form");
            None
        }
    }
}
