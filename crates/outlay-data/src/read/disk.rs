//! Bytes from the disk: unpacked on the way, and with a clock on the disk's part of it.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::file::reader::{ChunkReader, Length};

use crate::files::Packing;

/// Fewer bytes than this say nothing about a disk.
const ENOUGH: u64 = 1 << 20;
const BUFFER: usize = 1 << 20;

/// Bytes that were read, and the time it took.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    bytes: AtomicU64,
    nanos: AtomicU64,
}

impl Meter {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Millions of bytes a second.
    pub(crate) fn rate(&self) -> Option<f64> {
        let nanos = self.nanos.load(Ordering::Relaxed);
        (self.bytes() >= ENOUGH && nanos > 0).then(|| self.bytes() as f64 * 1e3 / nanos as f64)
    }
}

/// A file whose reads are counted.
#[derive(Debug)]
pub(crate) struct Metered {
    file: File,
    meter: Arc<Meter>,
}

impl Metered {
    pub(crate) fn new(file: File, meter: &Arc<Meter>) -> Self {
        Self { file, meter: Arc::clone(meter) }
    }
}

impl Read for Metered {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let start = Instant::now();
        let got = self.file.read(into)?;
        self.meter.nanos.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        self.meter.bytes.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

impl Seek for Metered {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}

impl Length for Metered {
    fn len(&self) -> u64 {
        self.file.metadata().map_or(0, |about| about.len())
    }
}

impl ChunkReader for Metered {
    type T = BufReader<Metered>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(BufReader::new(Metered::new(file, &self.meter)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let mut bytes = Vec::with_capacity(length.min(self.len() as usize));
        self.get_read(start)?.take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length {
            return Err(parquet::errors::ParquetError::EOF(format!("{length} bytes wanted, {} there", bytes.len())));
        }
        Ok(bytes.into())
    }
}

/// The contents of a file, unpacked.
pub(crate) fn unpacked(file: File, packing: Packing, meter: &Arc<Meter>) -> std::io::Result<Box<dyn Read + Send>> {
    let file = Metered::new(file, meter);
    Ok(match packing {
        Packing::Plain => Box::new(file),
        Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file))),
        Packing::Zstd => Box::new(zstd::Decoder::with_buffer(BufReader::with_capacity(BUFFER, file))?),
    })
}
