//! One HTTP/1.1 request per connection, which is all that the protocol needs.

use std::{
    io::{BufRead, BufReader, Read, Write},
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
         Content-Type: application/json\r\nContent-Length: {}\r\n",
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
    read_answer(&mut BufReader::new(stream).take(MAX_ANSWER)).map_err(refused)
}

fn read_answer(stream: &mut impl BufRead) -> std::io::Result<Answer> {
    let broken = |what: &str| std::io::Error::other(what.to_owned());
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| broken("The response ended prematurely."))?;
    let mut length = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(broken("The response ended prematurely."));
        }
        match line.trim_end().split_once(':') {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok();
            }
            Some(_) => {}
        }
    }
    let mut body = Vec::new();
    match length {
        _ if status == 204 => {}
        Some(length) => {
            stream.take(length).read_to_end(&mut body)?;
        }
        None => {
            stream.read_to_end(&mut body)?;
        }
    }
    Ok(Answer {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
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
