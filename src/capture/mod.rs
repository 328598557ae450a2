//! Where frames come from: capture files, pipes, later live ports. Yields [`Block`]s; knows nothing of what frames mean.

mod block;

pub use block::Block;
