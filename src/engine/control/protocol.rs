//! The messages of the control socket. Version 1; `docs/SERVICE.md` describes it for others.

use super::peer::Who;
use crate::base::Lang;
use crate::engine::journal::{Delta, View};
use crate::engine::orders::Order;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Version of the protocol. Another version is another language: nobody guesses.
pub const VERSION: u32 = 1;
/// What a viewer sends.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Comes back with the answer.
    #[serde(default)]
    pub id: u64,
    /// What is asked.
    #[serde(flatten)]
    pub ask: Ask,
}

/// What can be asked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Ask {
    /// The first message: what the viewer is.
    Hello {
        /// Protocol version.
        version: u32,
        /// Language for texts to this viewer.
        #[serde(default)]
        lang: Lang,
        /// Large frames may be packed with zstd.
        #[serde(default)]
        zstd: bool,
        /// Program, for the log.
        #[serde(default)]
        client: String,
    },
    /// The view: a key frame, then differences.
    Subscribe {
        /// Differences per second, 1 to 4; 0 = 4.
        #[serde(default)]
        hz: u8,
    },
    /// No more differences.
    Unsubscribe,
    /// Is anybody there?
    Ping,
    /// All counters, as text for Prometheus.
    Metrics,
    /// Do something. Needs the right to act.
    Act {
        /// What.
        order: Order,
    },
    /// Read site file, ledger and signatures again. Needs the right to act.
    Reload,
}

impl Ask {
    /// Does it change something?
    pub const fn acts(&self) -> bool {
        matches!(self, Ask::Act { .. } | Ask::Reload)
    }
}

/// What the sensor sends.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum Said {
    /// The first message.
    Hello(Welcome),
    /// You are known by now: what you may do.
    Known {
        /// Who the kernel says you are.
        who: Who,
        /// You may act.
        may_act: bool,
    },
    /// The whole view.
    View {
        /// Its number.
        n: u64,
        /// The view.
        view: Box<View>,
    },
    /// What became different since the view with the number before.
    Delta {
        /// The number it leads to.
        n: u64,
        /// The difference.
        delta: Box<Delta>,
    },
    /// How the sensor itself stands, once per second.
    Standing(Standing),
    /// An answer.
    Answer {
        /// Of the request.
        id: u64,
        /// What was asked for.
        value: Value,
    },
    /// A request was refused, or (with `id` 0) the viewer is cut.
    Error(Error),
}

/// The sensor's first message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// Protocol version.
    pub version: u32,
    /// Program and its version.
    pub server: String,
    /// What it can do beyond the least: `zstd`, `pages`, `acts` …
    pub can: Vec<String>,
    /// The site's language.
    pub lang: Lang,
    /// The site's name.
    pub site: String,
}

/// How the sensor stands: the same samples that the metrics text has.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Samples by name, labels in the name: `spanward_kernel_dropped_total{iface="span0"}`.
    pub samples: BTreeMap<String, f64>,
    /// What the process may still do, and the like: short texts by name.
    pub notes: BTreeMap<String, String>,
}

/// Why something was refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Error {
    /// The request; 0 = the connection ends.
    pub id: u64,
    /// For a program.
    pub code: Code,
    /// For a person, in the viewer's language.
    pub text: String,
}

/// Why something was refused, for a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Another version of the protocol.
    Version,
    /// No message, or one in the wrong place.
    Malformed,
    /// No right to act.
    Forbidden,
    /// Too many requests, or too many at once.
    Flood,
    /// Too many viewers.
    Full,
    /// The viewer does not read.
    Deaf,
    /// The sensor is busy: ask again.
    Busy,
    /// What was asked for does not exist or is not valid.
    Invalid,
    /// It was tried and failed.
    Failed,
    /// The sensor stops.
    Stopping,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_read_as_documented() {
        let r: Request = serde_json::from_str(r#"{"ask":"hello","version":1,"lang":"ja","zstd":true}"#).unwrap();
        assert!(matches!(r.ask, Ask::Hello { version: 1, lang: Lang::Ja, zstd: true, .. }));
        let r: Request = serde_json::from_str(r#"{"id":7,"ask":"act","order":{"order":"note","target":"F000001","text":"known"}}"#).unwrap();
        assert!(r.ask.acts() && r.id == 7);
        let r: Request = serde_json::from_str(r#"{"ask":"act","order":{"order":"resume-learning"}}"#).unwrap();
        assert_eq!(r.ask, Ask::Act { order: Order::ResumeLearning });
        assert!(serde_json::from_str::<Request>(r#"{"ask":"reload"}"#).unwrap().ask.acts());
        for wrong in ["{}", "[]", r#"{"ask":"fly"}"#, r#"{"ask":"act"}"#, r#"{"ask":"act","order":{"order":"note"}}"#] {
            assert!(serde_json::from_str::<Request>(wrong).is_err(), "{wrong}");
        }
    }
}
