//! Ledgers as hospitals keep them.

use super::*;

fn read(text: &str) -> (Ledger, LedgerReport) {
    Ledger::parse("l.csv", text.as_bytes(), &ColumnNames::default()).unwrap()
}
fn mac(s: &str) -> Mac {
    s.parse().unwrap()
}
fn guessed(r: &LedgerReport) -> Vec<(Column, usize)> {
    let mut g: Vec<_> = r.columns.iter().map(|c| (c.column, c.index)).collect();
    g.sort_by_key(|c| c.1);
    g
}
fn said(r: &LedgerReport) -> Vec<String> {
    r.warnings.iter().map(|(line, w)| format!("{line}: {w}")).collect()
}

#[test]
fn a_hospitals_spreadsheet() {
    let (l, r) = read(
        "情報機器管理台帳,,,,,,\n令和８年度,,,,,,\nNo.,機器名称,設置場所,種別,有線LAN MACアドレス,無線LAN MACアドレス,IPアドレス,管理者,備考\n\
         1,ＣＴ１号機,放射線科,モダリティ,００－００－０Ｅ－００－００－０１,,１９２．１６８．００１．０１０,技師長,\"リース, 2028\"\n\
         2,ノートPC12,医事課,端末,00000e000002,0000.0e00.0003,DHCP,情報係,\n\n\
         3,空行の次,医事課,無線AP,00:00:0e:00:00:04,,10.0.0.4 / 10.0.0.5,情報係,\n",
    );
    assert_eq!((r.header_line, r.rows, r.refused, r.separator, r.encoding), (3, 3, 0, ',', "UTF-8"));
    let want = [
        (Column::Name, 1),
        (Column::Zone, 2),
        (Column::Role, 3),
        (Column::Mac, 4),
        (Column::Mac, 5),
        (Column::Ip, 6),
        (Column::Owner, 7),
        (Column::Note, 8),
    ];
    assert_eq!(guessed(&r), want);
    let ct = l.by_mac(mac("00:00:0e:00:00:01")).unwrap();
    assert_eq!((ct.name.as_str(), ct.zone.as_str(), ct.role, ct.owner.as_str(), ct.line), ("CT1号機", "放射線科", Role::Modality, "技師長", 4));
    assert_eq!(l.by_addr("192.168.1.10".parse().unwrap()), Some(ct));
    assert_eq!(l.by_mac(mac("00:00:0e:00:00:02")).unwrap().line, l.by_mac(mac("00:00:0e:00:00:03")).unwrap().line);
    assert_eq!(l.by_addr("10.0.0.5".parse().unwrap()).unwrap().name, "空行の次");
    assert_eq!(said(&r), ["7: `無線AP` is no role that spanward knows; read as `unknown`"]);
    assert_eq!(l.cells(4).unwrap()[4], "００－００－０Ｅ－００－００－０１", "as it was written");
    assert_eq!(l.header()[1], "機器名称");
    assert_eq!(l.original().count(), 6);
}

#[test]
fn without_a_header_the_cells_tell() {
    let (l, r) = read("term1;00:00:0e:00:00:01;10.0.0.1;terminal\nterm2;00:00:0e:00:00:02;10.0.0.2;terminal\n");
    assert_eq!((r.header_line, r.separator, r.rows), (0, ';', 2));
    assert_eq!(guessed(&r), [(Column::Name, 0), (Column::Mac, 1), (Column::Ip, 2), (Column::Role, 3)]);
    assert_eq!(l.by_mac(mac("00:00:0e:00:00:02")).unwrap().name, "term2");
}

