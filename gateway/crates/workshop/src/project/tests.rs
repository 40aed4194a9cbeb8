use super::*;

fn open(text: &str) -> Result<Project, ProjectError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), text).unwrap();
    Project::open(folder.path())
}

#[test]
fn a_project_says_what_it_is() {
    let project = open(
        r#"
        name = "my-plugin"
        language = "js"
        [settings]
        field = "client"
        depth = "3"
        [limits]
        memory = "32 MiB"
        isolated = true
        "#,
    )
    .unwrap();
    assert_eq!(project.name(), "my-plugin");
    assert_eq!(project.language(), Language::JavaScript);
    let settings = [("depth", "3"), ("field", "client")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(project.settings(), settings);
    assert_eq!((project.memory(), project.time()), (Some("32 MiB"), None));
    assert!(project.isolated());
    assert!(!open("name = \"a\"\nlanguage = \"c\"").unwrap().isolated());
    assert!(project.component().ends_with("my-plugin.wasm"));
}

#[test]
fn what_is_wrong_is_told_with_its_file_and_key() {
    let good = "name = \"a\"\nlanguage = \"c\"\n";
    for (text, key, problem) in [
        ("", "name", "is missing: it takes the name of the plugin"),
        ("name = \"a\"", "language", "is missing: it takes rust, go, js, python or c"),
        ("name = 1\nlanguage = \"c\"", "name", "is of type integer: it takes text in quotes"),
        (
            "name = \"A\"\nlanguage = \"c\"",
            "name",
            "is `A`: it takes a lower-case letter, then lower-case letters, digits and hyphens, 64 characters at most",
        ),
        ("name = \"a\"\nlanguage = \"cobol\"", "language", "is `cobol`: it takes rust, go, js, python or c"),
        (&format!("colour = \"red\"\n{good}"), "colour", "is unknown: there are name, language, settings, limits"),
        (&format!("{good}settings = \"x\""), "settings", "is string: it takes a section, [settings]"),
        (&format!("{good}[settings]\nx = 1"), "settings.x", "is of type integer: it takes text in quotes"),
        (&format!("{good}[limits]\ntime = 100"), "limits.time", "is of type integer: it takes text in quotes"),
        (&format!("{good}[limits]\ncpu = \"1\""), "limits.cpu", "is unknown: there are memory, time, isolated"),
        (
            &format!("{good}[limits]\nisolated = \"yes\""),
            "limits.isolated",
            "is of type string: it takes true or false",
        ),
    ] {
        let error = open(text).unwrap_err();
        let message = error.to_string();
        assert!(message.ends_with(&format!("plugin.toml: key `{key}` {problem}")), "{text}\n{message}");
    }
}

#[test]
fn what_is_no_project_is_told() {
    let error = open("name = ").unwrap_err();
    assert!(matches!(&error, ProjectError::Syntax { path, .. } if path.ends_with(FILE)), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let error = Project::open(folder.path()).unwrap_err();
    assert!(matches!(&error, ProjectError::Read { path, .. } if path.ends_with(FILE)), "{error}");
}
