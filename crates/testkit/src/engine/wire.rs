//! HTTP/1.1 as far as bollard speaks it: requests with a length or in chunks, replies with a length, in
//! chunks, or as a raw stream after an upgrade.

use std::collections::HashMap;
use std::io;

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const MAX_BODY: usize = 16 << 20;

pub(super) struct Request {
    pub(super) method: String,
    /// The path without `/v1.41`.
    pub(super) path: String,
    pub(super) query: HashMap<String, String>,
    pub(super) body: Bytes,
}

/// A connection from a client.
pub(super) struct Wire {
    stream: UnixStream,
    buffer: BytesMut,
}

impl Wire {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// The next request, or `None` when the client closed the connection.
    pub(super) async fn request(&mut self) -> io::Result<Option<Request>> {
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break self.buffer.split_to(end + 4);
            }
            if !self.fill().await? {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
        let headers: HashMap<String, &str> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
            .collect();
        let body = if headers.get("transfer-encoding") == Some(&"chunked") {
            self.chunks().await?
        } else {
            let length = headers.get("content-length").and_then(|text| text.parse().ok());
            self.take(length.unwrap_or(0)).await?
        };
        let url = url::Url::parse("http://docker")
            .and_then(|base| base.join(target))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let path = url.path();
        let path = match path[1..].split_once('/') {
            Some((version, rest)) if version.starts_with("v1.") => format!("/{rest}"),
            Some(_) | None => path.to_owned(),
        };
        Ok(Some(Request {
            method: method.to_owned(),
            path,
            query: url.query_pairs().into_owned().collect(),
            body,
        }))
    }

    async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    async fn take(&mut self, length: usize) -> io::Result<Bytes> {
        if length > MAX_BODY {
            return Err(io::Error::other("request body too large"));
        }
        while self.buffer.len() < length {
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn chunks(&mut self) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let end = loop {
                if let Some(end) = find(&self.buffer, b"\r\n") {
                    break end;
                }
                if !self.fill().await? {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            };
            let line = self.take(end + 2).await?;
            let size = std::str::from_utf8(&line[..end])
                .ok()
                .and_then(|text| usize::from_str_radix(text, 16).ok())
                .ok_or(io::ErrorKind::InvalidData)?;
            let chunk = self.take(size + 2).await?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Ok(body.freeze());
            }
        }
    }

    pub(super) async fn reply(&mut self, status: u16, kind: &str, body: &[u8]) -> io::Result<()> {
        // These have no body, and no length either.
        if matches!(status, 204 | 304) {
            let head = format!("HTTP/1.1 {status} X\r\n\r\n");
            return self.stream.write_all(head.as_bytes()).await;
        }
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
        self.stream.write_all(head.as_bytes()).await?;
        self.stream.write_all(body).await
    }

    pub(super) async fn json(&mut self, status: u16, body: &Value) -> io::Result<()> {
        self.reply(status, "application/json", body.to_string().as_bytes())
            .await
    }

    /// Begins a reply of unknown length.
    pub(super) async fn begin_chunks(&mut self) -> io::Result<()> {
        self.stream
            .write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
            )
            .await
    }

    pub(super) async fn chunk(&mut self, data: &[u8]) -> io::Result<()> {
        self.stream
            .write_all(format!("{:x}\r\n", data.len()).as_bytes())
            .await?;
        self.stream.write_all(data).await?;
        self.stream.write_all(b"\r\n").await
    }

    /// Turns the connection into a raw stream, writes this, and ends it.
    pub(super) async fn upgrade(mut self, output: &[u8]) -> io::Result<()> {
        self.switch().await?;
        self.stream.write_all(output).await?;
        self.stream.shutdown().await
    }

    /// Turns the connection into a raw stream and reads what the client writes until it ends.
    pub(super) async fn input(mut self) -> io::Result<Bytes> {
        self.switch().await?;
        while self.buffer.len() < MAX_BODY && self.fill().await? {}
        Ok(self.buffer.freeze())
    }

    async fn switch(&mut self) -> io::Result<()> {
        self.stream
            .write_all(b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
            .await
    }
}

/// One frame of a multiplexed stream: standard output.
pub(super) fn frame(output: &[u8]) -> Vec<u8> {
    let length = u32::try_from(output.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[1, 0, 0, 0][..], &length[..], output].concat()
}

fn find(buffer: &[u8], what: &[u8]) -> Option<usize> {
    buffer.windows(what.len()).position(|window| window == what)
}
