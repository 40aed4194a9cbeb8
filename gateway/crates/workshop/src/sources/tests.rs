use std::time::{Duration, SystemTime};

use super::*;
use crate::{Language, create};

fn project(folder: &Path) -> Project {
    create(folder, "sample", Language::Go).unwrap();
    Project::open(folder).unwrap()
}

fn put(path: &Path, modified: SystemTime) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = std::fs::File::options().create(true).append(true).open(path).unwrap();
    file.set_modified(modified).unwrap();
}

#[test]
fn what_builds_leave_is_no_source() {
    let folder = tempfile::tempdir().unwrap();
    let project = project(folder.path());
    let before = project.sources().unwrap();
    assert!(before.contains(&folder.path().join("plugin.go")));
    assert!(before.contains(&folder.path().join("tests/example.log")));
    for left in [
        "sample.wasm",
        ".sample.wasm.unfinished",
        "target/a",
        "node_modules/b/c",
        ".venv/d",
        ".build/e",
        "sdk/__pycache__/f",
        "a-target-folder/CACHEDIR.TAG",
        "a-target-folder/release/g",
    ] {
        put(&folder.path().join(left), SystemTime::UNIX_EPOCH);
    }
    assert_eq!(project.sources().unwrap(), before);
    put(&folder.path().join("more/helper.go"), SystemTime::UNIX_EPOCH);
    assert_eq!(project.sources().unwrap().len(), before.len() + 1);
}

#[test]
fn a_component_is_stale_when_a_source_is_newer() {
    let folder = tempfile::tempdir().unwrap();
    let project = project(folder.path());
    assert!(project.is_stale().unwrap(), "there is none");

    let newest = |path: &PathBuf| std::fs::metadata(path).unwrap().modified().unwrap();
    let built = project.sources().unwrap().iter().map(newest).max().unwrap();
    let later = built + Duration::from_secs(1);
    put(&project.component(), built);
    assert!(!project.is_stale().unwrap());

    for elsewhere in ["tests/example.log", "README.md", "Cargo.lock", "target/a", "node_modules/b"] {
        put(&folder.path().join(elsewhere), later);
        assert!(!project.is_stale().unwrap(), "{elsewhere}");
    }
    for source in ["plugin.go", "sdk/time.go", "plugin.toml"] {
        put(&folder.path().join(source), later);
        assert!(project.is_stale().unwrap(), "{source}");
        put(&folder.path().join(source), built);
        assert!(!project.is_stale().unwrap(), "{source}");
    }
}
