//! The simulated runner image: behaves like `ghcr.io/actions/actions-runner`, built without any registry.
//!
//! [`build`] puts a root file system together (Debian's `busybox-static`, the scripts of `runner-image/home`, the
//! static listener that the build script compiled) and has the engine make [`TAG`] of it; an image whose content
//! label matches is left alone. [`Variant`]s are images of their own that fail in one known way.
//!
//! Containers of it reach the simulated GitHub on the host's loopback, so they need host networking.

use std::{collections::HashMap, path::Path, process::Command};

use anyhow::{Context, bail};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bollard::{Docker, query_parameters::BuildImageOptionsBuilder};
use bytes::Bytes;
use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// The image's name in the engine.
pub const TAG: &str = "runner-pilot/sim-runner:latest";
/// The version that the simulated runner reports.
pub const RUNNER_VERSION: &str = "2.336.0";
/// Label with the hash of everything the image was made of.
const CONTENT_LABEL: &str = "runner-pilot.sim-runner.content";
/// User `runner`, as in the official image.
const RUNNER_UID: u64 = 1001;
const BUSYBOX: [&str; 2] = ["/bin/busybox", "/usr/bin/busybox"];

const DOCKERFILE: &str = include_str!("../runner-image/Dockerfile");
const LISTENER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/Runner.Listener"));
const CONFIG_SH: &str = include_str!("../runner-image/home/config.sh");
const RUN_SH: &str = include_str!("../runner-image/home/run.sh");
const RUN_HELPER_SH: &str = include_str!("../runner-image/home/run-helper.sh");
/// Busybox has no applet of that name, and the kernel takes a script as interpreter.
const BASH: &str = "#!/bin/sh\nexec /bin/sh \"$@\"\n";
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nrunner:x:1001:1001::/home/runner:/bin/bash\n";
const GROUP: &str = "root:x:0:\ndocker:x:123:runner\nrunner:x:1001:\n";

/// How an image of the family behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// As the official one.
    Normal,
    /// GitHub refuses its version: exit 7 if the environment asks for it, else 0.
    Deprecated,
    /// `run.sh` ends at once with exit 1.
    CrashAtStart,
    /// The listener starts and never gets a connection.
    NeverConnects,
}

impl Variant {
    /// The image's name in the engine.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Normal => TAG,
            Self::Deprecated => "runner-pilot/sim-runner:deprecated",
            Self::CrashAtStart => "runner-pilot/sim-runner:crash-at-start",
            Self::NeverConnects => "runner-pilot/sim-runner:never-connects",
        }
    }

    /// The value of `SIM_RUNNER_FAULT` in the image; a container's own environment may set it too.
    fn fault(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::Deprecated => "deprecated",
            Self::CrashAtStart => "crash-at-start",
            Self::NeverConnects => "never-connects",
        }
    }
}

/// Makes sure that the engine has the image; returns [`TAG`].
pub async fn build(docker: &Docker) -> anyhow::Result<String> {
    build_variant(docker, Variant::Normal).await
}

/// Makes sure that the engine has that variant of the image; returns its tag.
pub async fn build_variant(docker: &Docker, variant: Variant) -> anyhow::Result<String> {
    let tag = variant.tag();
    let context = tokio::task::spawn_blocking(context).await??;
    let digest = Sha256::new()
        .chain_update(&context)
        .chain_update(variant.fault())
        .finalize();
    let fingerprint = URL_SAFE_NO_PAD.encode(digest);
    if content_of(docker, tag).await?.as_ref() == Some(&fingerprint) {
        return Ok(tag.to_owned());
    }
    let options = BuildImageOptionsBuilder::new()
        .t(tag)
        .rm(true)
        .forcerm(true)
        .buildargs(&HashMap::from([("SIM_RUNNER_FAULT", variant.fault())]))
        .labels(&HashMap::from([(CONTENT_LABEL, fingerprint.as_str())]))
        .build();
    let mut steps = docker.build_image(options, None, Some(bollard::body_full(Bytes::from(context))));
    while let Some(step) = steps
        .try_next()
        .await
        .with_context(|| format!("could not build {tag}"))?
    {
        if let Some(error) = step.error_detail {
            bail!("could not build {tag}: {}", error.message.unwrap_or_default());
        }
    }
    Ok(tag.to_owned())
}

/// The content label of the image, if there is one.
async fn content_of(docker: &Docker, tag: &str) -> anyhow::Result<Option<String>> {
    match docker.inspect_image(tag).await {
        Ok(image) => Ok(image
            .config
            .and_then(|config| config.labels)
            .and_then(|mut all| all.remove(CONTENT_LABEL))),
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("could not inspect {tag}")),
    }
}

