//! Builds the plugins that ship inside the binary, and notes the revision that is being built.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages of `plugins/` that are embedded; `src/shipped.rs` has their names for people.
const SHIPPED: [&str; 3] = ["json", "access-log", "boundary"];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the gateway lies in the checkout").to_path_buf();
    for watched in ["plugins", "wit"] {
        watch(&root.join(watched));
    }
    let components = tallygate_guest_build::build(&root.join("plugins/Cargo.toml"), &SHIPPED, &guests_dir());
    let components = components.unwrap_or_else(|message| panic!("{message}"));
    for (name, component) in SHIPPED.iter().zip(components) {
        let variable = name.to_uppercase().replace('-', "_");
        println!("cargo::rustc-env=TALLYGATE_SHIPPED_{variable}={}", component.display());
    }
    println!("cargo::rustc-env=TALLYGATE_REVISION={}", revision(&root));
}

/// One folder for the guests of all profiles: they are the same bytes in each.
fn guests_dir() -> PathBuf {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    // <target>/<profile>/build/<package>/out
    out.ancestors().nth(4).expect("OUT_DIR lies in the target folder").join("guests")
}

/// Asks for a rebuild when anything in the folder changes, except what the guests' own builds put there. Cargo looks at all
/// that is in a folder, so a folder with such builds is named piece by piece.
fn watch(folder: &Path) {
    let entries = || std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_build = |path: &Path| path.file_name().is_some_and(|name| name == "target");
    if !entries().any(|path| is_build(&path)) {
        println!("cargo::rerun-if-changed={}", folder.display());
        return;
    }
    for path in entries().filter(|path| !is_build(path)) {
        watch(&path);
    }
}

fn revision(root: &Path) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(root).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    if let Some(head) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={}", root.join(head).display());
    }
    git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned())
}
