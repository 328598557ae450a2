//! Files rewritten under encryption, by sizes alone. Encryption keeps lengths ([MS-SMB2] 2.2.41), and the lengths of some requests and answers are
//! theirs alone: a write is answered by 80 bytes, a set-info by 66, a read is asked for in 113. So the bytes read, the bytes written and the file's
//! attributes set can be counted; a file that is written back as long as it was read, and then renamed, is rewritten.

use std::collections::VecDeque;

/// Requests that wait for their answers; beyond, the oldest is no longer expected to get one.
const WAITING: usize = 64;
/// Lengths remembered: the same file again is no other file.
const LENGTHS: usize = 16;
/// Headers: 64 of SMB 2, and the fixed parts of 2.2.21, 2.2.20, 2.2.22 and 2.2.40.
const WRITE_REQUEST: usize = 112;
const READ_ANSWER: usize = 80;
const WRITE_ANSWER: usize = 80;
const SET_ANSWER: usize = 66;
const READ_REQUEST: std::ops::RangeInclusive<usize> = 112..=120;
/// A shorter file shows nothing.
const SHORTEST: u64 = 64;
/// Keys and marks that an encryptor adds to a file, in bytes, at most; and by how much they differ from file to file, for it fills up its blocks. Who
/// saves documents makes one longer by ten bytes and the next by five hundred.
const ADDED: u64 = 1024;
const BLOCK: u64 = 16;

/// What was read and written since the last file.
#[derive(Debug, Default)]
pub(super) struct Rewrites {
    waiting: VecDeque<u32>,
    read: u64,
    written: u64,
    set: bool,
    lengths: VecDeque<u64>,
    /// What the last file was made longer by (and [`ADDED`]), and its bytes until a second one has confirmed it.
    longer: Option<(u64, Option<u64>)>,
}

/// Files that turned out to have been rewritten, and the bytes written in them.
pub(super) type Rewritten = (u32, u64);

impl Rewrites {
    /// An encrypted message of so many bytes: side 0 asks.
    pub(super) fn message(&mut self, side: usize, bytes: usize) -> Option<Rewritten> {
        if side == 0 {
            if self.waiting.len() >= WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back(u32::try_from(bytes).unwrap_or(u32::MAX));
            return None;
        }
        let asked = self.waiting.pop_front()? as usize;
        match bytes {
            WRITE_ANSWER if asked > WRITE_REQUEST => self.written += (asked - WRITE_REQUEST) as u64,
            SET_ANSWER => self.set |= self.written > 0,
            more if more > READ_ANSWER && READ_REQUEST.contains(&asked) => {
                let done = if self.set { self.end() } else { None };
                self.read += (more - READ_ANSWER) as u64;
                return done;
            }
            _ => {}
        }
        None
    }
    /// Messages were lost: which answer belongs to which request is open again.
    pub(super) fn lost(&mut self) {
        *self = Rewrites { lengths: std::mem::take(&mut self.lengths), longer: self.longer, ..Rewrites::default() };
    }
    /// The file is done with.
    pub(super) fn end(&mut self) -> Option<Rewritten> {
        let (read, written, set) = (self.read, self.written, self.set);
        (self.read, self.written, self.set) = (0, 0, false);
        let back = read >= SHORTEST && (read - read / 50..=read.saturating_add(ADDED)).contains(&written);
        if !set || !back {
            return None;
        }
        // Read as long as one before was read or written: the same file, of a program that keeps its state in it.
        if self.is_known(read, written) {
            return None;
        }
        let longer = (written + ADDED).saturating_sub(read);
        match self.longer {
            Some((l, first)) if l.abs_diff(longer) <= BLOCK => {
                self.longer = Some((l, None));
                Some((1 + u32::from(first.is_some()), written + first.unwrap_or(0)))
            }
            _ => {
                self.longer = Some((longer, Some(written)));
                None
            }
        }
    }
    /// Is this one of the last files again? Remembers its lengths.
    fn is_known(&mut self, read: u64, written: u64) -> bool {
        let again = self.lengths.contains(&read);
        for length in [read, written] {
            if !self.lengths.contains(&length) {
                if self.lengths.len() >= LENGTHS {
                    self.lengths.pop_front();
                }
                self.lengths.push_back(length);
            }
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One file of so many bytes: opened, read, written as long and a bit, renamed if so, closed.
    fn file(r: &mut Rewrites, read: usize, written: usize, rename: bool) -> usize {
        let mut steps = vec![(152, 152), (113, 80 + read), (WRITE_REQUEST + written, 80), (88, 124)];
        if rename {
            steps.insert(3, (160, 66));
        }
        steps.into_iter().filter_map(|(asked, answer)| r.message(0, asked).or(r.message(1, answer))).map(|n| n.0 as usize).sum()
    }

    #[test]
    fn files_written_back_and_renamed_are_counted_one_by_one() {
        let mut r = Rewrites::default();
        let counted: usize = (0..8).map(|i| file(&mut r, 900 + 131 * i, 932 + 131 * i, true)).sum();
        assert_eq!((counted, r.end().map(|n| n.0)), (7, Some(1)), "the last shows itself at the end");
    }

    #[test]
    fn copies_down_copies_up_and_one_file_again_and_again_are_not() {
        let mut r = Rewrites::default();
        let copied: usize = (0..20).map(|i| file(&mut r, 900 + 77 * i, 900 + 77 * i, false)).sum();
        assert_eq!((copied, r.end()), (0, None), "nothing was renamed");
        let mut r = Rewrites::default();
        let saved: usize = (0..20).map(|i| file(&mut r, 4_000 + 777 * i, 6_000 + 1_200 * i, true)).sum();
        assert_eq!((saved, r.end()), (0, None), "saved with another length");
        let mut r = Rewrites::default();
        let state: usize = (0..20).map(|i| file(&mut r, 4_000 + 10 * i, 4_010 + 10 * i, true)).sum();
        assert_eq!(state, 0, "a file that grows is one file");
        let mut r = Rewrites::default();
        let edited: usize = (0..20).map(|i| file(&mut r, 9_000 + 777 * i, 9_000 + 777 * i + [12, 480, 90, 300][i % 4], true)).sum();
        assert_eq!((edited, r.end()), (0, None), "documents edited a little");
        let mut r = Rewrites::default();
        for i in 0..40 {
            r.message(0, WRITE_REQUEST + 65_536);
            assert_eq!(r.message(1, 80), None);
            r.message(0, 200 + i);
            assert_eq!(r.message(1, 66), None);
        }
        assert_eq!(r.end(), None, "written, never read");
    }

    #[test]
    fn what_waits_is_bounded_and_a_hole_begins_anew() {
        let mut r = Rewrites::default();
        (0..1000).for_each(|_| assert_eq!(r.message(0, 113), None));
        assert_eq!(r.waiting.len(), WAITING);
        file(&mut r, 1000, 1000, true);
        r.lost();
        assert_eq!((r.end(), r.waiting.len()), (None, 0));
    }
}
