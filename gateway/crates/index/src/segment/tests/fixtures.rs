//! Every version ever written can be read. With `UPDATE_FIXTURES=1` in the environment, fixtures that are missing are
//! written; those that are there never change.

use super::*;
use std::path::PathBuf;

const NAMES: [&str; 4] = ["hour", "day", "month", "before"];

/// Blocks of all kinds, masks of all forms, more than one group of IPv6 addresses.
fn model(span: Span) -> Model {
    let bits = span.bits();
    let mut model = Model::default();
    let ones = |from: u32, count: u32| (0..count).fold(0, |mask, at| mask | 1 << ((from + 5 * at) % bits));
    let mut add = |key: u32, step: usize, last: u32, mask: &dyn Fn(u32) -> u32| {
        model.v4.extend((0..=last).step_by(step).map(|suffix| (key << 16 | suffix, mask(suffix))));
    };
    add(0, 1, 0, &|_| 1);
    add(0x0a00, 9_000, 0xffff, &|suffix| ones(suffix, 1));
    add(0x0a01, 150, 0xffff, &|suffix| ones(suffix, 1 + suffix / 150 % 2));
    add(0x0a02, 1, 700, &|_| ones(3, 4));
    add(0x0a03, 3, 20_000, &|_| ones(0, 2));
    add(0xc0a8, 6, 0xffff, &|_| ones(7, 1));
    add(0xffff, 700, 0xffff, &|suffix| ones(suffix, 1 + suffix / 700 % 7));
    let v6 = |n: u32| (0x2001_0db8 << 96 | u128::from(n / 3) << 64 | u128::from(n * n), ones(n, 1 + n % 3));
    model.v6.extend((0..150).map(v6));
    model
}

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "src", "segment", "fixtures", &format!("v1-{name}.segment")].iter().collect()
}

#[test]
fn version_1() {
    for (span, name) in SPANS.into_iter().zip(NAMES) {
        let model = model(span);
        if std::env::var_os("UPDATE_FIXTURES").is_some() && !path(name).exists() {
            std::fs::write(path(name), model.write(span)).expect("the sources can be written");
        }
        let bytes = std::fs::read(path(name)).expect("every version has a file for each span");
        let segment = Segment::open(bytes.into()).expect("it could be read when it was written");
        let read = Model::of(&segment);
        assert_eq!((segment.span(), segment.tenant(), segment.bits()), (span, 7, model.bits()));
        assert!(read.v4 == model.v4 && read.v6 == model.v6, "{name}");
        assert!(model.v4.iter().all(|(address, mask)| segment.v4(*address) == *mask), "{name}");
        assert!(model.v6.iter().all(|(address, mask)| segment.v6(*address) == *mask), "{name}");
    }
}
