//! What travels between the parts of Tallygate: records on their way in, outcomes on their way out. Types only.

mod code;
mod outcome;
mod records;
mod tenant;

pub use code::Code;
pub use outcome::{NO_TIME, Outcome, UNREAD_TIME};
pub use records::Records;
pub use tenant::TenantId;
