//! Signals: TERM and INT stop the sensor, HUP reads the site file, the ledger and the signatures again.

use super::pulse;
use crate::base::Lang;
use crate::capture::Waker;
use crate::cli::{Common, Loaded, Stop, say};
use crate::engine::{Resetting, Setup, blocked};
use crate::output::pick;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Reads everything again and gives it to the run. A bad file leaves the sensor with what it has.
#[derive(Clone)]
pub(super) struct Reloading {
    pub(super) common: Common,
    pub(super) reset: Resetting,
    pub(super) lang: Lang,
}

impl Reloading {
    /// Does it; an error says what is wrong and where.
    pub(super) fn reload(&self) -> Result<(), String> {
        pulse::reloading(|| self.read())
    }
    fn read(&self) -> Result<(), String> {
        let setup = self.setup().map_err(|e| e.message().to_owned())?;
        if self.reset.give(setup) {
            return Ok(());
        }
        Err(pick(self.lang, "the last reading has not been taken in yet", "前回の読み込みがまだ反映されていません").to_owned())
    }
    fn setup(&self) -> Result<Setup, Stop> {
        let Loaded { site, signatures, geo } = self.common.load()?;
        // A signature that a detector cannot be made from is found here, not in the run.
        blocked(&site, &signatures).map_err(|e| Stop::new(crate::cli::Exit::Usage, e))?;
        Ok(Setup { site: Arc::new(site), signatures: Arc::new(signatures), geo })
    }
    fn told(&self) {
        match self.reload() {
            Ok(()) => say(pick(
                self.lang,
                "the site file, the ledger and the signatures were read again",
                "サイト設定・機器台帳・シグネチャを読み込み直しました",
            )),
            Err(why) => {
                let kept = pick(self.lang, "nothing is changed, the sensor goes on with what it has", "設定は変更せず、現在の内容で監視を続けます");
                say(&format!("{why}\n{kept}"));
            }
        }
    }
}

/// Listens in a thread of its own until the process ends.
pub(super) fn listen(stop: Arc<AtomicBool>, waker: Waker, reloading: Reloading) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let listen = move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                reloading.told();
                continue;
            }
            say(pick(reloading.lang, "stopping: what was found is saved", "停止します。結果を保存しています"));
            pulse::stopping();
            stop.store(true, Ordering::Relaxed);
            waker.wake();
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen).map(drop)
}
