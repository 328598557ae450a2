//! Captures that we make: frames byte by byte, a hospital's core switch as its mirror port shows it, and the stories in `captures/`.
//! Everything follows from a seed, so the recipe gives the same bytes on every machine.
#![allow(dead_code)]
#![forbid(unsafe_code)]

pub mod background;
pub mod dhcp;
pub mod frame;
pub mod further;
pub mod hospital;
pub mod kerberos;
pub mod link;
pub mod names;
pub mod net;
pub mod pcap;
pub mod recipes;
pub mod recipes_impact;
pub mod recipes_exec;
pub mod recipes_logon;
pub mod remote;
pub mod rng;
pub mod rpc;
pub mod smb;
pub mod smb1;
pub mod stories;
pub mod tcp;
pub mod tls;
pub mod ward;
pub mod winrm;
pub mod wrap;
