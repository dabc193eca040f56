//! What the operator of an installation lets organisations name: engines, networks, GitHub servers.
//!
//! Whoever may add a node decides what runs as root on it, and an address on loopback is a service of this
//! machine. Where strangers may make organisations, these settings keep both to what the operator means to
//! offer. They apply to what is added or changed; what is stored already stays.

use domain::node::{NodeHost, NodeType, SocketPath};
use entities::repo::nodes::NodeSpec;
use process::Variables;
use url::Url;

use crate::settings::{Network, networks};

/// The operator's limits; by default there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restrictions {
    /// `NODE_TYPES`: the types that a node may have.
    pub node_types: Vec<NodeType>,
    /// `NODE_SOCKET_PATHS`: the sockets that a node may name; any if empty.
    pub socket_paths: Vec<SocketPath>,
    /// `NODE_NETWORKS`: where remote nodes may be; anywhere if empty.
    pub node_networks: Vec<Network>,
    /// `HOST_NETWORK_ALLOWED`: whether an admin may give a runner its node's network.
    pub host_network: bool,
    /// `LOOPBACK_GITHUB_ALLOWED`: whether a credential may name a GitHub on this machine.
    pub loopback_github: bool,
}

impl Restrictions {
    /// Reads all of them; problems are noted in `variables`.
    pub fn from(variables: &mut Variables) -> Self {
        Self {
            node_types: node_types(variables),
            socket_paths: socket_paths(variables),
            node_networks: networks(variables, "NODE_NETWORKS"),
            host_network: variables.flag("HOST_NETWORK_ALLOWED", true),
            loopback_github: variables.flag("LOOPBACK_GITHUB_ALLOWED", true),
        }
    }

    /// Whether a node may be so; else the field that must not, and what would be right.
    pub fn check_node(&self, node: &NodeSpec) -> Result<(), (&'static str, String)> {
        if !self.node_types.contains(&node.node_type) {
            let allowed: Vec<&str> = self.node_types.iter().map(|kind| kind.as_str()).collect();
            let message = format!(
                "must be {}: this installation allows no other",
                allowed.join(" or ")
            );
            return Err(("type", message));
        }
        if let Some(path) = &node.socket_path
            && !self.socket_paths.is_empty()
            && !self.socket_paths.iter().any(|allowed| allowed.as_str() == path)
        {
            let allowed: Vec<&str> = self.socket_paths.iter().map(SocketPath::as_str).collect();
            let message = format!(
                "must be {}: this installation allows no other",
                allowed.join(" or ")
            );
            return Err(("socket_path", message));
        }
        if let Some(address) = &node.ip_address
            && !self.node_networks.is_empty()
        {
            // A name can be made to stand for any address once it is stored.
            let inside = match address.parse() {
                Ok(NodeHost::Address(ip)) => self.node_networks.iter().any(|network| network.contains(ip)),
                Ok(NodeHost::Name(_)) | Err(_) => false,
            };
            if !inside {
                let message = "must be an IP address in the networks that this installation allows nodes in";
                return Err(("ip_address", message.to_owned()));
            }
        }
        Ok(())
    }

    /// Whether a credential may name this GitHub; `known` are those that this installation is set to use.
    pub fn check_github<'a>(
        &self,
        url: &Url,
        known: impl IntoIterator<Item = &'a Url>,
    ) -> Result<(), &'static str> {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = host.parse::<NodeHost>().is_ok_and(|host| host.is_loopback());
        let is_known = || known.into_iter().any(|known| known.origin() == url.origin());
        if self.loopback_github || !is_loopback || is_known() {
            Ok(())
        } else {
            Err("must not be an address of the machine itself")
        }
    }
}

fn node_types(variables: &mut Variables) -> Vec<NodeType> {
    let names = variables.list("NODE_TYPES", &["socket", "remote", "local"]);
    let types = names
        .iter()
        .map(|name| name.parse())
        .collect::<Result<Vec<_>, _>>();
    types.unwrap_or_else(|error| {
        let fix = "Set it to some of socket,remote,local, or leave it unset.";
        variables.problem("NODE_TYPES", &format!("has an entry that {error}"), fix);
        Vec::new()
    })
}

