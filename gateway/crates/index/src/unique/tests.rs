use super::*;
use std::net::Ipv6Addr;

fn v6(text: &str) -> u128 {
    text.parse::<Ipv6Addr>().unwrap().to_bits()
}

#[test]
fn mapped_addresses_are_ipv4_wherever_they_stand_in_a_batch() {
    let set = UniqueIps::default();
    let mut new = NewIps::default();
    let batch =
        [v6("::ffff:1.2.3.4"), v6("2001:db8::1"), v6("::ffff:1.2.3.4"), v6("::ffff:5.6.7.8"), v6("2001:db8::1")];
    assert_eq!(set.insert(&[0x0102_0304], &batch, &mut new), Inserted { new: 3, refused: 0 });
    assert_eq!(new, NewIps { v4: vec![0x0102_0304, 0x0506_0708], v6: vec![v6("2001:db8::1")] });
    assert_eq!((set.len(), set.v4().len(), set.v6().len()), (3, 2, 1));
    for text in ["1.2.3.4", "::ffff:1.2.3.4", "::ffff:5.6.7.8", "2001:db8::1"] {
        assert!(set.contains(text.parse().unwrap()), "{text}");
    }
    new.clear();
    assert!(new.is_empty());
}

#[test]
fn only_the_mapped_form_is_ipv4() {
    let set = UniqueIps::default();
    let mut new = NewIps::default();
    set.insert(&[], &[v6("::1.2.3.4"), v6("::1:ffff:1.2.3.4"), v6("64:ff9b::1.2.3.4"), v6("::fffe:1.2.3.4")], &mut new);
    assert_eq!((set.v4().len(), set.v6().len()), (0, 4));
    assert!(!set.contains("1.2.3.4".parse().unwrap()));
}

#[test]
fn a_long_run_of_mapped_addresses() {
    let set = UniqueIps::default();
    let mut new = NewIps::default();
    let batch: Vec<u128> = (0..100).map(|n| v6("::ffff:0.0.0.0") + n * 0x1_0001).collect();
    assert_eq!(set.insert(&[], &batch, &mut new).new, 100);
    assert!(set.v4().iter().eq((0..100).map(|n| n * 0x1_0001)));
    assert!(!set.is_empty());
}
