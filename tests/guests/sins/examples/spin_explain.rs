//! Never explains.

use sins::{Sinner, spin};

struct Guest;

impl Sinner for Guest {
    fn explain(_: Vec<u8>, _: i64) -> Result<String, String> {
        spin()
    }
}

sins::export!(Guest with_types_in sins);
