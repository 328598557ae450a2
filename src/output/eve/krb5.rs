//! `krb5` lines.

use crate::output::line::Line;
use crate::protocols::kerberos::Kerberos;

/// The `krb5` object of one message.
pub(super) fn write(l: &mut Line, k: &Kerberos) {
    l.object("krb5");
    match k.kind {
        10 => l.word("msg_type", "KRB_AS_REQ"),
        11 => l.word("msg_type", "KRB_AS_REP"),
        12 => l.word("msg_type", "KRB_TGS_REQ"),
        13 => l.word("msg_type", "KRB_TGS_REP"),
        14 => l.word("msg_type", "KRB_AP_REQ"),
        30 => l.word("msg_type", "KRB_ERROR"),
        n => l.display("msg_type", n),
    }
    l.maybe("cname", k.client.as_deref());
    l.text("realm", &k.realm);
    l.maybe("sname", k.service.as_deref());
    if let Some(code) = k.error {
        error(l, code);
    }
    if let Some(e) = k.etype {
        etype(l, "encryption", e);
        l.flag("weak_encryption", weak(e));
    }
    if let Some(e) = k.ticket_etype {
        etype(l, "ticket_encryption", e);
        l.flag("ticket_weak_encryption", weak(e));
    }
    l.close();
}

/// Names of encryption types (RFC 3961, 8.3; RFC 4757; RFC 8009).
fn etype(l: &mut Line, key: &'static str, e: i32) {
    let w = match e {
        1 => "des-cbc-crc",
        2 => "des-cbc-md4",
        3 => "des-cbc-md5",
        16 => "des3-cbc-sha1-kd",
        17 => "aes128-cts-hmac-sha1-96",
        18 => "aes256-cts-hmac-sha1-96",
        19 => "aes128-cts-hmac-sha256-128",
        20 => "aes256-cts-hmac-sha384-192",
        23 => "rc4-hmac",
        24 => "rc4-hmac-exp",
        n => return l.display(key, n),
    };
    l.word(key, w);
}

/// DES and RC4.
const fn weak(e: i32) -> bool {
    matches!(e, 1..=3 | 16 | 23 | 24)
}

/// Error codes (RFC 4120, 7.5.9) that an analyst searches by name; others by number.
fn error(l: &mut Line, code: i32) {
    let w = match code {
        6 => "KDC_ERR_C_PRINCIPAL_UNKNOWN",
        7 => "KDC_ERR_S_PRINCIPAL_UNKNOWN",
        12 => "KDC_ERR_POLICY",
        13 => "KDC_ERR_BADOPTION",
        14 => "KDC_ERR_ETYPE_NOSUPP",
        16 => "KDC_ERR_PADATA_TYPE_NOSUPP",
        18 => "KDC_ERR_CLIENT_REVOKED",
        23 => "KDC_ERR_KEY_EXPIRED",
        24 => "KDC_ERR_PREAUTH_FAILED",
        25 => "KDC_ERR_PREAUTH_REQUIRED",
        31 => "KRB_AP_ERR_BAD_INTEGRITY",
        32 => "KRB_AP_ERR_TKT_EXPIRED",
        33 => "KRB_AP_ERR_TKT_NYV",
        34 => "KRB_AP_ERR_REPEAT",
        37 => "KRB_AP_ERR_SKEW",
        41 => "KRB_AP_ERR_MODIFIED",
        52 => "KRB_ERR_RESPONSE_TOO_BIG",
        60 => "KRB_ERR_GENERIC",
        68 => "KDC_ERR_WRONG_REALM",
        n => return l.display("error_code", n),
    };
    l.word("error_code", w);
}
