//! Never says who it is.

use sins::{Info, Sinner, spin};

struct Guest;

impl Sinner for Guest {
    fn describe() -> Info {
        spin()
    }
}

sins::export!(Guest with_types_in sins);
