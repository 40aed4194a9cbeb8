//! Builds guest components from their source: at build time those that ship in the binary, in tests and benches
//! the others. Used by `gateway/build.rs`, never by the running gateway.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target that a plugin is built for: a component without an adapter step.
pub const TARGET: &str = "wasm32-wasip2";

/// Builds the packages of the workspace whose `Cargo.toml` is `manifest`, in release mode, into `target_dir`, and
/// returns the component of each, in the order given.
///
/// # Errors
/// A message that says which command failed and what to do.
pub fn build(manifest: &Path, packages: &[&str], target_dir: &Path) -> Result<Vec<PathBuf>, String> {
    let select = packages.iter().flat_map(|package| ["--package", package]);
    let built = cargo_build(manifest, select, target_dir)?;
    Ok(packages.iter().map(|package| built.join(format!("{}.wasm", package.replace('-', "_")))).collect())
}

/// Builds every example of one package of the workspace, each a guest, and returns the folder in which the component of an
/// example lies under its name, with the extension `wasm`.
///
/// # Errors
/// A message that says which command failed and what to do.
pub fn build_examples(manifest: &Path, package: &str, target_dir: &Path) -> Result<PathBuf, String> {
    let built = cargo_build(manifest, ["--package", package, "--examples"], target_dir)?;
    Ok(built.join("examples"))
}

/// Builds what `select` names, and returns the folder in which it lies.
fn cargo_build<'a>(
    manifest: &Path,
    select: impl IntoIterator<Item = &'a str>,
    target_dir: &Path,
) -> Result<PathBuf, String> {
    let workspace = manifest.parent().ok_or_else(|| format!("{} has no folder", manifest.display()))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(workspace).args(["build", "--release", "--locked", "--target", TARGET]);
    command.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(target_dir).args(select);
    forget_the_outer_build(&mut command);

    let output = command.output().map_err(|error| format!("cannot run cargo for the plugins: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "{command:?} failed; if the target is missing, run `rustup toolchain install` in the checkout:\n{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(target_dir.join(TARGET).join("release"))
}

/// What the cargo around us set for its own target must not reach the guests: flags, wrappers for coverage, and the
/// variables that describe the crate being built.
fn forget_the_outer_build(command: &mut Command) {
    const FLAGS: [&str; 5] =
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR", "RUSTC_WORKSPACE_WRAPPER"];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let describes_a_crate =
            ["CARGO_PKG_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_MANIFEST_", "CARGO_PROFILE_", "CARGO_BIN_"];
        if FLAGS.contains(&text.as_ref()) || describes_a_crate.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
}