/// The build context: the Dockerfile and the root file system.
fn context() -> anyhow::Result<Vec<u8>> {
    let mut context = Builder::new(Vec::new());
    add_file(&mut context, "Dockerfile", DOCKERFILE.as_bytes(), 0o644, 0)?;
    add_file(&mut context, "rootfs.tar", &rootfs()?, 0o644, 0)?;
    Ok(context.into_inner()?)
}

fn rootfs() -> anyhow::Result<Vec<u8>> {
    let path = BUSYBOX.into_iter().find(|path| Path::new(path).exists());
    let path = path.context("busybox is missing: apt-get install -y busybox-static")?;
    let busybox = std::fs::read(path).with_context(|| format!("could not read {path}"))?;
    if needs_interpreter(&busybox).with_context(|| format!("{path} is no 64-bit ELF program"))? {
        bail!("{path} isn't static: apt-get install -y busybox-static");
    }
    let applets = Command::new(path)
        .arg("--list")
        .output()
        .with_context(|| format!("could not run {path}"))?;
    let applets = String::from_utf8(applets.stdout)?;

    let mut root = Builder::new(Vec::new());
    for name in [
        "bin", "etc", "home", "root", "sbin", "usr", "usr/bin", "usr/sbin", "var", "var/run",
    ] {
        add_directory(&mut root, name, 0o755, 0)?;
    }
    add_directory(&mut root, "tmp", 0o1777, 0)?;
    add_file(&mut root, "bin/busybox", &busybox, 0o755, 0)?;
    for applet in applets
        .lines()
        .filter(|applet| *applet != "busybox" && !applet.contains('/'))
    {
        add_link(&mut root, &format!("bin/{applet}"), "busybox")?;
    }
    add_file(&mut root, "bin/bash", BASH.as_bytes(), 0o755, 0)?;
    add_link(&mut root, "usr/bin/env", "/bin/busybox")?;
    add_file(&mut root, "etc/passwd", PASSWD.as_bytes(), 0o644, 0)?;
    add_file(&mut root, "etc/group", GROUP.as_bytes(), 0o644, 0)?;
    for name in ["home/runner", "home/runner/bin", "home/runner/_diag"] {
        add_directory(&mut root, name, 0o755, RUNNER_UID)?;
    }
    for (name, script) in [
        ("config.sh", CONFIG_SH),
        ("run.sh", RUN_SH),
        ("run-helper.sh", RUN_HELPER_SH),
    ] {
        add_file(
            &mut root,
            &format!("home/runner/{name}"),
            script.as_bytes(),
            0o755,
            RUNNER_UID,
        )?;
    }
    add_file(
        &mut root,
        "home/runner/bin/Runner.Listener",
        LISTENER,
        0o755,
        RUNNER_UID,
    )?;
    add_link(&mut root, "home/runner/bin/Runner.Worker", "Runner.Listener")?;
    Ok(root.into_inner()?)
}

/// Whether an ELF64 little-endian program asks for a dynamic linker (`PT_INTERP`), which the image doesn't have.
fn needs_interpreter(program: &[u8]) -> Option<bool> {
    const PT_INTERP: [u8; 4] = 3_u32.to_le_bytes();
    let half = |at: usize| {
        Some(usize::from(u16::from_le_bytes(
            program.get(at..at + 2)?.try_into().ok()?,
        )))
    };
    let table = usize::try_from(u64::from_le_bytes(program.get(32..40)?.try_into().ok()?)).ok()?;
    let (entry_len, entries) = (half(54)?, half(56)?);
    let entry = |index: usize| program.get(table + index * entry_len..)?.get(..4);
    program
        .starts_with(b"\x7fELF")
        .then(|| (0..entries).any(|index| entry(index) == Some(&PT_INTERP[..])))
}

type Tar = Builder<Vec<u8>>;

fn add_directory(tar: &mut Tar, name: &str, mode: u32, owner: u64) -> anyhow::Result<()> {
    let mut header = header(EntryType::Directory, mode, owner, 0);
    Ok(tar.append_data(&mut header, format!("{name}/"), std::io::empty())?)
}

fn add_file(tar: &mut Tar, name: &str, content: &[u8], mode: u32, owner: u64) -> anyhow::Result<()> {
    let mut header = header(EntryType::Regular, mode, owner, u64::try_from(content.len())?);
    Ok(tar.append_data(&mut header, name, content)?)
}

fn add_link(tar: &mut Tar, name: &str, to: &str) -> anyhow::Result<()> {
    let mut header = header(EntryType::Symlink, 0o777, 0, 0);
    Ok(tar.append_link(&mut header, name, to)?)
}

/// Without times, so that the same content always has the same hash.
fn header(kind: EntryType, mode: u32, owner: u64, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_size(size);
    header.set_mtime(0);
    header
}
