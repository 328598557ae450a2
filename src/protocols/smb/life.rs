//! What is told of the work on a share: one message per life of a file handle, and counts where the content is encrypted or compressed.

use crate::base::Timestamp;
use std::sync::Arc;

/// Work on a share ([MS-SMB2] 3.3.5.9 to 3.3.5.21; [MS-CIFS] 3.3.5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Work {
    /// A file handle's life, or the part of it so far.
    Life(Life),
    /// Encrypted and compressed messages since the last such message.
    Sealed(Sealed),
    /// A compressed message whose lengths cannot be true ([MS-SMB2] 2.2.42).
    Compressed {
        /// OriginalCompressedSegmentSize.
        original: u32,
        /// Offset, or the first payload's length in a chain.
        offset: u32,
        /// Bytes the message has behind its header.
        there: u32,
    },
    /// A transaction of SMB 1 that no honest client makes, or the answer of a back door.
    Trick(Trick),
}

/// What is done with transactions that the documents reserve or forbid, and that exploits of SMB 1 are made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Trick {
    /// TRANS2_SESSION_SETUP, which never was in use ([MS-CIFS] 2.2.6.15): a back door is asked whether it is there, or told what to do.
    SessionSetup,
    /// TRANS2_SESSION_SETUP was answered under a raised multiplex id, or with success: the back door is there.
    BackDoor,
    /// A transaction went on as one of another kind ([MS-CIFS] 3.2.4.1.5): the server mistakes the size of one for that of the other.
    MixedKinds,
    /// NT_TRANSACT_RENAME, which never was in use ([MS-CIFS] 2.2.7.5).
    Rename,
}

/// From the open to the close of one handle. Counts are of the whole life so far, also in its later parts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Life {
    /// The tree's UNC path, empty if its connect was not seen.
    pub share: Arc<str>,
    /// The name opened, below the share, without a leading backslash; empty if the open was not seen (or the share's root was opened).
    pub path: Box<str>,
    /// The open was seen: `path` is the name.
    pub named: bool,
    /// A named pipe.
    pub pipe: bool,
    /// A directory, by the open's options or the answer's attributes.
    pub directory: bool,
    /// Session id; 0 in SMB 1.
    pub session: u64,
    /// File id ([MS-SMB2] 2.2.14.1), volatile part first; the FID in SMB 1; 0 if the open failed.
    pub file: u128,
    /// When the open was asked for, or the handle first seen.
    pub opened: Timestamp,
    /// CreateDisposition: 0 supersede, 1 open, 2 create, 3 open or create, 4 overwrite, 5 overwrite or create.
    pub disposition: u8,
    /// CreateAction of the answer: 0 superseded, 1 opened, 2 created, 3 overwritten.
    pub action: u8,
    /// DesiredAccess.
    pub access: u32,
    /// CreateOptions: 0x1000 = delete on close.
    pub options: u32,
    /// NT status of the open; 0x00000103 (pending) if its answer was not seen.
    pub status: u32,
    /// The file's size when it was opened.
    pub size: u64,
    /// What was read.
    pub read: Content,
    /// What was written.
    pub written: Content,
    /// Where it was renamed to, as the client wrote it, without a leading backslash.
    pub renamed_to: Option<Box<str>>,
    /// Deleted: marked so and closed, or still marked.
    pub deleted: bool,
    /// The end of file that was set last.
    pub truncated: Option<u64>,
    /// QUERY_DIRECTORY or find requests answered with entries.
    pub listings: u32,
    /// Requests on the handle that were refused, and the last status.
    pub failed: (u32, u32),
    /// Opens refused on this connection so far: names that do not exist are counted only, the others told one by one up to 64, then at powers of two.
    pub refused: u32,
    /// The handle was closed: this is the last part.
    pub closed: bool,
    /// Parts told before this one.
    pub part: u32,
}

/// Content that went through a handle in one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Content {
    /// Bytes.
    pub bytes: u64,
    /// Requests.
    pub calls: u32,
    /// Bytes looked at: the first 512 of each of the first eight requests.
    pub sampled: u16,
    /// Shannon entropy of those, in thousandths of a bit per byte; few bytes cannot show much (512 of chance: about 7600).
    pub entropy: u16,
    /// What the file's first bytes say it is.
    pub magic: Magic,
    /// A hash of the file's first bytes (512 at most), to know the same file again; 0 if its beginning was not seen. If it was, an unknown magic is no
    /// known kind.
    pub head: u64,
}

/// Kinds of files told by their first bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Magic {
    /// Not seen, or none of these.
    #[default]
    Unknown,
    /// `MZ`: Windows program, library, driver.
    Pe,
    /// ELF program.
    Elf,
    /// `#!` script.
    Script,
    /// Windows shortcut.
    Lnk,
    /// ZIP, and with it office documents, JAR.
    Zip,
    /// gzip.
    Gzip,
    /// 7-Zip.
    SevenZip,
    /// RAR.
    Rar,
    /// Windows cabinet.
    Cab,
    /// PDF.
    Pdf,
    /// Compound file: old office documents, MSI.
    Compound,
    /// PNG, JPEG or GIF.
    Image,
    /// DICOM.
    Dicom,
    /// Registry hive.
    Hive,
    /// Windows event log.
    EventLog,
    /// Extensible storage: ntds.dit, mail.
    Ese,
    /// Pictures, sound and film of other kinds: TIFF, JPEG 2000, Photoshop, RIFF, MP4, MP3, Ogg, FLAC.
    Media,
    /// bzip2, xz, Zstandard, LZ4.
    Packed,
    /// A database or a disk in one file: SQLite, Access, Outlook, VHDX, VMDK.
    Database,
}

