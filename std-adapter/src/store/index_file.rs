//! The file `index`: two images of what is derived from the log, so that it need not be derived again.
//!
//! ```text
//! 0        4 KiB                             4 KiB + image, rounded up to 4 KiB
//! | header | even image ...         | zeros  | odd image ...          |
//! ```

use std::io;

use super::block::{BLOCK_BYTES, Header, whole_blocks};
use super::error::FileError;
use super::file::{RawFile, check_bounds};

/// The longest image of an index, 1 TiB.
pub const MAX_INDEX_IMAGE_BYTES: u64 = 1 << 40;

/// The file `index` of a data directory: two images of the same length.
///
/// Images have no checksum of their own here: the engine knows which part of which image it has written and synced.
#[derive(Debug)]
pub struct IndexFile<F> {
    file: F,
    image_bytes: u64,
    built: bool,
}

impl<F: RawFile> IndexFile<F> {
    /// Makes the content of a new file that is at least as long as it needs to be, with zeros in its images. It is on the
    /// disk when this returns.
    ///
    /// # Errors
    /// If no image can be so long, the file is too short, or the disk refuses.
    pub fn create(file: F, image_bytes: u64) -> Result<Self, FileError> {
        check_image(image_bytes)?;
        check_length(&file, image_bytes)?;
        let index = Self { file, image_bytes, built: false };
        index.write_header()?;
        Ok(index)
    }

    /// The content of a file that was made before. What a process that was killed has left in the system's memory is on the
    /// disk when this returns.
    ///
    /// # Errors
    /// If it is not an index of this release, is damaged or too short, or the disk refuses.
    pub fn open(file: F) -> Result<Self, FileError> {
        file.sync()?;
        Self::open_read_only(file)
    }

    /// The same of a file that nobody is going to write to, and without asking the disk to.
    ///
    /// # Errors
    /// See [`IndexFile::open`].
    pub fn open_read_only(file: F) -> Result<Self, FileError> {
        let [image_bytes, built] = HEADER.read(&file, 0)?;
        check_image(image_bytes).map_err(|_| FileError::Damaged { what: HEADER.what })?;
        check_length(&file, image_bytes)?;
        Ok(Self { file, image_bytes, built: built != 0 })
    }

    /// Bytes of each image.
    pub const fn image_bytes(&self) -> u64 {
        self.image_bytes
    }

    /// Whether nobody has said yet that the images are of the log, so that they are to be built from it. It stays so when the
    /// process ends before [`IndexFile::mark_built`].
    pub const fn is_new(&self) -> bool {
        !self.built
    }

    /// Says, on the disk, that an image is of the log. To be called when it was written and synced.
    ///
    /// # Errors
    /// What the disk says; the index stays new.
    pub fn mark_built(&mut self) -> io::Result<()> {
        if !self.built {
            self.built = true;
            let written = self.write_header();
            self.built = written.is_ok();
            written?;
        }
        Ok(())
    }

    /// Fills `bytes`, at most an image, with the beginning of one: the even or the odd one, as `image` is.
    ///
    /// # Errors
    /// `InvalidInput` if an image is not that long, otherwise what the disk says.
    pub fn read(&self, image: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.read_at(image, 0, bytes)
    }

    /// Fills `bytes` with what stands at place `at` of an image: the even or the odd one, as `image` is.
    ///
    /// # Errors
    /// `InvalidInput` if they do not end within the image, otherwise what the disk says.
    pub fn read_at(&self, image: u64, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        check_bounds("image", at, bytes.len(), self.image_bytes)?;
        self.file.read_at(self.image_at(image) + at, bytes)
    }

    /// Writes bytes to place `at` of an image: the even or the odd one, as `image` is.
    ///
    /// # Errors
    /// `InvalidInput` if they do not end within the image, otherwise what the disk says: some may have been written.
    pub fn write(&self, image: u64, at: u64, bytes: &[u8]) -> io::Result<()> {
        check_bounds("image", at, bytes.len(), self.image_bytes)?;
        self.file.write_at(self.image_at(image) + at, bytes)
    }

    /// Returns when all that was written is on the disk.
    ///
    /// # Errors
    /// What the disk says, see [`RawFile::sync`].
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn write_header(&self) -> io::Result<()> {
        self.file.write_at(0, &HEADER.encode([self.image_bytes, u64::from(self.built)]))?;
        self.file.sync()
    }

    /// Where in the file an image begins: the even or the odd one, as `image` is.
    pub const fn image_at(&self, image: u64) -> u64 {
        BLOCK_BYTES + image % 2 * whole_blocks(self.image_bytes)
    }
}

const HEADER: Header<2> = Header { magic: *b"RLCQINDX", version: 1, what: "index" };

/// Bytes of the file with images of this length.
pub(super) const fn file_bytes(image_bytes: u64) -> u64 {
    BLOCK_BYTES.saturating_add(whole_blocks(image_bytes).saturating_mul(2))
}

pub(super) const fn check_image(bytes: u64) -> Result<(), FileError> {
    if bytes == 0 || bytes > MAX_INDEX_IMAGE_BYTES {
        return Err(FileError::Size { what: "index image", bytes, most: MAX_INDEX_IMAGE_BYTES, unit: 1 });
    }
    Ok(())
}

fn check_length(file: &impl RawFile, image_bytes: u64) -> Result<(), FileError> {
    let (expected, found) = (file_bytes(image_bytes), file.len()?);
    if found < expected { Err(FileError::TooShort { expected, found }) } else { Ok(()) }
}
