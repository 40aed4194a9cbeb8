//! The limit of open files: raised as far as it goes, and kept from becoming the operations port's problem.
//!
//! Both ports take their connections out of one limit. So the ingest port turns clients away while there are files left
//! for everything else.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files kept for the operations port, plugins, the configuration and what comes and goes.
const KEPT: usize = 384;

/// Raises the soft limit to the hard one, and returns it.
pub(crate) fn raise_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Where it cannot be raised, the old one stays, and is what counts.
    let current = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    current.map_or(usize::MAX, |current| usize::try_from(current).unwrap_or(usize::MAX))
}

/// Connections that the limit leaves room for; half of it where it is very low.
pub(crate) fn left_for_connections(files: usize, wanted: usize) -> usize {
    let left = files.saturating_sub(KEPT).max(files / 2);
    if left < wanted {
        tracing::warn!(
            limit = files,
            connections = left,
            "the limit of open files leaves room for fewer connections than ingest.max_connections; raise it (ulimit -n)"
        );
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_always_left_for_both() {
        for files in [2, 100, 384, 1024, 1_048_576] {
            let left = left_for_connections(files, 10);
            assert!(left > 0 && left < files, "{left} of {files}");
        }
        assert_eq!(left_for_connections(1024, 10), 640);
    }
}
