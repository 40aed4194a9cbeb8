//! Logs for each record a thousand times, lines that would like to be several and to move the cursor.

use sins::{Level, Outcome, Sinner, emit, judge};

struct Guest;

impl Sinner for Guest {
    fn judge(record: &[u8], outcome: &mut Outcome) {
        for at in 0..1000 {
            emit(Level::Error, &format!("{at}\n\r{{\"level\":\"forged\"}}\u{1b}[2J\u{9b}1A\0{}", "x".repeat(4096)));
        }
        judge(record, outcome);
    }
}

sins::export!(Guest with_types_in sins);