impl Magic {
    /// By the first bytes of a file.
    pub fn of(b: &[u8]) -> Magic {
        const BY_START: &[(&[u8], Magic)] = &[
            (b"MZ", Magic::Pe),
            (b"\x7fELF", Magic::Elf),
            (b"#!", Magic::Script),
            (b"\x4c\0\0\0\x01\x14\x02\0", Magic::Lnk),
            (b"PK\x03\x04", Magic::Zip),
            (b"\x1f\x8b\x08", Magic::Gzip),
            (b"7z\xbc\xaf\x27\x1c", Magic::SevenZip),
            (b"Rar!\x1a\x07", Magic::Rar),
            (b"MSCF\0\0\0\0", Magic::Cab),
            (b"%PDF-", Magic::Pdf),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Magic::Compound),
            (b"\x89PNG\r\n", Magic::Image),
            (b"\xff\xd8\xff", Magic::Image),
            (b"GIF8", Magic::Image),
            (b"regf", Magic::Hive),
            (b"ElfFile\0", Magic::EventLog),
            (b"II*\0", Magic::Media),
            (b"MM\0*", Magic::Media),
            (b"8BPS", Magic::Media),
            (b"RIFF", Magic::Media),
            (b"OggS", Magic::Media),
            (b"fLaC", Magic::Media),
            (b"ID3", Magic::Media),
            (b"\0\0\0\x0cjP  ", Magic::Media),
            (b"\xff\x4f\xff\x51", Magic::Media),
            (b"BZh", Magic::Packed),
            (b"\xfd7zXZ\0", Magic::Packed),
            (b"\x28\xb5\x2f\xfd", Magic::Packed),
            (b"\x04\x22\x4d\x18", Magic::Packed),
            (b"SQLite format 3\0", Magic::Database),
            (b"\0\x01\0\0Standard ", Magic::Database),
            (b"!BDN", Magic::Database),
            (b"vhdxfile", Magic::Database),
            (b"KDMV", Magic::Database),
        ];
        if let Some(m) = BY_START.iter().find(|m| b.starts_with(m.0)) {
            return m.1;
        }
        match (b.get(4..8), b.get(128..132)) {
            (Some(b"\xef\xcd\xab\x89"), _) => Magic::Ese,
            (Some(b"ftyp"), _) => Magic::Media,
            (_, Some(b"DICM")) => Magic::Dicom,
            _ => Magic::Unknown,
        }
    }
}

/// Messages whose content is hidden, by direction: index 0 the originator's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sealed {
    /// Encrypted messages ([MS-SMB2] 2.2.41).
    pub messages: [u32; 2],
    /// Their bytes, without the transform header.
    pub bytes: [u64; 2],
    /// How many had a size of at most 128, 256, 512, 1024, 4096, 16 K, 64 K, 256 K, 1 M bytes, or more.
    pub sizes: [[u32; 10]; 2],
    /// Compressed messages ([MS-SMB2] 2.2.42).
    pub compressed: [u32; 2],
    /// Different files in a row that were read, written back as long (each longer by the same) and renamed, deleted or set otherwise, as the sizes of
    /// requests and answers tell.
    pub rewritten: u32,
    /// Bytes written in these.
    pub rewritten_bytes: u64,
}

impl Sealed {
    /// Upper ends of the classes of size.
    const CLASSES: [usize; 9] = [128, 256, 512, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];

    /// An encrypted message of so many bytes.
    pub(super) fn encrypted(&mut self, side: usize, bytes: usize) {
        let class = Self::CLASSES.partition_point(|c| *c < bytes);
        if let (Some(m), Some(b), Some(s)) = (self.messages.get_mut(side), self.bytes.get_mut(side), self.sizes.get_mut(side)) {
            *m = m.saturating_add(1);
            *b = b.saturating_add(bytes as u64);
            s.iter_mut().skip(class).take(1).for_each(|n| *n = n.saturating_add(1));
        }
    }
    /// Files rewritten, of so many bytes.
    pub(super) fn rewrote(&mut self, done: Option<(u32, u64)>) {
        let (files, bytes) = done.unwrap_or_default();
        self.rewritten = self.rewritten.saturating_add(files);
        self.rewritten_bytes = self.rewritten_bytes.saturating_add(bytes);
    }
    /// A compressed message.
    pub(super) fn compressed(&mut self, side: usize) {
        self.compressed.iter_mut().skip(side).take(1).for_each(|n| *n = n.saturating_add(1));
    }
}
