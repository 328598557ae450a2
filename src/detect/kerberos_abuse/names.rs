//! Names that one host asks the key distribution centre about and proves nothing for: the answer tells which accounts exist, and which of them give an
//! answer that a password can be guessed from. Whoever logs on follows with a proof.

use super::client::Given;
use crate::base::{Span, Timestamp};

/// Most names kept of one host, of each kind.
const KEPT: usize = 64;
/// So long somebody may take to type the password that is asked for.
const TYPING: Span = Span::secs(30);

/// One name that was asked about.
#[derive(Clone, Debug)]
struct Name {
    given: Given,
    /// The answer was that there is no such account.
    unknown: bool,
}

/// The names of one host.
#[derive(Debug, Default)]
pub(super) struct Names {
    open: Vec<Name>,
    followed: Vec<(String, Timestamp)>,
    /// It stands in the list of those that are looked at.
    pub watched: bool,
}

impl Names {
    /// An account was asked about; the answer asked for a proof, or knew no such account. How many are open now.
    pub fn asked(&mut self, given: Given, unknown: bool) -> usize {
        self.open.retain(|n| n.given.name != given.name);
        if self.open.len() >= KEPT {
            self.open.remove(0);
        }
        self.open.push(Name { given, unknown });
        self.open.len()
    }
    /// A proof was sent for it.
    pub fn followed(&mut self, name: &str, at: Timestamp) {
        let before = self.open.len();
        self.open.retain(|n| n.given.name != name);
        if self.open.len() == before && self.followed.iter().all(|f| f.0 != name) {
            return;
        }
        self.followed.retain(|f| f.0 != name);
        if self.followed.len() >= KEPT {
            self.followed.remove(0);
        }
        self.followed.push((name.to_owned(), at));
    }
    pub fn forget(&mut self, now: Timestamp, window: Span) {
        self.open.retain(|n| now.since(n.given.at) <= window);
        self.followed.retain(|f| now.since(f.1) <= window);
    }
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
    /// Those that nobody proved, if they are so many and hardly any other was proved; and whether some do not exist.
    pub fn unfollowed(&self, number: usize, now: Timestamp, over: bool) -> Option<(Vec<Given>, bool)> {
        let settled: Vec<&Name> = self.open.iter().filter(|n| over || now.since(n.given.at) >= TYPING).collect();
        let enough = settled.len() >= number && settled.len() >= 4 * self.followed.len();
        enough.then(|| (settled.iter().map(|n| n.given.clone()).collect(), settled.iter().any(|n| n.unknown)))
    }
}
