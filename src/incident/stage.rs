//! How far an attack has come, by what each detector sees: the one table.

use serde::{Deserialize, Serialize};

/// How far an attack has come (入口→偵察→権限→横展開→持出し→暗号化).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// A way in: unknown device, supplier line, inbound.
    Entry,
    /// Looking around.
    Recon,
    /// Credentials.
    Privilege,
    /// Moving to other hosts.
    Spread,
    /// Data gathered or sent out.
    Staging,
    /// Encryption, destruction.
    Impact,
}

impl Stage {
    /// The word in files.
    pub const fn word(self) -> &'static str {
        match self {
            Stage::Entry => "entry",
            Stage::Recon => "recon",
            Stage::Privilege => "privilege",
            Stage::Spread => "spread",
            Stage::Staging => "staging",
            Stage::Impact => "impact",
        }
    }
}

/// The stage that a detector's finding stands for; a detector without a line is a way in.
pub fn stage_of(detector: &str) -> Stage {
    match detector {
        "scan" | "dark-contact" | "ad-recon" => Stage::Recon,
        "password-guessing" | "kerberos-abuse" | "dcsync" | "exploit-shape" | "shared-local-admin" | "name-poisoning" => Stage::Privilege,
        "smb-fanout"
        | "rdp-fanout"
        | "new-admin-edge"
        | "terminal-to-terminal"
        | "admin-share"
        | "remote-exec"
        | "worm-payload"
        | "spread-path"
        | "supplier-pivot"
        | "management-access" => Stage::Spread,
        "clinical-egress" | "exfil-volume" | "dns-tunnel" => Stage::Staging,
        "ransomware-smb" | "backup-attack" | "printer-burst" | "defence-silence" => Stage::Impact,
        _ => Stage::Entry,
    }
}

/// Does this detector's `resp` name hosts that were entered? Those hosts belong to the story; a scanned or called one does not.
pub fn enters(detector: &str) -> bool {
    matches!(stage_of(detector), Stage::Privilege | Stage::Spread)
}
