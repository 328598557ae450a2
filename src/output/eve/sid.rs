//! Signature ids of detectors: the one table. A number, once given, is never given to another detector, because dashboards and suppressions
//! of others refer to it. The range 9,100,000 is outside of those that public rule sets use.

/// A detector's number and category in EVE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rule {
    /// Detector id.
    pub id: &'static str,
    /// `alert.signature_id`.
    pub sid: u32,
    /// `alert.category`: the class descriptions that rule sets use.
    pub category: &'static str,
}

const POLICY: &str = "Potential Corporate Privacy Violation";
const RECON: &str = "Attempted Information Leak";
const SCAN: &str = "Detection of a Network Scan";
const MOVE: &str = "Attempted Administrator Privilege Gain";
const TROJAN: &str = "A Network Trojan was detected";
const ODD: &str = "Misc activity";
const CREDS: &str = "Successful Credential Theft Detected";
const LOGIN: &str = "An attempted login using a suspicious username was detected";
const BAD: &str = "Potentially Bad Traffic";
const SENSOR: &str = "Generic Protocol Command Decode";

/// What a detector without an entry gets: its lines stay valid, and the test below names it.
const UNKNOWN: Rule = Rule { id: "", sid: 9_100_000, category: ODD };

const fn r(id: &'static str, n: u32, category: &'static str) -> Rule {
    Rule { id, sid: 9_100_000 + n, category }
}

/// Every id of the contract.
pub(super) const RULES: &[Rule] = &[
    r("unknown-device", 101, POLICY),
    r("address-conflict", 102, BAD),
    r("rogue-dhcp", 103, BAD),
    r("rogue-ra", 104, BAD),
    r("rogue-service", 105, BAD),
    r("name-poisoning", 106, CREDS),
    r("dormant-device", 107, ODD),
    r("device-moved", 108, ODD),
    r("dual-homed", 109, POLICY),
    r("hidden-network", 110, POLICY),
    r("obsolete-protocol", 111, BAD),
    r("clinical-egress", 201, POLICY),
    r("egress-attempt", 202, POLICY),
    r("policy-violation", 203, POLICY),
    r("inbound-internet", 204, BAD),
    r("beacon", 205, TROJAN),
    r("exfil-volume", 206, RECON),
    r("dns-tunnel", 207, TROJAN),
    r("remote-support", 208, POLICY),
    r("tunnel", 209, POLICY),
    r("long-connection", 210, ODD),
    r("scan", 301, SCAN),
    r("dark-contact", 302, SCAN),
    r("smb-fanout", 303, MOVE),
    r("rdp-fanout", 304, MOVE),
    r("new-admin-edge", 305, MOVE),
    r("terminal-to-terminal", 306, MOVE),
    r("password-guessing", 307, LOGIN),
    r("admin-share", 308, MOVE),
    r("remote-exec", 309, MOVE),
    r("dcsync", 310, CREDS),
    r("exploit-shape", 311, MOVE),
    r("ad-recon", 312, RECON),
    r("kerberos-abuse", 313, CREDS),
    r("shared-local-admin", 314, MOVE),
    r("worm-payload", 315, TROJAN),
    r("spread-path", 316, MOVE),
    r("ransomware-smb", 401, TROJAN),
    r("backup-attack", 402, TROJAN),
    r("printer-burst", 403, TROJAN),
    r("defence-silence", 404, TROJAN),
    r("vendor-session", 501, POLICY),
    r("supplier-pivot", 502, MOVE),
    r("management-access", 503, POLICY),
    r("capture-loss", 601, SENSOR),
    r("mirror-fault", 602, SENSOR),
    r("silence", 603, SENSOR),
];

/// The rule of a detector.
pub(super) fn of(detector: &str) -> Rule {
    RULES.iter().copied().find(|r| r.id == detector).unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_and_numbers_are_given_once() {
        assert_eq!(RULES.iter().map(|r| r.id).collect::<BTreeSet<_>>().len(), RULES.len());
        assert_eq!(RULES.iter().map(|r| r.sid).collect::<BTreeSet<_>>().len(), RULES.len());
        assert_eq!(of("smb-fanout").sid, 9_100_303);
        assert_eq!(of("no-such").sid, 9_100_000);
    }
}
