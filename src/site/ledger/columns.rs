//! Which column of a ledger holds what: as the site file says, else by the names in the header, else by what the cells look like.

use super::text::Row;
use super::words::{one_word, plain, role};
use super::{cells, one_word_list};
use crate::site::nearest;
use serde::Deserialize;
use std::fmt;
use std::sync::LazyLock;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Column {
    /// Hardware address.
    Mac,
    /// IP addresses.
    Ip,
    /// Name.
    Name,
    /// Zone, or where the device stands.
    Zone,
    /// Role.
    Role,
    /// Owner.
    Owner,
    /// Remarks.
    Note,
}

impl Column {
    /// All, in the order in which they are guessed.
    pub const ALL: [Column; 7] = [Column::Mac, Column::Ip, Column::Role, Column::Zone, Column::Owner, Column::Name, Column::Note];

    /// The key in `[ledger.columns]`.
    pub const fn word(self) -> &'static str {
        match self {
            Column::Mac => "mac",
            Column::Ip => "ip",
            Column::Name => "name",
            Column::Zone => "zone",
            Column::Role => "role",
            Column::Owner => "owner",
            Column::Note => "note",
        }
    }
    /// Names that headers give it, best first.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Column::Mac => {
                &["macアドレス", "mac", "macaddress", "macaddr", "物理アドレス", "ハードウェアアドレス", "physicaladdress", "hwaddr", "ethernet"]
            }
            Column::Ip => {
                &["ipアドレス", "ip", "ipaddress", "ipaddr", "ipv4", "ipv4アドレス", "ipv6", "ipv6アドレス", "アドレス", "address", "固定ip"]
            }
            Column::Role => &["role", "役割", "種別", "用途", "機器種別", "端末種別", "種類", "区分", "分類", "機器区分", "type", "kind", "category"],
            Column::Zone => &[
                "zone",
                "ゾーン",
                "セグメント",
                "segment",
                "network",
                "ネットワーク",
                "設置場所",
                "設置部署",
                "部署",
                "場所",
                "部門",
                "location",
                "department",
            ],
            Column::Owner => {
                &["owner", "管理者", "所有者", "所有", "管理部署", "管理部門", "担当者", "担当", "使用者", "責任者", "利用者", "admin", "contact"]
            }
            Column::Name => &[
                "name",
                "hostname",
                "host",
                "ホスト名",
                "コンピュータ名",
                "コンピューター名",
                "機器名",
                "機器名称",
                "端末名",
                "名称",
                "装置名",
                "pc名",
                "computername",
                "devicename",
                "device",
            ],
            Column::Note => &["note", "notes", "備考", "メモ", "摘要", "コメント", "remarks", "remark", "comment", "memo", "description"],
        }
    }
    /// Parts that name it within a longer header ("有線LAN MACアドレス").
    const fn parts(self) -> &'static [&'static str] {
        match self {
            Column::Mac => &["macアドレス", "物理アドレス", "macaddr"],
            Column::Ip => &["ipアドレス", "ipaddr", "ipv4", "ipv6"],
            Column::Role => &["種別", "用途", "役割"],
            Column::Zone => &["設置場所", "部署", "ゾーン"],
            Column::Owner => &["管理者", "所有", "担当"],
            Column::Name => &["ホスト名", "機器名", "コンピュータ名", "端末名", "hostname"],
            Column::Note => &["備考"],
        }
    }
    /// A device may have several MACs and addresses, each in a column of its own; everything else is one column.
    const fn may_repeat(self) -> bool {
        matches!(self, Column::Mac | Column::Ip)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// `[ledger.columns]`: header names that the site file gives; what it leaves out is guessed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnNames {
    /// Header of the MAC column.
    pub mac: Option<String>,
    /// Header of the address column.
    pub ip: Option<String>,
    /// Header of the name column.
    pub name: Option<String>,
    /// Header of the zone column.
    pub zone: Option<String>,
    /// Header of the role column.
    pub role: Option<String>,
    /// Header of the owner column.
    pub owner: Option<String>,
    /// Header of the remarks column.
    pub note: Option<String>,
}

impl ColumnNames {
    fn of(&self, c: Column) -> Option<&str> {
        match c {
            Column::Mac => &self.mac,
            Column::Ip => &self.ip,
            Column::Name => &self.name,
            Column::Zone => &self.zone,
            Column::Role => &self.role,
            Column::Owner => &self.owner,
            Column::Note => &self.note,
        }
        .as_deref()
    }
    fn any(&self) -> bool {
        Column::ALL.iter().any(|c| self.of(*c).is_some())
    }
}

/// What was found out about one column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ColumnGuess {
    /// What it holds.
    pub column: Column,
    /// Its place in the row, from 0.
    pub index: usize,
    /// Its header; empty if the ledger has none.
    pub header: String,
    /// Why: `site file`, `header` or `content`.
    pub by: &'static str,
}

