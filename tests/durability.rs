//! What was acknowledged is there, whatever happened since; what was not sent is not.

mod damage;
mod disks;
mod kept;
pub(crate) mod killing;
mod lost;
mod settings;
mod times;
