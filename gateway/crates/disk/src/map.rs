//! The `unsafe` of reading files: mapping them.

use super::Content;
use std::fs::File;
use std::io;

/// The content of a file of a [`super::Folder`].
#[cfg(not(miri))]
pub(super) fn content(file: &File) -> io::Result<Content> {
    if file.metadata()?.len() == 0 {
        // There is no mapping of no bytes.
        return Ok(Content::from(Vec::new()));
    }
    // SAFETY: a mapping must not change, nor its file get shorter, while it is read. The folder is private to its user and
    // locked by the one process that writes it; that process only ever appends to a file or gives up its name.
    let map = unsafe { memmap2::Mmap::map(file) }?;
    Ok(Content::Mapped(std::sync::Arc::new(map)))
}

/// Miri maps no files.
#[cfg(miri)]
pub(super) fn content(mut file: &File) -> io::Result<Content> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut file, &mut bytes)?;
    Ok(Content::from(bytes))
}
