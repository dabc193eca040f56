//! Mutual TLS with a pinned authority, from PEM texts in memory: no key touches a file.

use std::sync::Arc;

use domain::node::NodeHost;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret;

use super::error::NodeError;
use super::target::TlsMaterial;

/// A client configuration that trusts only the material's authority. The provider is named here,
/// because two are linked in and rustls then refuses to choose.
pub(super) fn client_config(material: &TlsMaterial) -> Result<Arc<ClientConfig>, NodeError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(&material.ca, "CA")? {
        roots
            .add(authority)
            .map_err(|error| NodeError::Tls(format!("the CA certificate can't be used: {error}")))?;
    }
    let chain = certificates(&material.cert, "client certificate")?;
    // The parser's error may quote what it read: it is dropped.
    let key = PrivateKeyDer::from_pem_slice(material.key.expose_secret().as_bytes())
        .map_err(|_| NodeError::Tls("the client key is not a private key in PEM form".into()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| NodeError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|error| {
            NodeError::Tls(format!(
                "the client certificate and key don't go together: {error}"
            ))
        })?;
    Ok(Arc::new(config))
}

/// The name or address that the engine's certificate must bear.
pub(super) fn server_name(host: &NodeHost) -> Result<ServerName<'static>, NodeError> {
    match host {
        NodeHost::Address(ip) => Ok(ServerName::IpAddress((*ip).into())),
        NodeHost::Name(name) => ServerName::try_from(name.clone())
            .map_err(|_| NodeError::Tls("the node's name can't be in a certificate".into())),
    }
}

fn certificates(pem: &str, what: &str) -> Result<Vec<CertificateDer<'static>>, NodeError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| NodeError::Tls(format!("the {what} is not in PEM form")))?;
    if found.is_empty() {
        return Err(NodeError::Tls(format!(
            "the {what} holds no certificate in PEM form"
        )));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn material_that_is_no_pem_is_named_without_being_quoted() {
        let material = TlsMaterial {
            ca: "canary".into(),
            cert: "canary".into(),
            key: "canary".to_owned().into(),
        };
        let message = client_config(&material).unwrap_err().to_string();
        assert!(
            message.contains("CA holds no certificate") && !message.contains("canary"),
            "{message}"
        );
    }
}
