//! Paths in a file of the configuration are relative to the folder of that file, so that it means the same wherever the gateway
//! is started. Those from flags and the environment are relative to the working directory, as are those of every shell.

use std::path::Path;

use super::Problem;
use super::document::{Node, Table, Value};
use super::key::{ANY_NAME, Key, Kind};
use super::table::TABLE;

/// Makes the paths of a document relative to where the gateway runs. Warns where another file lies where the path led until
/// versions of this program that took it as relative to the working directory.
pub(super) fn resolve(document: &mut Table, folder: &Path, warnings: &mut Vec<Problem>) {
    if folder.as_os_str().is_empty() {
        return;
    }
    for (section, Key { name, .. }) in keys() {
        let sections: Vec<_> = section.split('.').filter(|part| !part.is_empty()).collect();
        visit(document, &sections, &mut |table| {
            if let Some(Node { value: Value::String(text), origin }) = table.get_mut(*name) {
                let path = folder.join(&*text);
                if let Some(message) = changed(Path::new(text), &path) {
                    warnings.push(Problem { origin: origin.clone(), message: format!("{name}: {message}") });
                }
                *text = path.to_string_lossy().into_owned();
            }
        });
    }
}

/// Keys whose values are such paths, with their sections. Not `data_dir`, which has no place in a folder of configuration files
/// and stays relative to the working directory.
fn keys() -> impl Iterator<Item = (&'static str, &'static Key)> {
    let all = TABLE.iter().flat_map(|keys| keys.keys.iter().map(|key| (keys.section, key)));
    all.filter(|(_, key)| matches!(key.kind, Kind::Path | Kind::SecretFile))
}

fn visit(table: &mut Table, sections: &[&str], each: &mut impl FnMut(&mut Table)) {
    let Some((first, rest)) = sections.split_first() else { return each(table) };
    for (_, node) in table.iter_mut().filter(|(name, _)| *first == ANY_NAME || *name == first) {
        if let Value::Table(inner) = &mut node.value {
            visit(inner, rest, each);
        }
    }
}

/// If a path leads to another file now than it once did, what to say of it.
fn changed(before: &Path, now: &Path) -> Option<String> {
    let old = before.is_relative().then(|| before.canonicalize().ok()).flatten()?;
    if now.canonicalize().is_ok_and(|now| now == old) {
        return None;
    }
    let (before, now) = (before.display(), now.display());
    Some(format!(
        "read from {now}, as paths are relative to the folder of this file; there is another {before} in the working \
         directory, which was read before"
    ))
}
