//! What the tests of the node driver share.

use std::path::Path;

use bollard::Docker;
use bollard::query_parameters::CreateImageOptions;
use domain::ids::{InstanceId, OrgId, RunnerId};
use domain::runner::{NetworkMode, Resources};
use futures::TryStreamExt;
use runner_pilot_worker::nodes::{ContainerSpec, NodeTarget};
use uuid::Uuid;

/// A root file system with busybox and nothing else.
pub const IMAGE: &str = "runner-pilot/test-busybox:nodes";

/// Makes sure that the engine has [`IMAGE`].
pub async fn import_image(docker: &Docker) {
    if docker.inspect_image(IMAGE).await.is_ok() {
        return;
    }
    let busybox = std::fs::read("/bin/busybox").expect("busybox-static is installed");
    let mut root = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(busybox.len() as u64);
    header.set_mode(0o755);
    root.append_data(&mut header, "bin/busybox", busybox.as_slice())
        .unwrap();
    for applet in ["sh", "cat", "df", "echo", "sleep", "stat", "dd", "true", "seq"] {
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        link.set_mode(0o777);
        root.append_link(&mut link, format!("bin/{applet}"), "/bin/busybox")
            .unwrap();
    }
    let (repo, tag) = IMAGE.split_once(':').unwrap();
    let options = CreateImageOptions {
        from_src: Some("-".into()),
        repo: Some(repo.into()),
        tag: Some(tag.into()),
        ..CreateImageOptions::default()
    };
    let body = bollard::body_full(root.into_inner().unwrap().into());
    docker
        .create_image(Some(options), Some(body), None)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
}

/// The specification of a small container that runs a shell script.
pub fn spec(install_id: &str, script: &str) -> ContainerSpec {
    let instance = InstanceId::new();
    ContainerSpec {
        install_id: install_id.to_owned(),
        name: format!("nodes-test-{}", &instance.as_str()[24..]),
        instance,
        runner: RunnerId::new(),
        org: OrgId::new(),
        image: IMAGE.parse().unwrap(),
        command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        env: vec![("PLAIN".to_owned(), "value".to_owned())],
        resources: Resources {
            cpus: 0.5,
            memory_mb: 64,
            pids: 32,
            network: NetworkMode::Bridge,
        },
    }
}

/// An installation that no other test has.
pub fn install_id() -> String {
    format!("nodes-test-{}", Uuid::now_v7().simple())
}

/// The target of a unix socket.
pub fn socket(path: &Path) -> NodeTarget {
    NodeTarget::Socket(path.to_str().unwrap().parse().unwrap())
}
