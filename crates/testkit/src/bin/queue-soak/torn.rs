//! Mends what Redis leaves behind when it is killed while it writes a transaction to its append-only file.
//!
//! A script's writes stand in the file as one transaction. When the kill cuts it off within a command, Redis 7.0
//! itself cuts the file back to the last whole command only, inside the transaction, and appends to that. At the
//! restart after next the open transaction is then carried out after all, together with the next one: a message is
//! taken twice and one is lost, whoever uses the queue. `redis-check-aof --fix` before the start prevents it, and so
//! does this, which does the same without reading all of the file.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// No transaction of ours is as long as this.
const TAIL: u64 = 8 << 20;
const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// Cuts the newest append-only file in `directory` back to before a transaction that does not end. Returns whether
/// there was one.
pub fn mend(directory: &Path) -> anyhow::Result<bool> {
    let Some(path) = newest(directory)? else {
        return Ok(false);
    };
    let mut file = File::options().read(true).write(true).open(&path)?;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let Some(open) = last(&tail, MULTI).filter(|begin| last(&tail, EXEC).is_none_or(|end| end < *begin))
    else {
        return Ok(false);
    };
    file.set_len(start + open as u64)
        .with_context(|| format!("cutting {} back", path.display()))?;
    Ok(true)
}

/// The file with the highest number, `appendonly.aof.<number>.incr.aof`.
fn newest(directory: &Path) -> anyhow::Result<Option<PathBuf>> {
    let mut newest = None;
    for entry in std::fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let number = name
            .strip_prefix("appendonly.aof.")
            .and_then(|rest| rest.strip_suffix(".incr.aof"))
            .and_then(|number| number.parse::<u64>().ok());
        if let Some(number) = number {
            newest = newest.max(Some((number, path)));
        }
    }
    Ok(newest.map(|(_, path)| path))
}

fn last(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .rposition(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: &[u8] = b"*2\r\n$4\r\nRPOP\r\n$4\r\nsoak\r\n";

    fn mended(content: &[&[u8]]) -> (bool, Vec<u8>) {
        let directory = tempfile::tempdir().unwrap();
        let older = directory.path().join("appendonly.aof.9.incr.aof");
        let path = directory.path().join("appendonly.aof.10.incr.aof");
        std::fs::write(&older, MULTI).unwrap();
        std::fs::write(&path, content.concat()).unwrap();
        let cut = mend(directory.path()).unwrap();
        assert_eq!(std::fs::read(&older).unwrap(), MULTI);
        (cut, std::fs::read(&path).unwrap())
    }

    #[test]
    fn an_open_transaction_is_cut_off_and_nothing_else() {
        let whole = [MULTI, WRITE, EXEC].concat();
        assert_eq!(mended(&[&whole, WRITE]), (false, [&whole, WRITE].concat()));
        assert_eq!(
            mended(&[&whole, MULTI, WRITE, b"*3\r\n$4\r\nHS"]),
            (true, whole.clone())
        );
        assert_eq!(mended(&[&whole, MULTI]), (true, whole));
    }
}
