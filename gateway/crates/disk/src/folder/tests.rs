use super::*;
use std::os::unix::fs::PermissionsExt;

fn write(folder: &Folder, name: &str, bytes: &[u8]) {
    let mut file = folder.create(name).expect("it can be created");
    file.write_all(bytes).expect("it can be written");
    file.sync().expect("it can be synced");
    folder.sync().expect("it can be synced");
}

fn names(folder: &Folder) -> Vec<String> {
    let mut names = folder.list().expect("it can be listed");
    names.sort();
    names
}

#[test]
fn files_are_what_was_written() {
    let place = tempfile::tempdir().expect("a folder for the test");
    let path = place.path().join("above/data");
    let folder = Folder::open(&path).expect("it can be created");
    let mode = fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    write(&folder, "full", b"content");
    write(&folder, "empty", b"");
    assert_eq!(names(&folder), ["empty", "full"]);
    let content = folder.read("full").expect("it is there");
    assert!(matches!(&content, Content::Mapped(_)) != cfg!(miri));
    assert!(matches!(folder.read("empty"), Ok(Content::Owned(bytes)) if bytes.is_empty()));

    write(&folder, "full", b"new");
    assert_eq!(&*content, b"content", "who has read it keeps it");
    folder.rename("full", "empty").expect("it is there");
    assert_eq!(names(&folder), ["empty"]);
    assert_eq!(&*folder.read("empty").expect("it is there"), b"new");
    folder.remove("empty").expect("it is there");
    assert_eq!(folder.read("empty").err().map(|error| error.kind()), Some(ErrorKind::NotFound));
}

#[test]
fn names_lead_nowhere_else() {
    let place = tempfile::tempdir().expect("a folder for the test");
    let folder = Folder::open(place.path().join("data")).expect("it can be created");
    for name in ["", ".", "..", "../x", "a/b", "/etc/passwd", "a/", "./a", "lock"] {
        let kinds = [folder.create(name).err(), folder.read(name).err(), folder.rename("a", name).err()];
        assert_eq!(kinds.map(|error| error.map(|error| error.kind())), [Some(ErrorKind::InvalidInput); 3], "{name}");
    }
    assert_eq!(names(&folder), [""; 0]);
}

#[test]
fn one_process_writes_and_several_read() {
    let place = tempfile::tempdir().expect("a folder for the test");
    let folder = Folder::open(place.path()).expect("it can be written");
    write(&folder, "a", b"content");
    for second in [Folder::open(place.path()), Folder::open_to_read(place.path())] {
        let message = second.err().expect("it is locked").to_string();
        assert_eq!(message, format!("another tallygate process uses {}; only one may", place.path().display()));
    }
    drop(folder);
    let readers = [Folder::open_to_read(place.path()), Folder::open_to_read(place.path())];
    let [Ok(reader), Ok(_)] = &readers else { panic!("several may read") };
    assert_eq!(&*reader.read("a").expect("it is there"), b"content");
    assert_eq!(reader.create("b").err().map(|error| error.kind()), Some(ErrorKind::PermissionDenied));
    assert!(matches!(Folder::open(place.path()), Err(FolderError::Locked(_))));
    drop(readers);
    Folder::open(place.path()).expect("nobody has it");
}

#[test]
fn reading_creates_nothing() {
    let place = tempfile::tempdir().expect("a folder for the test");
    Folder::open_to_read(place.path()).expect("it is there");
    assert_eq!(fs::read_dir(place.path()).expect("it is there").count(), 0);
    let missing = Folder::open_to_read(place.path().join("data")).err().expect("it is not there");
    assert!(missing.to_string().starts_with("cannot read the data directory"), "{missing}");
}
