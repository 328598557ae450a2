//! Is this payload a DNS message? Header, questions and records are held against each other, so that other traffic on port 53 is not taken
//! for DNS (RFC 1035, 4.1; RFC 6762, 18; RFC 4795, 2.1.1).

use super::RECORDS_MAX;
use domain::base::Message as Wire;
use domain::base::message::RecordSection;

/// Whose rules the header follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    Unicast,
    Multicast,
    Llmnr,
}

/// How well the payload fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fit {
    /// Every section reads, and they fill the payload to the byte.
    Whole,
    /// Header and questions are right; the records are cut, or something follows them.
    Part,
}

const HEADER: usize = 12;
/// The shortest question: root, type, class.
const QUESTION_MIN: usize = 5;
/// The shortest record: root, type, class, TTL, length.
const RECORD_MIN: usize = 11;

/// The header's words.
struct Head {
    flags: u16,
    questions: u16,
    answers: u16,
    authority: u16,
    additional: u16,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Head> {
        let (words, _) = bytes.get(2..HEADER)?.as_chunks::<2>();
        let [flags, questions, answers, authority, additional] = words else { return None };
        let word = |w: &[u8; 2]| u16::from_be_bytes(*w);
        Some(Head {
            flags: word(flags),
            questions: word(questions),
            answers: word(answers),
            authority: word(authority),
            additional: word(additional),
        })
    }
    fn response(&self) -> bool {
        self.flags & 0x8000 != 0
    }
    fn opcode(&self) -> u16 {
        self.flags >> 11 & 0xf
    }
    fn rcode(&self) -> u16 {
        self.flags & 0xf
    }
    fn records(&self) -> usize {
        usize::from(self.answers) + usize::from(self.authority) + usize::from(self.additional)
    }
    fn least_length(&self) -> usize {
        HEADER + usize::from(self.questions) * QUESTION_MIN + self.records() * RECORD_MIN
    }
    fn is_sane(&self, family: Family) -> bool {
        match family {
            Family::Unicast => self.is_unicast(),
            Family::Multicast => self.opcode() == 0 && self.rcode() == 0 && self.flags & 0x0040 == 0 && self.questions as usize + self.records() > 0,
            // The four bits Z are zero; a query has no answer.
            Family::Llmnr => self.opcode() == 0 && self.questions == 1 && self.flags & 0x00f0 == 0 && (self.response() || self.answers == 0),
        }
    }
    /// Query, notify or update; the bit Z is zero.
    fn is_unicast(&self) -> bool {
        if self.flags & 0x0040 != 0 || self.rcode() > 11 {
            return false;
        }
        match (self.opcode(), self.response()) {
            // A query has no answers (but IXFR: authority, EDNS: additional), no rcode, no RA.
            (0, false) => self.questions == 1 && self.answers == 0 && self.flags & 0x008f == 0,
            (0, true) => self.questions == 1 || (self.questions == 0 && self.rcode() != 0 && self.records() <= 1),
            (4 | 5, _) => self.questions == 1,
            _ => false,
        }
    }
}

/// `None`: no DNS.
pub(super) fn fit(bytes: &[u8], family: Family) -> Option<Fit> {
    let head = Head::read(bytes).filter(|h| h.is_sane(family))?;
    let wire = Wire::from_slice(bytes).ok()?;
    let mut questions = wire.question();
    for (i, question) in questions.by_ref().enumerate() {
        let question = question.ok()?;
        let class = question.qclass().to_int();
        let class = if family == Family::Multicast { class & 0x7fff } else { class };
        let known = matches!((family, class), (Family::Unicast, 1 | 3 | 4 | 254 | 255) | (_, 1 | 255));
        if !known || question.qtype().to_int() == 0 || i >= RECORDS_MAX {
            return None;
        }
        if question.qname().first().as_slice().len() == 32 && super::super::nbns::is_encoded(question.qname().first().as_slice()) {
            return None;
        }
    }
    let whole = head.least_length() <= bytes.len() && questions.answer().ok().and_then(end_of_records) == Some(bytes.len());
    match (whole, head.questions) {
        (true, _) => Some(Fit::Whole),
        (false, 0) => None,
        (false, _) => Some(Fit::Part),
    }
}

/// Where the last record ends, if all can be read.
fn end_of_records(mut section: RecordSection<'_, [u8]>) -> Option<usize> {
    let mut budget = RECORDS_MAX;
    loop {
        for record in section.by_ref() {
            budget = budget.checked_sub(1)?;
            record.ok()?;
        }
        let end = section.pos();
        match section.next_section().ok()? {
            Some(next) => section = next,
            None => return Some(end),
        }
    }
}