/// Header row (index into `rows`) and columns. `Err` names a column of the site file that no header has.
pub fn find(rows: &[Row], names: &ColumnNames) -> Result<(Option<usize>, Vec<ColumnGuess>), String> {
    let Some(header) = header_row(rows, names) else {
        return if names.any() {
            Err("has no header row with the names that [ledger.columns] gives".to_owned())
        } else {
            Ok((None, by_content(rows)))
        };
    };
    let cells = rows.get(header).map(|r| r.cells.as_slice()).unwrap_or_default();
    let words = one_word_list(cells);
    let mut found: Vec<ColumnGuess> = Vec::new();
    for c in Column::ALL {
        let Some(name) = names.of(c) else { continue };
        let Some(index) = words.iter().position(|w| *w == one_word(name)) else {
            let near = nearest(name, cells.iter().map(String::as_str)).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            return Err(format!("has no column `{name}`, which [ledger.columns] names for `{c}`{near}"));
        };
        found.push(ColumnGuess { column: c, index, header: plain(cells.get(index).map_or("", String::as_str)), by: "site file" });
    }
    for c in Column::ALL.into_iter().filter(|c| names.of(*c).is_none()) {
        for index in by_header(c, &words) {
            if found.iter().all(|f| f.index != index) && (c.may_repeat() || found.iter().all(|f| f.column != c)) {
                found.push(ColumnGuess { column: c, index, header: plain(cells.get(index).map_or("", String::as_str)), by: "header" });
            }
        }
    }
    Ok((Some(header), found))
}

/// The header among the first rows (titles may stand above it): the row that names most columns, among them MAC or address.
fn header_row(rows: &[Row], names: &ColumnNames) -> Option<usize> {
    let score = |row: &Row| {
        let words = one_word_list(&row.cells);
        let given = |c: Column| names.of(c).is_some_and(|n| words.contains(&one_word(n)));
        let known = |c: Column| given(c) || !by_header(c, &words).is_empty();
        let data = row.cells.iter().any(|c| c.parse::<crate::base::Mac>().is_ok() || !cells::addrs(c).0.is_empty());
        let identity = known(Column::Mac) || known(Column::Ip) || names.any() && Column::ALL.iter().any(|c| given(*c));
        if identity && !data { Column::ALL.iter().filter(|c| known(**c)).count() } else { 0 }
    };
    let best = rows.iter().take(20).enumerate().map(|(i, r)| (score(r), std::cmp::Reverse(i))).max()?;
    (best.0 > 0).then_some(best.1.0)
}

/// The names of every column as [`one_word`] makes them, once: the first twenty rows are asked for each.
static NAMES: LazyLock<Vec<(Column, Vec<String>)>> =
    LazyLock::new(|| Column::ALL.iter().map(|c| (*c, c.names().iter().map(|n| one_word(n)).collect())).collect());

/// Places whose header names the column: those named exactly, best name first, else those that hold a telling part.
fn by_header(c: Column, words: &[String]) -> Vec<usize> {
    let mut exact: Vec<usize> = Vec::new();
    for name in NAMES.iter().filter(|n| n.0 == c).flat_map(|n| &n.1) {
        exact.extend(words.iter().enumerate().filter(|(_, w)| *w == name).map(|e| e.0));
    }
    let part = words.iter().enumerate().filter(|(_, w)| c.parts().iter().any(|p| w.contains(p))).map(|e| e.0);
    exact.extend(part.collect::<Vec<_>>());
    exact
}

/// Without a header: columns of MACs, of addresses, of role words; the first other column is the name.
fn by_content(rows: &[Row]) -> Vec<ColumnGuess> {
    let width = rows.iter().take(200).map(|r| r.cells.len()).max().unwrap_or(0);
    let share = |i: usize, fits: &dyn Fn(&str) -> bool| {
        let filled: Vec<&str> = rows.iter().take(200).filter_map(|r| r.cells.get(i)).map(String::as_str).filter(|c| !c.trim().is_empty()).collect();
        let n = filled.iter().filter(|c| fits(c)).count();
        n > 0 && n * 2 > filled.len()
    };
    let mut found: Vec<ColumnGuess> = Vec::new();
    for index in 0..width {
        let column = if share(index, &|c| !cells::macs(c).0.is_empty()) {
            Column::Mac
        } else if share(index, &|c| !cells::addrs(c).0.is_empty()) {
            Column::Ip
        } else if share(index, &|c| role(c).is_some()) {
            Column::Role
        } else if share(index, &|_| true) {
            Column::Name
        } else {
            continue;
        };
        if column.may_repeat() || found.iter().all(|f| f.column != column) {
            found.push(ColumnGuess { column, index, header: String::new(), by: "content" });
        }
    }
    found
}
