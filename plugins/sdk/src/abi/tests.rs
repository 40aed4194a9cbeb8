//! Plays the gateway: asks for blocks, copies lists into them, calls, and reads the answer where it lies.

use std::{
    borrow::ToOwned as _,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};

use super::*;
use crate::{Address, Batch, Reject, Setting, Visit};

mod memory;

/// Accepts records of eight bytes as the IPv6 address of that number, digits as IPv4 ones.
struct Numbers {
    plus: u32,
}

impl Format for Numbers {
    const NAME: &'static str = "numbers";
    const VERSION: &'static str = "7";
    const ABOUT: &'static str = "reads numbers";
    const REJECTS: &'static [(u8, &'static str)] = &[(130, "not-a-number"), (131, "unlucky")];
    const SETTINGS: &'static [Setting] = &[Setting { name: "plus", meaning: "what is added", default: "0" }];

    fn configure(settings: &[(String, String)]) -> Result<Self, String> {
        let plus = settings.first().map_or(Ok(0), |(_, value)| value.parse().map_err(|_| "no number".to_owned()))?;
        Ok(Self { plus })
    }

    fn read(&mut self, batch: Batch<'_>, columns: &mut Columns) {
        for (start, end) in batch.records() {
            assert_eq!(batch.text.bytes().len(), batch.text.len() + SLACK);
            columns.push(match batch.text.slice(start, end) {
                long if long.len() == 8 => Ok(Visit::of(Address::V6(
                    u64::from_le_bytes(*batch.text.block(start).first_chunk().expect("a block")).into(),
                ))),
                [digit @ b'0'..=b'9'] => {
                    Ok(Visit::of(Address::V4(u32::from(digit - b'0') + self.plus)).at(Some(batch.received)))
                }
                _ => Err(Reject::own(130, "")),
            });
        }
    }

    fn explain(&mut self, record: &[u8], received: i64) -> Result<String, String> {
        if record.is_empty() { Err(String::new()) } else { Ok(std::format!("{} at {received}", record.len())) }
    }
}

/// A list in a block of its own, as the gateway passes it.
fn pass<T: Copy>(elements: &[T]) -> Input<T> {
    let bytes = size_of_val(elements);
    // SAFETY: a block of no bytes asks for a new one.
    let block = unsafe { cabi_realloc(ptr::null_mut(), 0, align_of::<T>(), bytes) }.cast::<T>();
    // SAFETY: the block is that long and new.
    unsafe { block.copy_from_nonoverlapping(elements.as_ptr(), elements.len()) };
    // SAFETY: nothing else refers to the list.
    unsafe { Input::new(block, elements.len()) }
}

/// A string within a list that is passed: its block belongs to whom it is passed to.
fn pass_text(text: &str) -> List {
    let input = core::mem::ManuallyDrop::new(pass(text.as_bytes()));
    List { start: input.start, length: input.length }
}

fn elements<T: Copy>(list: List) -> Vec<T> {
    assert!(list.start.cast::<T>().is_aligned());
    if list.length == 0 {
        return vec![];
    }
    // SAFETY: the answer says that so many lie there.
    unsafe { slice::from_raw_parts(list.start.cast::<T>(), list.length) }.to_vec()
}

fn text(list: List) -> String {
    String::from_utf8(elements(list)).expect("strings are UTF-8")
}

fn value<T: Copy>(answer: *const u8) -> T {
    // SAFETY: the answer is one of that type.
    unsafe { answer.cast::<T>().read() }
}

fn extract(instance: &Instance<Numbers>, records: &[&[u8]]) -> (Vec<u8>, Vec<u32>, Vec<u64>, Vec<i64>) {
    let (mut data, mut bounds) = (vec![], vec![]);
    for record in records {
        bounds.push(data.len() as u32);
        data.extend_from_slice(record);
        bounds.push(data.len() as u32);
    }
    let [status, v4, v6, times] = value::<[List; 4]>(instance.extract(&pass(&data), &pass(&bounds), 99));
    (elements(status), elements(v4), elements(v6), elements(times))
}

