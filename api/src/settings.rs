//! The settings of this process; each field documents its variable.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use process::Variables;
use process::settings::{DatabaseSettings, EncryptionSettings, GithubSettings, LogSettings, RedisSettings};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::auth::limits::Rates;
use crate::auth::traffic::TrafficRates;
use crate::restrictions::Restrictions;

/// Everything that `serve` needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `DATABASE_URL`
    pub database: DatabaseSettings,
    /// `REDIS_URL`
    pub redis: RedisSettings,
    /// `ENCRYPTION_KEY`
    pub encryption: EncryptionSettings,
    /// `LOG_FORMAT`, `RUST_LOG`
    pub log: LogSettings,
    /// `GITHUB_API_URL`, `GITHUB_URL`, `SANDBOX_GITHUB_URL`
    pub github: GithubSettings,
    /// `BIND_ADDR`: where to listen.
    pub bind_addr: SocketAddr,
    /// `PUBLIC_URL`: where browsers find this server.
    pub public_url: Url,
    /// `JWT_SECRET`: signs access tokens.
    pub jwt_secret: SecretString,
    /// `JWT_SECRET_PREVIOUS`: also accepted, while the secret is being replaced.
    pub jwt_secret_previous: Option<SecretString>,
    /// `ALLOW_REGISTRATION`: whether anybody may make an account (without any organisation).
    pub allow_registration: bool,
    /// `TRUSTED_PROXIES`: networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// `MAX_CONNECTIONS`: more than these wait in the kernel's queue.
    pub max_connections: usize,
    /// Limits on guessing; not a variable.
    pub rates: Rates,
    /// `READS_PER_SECOND`, `WRITES_PER_SECOND`: how fast each signed-in user may ask in the long run; a
    /// minute's worth may come at once.
    pub traffic: TrafficRates,
    /// `ALLOW_PLAIN_TCP_NODES`: whether a remote node may be reached without TLS elsewhere than on loopback.
    pub allow_plain_tcp_nodes: bool,
    /// What organisations may name.
    pub restrictions: Restrictions,
}

impl Settings {
    /// Reads all of them; problems are noted in `variables`.
    pub fn from(variables: &mut Variables) -> Self {
        let default_addr = SocketAddr::from(([127, 0, 0, 1], 8000));
        let settings = Self {
            database: DatabaseSettings::from(variables),
            redis: RedisSettings::from(variables),
            encryption: EncryptionSettings::from(variables),
            log: LogSettings::from(variables),
            github: GithubSettings::from(variables),
            bind_addr: variables.parsed("BIND_ADDR", default_addr),
            public_url: variables.url("PUBLIC_URL", "http://127.0.0.1:8000", &["http", "https"]),
            jwt_secret: variables.strong_secret("JWT_SECRET"),
            jwt_secret_previous: variables.secret_optional("JWT_SECRET_PREVIOUS"),
            allow_registration: variables.flag("ALLOW_REGISTRATION", true),
            trusted_proxies: networks(variables, "TRUSTED_PROXIES"),
            max_connections: variables.parsed_in("MAX_CONNECTIONS", 2_048, 16..=65_536),
            rates: Rates::default(),
            traffic: TrafficRates {
                reads: variables.parsed_in("READS_PER_SECOND", 100, 1..=100_000),
                writes: variables.parsed_in("WRITES_PER_SECOND", 30, 1..=100_000),
            },
            allow_plain_tcp_nodes: variables.flag("ALLOW_PLAIN_TCP_NODES", false),
            restrictions: Restrictions::from(variables),
        };
        settings.check(variables);
        settings
    }

    fn check(&self, variables: &mut Variables) {
        let previous = self.jwt_secret_previous.as_ref();
        if previous.is_some_and(|secret| secret.expose_secret().len() < 32) {
            let fix = "Set it to the secret that JWT_SECRET had before, or unset it.";
            variables.problem("JWT_SECRET_PREVIOUS", "is shorter than 32 bytes", fix);
        }
    }

    /// Whether browsers reach this server by TLS.
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

/// Reads networks, separated by commas; none when the variable is not set.
pub fn networks(variables: &mut Variables, name: &'static str) -> Vec<Network> {
    let Some(text) = variables.optional(name) else {
        return Vec::new();
    };
    let mut networks = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        match entry.parse() {
            Ok(network) => networks.push(network),
            Err(NotANetwork) => {
                variables.problem(
                    name,
                    "has an entry that is no network",
                    "Set it like 10.0.0.0/8,127.0.0.1.",
                );
            }
        }
    }
    networks
}

/// An address with the number of leading bits that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// The text is neither an address nor one with `/bits`.
#[derive(Debug, PartialEq, Eq)]
pub struct NotANetwork;

impl Network {
    /// Whether the address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs, width) = match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                (u128::from(ours.to_bits()), u128::from(theirs.to_bits()), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits(), 128),
            _ => return false,
        };
        let ignored = width - self.bits;
        ignored >= 128 || (ours >> ignored) == (theirs >> ignored)
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), str::parse).map_err(|_| NotANetwork)?;
        if bits > width {
            Err(NotANetwork)
        } else {
            Ok(Self { address, bits })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_what_shares_its_leading_bits() {
        let network: Network = "10.1.0.0/16".parse().unwrap();
        assert!(network.contains("10.1.255.1".parse().unwrap()));
        assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!network.contains("10.2.0.1".parse().unwrap()));
        assert!(
            "0.0.0.0/0"
                .parse::<Network>()
                .unwrap()
                .contains("8.8.8.8".parse().unwrap())
        );
        assert!(
            "::/0"
                .parse::<Network>()
                .unwrap()
                .contains("::1".parse().unwrap())
        );
        for text in ["", "10.0.0.0/33", "x/8", "10.0.0.0/-1"] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text:?}");
        }
    }

    #[test]
    fn weak_and_missing_secrets_stop_the_start() {
        for secret in ["", "secret", "changethis-changethis-changethis-1234"] {
            let mut variables = Variables::from_pairs([("JWT_SECRET", secret)]);
            Settings::from(&mut variables);
            let problems = variables.finish().unwrap_err().0;
            let named: Vec<&str> = problems.iter().map(|problem| problem.variable.as_str()).collect();
            assert!(
                named.contains(&"JWT_SECRET") && named.contains(&"ENCRYPTION_KEY"),
                "{named:?}"
            );
        }
    }
}
