//! Every text that a person reads on the command line's screen, in both languages: the one table. Adding a text is one line here; a missing
//! language does not compile.

use crate::base::Lang;

macro_rules! texts {
    ($($name:ident = $en:literal | $ja:literal;)+) => {
        /// A text of the screen. `{0}`, `{1}` … are filled in by [`fill`].
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Text { $(#[doc = $en] $name),+ }
        impl Text {
            /// Every text.
            pub const ALL: &'static [Text] = &[$(Text::$name),+];
            /// In a language.
            pub const fn get(self, lang: Lang) -> &'static str {
                match self { $(Text::$name => match lang { Lang::En => $en, Lang::Ja => $ja }),+ }
            }
        }
    };
}

texts! {
    Seen = "Seen" | "観測";
    SeenNothing = "no packets" | "パケットなし";
    SeenSpan = "{0} to {1} UTC ({2})" | "{0} ～ {1} UTC（{2}）";
    SeenCounts = "{0} packets, {1} bytes, {2} flows, {3} devices" | "パケット {0}、バイト {1}、フロー {2}、機器 {3}";
    Zones = "Zones" | "ゾーン";
    ZonesNone = "none declared: devices and egress are listed for information only (see --site, --clinical)"
        | "宣言なし：機器と外部通信は参考情報として示します（--site、--clinical 参照）";
    ZoneNowhere = "(no zone)" | "（ゾーン外）";
    Devices = "Devices" | "機器";
    DevicesBy = "{0}" | "{0}";
    Coverage = "Coverage" | "捕捉状況";
    CoverageWhole = "nothing known to be missing" | "欠落は見つかっていません";
    CoverLoss = "{0} % of TCP payload not captured" | "TCP ペイロードの {0} % が未捕捉";
    CoverDrops = "{0} frames dropped by kernel or interface" | "カーネル・NIC が {0} フレームを廃棄";
    CoverShed = "{0} frames not parsed (overload)" | "過負荷により {0} フレームを未解析";
    CoverOneWay = "{0} flows in one direction only" | "片方向のみのフロー {0}";
    CoverSnapped = "{0} frames cut by the snap length" | "切り詰められたフレーム {0}";
    CoverUndecoded = "{0} frames not decoded" | "解読できないフレーム {0}";
    CoverDuplicates = "{0} copies removed" | "複製 {0} を除去";
    CoverDoubles = "{0} exact copies counted, not removed" | "同一フレーム {0} を検出（除去せず）";
    CoverFiltered = "{0} frames left out on request" | "指定により {0} フレームを除外";
    CoverEvicted = "{0} flows evicted by full tables" | "表の満杯により {0} フローを追出し";
    CoverUnlisted = "{0} flows counted in summaries only" | "集計のみのフロー {0}";
    CoverUnparsed = "{0} flows whose payload was not read (memory cap)" | "メモリ上限により内容未読のフロー {0}";
    Odd = "Odd input" | "異常な入力";
    Incidents = "Incidents ({0})" | "インシデント（{0}）";
    IncidentsNone = "No incident." | "インシデントはありません。";
    NothingRead = "No packet was analysed: this says nothing about the network." | "解析できたパケットがありません。ネットワークの状態については何も言えません。";
    PatientZero = "began at {0} ({1}), stage {2}" | "起点 {0}（{1}）、段階 {2}";
    Since = "{0} to {1} UTC" | "{0} ～ {1} UTC";
    Path = "Path" | "経路";
    Because = "Why" | "根拠";
    Stages = "Stages" | "段階";
    NextHosts = "May be next" | "次に狙われ得る機器";
    IfCut = "If cut off" | "切り離した場合の影響";
    Switched = "as another account" | "別のアカウントで";
    AndMore = "and {0} more" | "ほか {0} 件";
    Next = "Next steps" | "次にすること";
    Findings = "Findings ({0})" | "検知（{0}）";
    FindingsNone = "No finding." | "検知はありません。";
    FindingsMore = "and {0} more: use -o DIR and `spanward findings DIR`" | "ほか {0} 件：-o DIR で書き出し `spanward findings DIR` で表示";
    FindingsInfo = "for the record: {0}" | "参考：{0}";
    NotRunning = "Could not run" | "動作できない検知器";
    Damaged = "Input not read to its end" | "最後まで読めなかった入力";
    NotWritten = "Output not written" | "書き出せなかった出力";
    WorkerFailed = "A worker failed; what it had found is reported" | "処理スレッドが失敗しました。それまでの結果を示します";
    IncidentSentence = "{0}: began at {1}, {2} hosts involved" | "{0}：起点 {1}、関係ホスト {2} 台";
    IncidentSentencePath = "{0}: began at {1}, {2} hosts involved, {3} steps of spread" | "{0}：起点 {1}、関係ホスト {2} 台、拡散 {3} 段";
    Hours = "{0} h {1} min" | "{0} 時間 {1} 分";
    Minutes = "{0} min {1} s" | "{0} 分 {1} 秒";
    Seconds = "{0} s" | "{0} 秒";
    SevInfo = "info" | "参考";
    SevLow = "low" | "低";
    SevMedium = "medium" | "中";
    SevHigh = "high" | "高";
    SevCritical = "critical" | "緊急";
    OriginSupplier = "supplier" | "保守業者";
    OriginUnlisted = "unlisted device" | "台帳にない機器";
    OriginLocal = "local" | "院内";
    OriginBeacon = "beacon" | "ビーコン";
    OriginInternet = "internet" | "インターネット";
    OriginUnknown = "unknown" | "不明";
    StageEntry = "entry" | "侵入口";
    StageRecon = "recon" | "偵察";
    StagePrivilege = "privilege" | "権限奪取";
    StageSpread = "spread" | "横展開";
    StageStaging = "staging" | "収集・持出し";
    StageImpact = "impact" | "暗号化・破壊";
    Attempted = "attempted" | "試行";
    Refused = "refused" | "拒否";
    Answered = "answered" | "応答あり";
    Failed = "failed" | "失敗";
    Succeeded = "succeeded" | "成功";
    NoRows = "nothing to list" | "該当なし";
    Rows = "{0} of {1}" | "{1} 件中 {0} 件";
}

impl Text {
    /// The screen's word for a word of our files (`high` → `高`); the word itself if there is none.
    pub fn of_word(word: &str, lang: Lang) -> &str {
        let t = match word {
            "info" => Text::SevInfo,
            "low" => Text::SevLow,
            "medium" => Text::SevMedium,
            "high" => Text::SevHigh,
            "critical" => Text::SevCritical,
            "supplier" => Text::OriginSupplier,
            "unlisted-device" => Text::OriginUnlisted,
            "local" => Text::OriginLocal,
            "beacon" => Text::OriginBeacon,
            "internet" => Text::OriginInternet,
            "unknown" => Text::OriginUnknown,
            "entry" => Text::StageEntry,
            "recon" => Text::StageRecon,
            "privilege" => Text::StagePrivilege,
            "spread" => Text::StageSpread,
            "staging" => Text::StageStaging,
            "impact" => Text::StageImpact,
            "attempted" => Text::Attempted,
            "refused" => Text::Refused,
            "answered" => Text::Answered,
            "failed" => Text::Failed,
            "succeeded" => Text::Succeeded,
            other => return other,
        };
        t.get(lang)
    }
}

/// Fills `{0}` … `{9}`; what is filled in is not looked at again.
pub fn fill(template: &str, args: &[&str]) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((head, tail)) = rest.split_once('{') {
        out.push_str(head);
        match tail.split_once('}') {
            Some((n, after)) if n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()) => {
                out.push_str(n.parse::<usize>().ok().and_then(|n| args.get(n)).copied().unwrap_or(""));
                rest = after;
            }
            _ => {
                out.push('{');
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn both_languages_say_something_with_the_same_places() {
        for t in Text::ALL {
            let places = |s: &str| (0..10).filter(|n| s.contains(&format!("{{{n}}}"))).collect::<BTreeSet<_>>();
            let (en, ja) = (t.get(Lang::En), t.get(Lang::Ja));
            assert!(!en.is_empty() && !ja.is_empty(), "{t:?}");
            assert_eq!(places(en), places(ja), "{t:?}");
        }
    }

    #[test]
    fn filling_does_not_look_twice() {
        assert_eq!(fill("{1} and {0}", &["{1}", "b"]), "b and {1}");
        assert_eq!(fill("a {x} {9} {", &[]), "a {x}  {");
    }
}
