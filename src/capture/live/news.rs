//! What a live capture tells the person who runs it, and what anyone may look at while it runs.

use super::record::RecordStatus;
use super::time::Step;
use crate::base::{Lang, Timestamp};
use crate::capture::port::PassivityProof;
use std::sync::{Mutex, PoisonError};

/// Something worth a line in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LiveNews {
    /// An interface is read from now on.
    Opened(String),
    /// An interface cannot be read, or has no link; it is tried again until it can.
    Down {
        /// Interface.
        name: String,
        /// In the system's words.
        why: String,
    },
    /// An interface is there again.
    Up(String),
    /// The interface has another name now, and is read on.
    Renamed {
        /// As it was given.
        from: String,
        /// As it is called.
        to: String,
    },
    /// Somebody set the wall clock.
    Clock(Step),
    /// The sensor falls behind, or has caught up (0).
    Overload(u8),
    /// Not a frame for so many seconds, though there is a link.
    Silent {
        /// Interface.
        name: String,
        /// Seconds.
        secs: u64,
    },
    /// There are frames again.
    Heard(String),
    /// The disk refuses the recording, or takes it again.
    Recording {
        /// In the system's words.
        trouble: Option<String>,
        /// Frames that are not in the recording so far.
        missing: u64,
    },
    /// The box sent frames on the mirror port.
    Sent {
        /// Interface.
        name: String,
        /// Frames since the sensor began.
        frames: u64,
    },
}

impl LiveNews {
    /// The line.
    pub fn text(&self, lang: Lang) -> String {
        let ja = lang == Lang::Ja;
        match self {
            LiveNews::Opened(n) if ja => format!("{n} の受信を始めました"),
            LiveNews::Opened(n) => format!("{n}: reading"),
            LiveNews::Down { name, why } if ja => format!("{name} を受信できません({why})。回復するまで試行を続けます"),
            LiveNews::Down { name, why } => format!("{name}: cannot be read ({why}); it is tried again until it can"),
            LiveNews::Up(n) if ja => format!("{n} が回復しました"),
            LiveNews::Up(n) => format!("{n}: there again"),
            LiveNews::Renamed { from, to } if ja => format!("{from} の名前が {to} に変わりました。受信は続いています"),
            LiveNews::Renamed { from, to } => format!("{from} is called {to} now; it is read on"),
            LiveNews::Clock(s) => clock(*s, ja),
            LiveNews::Overload(0) if ja => "処理が追いつき、すべてのデータの解析を再開しました".into(),
            LiveNews::Overload(0) => "caught up: everything is analysed again".into(),
            LiveNews::Overload(level) => overload(*level, ja),
            LiveNews::Silent { name, secs } if ja => {
                format!("{name} はリンクしていますが、{secs} 秒間フレームがありません。スイッチのミラー設定を確認してください")
            }
            LiveNews::Silent { name, secs } => format!("{name}: a link, but not a frame for {secs} s; check the mirror session of the switch"),
            LiveNews::Heard(n) if ja => format!("{n} にフレームが届くようになりました"),
            LiveNews::Heard(n) => format!("{n}: frames again"),
            LiveNews::Recording { trouble: Some(why), .. } if ja => format!("記録できません({why})。受信と検知は続けています"),
            LiveNews::Recording { trouble: Some(why), .. } => format!("the recording cannot be written ({why}); capture and detection go on"),
            LiveNews::Recording { trouble: None, missing } if ja => {
                format!("記録を再開しました。これまでに {missing} フレームを記録できませんでした")
            }
            LiveNews::Recording { trouble: None, missing } => format!("the recording is written again; {missing} frames are not in it"),
            LiveNews::Sent { name, frames } if ja => {
                format!("この装置がミラーポート {name} に {frames} フレームを送信しました。ARP と IPv6 が無効になっているか確認してください")
            }
            LiveNews::Sent { name, frames } => {
                format!("this box has sent {frames} frames on the mirror port {name}; check that ARP and IPv6 are off on it")
            }
        }
    }
}

