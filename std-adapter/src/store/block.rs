//! Checked headers: magic, version, some numbers and a CRC-32 within one sector.
//!
//! ```text
//! 0        8         12       16            16 + 8 * count
//! | magic  | version | count  | number ...  | CRC-32 of all before |
//! ```
//! Where the checksum stands follows from `count` in every version, so that a damaged header is told from one of another
//! release.

use core::array;

use super::error::FileError;
use super::file::RawFile;

/// What files are divided into: as much as memory pages and the blocks of most file systems have.
pub(super) const BLOCK_BYTES: u64 = 4096;

/// What a disk writes wholly or not at all.
pub(super) const SECTOR_BYTES: usize = 512;

/// What a header is of, and how many numbers it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header<const N: usize> {
    pub(super) magic: [u8; 8],
    pub(super) version: u32,
    /// What it is of, in the words of a message.
    pub(super) what: &'static str,
}

impl<const N: usize> Header<N> {
    /// The sector with these numbers.
    pub(super) fn encode(&self, numbers: [u64; N]) -> [u8; SECTOR_BYTES] {
        let mut bytes = Vec::with_capacity(SECTOR_BYTES);
        bytes.extend_from_slice(&self.magic);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&count(N).to_le_bytes());
        for number in numbers {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        let mut sector = [0; SECTOR_BYTES];
        for (to, from) in sector.iter_mut().zip(bytes) {
            *to = from;
        }
        sector
    }

    /// The numbers in a sector.
    pub(super) fn decode(&self, sector: &[u8; SECTOR_BYTES]) -> Result<[u64; N], FileError> {
        let damaged = FileError::Damaged { what: self.what };
        if !sector.starts_with(&self.magic) {
            return Err(FileError::WrongMagic { what: self.what });
        }
        let (Some(version), Some(numbers)) = (u32_at(sector, 8), u32_at(sector, 12)) else {
            return Err(damaged);
        };
        let end = usize::try_from(numbers).ok().and_then(|count| count.checked_mul(8)?.checked_add(PREFIX));
        let Some(end) = end else { return Err(damaged) };
        let (Some(covered), Some(sum)) = (sector.get(..end), u32_at(sector, end)) else {
            return Err(damaged);
        };
        if crc32fast::hash(covered) != sum {
            return Err(damaged);
        }
        if version != self.version {
            return Err(FileError::UnknownVersion { found: version, known: self.version });
        }
        if numbers != count(N) {
            return Err(damaged);
        }
        Ok(array::from_fn(|at| u64_at(sector, PREFIX + 8 * at)))
    }

    /// The numbers of the header at a position of a file.
    pub(super) fn read(&self, file: &impl RawFile, at: u64) -> Result<[u64; N], FileError> {
        let found = file.len()?;
        let expected = at + SECTOR_BYTES as u64;
        if found < expected {
            return Err(FileError::TooShort { expected, found });
        }
        let mut sector = [0; SECTOR_BYTES];
        file.read_at(at, &mut sector)?;
        self.decode(&sector)
    }

    /// The numbers of the header at a position, or none if it was never written, torn or damaged. An error of the disk is
    /// one.
    pub(super) fn read_intact(&self, file: &impl RawFile, at: u64) -> std::io::Result<Option<[u64; N]>> {
        match self.read(file, at) {
            Ok(numbers) => Ok(Some(numbers)),
            Err(FileError::Io(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }
}

/// Bytes before the numbers.
const PREFIX: usize = 16;

/// `N` as it stands in a header: a sector has room for few.
fn count(numbers: usize) -> u32 {
    u32::try_from(numbers).unwrap_or(u32::MAX)
}

fn u32_at(sector: &[u8; SECTOR_BYTES], at: usize) -> Option<u32> {
    let bytes = sector.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

/// The number at a place, which is within the sector.
fn u64_at(sector: &[u8; SECTOR_BYTES], at: usize) -> u64 {
    let bytes = sector.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The least multiple of a block that is not less than `bytes`.
pub(super) const fn whole_blocks(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header<2> = Header { magic: *b"RLTESTED", version: 3, what: "test" };

    #[test]
    fn the_layout_is_that_of_the_documentation() {
        let sector = HEADER.encode([0x0102_0304_0506_0708, 9]);
        assert_eq!(&sector[..16], b"RLTESTED\x03\0\0\0\x02\0\0\0");
        assert_eq!(sector[16..24], [8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(sector[24..32], [9, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(sector[32..36], crc32fast::hash(&sector[..32]).to_le_bytes());
        assert!(sector[36..].iter().all(|byte| *byte == 0));
        assert_eq!(HEADER.decode(&sector).unwrap(), [0x0102_0304_0506_0708, 9]);
    }

    #[test]
    fn every_flipped_bit_that_counts_is_found() {
        let sector = HEADER.encode([u64::MAX, 0]);
        for bit in 0..36 * 8 {
            let mut flipped = sector;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let expected_magic = bit < 64;
            match HEADER.decode(&flipped) {
                Err(FileError::WrongMagic { what: "test" }) => assert!(expected_magic, "bit {bit}"),
                Err(FileError::Damaged { what: "test" }) => assert!(!expected_magic, "bit {bit}"),
                other => panic!("bit {bit}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_header_of_another_release_is_none_that_is_damaged() {
        let newer = Header::<3> { version: 4, ..Header { magic: HEADER.magic, version: 0, what: "test" } };
        let found = HEADER.decode(&newer.encode([1, 2, 3]));
        assert!(matches!(found, Err(FileError::UnknownVersion { found: 4, known: 3 })), "{found:?}");
        let longer = Header::<3> { version: 3, ..newer };
        let found = HEADER.decode(&longer.encode([1, 2, 3]));
        assert!(matches!(found, Err(FileError::Damaged { .. })), "{found:?}");
        let found = HEADER.decode(&[0; SECTOR_BYTES]);
        assert!(matches!(found, Err(FileError::WrongMagic { .. })), "{found:?}");
    }
}