#[test]
fn good_rows_survive_bad_ones() {
    let (l, r) = read(
        "mac,ip,name,role\n00:00:0e:00:00:01,10.0.0.1,a,server\nzz:zz,10.0.0.999,b,server\n,,c,\n00:00:0e:00:00:01,10.0.0.1,d,\n\
         01:00:5e:00:00:01,10.0.0.5,e,\nbad,10.0.0.6,f,\n\"unclosed,10.0.0.7\n",
    );
    assert_eq!((l.len(), r.rows, r.refused), (4, 7, 3));
    assert_eq!(
        said(&r),
        [
            "3: `zz:zz` is no MAC address",
            "3: `10.0.0.999` is no IP address",
            "4: neither MAC nor IP address: the device cannot be recognised",
            "5: 00:00:0e:00:00:01 stands on line 2 too; the first line counts",
            "5: 10.0.0.1 stands on line 2 too; the first line counts",
            "6: 01:00:5e:00:00:01 can be no device's MAC address",
            "7: `bad` is no MAC address",
            "8: `unclosed` is no MAC address",
            "8: `10.0.0.7` is no MAC address",
        ]
    );
    assert_eq!(l.by_mac(mac("00:00:0e:00:00:01")).unwrap().name, "a");
}

#[test]
fn the_site_file_may_name_columns() {
    let names = ColumnNames { name: Some("呼び名".into()), mac: Some("番号".into()), ..ColumnNames::default() };
    let text = "番号,呼び名,機器名\n00:00:0e:00:00:01,x,y\n";
    let (l, r) = Ledger::parse("l.csv", text.as_bytes(), &names).unwrap();
    assert_eq!(l.by_mac(mac("00:00:0e:00:00:01")).unwrap().name, "x");
    assert_eq!(r.columns[0].by, "site file");
    let names = ColumnNames { name: Some("呼び各".into()), mac: Some("番号".into()), ..ColumnNames::default() };
    let e = Ledger::parse("l.csv", text.as_bytes(), &names).unwrap_err();
    assert_eq!(e.to_string(), "l.csv: has no column `呼び各`, which [ledger.columns] names for `name`; did you mean `呼び名`?");
}

#[test]
fn tables_that_identify_nothing_are_refused_and_empty_ones_are_not() {
    let e = Ledger::parse("l.csv", b"name,owner\na,b\n", &ColumnNames::default()).unwrap_err();
    assert_eq!(e.to_string(), "l.csv: has no column of MAC or IP addresses; name it in [ledger.columns], or head it `MAC` or `IP`");
    assert!(read("").0.is_empty());
    assert!(read("mac,ip\n").0.is_empty());
}

#[test]
fn rows_and_warnings_are_capped() {
    let mut text = String::from("mac,ip\n");
    for i in 0..100_050u32 {
        text.push_str(&format!("x,10.{}.{}.{}\n", i >> 16, i >> 8 & 255, i & 255));
    }
    let (l, r) = read(&text);
    assert_eq!((l.len(), r.rows, r.warnings.len()), (99_999, 99_999, 200), "the header is a row of the file");
    assert!(r.more_warnings > 99_000 && r.warnings.iter().any(|w| w.1.starts_with("more than 100000 rows")));
}

/// Every MAC becomes an entry with every address of its row: 256 cells of 32 each would make 268 MB of one row of 76 kB.
#[test]
fn a_row_of_addresses_only_costs_no_more_than_a_large_one() {
    let mut header = vec!["mac"; 128];
    header.extend(["ip"; 128]);
    let macs = (0..128 * 32u32).map(|i| format!("00:00:0e:00:{:02x}:{:02x}", i >> 8, i & 255)).collect::<Vec<_>>();
    let ips = (0..128 * 32u32).map(|i| format!("10.0.{}.{}", i >> 8, i & 255)).collect::<Vec<_>>();
    let cells = macs.chunks(32).chain(ips.chunks(32)).map(|c| c.join(" ")).collect::<Vec<_>>();
    let (l, r) = read(&format!("{}\n{}\n", header.join(","), cells.join(",")));
    assert_eq!((l.len(), l.iter().map(|e| e.ips.len()).max()), (16, Some(32)));
    assert_eq!(r.lines()[0], "l.csv:2: more than 16 MAC or 32 IP addresses; the rest was left out");
}
