//! `spanward store`: a copy of the sensor's store, one put back, and is it whole?

use super::{Common, Exit, Stop, emit, say};
use crate::base::Lang;
use crate::output::pick;
use crate::store::{self, FILE, Reader, StoreError};
use std::path::{Path, PathBuf};

/// Options of `store`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  spanward store backup /mnt/usb/spanward-2026-11-21.db /var/lib/spanward\n  spanward store check /var/lib/spanward\n  \
                        sqlite3 -readonly /var/lib/spanward/spanward.db 'SELECT * FROM finding_list'"
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Copy the store to a new file, while the sensor runs or not
    Backup {
        /// The new file; it must not exist
        to: PathBuf,
        /// The sensor's directory
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Put a backup in the store's place; what stood there is kept beside it (the sensor must be stopped)
    Restore {
        /// The backup
        from: PathBuf,
        /// The sensor's directory
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Check every page, index and constraint, and tell what is in it
    Check {
        /// The sensor's directory, or a backup file
        #[arg(default_value = ".")]
        path: PathBuf,
    },
}

impl From<StoreError> for Stop {
    fn from(e: StoreError) -> Stop {
        let exit = match e {
            StoreError::Exists { .. } | StoreError::InUse { .. } => Exit::Output,
            _ => Exit::Input,
        };
        Stop::new(exit, e)
    }
}

/// Copies, puts back, checks.
pub fn run(args: &Args, common: &Common) -> Result<Exit, Stop> {
    let lang = common.lang.unwrap_or_default();
    match &args.what {
        What::Backup { to, dir } => {
            let bytes = store::backup(&dir.join(FILE), to)?;
            tell(common, pick(lang, "saved to {} ({} bytes)", "{} に保存しました（{} バイト）"), &[&to.display().to_string(), &bytes.to_string()]);
        }
        What::Restore { from, dir } => {
            if let Some(kept) = store::restore(from, &dir.join(FILE))? {
                let text = pick(lang, "what stood there is now {}", "これまでの内容は {} に残してあります");
                tell(common, text, &[&kept.display().to_string()]);
            }
            tell(common, pick(lang, "put back: {}", "復元しました: {}"), &[&dir.join(FILE).display().to_string()]);
        }
        What::Check { path } => {
            let file = if path.is_dir() { path.join(FILE) } else { path.clone() };
            emit(check(&file, lang)?.as_bytes())?;
        }
    }
    Ok(Exit::Done)
}

fn filled(text: &str, with: &[&str]) -> String {
    with.iter().fold(text.to_owned(), |t, w| t.replacen("{}", w, 1))
}

fn tell(common: &Common, text: &str, with: &[&str]) {
    if !common.quiet {
        say(&filled(text, with));
    }
}

fn check(file: &Path, lang: Lang) -> Result<String, StoreError> {
    let version = store::check(file)?;
    if version < store::VERSION {
        let text = pick(
            lang,
            "whole; version {}, brought to version {} when the sensor starts with it\n",
            "破損はありません。バージョン {} のため、センサーの起動時に {} へ更新されます\n",
        );
        return Ok(filled(text, &[&version.to_string(), &store::VERSION.to_string()]));
    }
    let r = Reader::open(file)?;
    let hidden: u64 = r.hidden()?.iter().map(|h| h.1).sum();
    let counts = [r.devices()?.len(), r.findings()?.len(), r.incidents()?.len(), r.verdicts()?.len()].map(|n| n.to_string());
    let text = pick(
        lang,
        "whole; version {}: {} devices, {} findings, {} incidents, {} decisions, {} findings muted\n",
        "破損はありません。バージョン {}: 機器 {} 台、検知 {} 件、インシデント {} 件、判断 {} 件、抑止中の検知 {} 件\n",
    );
    let [devices, findings, incidents, decisions] = &counts;
    Ok(filled(text, &[&version.to_string(), devices, findings, incidents, decisions, &hidden.to_string()]))
}
