//! What is told beside an incident's sentence and steps, in both languages: why it is believed to have come in that way, who may be next, and what
//! stops if a host is cut off.

use super::{Card, Clue, Next, Outlook, Why};
use crate::base::{Lang, Span, Timestamp};

/// Watched for less, that nobody came in is no great proof.
const ENOUGH: Span = Span::hours(12);
/// Most services named on a card in words.
const SERVICES: usize = 4;
/// Most hosts named as a reason.
const HOSTS: usize = 3;

impl Clue {
    /// As a sentence.
    pub fn words(&self, lang: Lang) -> String {
        let (en, ja) = match self {
            Clue::Supplier(name) => {
                (format!("its address is one from which the supplier {name} comes in"), format!("アドレスが業者（{name}）の接続元です"))
            }
            Clue::Unlisted => ("it is in no line of the ledger".to_owned(), "台帳に登録がありません".to_owned()),
            Clue::Internet => ("its address is on the internet".to_owned(), "インターネット側のアドレスです".to_owned()),
            Clue::Beacon => ("it called the outside at regular times before".to_owned(), "事前に外部と定期的に通信していました".to_owned()),
            Clue::Came { from, via, ts, expected: false } => (
                format!("{from} came in by {via} before, last at {} UTC", clock(*ts)),
                format!("その前に {from} から {via} で接続がありました（最後は {} UTC）", clock(*ts)),
            ),
            Clue::Came { from, via, ts, expected: true } => (
                format!("only {from}, which administers others, came in by {via} before, last at {} UTC", clock(*ts)),
                format!("その前の接続は管理用機器 {from} の {via} です（最後は {} UTC）", clock(*ts)),
            ),
            Clue::Nobody(watched) if *watched < ENOUGH => (
                format!(
                    "nobody else came in over the network, but only {} were watched before: nobody knows what was earlier",
                    span(*watched, Lang::En)
                ),
                format!("他の機器からの接続は見えていませんが、監視開始から {} しか経っておらず、それ以前は分かりません", span(*watched, Lang::Ja)),
            ),
            Clue::Nobody(watched) => (
                format!("nobody else came in over the network before, in the {} that were watched", span(*watched, Lang::En)),
                format!("それ以前に他の機器からの接続は見えていません（監視していた時間: {}）", span(*watched, Lang::Ja)),
            ),
            Clue::CalledOut { to, ts } => (
                format!("it spoke with {to} on the internet before, at {} UTC", clock(*ts)),
                format!("その前にインターネットの {to} と通信しました（{} UTC）", clock(*ts)),
            ),
        };
        if lang == Lang::Ja { ja } else { en }
    }
}

impl Why {
    /// As a few words.
    pub fn words(&self, lang: Lang) -> String {
        let (en, ja) = match self {
            Why::Reached { via, from, ts } => {
                let mut who: Vec<String> = from.iter().take(HOSTS).map(|a| a.to_string()).collect();
                let more = from.len().saturating_sub(HOSTS);
                if more > 0 {
                    who.push(format!("+{more}"));
                }
                let (who, at) = (who.join(", "), clock(*ts));
                (format!("reached by {via} from {who}, last at {at} UTC"), format!("{who} から {via} で到達済み（最後は {at} UTC）"))
            }
            Why::Account(user) => (format!("the account {user} is accepted there"), format!("アカウント {user} が使えます")),
        };
        if lang == Lang::Ja { ja } else { en }
    }
}

impl Next {
    /// Address and name.
    pub fn title(&self) -> String {
        titled(&self.host.to_string(), &self.name)
    }
}

impl Card {
    /// Address and name.
    pub fn title(&self) -> String {
        titled(&self.host.to_string(), &self.name)
    }
    /// What stops, as a sentence.
    pub fn words(&self, lang: Lang) -> String {
        let who = self.title();
        let (users, clinical) = self.users;
        if users == 0 {
            return match lang {
                Lang::En => format!("{who}: nobody outside this story was seen to use it; cutting it off stops the work done at it."),
                Lang::Ja => format!("{who}: ほかの機器からの利用は見えていません。切り離して止まるのは、この機器での作業です。"),
            };
        }
        let last = self.serves.iter().map(|s| s.last_ts).max().unwrap_or_default();
        let named = self.serves.iter().take(SERVICES);
        let more = self.serves.len().saturating_sub(SERVICES) + self.more;
        match lang {
            Lang::En => {
                let mut lines: Vec<String> = named.map(|s| format!("{} (port {}) for {}", s.service, s.port, s.users)).collect();
                if more > 0 {
                    lines.push(format!("{more} more"));
                }
                format!("{who}: {users} host(s) use it, {clinical} of them clinical: {}; last at {} UTC.", lines.join(", "), clock(last))
            }
            Lang::Ja => {
                let mut lines: Vec<String> = named.map(|s| format!("{}（ポート {}）{} 台", s.service, s.port, s.users)).collect();
                if more > 0 {
                    lines.push(format!("ほか {more} 件"));
                }
                format!("{who}: {users} 台が利用中（うち診療系 {clinical} 台）: {}。最後の利用は {} UTC。", lines.join("、"), clock(last))
            }
        }
    }
}

impl Outlook {
    /// The card of a host of the story.
    pub fn card(&self, host: &str) -> Option<&Card> {
        self.cards.iter().find(|c| c.host.to_string() == host)
    }
}

/// An address with its name.
pub fn titled(address: &str, name: &str) -> String {
    if name.is_empty() || name == address { address.to_owned() } else { format!("{address} ({name})") }
}

/// `10:31:02`.
fn clock(ts: Timestamp) -> String {
    let (_, _, _, h, m, s) = ts.civil();
    format!("{h:02}:{m:02}:{s:02}")
}

fn span(s: Span, lang: Lang) -> String {
    let minutes = s.0 / 60_000_000_000;
    match (lang, minutes) {
        (Lang::En, 0..120) => format!("{minutes} minutes"),
        (Lang::En, _) => format!("{} hours", minutes / 60),
        (Lang::Ja, 0..120) => format!("{minutes} 分"),
        (Lang::Ja, _) => format!("{} 時間", minutes / 60),
    }
}
