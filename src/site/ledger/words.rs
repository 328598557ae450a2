//! Words of hospital ledgers: spellings made equal, roles by their Japanese and English names.

use super::Role;
use std::collections::HashMap;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// NFKC: full-width digits and letters become plain ones, half-width katakana full ones.
pub fn plain(s: &str) -> String {
    s.nfkc().collect::<String>().trim().to_owned()
}

/// For comparing words: [`plain`], lower case, without blanks, hyphens, underscores, dots, brackets and the long-vowel mark at the end.
pub fn one_word(s: &str) -> String {
    let s: String = s.nfkc().flat_map(char::to_lowercase).filter(|c| !c.is_whitespace() && !"-_・/()[]「」【】.:#".contains(*c)).collect();
    s.strip_suffix('ー').map(str::to_owned).unwrap_or(s)
}

/// Roles whose holders may administer others must be written as such, whole: "物品管理サーバ" manages goods, not hosts.
const WHOLE: &[(Role, &[&str])] = &[
    (
        Role::Infrastructure,
        &[
            "infrastructure",
            "infra",
            "dns",
            "dhcp",
            "dnsdhcp",
            "ad",
            "dc",
            "activedirectory",
            "domaincontroller",
            "ドメインコントローラ",
            "ドメイン",
            "認証",
            "基盤",
            "インフラ",
            "資産管理",
            "資産管理ソフト",
            "it資産管理",
            "wsus",
            "sccm",
            "inventory",
            "名前解決",
        ],
    ),
    (
        Role::Management,
        &[
            "management",
            "mgmt",
            "管理",
            "監視",
            "運用管理",
            "ネットワーク管理",
            "システム管理",
            "管理者",
            "nms",
            "monitoring",
            "jump",
            "踏み台",
            "踏台",
        ],
    ),
    (Role::Backup, &["backup", "バックアップ", "退避"]),
    (Role::Modality, &["ct", "mr", "mri", "cr", "dr", "us", "xa", "pet", "エコー", "xp"]),
    (Role::Gateway, &["gw", "fw", "l3", "l3sw"]),
    (Role::Terminal, &["pc", "vdi", "wks"]),
    (Role::Phone, &["tel", "phs"]),
    (Role::Printer, &["mfp"]),
    (Role::Vendor, &["vpn", "リモート"]),
    (Role::Unknown, &["unknown", "不明", "その他", "other"]),
];

/// The words of [`WHOLE`] as [`one_word`] makes them, once: every row of a ledger asks.
static WHOLE_WORDS: LazyLock<HashMap<String, Role>> = LazyLock::new(|| {
    // Of equal words the first counts, so it is put in last.
    WHOLE.iter().rev().flat_map(|(role, words)| words.iter().rev().map(|w| (one_word(w), *role))).collect()
});

/// Words that name a role wherever they stand; the first that occurs decides.
const PART: &[(Role, &[&str])] = &[
    (Role::Pacs, &["pacs", "画像サーバ", "画像保管", "画像管理", "vna"]),
    (Role::Printer, &["プリンタ", "printer", "複合機", "コピー機"]),
    (Role::Phone, &["電話", "phone", "voip", "ナースコール"]),
    (Role::Gateway, &["ルータ", "router", "ファイアウォール", "ファイヤウォール", "firewall", "gateway", "ゲートウェイ", "utm", "l3スイッチ"]),
    (Role::Vendor, &["業者", "ベンダ", "vendor", "supplier", "保守回線", "リモート保守"]),
    (
        Role::Modality,
        &[
            "モダリティ",
            "modality",
            "超音波",
            "内視鏡",
            "撮影装置",
            "ctスキャナ",
            "検査装置",
            "検査機器",
            "医療機器",
            "分析装置",
            "心電計",
            "透視",
            "x線",
            "マンモ",
        ],
    ),
    (Role::Server, &["サーバ", "server", "nas", "仮想ホスト", "esxi"]),
    (
        Role::Terminal,
        &[
            "端末",
            "terminal",
            "パソコン",
            "ノートpc",
            "デスクトップ",
            "laptop",
            "desktop",
            "workstation",
            "ワークステーション",
            "クライアント",
            "シンクライアント",
        ],
    ),
];

/// The role that a cell names; `None` if it names none that spanward knows. An empty cell is [`Role::Unknown`].
pub fn role(cell: &str) -> Option<Role> {
    let word = one_word(cell);
    if word.is_empty() {
        return Some(Role::Unknown);
    }
    let stem = ["サーバー", "サーバ", "server", "端末", "機器", "装置", "用"].iter().find_map(|s| word.strip_suffix(s)).filter(|s| !s.is_empty());
    let whole = |w: &str| WHOLE_WORDS.get(w).copied();
    whole(&word).or_else(|| stem.and_then(whole)).or_else(|| PART.iter().find(|(_, words)| words.iter().any(|x| word.contains(x))).map(|e| e.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_files_is_its_role() {
        for r in [
            Role::Terminal,
            Role::Server,
            Role::Infrastructure,
            Role::Management,
            Role::Backup,
            Role::Printer,
            Role::Modality,
            Role::Pacs,
            Role::Gateway,
            Role::Vendor,
            Role::Phone,
            Role::Unknown,
        ] {
            assert_eq!(role(r.word()), Some(r));
        }
    }

    #[test]
    fn japanese_words() {
        for (cell, want) in [
            ("端末", Role::Terminal),
            ("電子カルテ端末", Role::Terminal),
            ("ﾉｰﾄＰＣ", Role::Terminal),
            ("サーバー", Role::Server),
            ("バックアップサーバ", Role::Backup),
            ("画像サーバ", Role::Pacs),
            ("プリンター", Role::Printer),
            ("ルーター", Role::Gateway),
            ("L3スイッチ", Role::Gateway),
            ("ＣＴ装置", Role::Modality),
            ("超音波診断装置", Role::Modality),
            ("IP電話", Role::Phone),
            ("業者", Role::Vendor),
            ("保守業者端末", Role::Vendor),
            ("資産管理サーバ", Role::Infrastructure),
            ("DNS/DHCP", Role::Infrastructure),
            ("管理サーバ", Role::Management),
            ("", Role::Unknown),
        ] {
            assert_eq!(role(cell), Some(want), "{cell}");
        }
    }

    #[test]
    fn nobody_becomes_an_administrator_by_half_a_word() {
        assert_eq!(role("物品管理サーバ"), Some(Role::Server));
        assert_eq!(role("医事管理端末"), Some(Role::Terminal));
        assert_eq!(role("バックアップ対象端末"), Some(Role::Terminal));
        assert_eq!(role("無線AP"), None);
    }
}
