//! Bytes of values. Every value is `version (1 byte) | body | CRC-32C of all before it (4 bytes, big-endian)`.
//!
//! Bodies are written by hand, field after field: numbers big-endian, texts and byte strings with a four-byte length,
//! options with a leading 0 or 1, variants with a leading number. Decoding is total: any bytes give a value or a
//! [`CodecError`], never a panic, and nothing may be left over.

mod governed;
mod parts;
mod registered;
mod rows;
mod seen;
mod told;

pub(super) use self::rows::Row;

/// Version of every body written today. Bodies of every earlier version are read too.
const VERSION: u8 = 3;
/// The first version there was.
const FIRST_VERSION: u8 = 1;
/// Bytes around a body.
const WRAP_BYTES: usize = 5;

/// Why bytes are no value: what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct CodecError(pub(super) &'static str);

/// Version, body, checksum.
pub(super) fn wrap(body: impl FnOnce(&mut Writer)) -> Vec<u8> {
    wrap_as(VERSION, body)
}

/// The same for a body that never changes its form: every program there was can read it.
pub(super) fn wrap_for_all(body: impl FnOnce(&mut Writer)) -> Vec<u8> {
    wrap_as(FIRST_VERSION, body)
}

fn wrap_as(version: u8, body: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer(vec![version]);
    body(&mut writer);
    let mut bytes = writer.0;
    let sum = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&sum.to_be_bytes());
    bytes
}

/// The value of a row that says all in its key.
pub(super) fn empty() -> Vec<u8> {
    wrap_for_all(|_| ())
}

/// Checks version and checksum and reads the body with `read`, which must use all of it.
pub(super) fn unwrap<T>(
    bytes: &[u8],
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, CodecError>,
) -> Result<T, CodecError> {
    if bytes.len() < WRAP_BYTES {
        return Err(CodecError("shorter than any value"));
    }
    let (content, sum) = bytes.split_at(bytes.len() - 4);
    if crc32c::crc32c(content).to_be_bytes() != *sum {
        return Err(CodecError("the checksum does not hold"));
    }
    let (version, body) = content.split_first().ok_or(CodecError("shorter than any value"))?;
    if !(FIRST_VERSION..=VERSION).contains(version) {
        return Err(CodecError("unknown version"));
    }
    let mut reader = Reader { rest: body, version: *version };
    let value = read(&mut reader)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(CodecError("bytes left over")) }
}

/// Appends fields.
#[derive(Debug)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(super) fn u16(&mut self, number: u16) {
        self.fixed(&number.to_be_bytes());
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.fixed(&number.to_be_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.fixed(&number.to_be_bytes());
    }

    pub(super) fn u128(&mut self, number: u128) {
        self.fixed(&number.to_be_bytes());
    }

    pub(super) fn bool(&mut self, yes: bool) {
        self.u8(u8::from(yes));
    }

    /// Bytes whose number the reader knows.
    pub(super) fn fixed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Bytes with their number. A row of 4 GiB is refused by its size long before its length could lie.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.fixed(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX));
    }

    pub(super) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// Takes fields off the front.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    version: u8,
}

impl<'a> Reader<'a> {
    /// Version of the body that is read.
    pub(super) fn version(&self) -> u8 {
        self.version
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(CodecError("ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    pub(super) fn u8(&mut self) -> Result<u8, CodecError> {
        self.fixed().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, CodecError> {
        self.fixed().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, CodecError> {
        self.fixed().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, CodecError> {
        self.fixed().map(u64::from_be_bytes)
    }

    pub(super) fn u128(&mut self) -> Result<u128, CodecError> {
        self.fixed().map(u128::from_be_bytes)
    }

    pub(super) fn bool(&mut self) -> Result<bool, CodecError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError("neither yes nor no")),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let count = self.u32()?;
        self.take(usize::try_from(count).map_err(|_| CodecError("a length beyond memory"))?)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, CodecError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| CodecError("text that is not UTF-8"))
    }

    pub(super) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Option<T>, CodecError> {
        if self.bool()? { read(self).map(Some) } else { Ok(None) }
    }

    /// A list. Its claimed length reserves nothing: the bytes must be there.
    pub(super) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Vec<T>, CodecError> {
        let count = self.u32()?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(read(self)?);
        }
        Ok(list)
    }
}
