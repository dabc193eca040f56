//! One HTTP/1.1 request per connection, which is all that the protocol needs.

use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

/// An answer is small; what is longer is cut.
const MAX_ANSWER: u64 = 1024 * 1024;

/// What came back.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// Sends a request to `http://HOST:PORT/…`; `headers` are complete lines.
pub fn send(
    method: &str,
    url: &str,
    headers: &[String],
    body: &str,
    patience: Duration,
) -> Result<Answer, String> {
    let (host, path) = split(url)?;
    let address = host
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| format!("Name or service not known ({host})"))?;
    let refused = |error: std::io::Error| format!("{error} ({host})");
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(10)).map_err(refused)?;
    stream.set_read_timeout(Some(patience)).map_err(refused)?;
    stream
        .set_write_timeout(Some(Duration::from_secs(10)))
        .map_err(refused)?;
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: GitHubActionsRunner-linux-x64/{}\r\n\
         Connection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
        crate::VERSION,
        body.len()
    );
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request.push_str(body);
    stream.write_all(request.as_bytes()).map_err(refused)?;
    let mut answer = Vec::new();
    stream
        .take(MAX_ANSWER)
        .read_to_end(&mut answer)
        .map_err(refused)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or("The response ended prematurely.")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.ok_or("The response makes no sense.")?,
        body: body.to_owned(),
    })
}

/// `http://HOST:PORT` of an address.
pub fn root_of(url: &str) -> Result<String, String> {
    split(url).map(|(host, _)| format!("http://{host}"))
}

fn split(url: &str) -> Result<(String, &str), String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or("The simulated runner speaks plain http only")?;
    let (host, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let host = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    Ok((host, path))
}
