//! How bad, how sure, in which language.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! words {
    ($(#[$m:meta])* $name:ident { $($(#[$vm:meta])* $v:ident = $s:literal),+ $(,)? }) => {
        $(#[$m])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vm])* $v),+ }
        impl $name {
            /// Every value, lowest first.
            pub const ALL: &'static [$name] = &[$($name::$v),+];
            /// The word used in files and on the command line.
            pub const fn word(self) -> &'static str {
                match self { $($name::$v => $s),+ }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }
        impl FromStr for $name {
            type Err = String;
            fn from_str(s: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|v| v.word() == s).ok_or_else(|| {
                    let all: Vec<_> = Self::ALL.iter().map(|v| v.word()).collect();
                    format!("`{s}` is none of {}", all.join(", "))
                })
            }
        }
    };
}

words!(
    /// How much a finding matters tonight.
    Severity {
        /// For the record and the inventory.
        #[default]
        Info = "info",
        /// Look at it when there is time.
        Low = "low",
        /// Look at it today.
        Medium = "medium",
        /// Look at it now.
        High = "high",
        /// Act now.
        Critical = "critical",
    }
);

words!(
    /// How far what was tried got, as the responder's answer shows it.
    Outcome {
        /// Sent, no answer seen.
        #[default]
        Attempted = "attempted",
        /// Reset, unreachable or administratively prohibited.
        Refused = "refused",
        /// The other side answered.
        Answered = "answered",
        /// Answered, and what was asked was denied (for example a failed logon).
        Failed = "failed",
        /// Done: the responder confirmed it.
        Succeeded = "succeeded",
    }
);

words!(
    /// Why a flow's originator is believed to be the originator; higher is better.
    Confidence {
        /// Whoever was seen first.
        #[default]
        First = "first",
        /// The other side is known to offer this service.
        Ledger = "ledger",
        /// The other side's port is a well-known service port.
        Port = "port",
        /// A SYN or SYN-ACK was seen.
        Syn = "syn",
    }
);

words!(
    /// Language of texts for people.
    Lang {
        /// English.
        #[default]
        En = "en",
        /// Japanese.
        Ja = "ja",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_and_errors_name_the_choices() {
        for s in Severity::ALL {
            assert_eq!(s.word().parse::<Severity>().unwrap(), *s);
        }
        assert!(Severity::High > Severity::Medium);
        assert_eq!("loud".parse::<Severity>().unwrap_err(), "`loud` is none of info, low, medium, high, critical");
    }
}
