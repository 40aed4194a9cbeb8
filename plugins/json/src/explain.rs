//! Why a record was rejected, or what was read out of it, in words.

use alloc::string::String;

use crate::Json;

pub(crate) fn explain(_json: &mut Json, _record: &[u8]) -> Result<String, String> {
    Err(String::new())
}