fn clock(s: Step, ja: bool) -> String {
    let by = s.by as f64 / 1e9;
    match (s.back, ja) {
        (true, true) => format!("この装置の時計が {by:.3} 秒戻されました。記録の時刻は戻さず、少しずつ合わせます"),
        (true, false) => format!("the clock of this box was set back by {by:.3} s; packet time runs on and comes to meet it slowly"),
        (false, true) => format!("この装置の時計が {by:.3} 秒進められました"),
        (false, false) => format!("the clock of this box was set forward by {by:.3} s"),
    }
}

fn overload(level: u8, ja: bool) -> String {
    let what = match (level, ja) {
        (1, true) => "ファイル内容のランダムさの判定を省いています",
        (1, false) => "the randomness of file contents is not judged",
        (2, true) => "加えて、大量転送の内容の解析を省いています",
        (2, false) => "nor is the payload of bulk transfers read",
        (_, true) => "加えて、大量転送のフレームは先頭だけを受信しています",
        (_, false) => "and of the frames of bulk transfers only the head is kept",
    };
    if ja { format!("処理が追いついていません(段階 {level}): {what}") } else { format!("falling behind (level {level}): {what}") }
}

/// How an interface stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PortStatus {
    /// Name.
    pub name: String,
    /// It is read and has a link.
    pub up: bool,
    /// Frames since the sensor began.
    pub frames: u64,
    /// Bytes of them as they were kept.
    pub bytes: u64,
    /// Lost in the kernel's ring.
    pub kernel_drops: u64,
    /// Lost in the card or its driver.
    pub card_drops: u64,
    /// Frames of which only the head was kept.
    pub cut: u64,
    /// Frames that came out of order and were given the time of the one before them.
    pub late: u64,
    /// Packet time of the last frame.
    pub last_frame: Option<Timestamp>,
    /// What the box sent on it; `None` until it was seen for the first time.
    pub passivity: Option<PassivityProof>,
}

/// How the capture stands, written once a second.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// Packet time.
    pub now: Timestamp,
    /// Now, less the time of the frame last read, in nanoseconds; 0 when there was none to read.
    pub lag: u64,
    /// What is left out: 0 nothing, 1 judging contents, 2 bulk payload, 3 the tails of bulk frames.
    pub level: u8,
    /// Frames that came later than packet time and were given the time of the one before them.
    pub late: u64,
    /// Interfaces.
    pub ports: Vec<PortStatus>,
    /// The recording, if there is one.
    pub record: Option<RecordStatus>,
}

/// A place where the reader leaves its status and others take it.
#[derive(Debug, Default)]
pub struct StatusBoard(Mutex<Status>);

impl StatusBoard {
    /// As it was written last.
    pub fn read(&self) -> Status {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    pub(super) fn write(&self, status: Status) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_there_in_both_languages_and_names_its_interface() {
        let n = || "span0".to_owned();
        let step = |back| LiveNews::Clock(Step { ts: Timestamp(0), back, by: 2_500_000_000 });
        let all = [
            LiveNews::Opened(n()),
            LiveNews::Down { name: n(), why: "No such device exists".into() },
            LiveNews::Up(n()),
            LiveNews::Renamed { from: n(), to: "eth7".into() },
            LiveNews::Silent { name: n(), secs: 60 },
            LiveNews::Heard(n()),
            LiveNews::Sent { name: n(), frames: 3 },
        ];
        for news in all {
            let (en, ja) = (news.text(Lang::En), news.text(Lang::Ja));
            assert!(en.contains("span0") && ja.contains("span0") && en.is_ascii() && !ja.is_ascii());
        }
        let record = |trouble: Option<&str>| LiveNews::Recording { trouble: trouble.map(Into::into), missing: 3 };
        for news in [
            record(None),
            record(Some("disk full")),
            step(true),
            step(false),
            LiveNews::Overload(0),
            LiveNews::Overload(1),
            LiveNews::Overload(2),
            LiveNews::Overload(3),
        ] {
            assert!(news.text(Lang::En).is_ascii() && !news.text(Lang::Ja).is_ascii());
        }
    }
}
