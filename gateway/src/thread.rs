//! What a thread asks of the system about itself.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

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

/// What the calling thread has spent computing since it began.
pub(crate) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
