//! Writing a segment from its beginning to its end.

use super::Span;
use super::container::{Container, Kind};
use super::footer::Footer;
use super::index::{IndexWriter, V6_GROUP};
use super::masks::{Form, Masks};
use super::v6;
use std::io::{self, Write};

/// Writes a segment as a stream: it keeps the index and what is not written yet, 64 KiB or one /16, but no addresses.
///
/// What the caller gets wrong (an order, a mask of zero) is an error of kind `InvalidInput`; the segment is then lost.
pub struct SegmentWriter<W: Write> {
    out: Output<W>,
    footer: Footer,
    keys: Vec<u16>,
    index: IndexWriter,
    groups: Vec<u8>,
    last_v6: Option<u128>,
}

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// Size of the segment.
    pub bytes: u64,
    /// How many IPv4 addresses it has.
    pub v4: u64,
    /// How many IPv6 addresses it has.
    pub v6: u64,
    /// OR of all masks.
    pub bits: u32,
    /// CRC32C of all bytes before the last four, which hold it.
    pub crc: u32,
}

/// Counts and sums up what it passes on.
struct Output<W> {
    out: W,
    pending: Vec<u8>,
    written: u64,
    crc: u32,
}

const FLUSH: usize = 1 << 16;

// === impl SegmentWriter ===

impl<W: Write> SegmentWriter<W> {
    /// Begins a segment.
    pub fn new(out: W, tenant: u32, span: Span) -> Self {
        let footer = Footer { span, tenant, bits: 0, v4: 0, v6: 0, v6_at: 0, index_at: 0, blocks: 0, keys: 0 };
        let out = Output { out, pending: Vec::new(), written: 0, crc: 0 };
        Self { out, footer, keys: Vec::new(), index: IndexWriter::default(), groups: Vec::new(), last_v6: None }
    }

    /// Appends the addresses of one /16 by their lower halves. Keys and suffixes ascend. There are as many masks as suffixes,
    /// none of them zero; where the span has one bit, masks do not matter and there may be none. Without suffixes, nothing
    /// is written.
    pub fn push_v4(&mut self, key: u16, suffixes: &[u16], masks: &[u32]) -> io::Result<()> {
        if suffixes.is_empty() {
            return Ok(());
        }
        let after_last = self.keys.last().is_none_or(|last| *last < key) && self.footer.v6 == 0;
        if !after_last || !suffixes.is_sorted_by(|one, next| one < next) {
            return Err(invalid("IPv4 addresses have to be written before the others and in ascending order"));
        }
        let offset = self.out.offset();
        let kind = Kind::of(suffixes);
        IndexWriter::begin_block(&mut self.out.pending, suffixes.len(), kind);
        Container::encode(&mut self.out.pending, suffixes, kind);
        let form = self.push_masks(suffixes.len(), masks)?;
        self.index.push(offset, suffixes.len(), kind, form);
        self.keys.push(key);
        self.footer.v4 += suffixes.len() as u64;
        self.out.flush_if_large()
    }

    /// Appends an IPv6 address, which is greater than the one before, with its mask, which is not zero unless the span has
    /// one bit.
    pub fn push_v6(&mut self, address: u128, mask: u32) -> io::Result<()> {
        if self.last_v6.is_some_and(|last| last >= address) {
            return Err(invalid("IPv6 addresses have to be written in ascending order"));
        }
        if self.footer.v6 == 0 {
            self.footer.v6_at = self.out.offset();
        }
        let first = self.footer.v6.is_multiple_of(V6_GROUP);
        if first {
            self.groups.extend_from_slice(&address.to_le_bytes());
            self.groups.extend_from_slice(&self.out.offset().to_le_bytes());
        }
        v6::encode(&mut self.out.pending, self.last_v6.filter(|_| !first), address);
        let bits = self.footer.span.bits();
        if bits > 1 {
            check_mask(mask, bits)?;
            v6::encode_mask(&mut self.out.pending, mask);
        }
        self.footer.bits |= if bits > 1 { mask } else { 1 };
        self.footer.v6 += 1;
        self.last_v6 = Some(address);
        self.out.flush_if_large()
    }

    /// Writes index and footer, and passes on all that is pending. Making the file durable is the caller's.
    pub fn finish(mut self) -> io::Result<(W, Written)> {
        self.footer.index_at = self.out.offset();
        if self.footer.v6 == 0 {
            self.footer.v6_at = self.footer.index_at;
        }
        self.footer.blocks = self.keys.len() as u32;
        self.index.encode(&mut self.out.pending);
        if !self.keys.is_empty() {
            let kind = Kind::of(&self.keys);
            self.footer.keys = u32::from(kind.code());
            Container::encode(&mut self.out.pending, &self.keys, kind);
        }
        self.out.pending.extend_from_slice(&self.groups);
        self.out.pending.extend_from_slice(&self.footer.encode());
        self.out.flush()?;
        let crc = self.out.crc;
        self.out.pending.extend_from_slice(&crc.to_le_bytes());
        self.out.flush()?;
        self.out.out.flush()?;
        let Footer { v4, v6, bits, .. } = self.footer;
        Ok((self.out.out, Written { bytes: self.out.written, v4, v6, bits, crc }))
    }

    fn push_masks(&mut self, addresses: usize, masks: &[u32]) -> io::Result<Form> {
        let bits = self.footer.span.bits();
        if bits == 1 {
            self.footer.bits = 1;
            return Ok(Form::Same);
        }
        if masks.len() != addresses {
            return Err(invalid("there have to be as many masks as addresses"));
        }
        masks.iter().try_for_each(|mask| check_mask(*mask, bits))?;
        self.footer.bits |= masks.iter().fold(0, |all, mask| all | mask);
        Ok(Masks::encode(&mut self.out.pending, masks, bits))
    }
}

// === impl Output ===

impl<W: Write> Output<W> {
    fn offset(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    fn flush_if_large(&mut self) -> io::Result<()> {
        if self.pending.len() < FLUSH { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.crc = crc32c::crc32c_append(self.crc, &self.pending);
        self.out.write_all(&self.pending)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

fn check_mask(mask: u32, bits: u32) -> io::Result<()> {
    if mask != 0 && mask >> bits == 0 {
        return Ok(());
    }
    Err(invalid("a mask has to have a bit, and none beyond those of the span"))
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
