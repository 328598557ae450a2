//! What an incident says to the person on duty, in both languages: one sentence, and first steps that can be done at three in the morning.

use super::{Incident, Outlook, Stage};
use crate::base::{Lang, Severity};

/// Most hosts named in one step.
const NAMED: usize = 5;

impl Incident {
    /// The story in one or two sentences.
    pub fn summary(&self, lang: Lang) -> String {
        let (n, hops) = (self.hosts.len(), self.path.len());
        let way = self.way();
        match lang {
            Lang::En => {
                let what = match self.stage {
                    Stage::Entry => "Something is on the network, or talks outside, that should not",
                    Stage::Recon => "Someone looks around the network",
                    Stage::Privilege => "Someone tries to get at accounts",
                    Stage::Spread => "An intruder moves from host to host",
                    Stage::Staging => "Data may be leaving the network",
                    Stage::Impact => "Files are being destroyed or encrypted",
                };
                let path = if hops == 0 { String::new() } else { format!(" Path: {way}.") };
                let lost = if self.files_lost == 0 { String::new() } else { format!(" Files known to be lost: {}.", self.files_lost) };
                format!("{what}. It began at {} ({}); {n} host(s) involved.{lost}{path}", self.patient_zero, origin_en(self.origin))
            }
            Lang::Ja => {
                let what = match self.stage {
                    Stage::Entry => "許可されていない機器または通信があります",
                    Stage::Recon => "ネットワーク内が探索されています",
                    Stage::Privilege => "アカウントの奪取が試みられています",
                    Stage::Spread => "機器から機器へ侵入が広がっています",
                    Stage::Staging => "データが外部へ送られている可能性があります",
                    Stage::Impact => "ファイルの破壊または暗号化が進んでいます",
                };
                let path = if hops == 0 { String::new() } else { format!("経路: {way}。") };
                let lost = if self.files_lost == 0 {
                    String::new()
                } else {
                    format!("失われたと分かっているファイルは {} 件です。", self.files_lost)
                };
                format!("{what}。起点は {}（{}）、関係する機器は {n} 台です。{lost}{path}", self.patient_zero, origin_ja(self.origin))
            }
        }
    }

    /// First steps, most urgent first.
    pub fn next(&self, outlook: &Outlook, lang: Lang) -> Vec<String> {
        let zero = &self.patient_zero;
        let others = self.others();
        let mut out = Vec::new();
        let mut say = |en: String, ja: String| out.push(if lang == Lang::Ja { ja } else { en });
        if self.stage == Stage::Impact {
            say(
                "Cut the backup server off the network now (pull its cable): it is the last copy.".into(),
                "まずバックアップサーバの LAN ケーブルを抜いてください。最後に残る複製です。".into(),
            );
        }
        match self.origin {
            "supplier" => say(
                format!("Close the supplier's line or VPN account through which {zero} comes in, then call the supplier."),
                format!("{zero} が入ってくる業者の回線または VPN アカウントを止め、業者に連絡してください。"),
            ),
            "unlisted-device" => say(
                format!("Find the device {zero} (switch port by its MAC address) and unplug it; it is not in the ledger."),
                format!("台帳にない機器 {zero} を（MAC アドレスからスイッチのポートをたどって）探し、LAN ケーブルを抜いてください。"),
            ),
            "internet" => say(
                format!("Block {zero} at the firewall and check which port is open to the internet."),
                format!("ファイアウォールで {zero} を遮断し、インターネットに公開されているポートを確認してください。"),
            ),
            _ => say(
                format!("Go to {zero}, unplug its network cable. Leave it powered on: its memory is evidence."),
                format!("{zero} の LAN ケーブルを抜いてください。電源は切らないでください（メモリが証拠になります）。"),
            ),
        }
        if let Some(card) = outlook.card(zero).filter(|c| c.users.0 > 0) {
            say(
                format!("Before you cut it off, tell those who work with it. {}", card.words(Lang::En)),
                format!("切り離す前に、利用している部署に知らせてください。{}", card.words(Lang::Ja)),
            );
        }
        if !others.is_empty() {
            say(
                format!(
                    "Then look at {others}: same order as in the path, unplug each that shows strange windows, renamed files or unknown sessions. Ask the ward before you cut off a device that is in use on a patient."
                ),
                format!(
                    "次に {others} を経路の順に確認し、不審な画面・ファイル名の変化・見覚えのないセッションがあれば同様に切り離してください。患者に使用中の機器は、必ず病棟に確認してから切り離してください。"
                ),
            );
        }
        if self.stage >= Stage::Spread && !outlook.next.is_empty() {
            let named: Vec<String> = outlook.next.iter().take(NAMED).map(super::Next::title).collect();
            let named = named.join(", ");
            say(
                format!("Guard what may be next: {named}. Hosts of this story have reached them before."),
                format!("次に狙われ得る機器を守ってください: {named}。関係する機器からすでに到達できています。"),
            );
        }
        let users: Vec<&str> = self.users();
        if !users.is_empty() {
            let users = users.join(", ");
            say(format!("Disable the accounts that were used: {users}."), format!("使われたアカウントを無効にしてください: {users}"));
        }
        if self.severity >= Severity::High {
            say(
                "Call the security officer and the person in charge of the system; write down the time and who did what.".into(),
                "情報セキュリティ責任者とシステム管理責任者に電話し、時刻と対応者を記録してください。".into(),
            );
        } else {
            say(
                "Tell the person in charge of the system in the morning at the latest.".into(),
                "遅くとも翌朝までにシステム管理責任者に伝えてください。".into(),
            );
        }
        say(
            "Keep the spanward box running and its mirror port connected: it records what happens next.".into(),
            "spanward の装置とミラーポートはそのまま動かし続けてください。この後の動きも記録されます。".into(),
        );
        out
    }

    fn way(&self) -> String {
        let mut words: Vec<String> = self.path.iter().take(NAMED).map(|h| format!("{} > {} ({})", h.from, h.to, h.via)).collect();
        if self.path.len() > NAMED {
            words.push(format!("+{}", self.path.len() - NAMED));
        }
        words.join(", ")
    }
    fn others(&self) -> String {
        let all: Vec<&str> = self.hosts.iter().map(String::as_str).filter(|h| *h != self.patient_zero).collect();
        let more = all.len().saturating_sub(NAMED);
        let named: Vec<&str> = all.into_iter().take(NAMED).collect();
        if more == 0 { named.join(", ") } else { format!("{} (+{more})", named.join(", ")) }
    }
    fn users(&self) -> Vec<&str> {
        self.accounts.iter().take(NAMED).map(|a| a.0.as_str()).collect()
    }
}

fn origin_en(origin: &str) -> &'static str {
    match origin {
        "supplier" => "a supplier's line",
        "unlisted-device" => "a device that is not in the ledger",
        "local" => "nobody came in before: likely a file, a mail or a USB stick there",
        "beacon" => "it called the outside regularly before",
        "internet" => "from the internet",
        _ => "how it came in is not known",
    }
}

fn origin_ja(origin: &str) -> &'static str {
    match origin {
        "supplier" => "業者の回線",
        "unlisted-device" => "台帳にない機器",
        "local" => "事前の外部からの接続なし。添付ファイルや USB メモリの可能性",
        "beacon" => "事前に外部への定期通信あり",
        "internet" => "インターネットから",
        _ => "侵入経路は不明",
    }
}
