//! Words everyone uses: time, addresses, five-tuples, severities. Knows no I/O and no policy.
#![forbid(unsafe_code)]

mod addr;
mod hash;
mod mac;
mod service;
mod severity;
mod short;
mod time;
mod tuple;

pub use addr::{Addr, Cidr, CidrError};
pub use hash::{KeyedHash, fold, mix64};
pub use mac::Mac;
pub use service::Service;
pub use severity::{Confidence, Lang, Outcome, Severity};
pub use short::Short;
pub use time::{Span, Timestamp};
pub use tuple::{FiveTuple, FlowKey, proto};
