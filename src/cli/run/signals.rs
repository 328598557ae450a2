//! Signals: TERM and INT stop the sensor, HUP reads the site file, the ledger and the signatures again.

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

/// Listens in a thread of its own until the process ends.
pub(super) fn listen(stop: Arc<AtomicBool>, waker: Waker, common: Common, reset: Resetting, lang: Lang) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let listen = move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                reload(&common, &reset, lang);
                continue;
            }
            say(pick(lang, "stopping: what was found is saved", "停止します。結果を保存しています"));
            stop.store(true, Ordering::Relaxed);
            waker.wake();
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen).map(drop)
}

/// Reads everything again. A bad file leaves the sensor with what it has.
fn reload(common: &Common, reset: &Resetting, lang: Lang) {
    match setup(common) {
        Ok(setup) => {
            let given = reset.give(setup);
            say(match given {
                true => {
                    pick(lang, "the site file, the ledger and the signatures were read again", "サイト設定・機器台帳・シグネチャを読み込み直しました")
                }
                false => {
                    pick(lang, "not read again: the last reading has not been taken in yet", "前回の読み込みがまだ反映されていないため、見送りました")
                }
            });
        }
        Err(e) => {
            let kept = pick(lang, "nothing is changed, the sensor goes on with what it has", "設定は変更せず、現在の内容で監視を続けます");
            say(&format!("{}\n{kept}", e.message()));
        }
    }
}

fn setup(common: &Common) -> Result<Setup, Stop> {
    let Loaded { site, signatures, geo } = common.load()?;
    // A signature that a detector cannot be made from is found here, not in the run.
    blocked(&site, &signatures).map_err(|e| Stop::new(crate::cli::Exit::Usage, e))?;
    Ok(Setup { site: Arc::new(site), signatures: Arc::new(signatures), geo })
}