fn socket_paths(variables: &mut Variables) -> Vec<SocketPath> {
    let text = variables.optional("NODE_SOCKET_PATHS").unwrap_or_default();
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let paths = entries.map(str::parse).collect::<Result<Vec<_>, _>>();
    paths.unwrap_or_else(|error| {
        let fix = "Set it like /var/run/docker.sock, or leave it unset.";
        variables.problem("NODE_SOCKET_PATHS", &format!("has an entry that {error}"), fix);
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Restrictions {
        let mut variables = Variables::from_pairs(pairs.iter().copied());
        let restrictions = Restrictions::from(&mut variables);
        variables.finish().unwrap();
        restrictions
    }

    fn node(node_type: NodeType, address: Option<&str>, socket: Option<&str>) -> NodeSpec {
        NodeSpec {
            name: "n".to_owned(),
            node_type,
            ip_address: address.map(str::to_owned),
            port: None,
            socket_path: socket.map(str::to_owned),
            host: None,
            capacity: 1,
            is_active: true,
        }
    }

    #[test]
    fn nothing_is_restricted_by_default() {
        let open = read(&[]);
        for spec in [
            node(NodeType::Socket, None, Some("/tmp/any.sock")),
            node(NodeType::Remote, Some("127.0.0.1"), None),
            node(NodeType::Remote, Some("docker.example.org"), None),
            node(NodeType::Local, None, None),
        ] {
            assert_eq!(open.check_node(&spec), Ok(()));
        }
        let url = "http://127.0.0.1:1/".parse().unwrap();
        assert_eq!(open.check_github(&url, []), Ok(()));
        assert!(open.host_network);
    }

    #[test]
    fn each_limit_names_the_field_it_is_about() {
        let strict = read(&[
            ("NODE_TYPES", "socket,remote"),
            ("NODE_SOCKET_PATHS", "/var/run/docker.sock"),
            ("NODE_NETWORKS", "10.0.0.0/8"),
        ]);
        let refused = |spec| strict.check_node(&spec).err().map(|(field, _)| field);
        assert_eq!(refused(node(NodeType::Local, None, None)), Some("type"));
        let socket = |path| node(NodeType::Socket, None, Some(path));
        assert_eq!(refused(socket("/var/run/docker.sock")), None);
        assert_eq!(refused(socket("/var/run/./docker.sock")), Some("socket_path"));
        let remote = |address| node(NodeType::Remote, Some(address), None);
        assert_eq!(refused(remote("10.1.2.3")), None);
        for address in ["127.0.0.1", "10.example.org", "::1"] {
            assert_eq!(refused(remote(address)), Some("ip_address"), "{address}");
        }
    }

    #[test]
    fn of_the_githubs_on_this_machine_only_the_known_ones_are_left() {
        let strict = read(&[("LOOPBACK_GITHUB_ALLOWED", "false")]);
        let known: Url = "http://127.0.0.1:9000".parse().unwrap();
        for (url, good) in [
            ("http://127.0.0.1:9000/api/v3", true),
            ("http://127.0.0.1:9001/", false),
            ("https://[::1]:9000/", false),
            ("http://localhost:9000/", false),
            ("https://git.example.org/", true),
        ] {
            let url: Url = url.parse().unwrap();
            assert_eq!(strict.check_github(&url, [&known]).is_ok(), good, "{url}");
        }
    }

    #[test]
    fn a_limit_that_can_not_be_read_stops_the_start() {
        for (name, value) in [
            ("NODE_TYPES", "socket,cloud"),
            ("NODE_SOCKET_PATHS", "docker.sock"),
            ("NODE_NETWORKS", "10.0.0.0/99"),
        ] {
            let mut variables = Variables::from_pairs([(name, value)]);
            Restrictions::from(&mut variables);
            let problems = variables.finish().unwrap_err().to_string();
            assert!(problems.contains(name), "{problems}");
        }
    }
}
