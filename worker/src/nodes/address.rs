//! From a target to what is dialled: a socket path, or addresses that were all checked.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use domain::node::{NodeHost, SocketPath, check_address};

use super::error::NodeError;
use super::target::{NodeTarget, TlsMaterial};

const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
const PLAIN_PORT: u16 = 2375;

/// Where connections go. Once made it never asks a resolver again: what was checked is what is dialled.
#[derive(Debug)]
pub(super) enum Endpoint {
    Unix(PathBuf),
    Tcp(Vec<SocketAddr>),
    Tls {
        addresses: Vec<SocketAddr>,
        name: NodeHost,
        material: TlsMaterial,
    },
}

/// Resolves and checks where a target's engine is.
pub(super) async fn locate(target: &NodeTarget) -> Result<Endpoint, NodeError> {
    match target {
        NodeTarget::Socket(path) => Ok(Endpoint::Unix(path.as_str().into())),
        NodeTarget::Local { docker_host: None } => Ok(Endpoint::Unix(DEFAULT_SOCKET.into())),
        NodeTarget::Local {
            docker_host: Some(text),
        } => local(text),
        NodeTarget::Remote {
            host,
            port,
            tls,
            allow_plain,
        } => {
            let addresses = resolve(host, *port).await?;
            match tls {
                Some(material) => Ok(Endpoint::Tls {
                    addresses,
                    name: host.clone(),
                    material: material.clone(),
                }),
                None if *allow_plain || addresses.iter().all(|address| is_loopback(address.ip())) => {
                    Ok(Endpoint::Tcp(addresses))
                }
                None => Err(NodeError::AddressRefused(
                    "plain TCP is only allowed to this machine; give the node TLS material (CA, certificate, key)"
                        .into(),
                )),
            }
        }
    }
}

fn local(docker_host: &str) -> Result<Endpoint, NodeError> {
    let wrong = || {
        NodeError::AddressRefused(
            "DOCKER_HOST must be unix:///path or tcp:// with a loopback address; add any other engine as a remote node"
                .into(),
        )
    };
    if let Some(address) = docker_host.strip_prefix("tcp://") {
        let address = address.trim_end_matches('/');
        let address = match address.parse::<SocketAddr>() {
            Ok(address) => address,
            Err(_) => match address.rsplit_once(':') {
                Some(("localhost", port)) => {
                    SocketAddr::new([127, 0, 0, 1].into(), port.parse().map_err(|_| wrong())?)
                }
                Some(_) | None => {
                    SocketAddr::new(address.parse::<IpAddr>().map_err(|_| wrong())?, PLAIN_PORT)
                }
            },
        };
        return if is_loopback(address.ip()) {
            Ok(Endpoint::Tcp(vec![address]))
        } else {
            Err(wrong())
        };
    }
    let path: SocketPath = docker_host.parse().map_err(|_| wrong())?;
    Ok(Endpoint::Unix(path.as_str().into()))
}

async fn resolve(host: &NodeHost, port: u16) -> Result<Vec<SocketAddr>, NodeError> {
    let addresses: Vec<SocketAddr> = match host {
        NodeHost::Address(ip) => vec![SocketAddr::new(*ip, port)],
        NodeHost::Name(name) => {
            tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((name.as_str(), port)))
                .await
                .map_err(|_| NodeError::Unreachable(format!("the name {name} was not resolved in 5 s")))?
                .map_err(|error| {
                    NodeError::Unreachable(format!("the name {name} does not resolve: {error}"))
                })?
                .collect()
        }
    };
    checked(host, addresses)
}

/// One bad address refuses the name: a resolver that mixes good and bad ones is an attack.
fn checked(host: &NodeHost, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, NodeError> {
    for address in &addresses {
        check_address(address.ip())
            .map_err(|invalid| NodeError::AddressRefused(format!("{host}: the address {invalid}")))?;
    }
    if addresses.is_empty() {
        return Err(NodeError::Unreachable(format!("the name {host} has no address")));
    }
    Ok(addresses)
}

fn is_loopback(ip: IpAddr) -> bool {
    NodeHost::Address(ip).is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_host_may_name_a_socket_or_loopback_and_nothing_else() {
        for text in [
            "unix:///run/user/1/docker.sock",
            "tcp://127.0.0.1:2375",
            "tcp://localhost:9",
            "tcp://[::1]:2375/",
        ] {
            assert!(local(text).is_ok(), "{text}");
        }
        for text in [
            "tcp://10.0.0.1:2375",
            "ssh://me@host",
            "tcp://example.org:2375",
            "npipe:////./pipe/x",
            "x",
        ] {
            assert!(matches!(local(text), Err(NodeError::AddressRefused(_))), "{text}");
        }
    }

    #[test]
    fn a_name_with_one_bad_address_is_refused() {
        let name: NodeHost = "docker.example.org".parse().unwrap();
        let mixed = vec![
            "10.0.0.5:2376".parse().unwrap(),
            "169.254.169.254:2376".parse().unwrap(),
        ];
        assert!(matches!(checked(&name, mixed), Err(NodeError::AddressRefused(_))));
        assert!(checked(&name, vec!["10.0.0.5:2376".parse().unwrap()]).is_ok());
    }

    #[tokio::test]
    async fn plain_tcp_goes_to_this_machine_only() {
        let target = |host: &str, allow_plain| NodeTarget::Remote {
            host: host.parse().unwrap(),
            port: 2375,
            tls: None,
            allow_plain,
        };
        assert!(matches!(
            locate(&target("127.0.0.1", false)).await,
            Ok(Endpoint::Tcp(_))
        ));
        assert!(matches!(
            locate(&target("10.0.0.5", false)).await,
            Err(NodeError::AddressRefused(_))
        ));
        assert!(matches!(
            locate(&target("10.0.0.5", true)).await,
            Ok(Endpoint::Tcp(_))
        ));
    }
}
