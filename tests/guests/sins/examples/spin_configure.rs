//! Never takes its settings.

use sins::{Sinner, spin};

struct Guest;

impl Sinner for Guest {
    fn configure(_: Vec<(String, String)>) -> Result<(), String> {
        spin()
    }
}

sins::export!(Guest with_types_in sins);
