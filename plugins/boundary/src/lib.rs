//! A plugin that reads nothing: what `tallygate plugin bench` measures of it is the boundary of the sandbox.

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

use alloc::string::{String, ToString as _};

use tallygate_sdk::{Batch, Columns, Format, NO_TIME};

/// Accepts every record as 0.0.0.0.
pub struct Boundary;

impl Format for Boundary {
    const NAME: &'static str = "boundary";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "accepts every record without a look at it";

    fn configure(_: &[(String, String)]) -> Result<Self, String> {
        Ok(Self)
    }

    fn read(&mut self, batch: Batch<'_>, columns: &mut Columns) {
        for _ in batch.records() {
            columns.push_quad(0, NO_TIME);
        }
    }

    fn explain(&mut self, _: &[u8], _: i64) -> Result<String, String> {
        Ok("accepted unread".to_string())
    }
}

tallygate_sdk::export!(Boundary);
