use std::collections::BTreeSet;

use super::*;

/// What a project in any language has.
const ALL: &[&str] = &[".gitignore", "README.md", "plugin.toml", "tests/example.expected", "tests/example.log"];

fn own(language: Language) -> &'static [&'static str] {
    match language {
        Language::Go => &[
            "go.mod",
            "plugin.go",
            "sdk/address.go",
            "sdk/answer.go",
            "sdk/component.go",
            "sdk/log_native.go",
            "sdk/tallygate.go",
            "sdk/time.go",
            "sdk/wit/plugin.wit",
        ],
        Language::C => &[
            "plugin.c",
            "sdk/address.c",
            "sdk/tallygate.c",
            "sdk/tallygate.h",
            "sdk/text.c",
            "sdk/time.c",
            "sdk/wit/plugin.wit",
        ],
        Language::JavaScript => &[
            "package.json",
            "plugin.js",
            "sdk/address.js",
            "sdk/component.js",
            "sdk/tallygate.js",
            "sdk/time.js",
            "sdk/wit/plugin.wit",
        ],
        Language::Python => &[
            "plugin.py",
            "requirements.txt",
            "sdk/address.py",
            "sdk/component.py",
            "sdk/log.py",
            "sdk/tallygate.py",
            "sdk/time_of.py",
            "sdk/wit/plugin.wit",
        ],
        Language::Rust => &["Cargo.toml", "src/lib.rs"],
    }
}

fn paths(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn a_project_has_the_files_of_its_language() {
    for language in Language::ALL {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("my-plugin");
        create(&project, "my-plugin", language).unwrap();
        let expected: BTreeSet<_> = ALL.iter().chain(own(language)).map(|path| (*path).to_owned()).collect();
        let mut found = paths(&project);
        if language == Language::Rust {
            // What the SDK is made of is looked at below.
            found.retain(|path| !path.starts_with("sdk/"));
        }
        assert_eq!(found, expected, "{language:?}");
        for path in &expected {
            let text = std::fs::read_to_string(project.join(path)).unwrap();
            assert!(!text.contains(NAME), "{path} of {language:?} has a name left out");
        }
        let opened = crate::Project::open(&project).unwrap();
        assert_eq!((opened.name(), opened.language()), ("my-plugin", language));
    }
}

#[test]
fn a_project_in_rust_has_the_sdk_without_its_tests() {
    let folder = tempfile::tempdir().unwrap();
    create(folder.path(), "my-plugin", Language::Rust).unwrap();
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).unwrap().join("plugins/sdk");
    let shipped = paths(&folder.path().join("sdk"));
    let is_test = |path: &str| path.split('/').any(|part| part == "tests" || part == "tests.rs");
    let expected: BTreeSet<_> = paths(&checkout).into_iter().filter(|path| !is_test(path)).collect();
    assert_eq!(shipped, expected);
    for path in shipped {
        let same = std::fs::read(folder.path().join("sdk").join(&path)).unwrap()
            == std::fs::read(checkout.join(&path)).unwrap();
        assert!(same, "{path} was changed on the way");
    }
}

#[test]
fn names_that_no_plugin_can_have_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let too_long = "a".repeat(65);
    for name in ["", "A", "1a", "-a", "a_b", "a b", "a/b", "..", "ä", "a.b", too_long.as_str()] {
        let error = create(&folder.path().join("new"), name, Language::C).unwrap_err();
        assert!(matches!(&error, CreateError::Name(refused) if refused == name), "{name}: {error}");
    }
    assert!(!folder.path().join("new").exists());
    for name in ["a", "a1-b", &too_long[1..]] {
        create(&folder.path().join(name), name, Language::C).unwrap();
    }
}

#[test]
fn what_is_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    create(folder.path(), "empty", Language::C).unwrap();
    std::fs::write(folder.path().join("plugin.c"), "mine").unwrap();
    let error = create(folder.path(), "again", Language::C).unwrap_err();
    assert!(matches!(error, CreateError::NotEmpty(_)), "{error}");
    assert_eq!(std::fs::read_to_string(folder.path().join("plugin.c")).unwrap(), "mine");

    let file = folder.path().join("plugin.c");
    let error = create(&file, "again", Language::C).unwrap_err();
    assert!(matches!(&error, CreateError::Write { path, .. } if *path == file), "{error}");
}

#[test]
fn interpreters_run_beside_what_serves_connections() {
    for language in Language::ALL {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), "sample", language).unwrap();
        let isolated = crate::Project::open(folder.path()).unwrap().isolated();
        assert_eq!(isolated, matches!(language, Language::JavaScript | Language::Python), "{}", language.name());
    }
}
