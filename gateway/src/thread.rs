//! The priority of a thread.

/// Of twenty steps: enough that a busy thread leaves nine tenths of a core to one that serves, little enough that it goes
/// on beside a machine's worth of load.
#[cfg(target_os = "linux")]
const STEPS: i32 = 10;

/// Lets the calling thread make way for the others of the process, where the system knows priorities of threads.
pub(crate) fn make_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, STEPS) {
        tracing::debug!(%error, "a thread keeps its priority");
    }
}
