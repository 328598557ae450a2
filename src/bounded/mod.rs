//! Tables that cannot grow without bound; each counts what it evicts. Knows nothing of the network.
#![forbid(unsafe_code)]

mod distinct;
mod map;
mod wheel;

pub use distinct::DistinctCounter;
pub use map::BoundedMap;
pub use wheel::TimerWheel;