fn explain(instance: &Instance<Numbers>, record: &[u8]) -> Result<String, String> {
    let Answer { is_error, text: words } = value(instance.explain(&pass(record), 5));
    if is_error == 0 { Ok(text(words)) } else { Err(text(words)) }
}

fn configure(instance: &Instance<Numbers>, settings: &[(&str, &str)]) -> Result<(), String> {
    let lists: Vec<_> = settings.iter().map(|(name, value)| [pass_text(name), pass_text(value)]).collect();
    let Answer { is_error, text: words } = value(instance.configure(&pass(&lists)));
    if is_error == 0 { Ok(()) } else { Err(text(words)) }
}

#[test]
fn describes() {
    let instance = Instance::<Numbers>::new();
    for _ in 0..2 {
        let [name, version, about, rejects, settings] = value::<[List; 5]>(instance.describe());
        assert_eq!([name, version, about].map(text), ["numbers", "7", "reads numbers"]);
        let rejects: Vec<(u8, String)> =
            elements::<Named>(rejects).into_iter().map(|named| (named.code, text(named.name))).collect();
        assert_eq!(rejects, [(130, "not-a-number".to_string()), (131, "unlucky".to_string())]);
        assert_eq!(elements::<[List; 3]>(settings)[0].map(text), ["plus", "what is added", "0"]);
    }
}

#[test]
fn answers_of_all_sizes_in_turn() {
    let instance = Instance::<Numbers>::new();
    assert_eq!(configure(&instance, &[("plus", "x")]), Err("no number".to_owned()));
    assert_eq!(configure(&instance, &[("plus", "100")]), Ok(()));
    let records =
        |count: usize| -> Vec<&[u8]> { (0..count).map(|at| [&b"7"[..], b"x", b"12345678"][at % 3]).collect() };
    for count in [1, 0, 3, 1024, 1025, 4, 3000, 2, 1025] {
        let (status, v4, v6, times) = extract(&instance, &records(count));
        let expect: Vec<u8> = (0..count).map(|at| [0, 130, 1][at % 3]).collect();
        assert_eq!(status, expect);
        assert_eq!(v4, vec![107; count.div_ceil(3)]);
        assert_eq!(v6, [0, u64::from_le_bytes(*b"12345678")].repeat(count / 3));
        let expect: Vec<i64> =
            expect.iter().filter(|status| **status < 16).map(|status| [99, i64::MIN][usize::from(*status)]).collect();
        assert_eq!(times, expect);
        assert_eq!(
            explain(&instance, &vec![b'x'; count]),
            if count == 0 { Err(String::new()) } else { Ok(std::format!("{count} at 5")) }
        );
    }
    // Without any time, there is no column of times.
    assert_eq!(extract(&instance, &[b"12345678", b"x"]).3, []);
}

#[test]
fn an_instance_that_is_never_configured_has_the_defaults() {
    assert_eq!(extract(&Instance::new(), &[b"3"]).1, [3]);
    assert_eq!(explain(&Instance::new(), b"3"), Ok("1 at 5".to_owned()));
}

#[test]
fn blocks_grow_and_shrink() {
    let input = pass(b"abc");
    // SAFETY: the block has that size; it is not used afterwards but by its new address.
    let block = unsafe { cabi_realloc(core::mem::ManuallyDrop::new(input).start, 3, 1, 5) };
    // SAFETY: the block is five bytes long.
    let bytes = unsafe { slice::from_raw_parts_mut(block, 5) };
    bytes[3..].copy_from_slice(b"de");
    // SAFETY: nothing else refers to it.
    let input = unsafe { Input::new(block, 5) };
    assert_eq!(input.elements(), b"abcde");
    assert_eq!(input.with_slack()[5..], [0; SLACK]);
    assert_eq!(pass::<u8>(&[]).with_slack(), [0; SLACK]);
    assert!(pass::<u32>(&[]).elements().is_empty());
}
