//! Where a node's engine is and how it is proved to be the right one.

use std::fmt;

use domain::node::{NodeHost, SocketPath};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// How to reach a node's engine. Two targets are the same connection exactly if their
/// [`fingerprint`](Self::fingerprint)s are equal.
#[derive(Debug, Clone)]
pub enum NodeTarget {
    /// A unix socket on this host.
    Socket(SocketPath),
    /// An engine over TCP. Without TLS material only a loopback address is connected to, unless
    /// `allow_plain` is set.
    Remote {
        /// The address, or the name that the certificate is verified against.
        host: NodeHost,
        /// The TCP port; 2376 by custom with TLS.
        port: u16,
        /// The pinned authority and this client's identity.
        tls: Option<TlsMaterial>,
        /// The operator's explicit leave for plain TCP to somewhere else than loopback.
        allow_plain: bool,
    },
    /// The default engine of this host.
    Local {
        /// `DOCKER_HOST` as read by the settings: `unix:///path`, or `tcp://` of a loopback address.
        /// `None` is `/var/run/docker.sock`.
        docker_host: Option<String>,
    },
}

impl NodeTarget {
    /// A digest of everything that makes the connection what it is; it reveals no key.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        // Each part goes in with its length, so that two lists of parts never read alike.
        let mut part = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        match self {
            Self::Socket(path) => {
                part(b"socket");
                part(path.as_str().as_bytes());
            }
            Self::Remote {
                host,
                port,
                tls,
                allow_plain,
            } => {
                part(b"remote");
                part(host.to_string().as_bytes());
                part(&port.to_be_bytes());
                part(&[u8::from(*allow_plain)]);
                if let Some(TlsMaterial { ca, cert, key }) = tls {
                    part(ca.as_bytes());
                    part(cert.as_bytes());
                    part(key.expose_secret().as_bytes());
                }
            }
            Self::Local { docker_host } => {
                part(b"local");
                part(docker_host.as_deref().unwrap_or_default().as_bytes());
            }
        }
        digest.finalize().into()
    }
}

impl fmt::Display for NodeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix://{}", path.as_str()),
            Self::Remote { host, port, .. } => match host {
                NodeHost::Address(std::net::IpAddr::V6(ip)) => write!(f, "tcp://[{ip}]:{port}"),
                NodeHost::Address(_) | NodeHost::Name(_) => write!(f, "tcp://{host}:{port}"),
            },
            Self::Local { .. } => f.write_str("this host's own engine"),
        }
    }
}

/// PEM texts of a node's mutual TLS: only this authority is trusted, and this certificate is shown.
#[derive(Clone)]
pub struct TlsMaterial {
    /// The authority's certificates; the engine's own certificate must chain to one of them.
    pub ca: String,
    /// This client's certificate chain.
    pub cert: String,
    /// This client's private key (PKCS#8, PKCS#1 or SEC1).
    pub key: SecretString,
}

impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsMaterial").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(key: &str) -> NodeTarget {
        NodeTarget::Remote {
            host: "docker-1.example.org".parse().unwrap(),
            port: 2376,
            tls: Some(TlsMaterial {
                ca: "ca".into(),
                cert: "cert".into(),
                key: key.to_owned().into(),
            }),
            allow_plain: false,
        }
    }

    #[test]
    fn a_changed_key_is_another_connection() {
        assert_eq!(remote("one").fingerprint(), remote("one").fingerprint());
        assert_ne!(remote("one").fingerprint(), remote("two").fingerprint());
    }

    #[test]
    fn a_target_shows_no_key() {
        let shown = format!("{:?} {}", remote("canary-key"), remote("canary-key"));
        assert!(!shown.contains("canary"), "{shown}");
        assert!(shown.ends_with("tcp://docker-1.example.org:2376"), "{shown}");
    }
}
