//! Addresses and times: the wide reading and the one byte by byte agree, whatever lies behind.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tallygate_sdk::{Address, Text, Times, with_slack};

fuzz_target!(|data: &[u8]| {
    let expect = (Address::parse(data), Times::default().parse(data));
    for behind in [b'0', b'.', b':', b'Z', 0xff] {
        let mut copy = with_slack(data);
        copy.get_mut(data.len()..).expect("slack was added").fill(behind);
        let text = Text::new(&copy).expect("slack was added");
        let read = (Address::read(text, 0, data.len()), Times::default().read(text, 0, data.len()));
        assert_eq!(read, expect);
    }
});
