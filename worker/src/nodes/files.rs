//! Files put into a container before it starts: the way for secrets, which `inspect` does not show.

use bollard::query_parameters::UploadToContainerOptions;
use bytes::Bytes;

use super::container::OwnedContainer;
use super::engine::{CREATE, Engine};
use super::error::NodeError;

/// The most that is uploaded at once, in bytes.
const MAX_UPLOAD: usize = 4 << 20;

/// One file to be put into a container.
#[derive(Clone)]
pub struct ContainerFile {
    /// Its absolute path.
    pub path: String,
    /// Its permissions, for example `0o600`.
    pub mode: u32,
    /// The numeric owner.
    pub uid: u64,
    /// The numeric group.
    pub gid: u64,
    /// What is in it; it may be secret.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for ContainerFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContainerFile")
            .field("path", &self.path)
            .field("mode", &format_args!("{:o}", self.mode))
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Puts files into the container, replacing those that are there; it need not run.
    pub async fn upload(&self, container: &OwnedContainer, files: &[ContainerFile]) -> Result<(), NodeError> {
        let archive = Bytes::from(archive(files)?);
        let options = UploadToContainerOptions {
            path: "/".to_owned(),
            ..UploadToContainerOptions::default()
        };
        // As a stream, because bollard writes whole bodies to its trace log.
        let body = bollard::body_stream(futures::stream::iter([archive]));
        let upload = self
            .docker()
            .upload_to_container(container.id.as_str(), Some(options), body);
        self.call("upload files", CREATE, upload).await
    }
}

fn archive(files: &[ContainerFile]) -> Result<Vec<u8>, NodeError> {
    let refused = |message: String| NodeError::Malformed {
        operation: "upload files",
        message,
    };
    let total: usize = files.iter().map(|file| file.bytes.len()).sum();
    if total > MAX_UPLOAD {
        return Err(refused(format!("{total} bytes are more than {MAX_UPLOAD}")));
    }
    let mut builder = tar::Builder::new(Vec::with_capacity(total + files.len() * 1024 + 1024));
    for file in files {
        let path = file
            .path
            .strip_prefix('/')
            .ok_or_else(|| refused(format!("{} is no absolute path", file.path)))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(file.bytes.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(file.uid);
        header.set_gid(file.gid);
        builder
            .append_data(&mut header, path, file.bytes.as_slice())
            .map_err(|error| refused(format!("{}: {error}", file.path)))?;
    }
    builder.into_inner().map_err(|error| refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, size: usize) -> ContainerFile {
        ContainerFile {
            path: path.into(),
            mode: 0o600,
            uid: 1001,
            gid: 123,
            bytes: vec![b'x'; size],
        }
    }

    #[test]
    fn an_archive_holds_owner_and_permissions() {
        let bytes = archive(&[file("/home/runner/.runner", 3)]).unwrap();
        let mut read = tar::Archive::new(bytes.as_slice());
        let entry = read.entries().unwrap().next().unwrap().unwrap();
        let header = entry.header();
        assert_eq!(entry.path().unwrap().to_str(), Some("home/runner/.runner"));
        assert_eq!(
            (
                header.mode().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap()
            ),
            (0o600, 1001, 123)
        );
    }

    #[test]
    fn a_path_that_leaves_its_place_and_an_archive_too_large_are_refused() {
        for files in [
            vec![file("relative", 1)],
            vec![file("/a/../../b", 1)],
            vec![file("/a", MAX_UPLOAD + 1)],
        ] {
            assert!(archive(&files).is_err(), "{files:?}");
        }
    }

    #[test]
    fn a_file_shows_its_path_and_not_its_content() {
        let shown = format!("{:?}", file("/a", 4));
        assert!(
            shown.contains("/a") && shown.contains("600") && !shown.contains("120"),
            "{shown}"
        );
    }
}
