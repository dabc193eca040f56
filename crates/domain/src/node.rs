//! Nodes: the Docker engines that runners are placed on, and how they are reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// How a node's engine is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeType {
    /// By a unix socket's path on the worker's host.
    Socket,
    /// Over TCP, with mutual TLS.
    Remote,
    /// The default engine of the host that a worker runs on.
    Local,
}

impl NodeType {
    /// The name stored in the database and shown by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Remote => "remote",
            Self::Local => "local",
        }
    }
}

impl std::str::FromStr for NodeType {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        [Self::Socket, Self::Remote, Self::Local]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(Invalid("must be socket, remote or local"))
    }
}

/// Whether a node takes runners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// Its engine answered the last check.
    Active,
    /// Its engine did not answer the last check, or was never checked.
    Inactive,
}

impl NodeStatus {
    /// The name stored in the database and shown by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

impl std::str::FromStr for NodeStatus {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        [Self::Active, Self::Inactive]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(Invalid("must be active or inactive"))
    }
}

/// The address of a remote engine: an IP address or a DNS name. A name is resolved when the
/// connection is made, and each address it yields must pass [`check_address`] then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeHost {
    /// An IP address that may be connected to.
    Address(IpAddr),
    /// A DNS name, lower case.
    Name(String),
}

impl NodeHost {
    /// Whether it is an address of this machine's loopback range, the only one that plain TCP may go to.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Address(ip) => unmapped(*ip).is_loopback(),
            Self::Name(name) => name == "localhost",
        }
    }
}

impl std::fmt::Display for NodeHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(ip) => ip.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl std::str::FromStr for NodeHost {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            check_address(ip)?;
            return Ok(Self::Address(ip));
        }
        let name = text.to_ascii_lowercase();
        let label_is_good = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        // `2130706433` and `0x7f.1` are addresses to some resolvers: a name must not end in a number.
        let ends_in_word = name
            .rsplit('.')
            .next()
            .is_some_and(|last| last.starts_with(|c: char| c.is_ascii_alphabetic()));
        if name.len() <= 253 && name.split('.').all(label_is_good) && ends_in_word {
            Ok(Self::Name(name))
        } else {
            Err(Invalid("must be an IP address or a host name"))
        }
    }
}

/// Refuses addresses that are no machine's own, or that hand out a cloud's secrets: link-local
/// (169.254.169.254 and its like), unspecified, multicast and broadcast. Private ranges are where
/// nodes live and are accepted.
pub fn check_address(ip: IpAddr) -> Result<(), Invalid> {
    match unmapped(ip) {
        IpAddr::V4(v4) if v4.is_link_local() => {
            Err(Invalid("must not be in the link-local range 169.254.0.0/16"))
        }
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            Err(Invalid("must not be in the link-local range fe80::/10"))
        }
        // The metadata service of one large cloud under its IPv6 name.
        IpAddr::V6(v6) if v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254) => {
            Err(Invalid("must not be a cloud's metadata service"))
        }
        ip if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) => {
            Err(Invalid("must be the address of one machine"))
        }
        IpAddr::V4(v4) if v4.octets()[0] == 0 || v4.octets()[0] >= 240 => {
            Err(Invalid("must be the address of one machine"))
        }
        IpAddr::V4(_) | IpAddr::V6(_) => Ok(()),
    }
}

/// The IPv4 address inside an IPv6 one (mapped, compatible, or behind the NAT64 and 6to4 prefixes).
fn unmapped(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let embedded = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // The deprecated IPv4-compatible form; `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => embedded(high, low),
        _ => ip,
    }
}

/// The path of an engine's unix socket: absolute, with no `..`, at most 107 bytes (the kernel's limit).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketPath(String);

impl SocketPath {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for SocketPath {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.strip_prefix("unix://").unwrap_or(text);
        if !text.starts_with('/') {
            return Err(Invalid("must be an absolute path such as /var/run/docker.sock"));
        }
        if text.ends_with('/') {
            return Err(Invalid("must be the path of a socket, not of a directory"));
        }
        if text.len() > 107 || text.chars().any(char::is_control) || text.split('/').any(|part| part == "..")
        {
            return Err(Invalid("must be a plain path of at most 107 bytes, without `..`"));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_where_nodes_live_are_accepted() {
        for text in [
            "10.0.0.5",
            "192.168.1.9",
            "127.0.0.1",
            "::1",
            "fd12::1",
            "203.0.113.9",
            "docker-1.example.org",
            "localhost",
        ] {
            assert!(text.parse::<NodeHost>().is_ok(), "{text}");
        }
    }

    #[test]
    fn the_link_local_range_is_refused_in_every_spelling() {
        for text in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "fd00:ec2::254",
        ] {
            assert!(text.parse::<NodeHost>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_machine_is_refused() {
        for text in [
            "",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
            "2852039166",
            "0x7f.1",
            "1.2.3",
            "a b",
            "http://x",
            "x/y",
            "-x.org",
            "x:2376",
            "[::1]",
        ] {
            assert!(text.parse::<NodeHost>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_loopback_is_loopback() {
        for (text, loopback) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.9", true),
            ("localhost", true),
            ("10.0.0.1", false),
            ("localhost.example.org", false),
        ] {
            assert_eq!(
                text.parse::<NodeHost>().unwrap().is_loopback(),
                loopback,
                "{text}"
            );
        }
    }

    #[test]
    fn a_socket_path_is_absolute_and_plain() {
        assert_eq!(
            "unix:///run/docker.sock".parse::<SocketPath>().unwrap().as_str(),
            "/run/docker.sock"
        );
        for text in [
            "",
            "docker.sock",
            "./x",
            "/",
            "/run/",
            "/run/../etc/x",
            "/a\0b",
            &format!("/{}", "x".repeat(107)),
        ] {
            assert!(text.parse::<SocketPath>().is_err(), "{text:?}");
        }
    }
}
