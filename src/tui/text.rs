//! Every text of the terminal UI, in both languages: the one table. A missing language does not compile. Words that the command line shows too
//! (severities, stages, outcomes) stand in `output::text_table`.

use crate::base::Lang;

macro_rules! texts {
    ($($name:ident = $en:literal | $ja:literal;)+) => {
        /// A text. `{0}`, `{1}` … are filled in.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum T { $(#[doc = concat!("`", $en, "`")] $name),+ }
        impl T {
            /// Every text.
            pub const ALL: &'static [T] = &[$(T::$name),+];
            /// In a language.
            pub const fn get(self, lang: Lang) -> &'static str {
                match self { $(T::$name => match lang { Lang::En => $en, Lang::Ja => $ja }),+ }
            }
        }
    };
}

texts! {
    PaneOverview = "Overview" | "概要";
    PaneIncident = "Incident" | "インシデント";
    PaneDevices = "Devices" | "機器";
    PaneEgress = "Egress" | "外部通信";
    PaneLateral = "Lateral" | "横展開";
    PaneFlows = "Flows" | "フロー";
    PaneFindings = "Findings" | "検知";
    PaneSensor = "Sensor" | "センサー";

    StateWaiting = "waiting" | "待機中";
    StateLive = "live" | "監視中";
    StateFrozen = "FROZEN (f: go on)" | "画面停止中（f で再開）";
    StateRecorded = "recording" | "記録";
    StatePlays = "plays x{0}" | "再生 x{0}";
    StateLost = "SENSOR LOST {0}" | "センサー切断 {0}";
    StateEnded = "ENDED: {0}" | "終了: {0}";
    BannerWaiting = "Nothing seen yet." | "まだ何も観測していません。";
    BannerQuiet = "QUIET: no open incident. Nothing needs you now." | "異常なし: 対応が必要なインシデントはありません。";
    BannerQuietBut = "* No open incident, but: {0}" | "* 対応が必要なインシデントはありませんが、{0}";
    BannerOpen = "{0} OPEN, worst {1}: {2} {3}" | "未対応 {0} 件（最大 {1}）: {2} {3}";
    BannerLost = "!! SENSOR LOST: what you see is old; trying again ({0})" | "!! センサーと接続できません。表示は古い情報です。再接続中（{0}）";
    TooSmall = "This screen has {0}x{1}; {2}x{3} are needed. Or use --plain." | "画面が {0}x{1} です。{2}x{3} 以上が必要です（または --plain）。";
    TroublePort = "a mirror port is not read" | "ミラーポートを受信できていません";
    TroubleLoss = "{0} % of the traffic is not seen" | "通信の {0} % を捕捉できていません";
    TroubleDrops = "{0} frames were dropped" | "{0} フレームを取りこぼしました";
    TroubleUndeclared = "no clinical zone is declared: devices and egress are for information only" | "診療系ゾーンが未設定のため、機器と外部通信は参考情報です";
    FooterTape = "play, next finding, jump" | "再生・次の検知・時刻へ";
    MoreBelow = "+{0} below" | "下に +{0}";

    NoIncident = "No incident." | "インシデントはありません。";
    OpenIncidents = "Incidents: {0} open of {1}" | "インシデント: 未対応 {0} / 全 {1}";
    WatchedSince = "Watched since {0}." | "{0} から監視しています。";
    NowFor = "NOW ({0}):" | "今すぐ（{0}）:";
    EnterForMore = "Enter: the whole story and all steps" | "Enter: 全体の経路と手順";
    Traffic = "Traffic, last hour" | "通信量（1 時間）";
    TrafficAll = "all" | "全体";
    Matrix = "Who contacts whom (!: not permitted)" | "ゾーン間の接続数（! は許可外）";
    WhatIsNew = "New in the last 24 hours" | "直近 24 時間の変化";
    NewsLine = "{0} devices not in ledger, {1} new admin pairs, {2} unwanted outside, {3} findings"
        | "台帳にない機器 {0}、新しい管理接続 {1}、許可外の外部宛先 {2}、検知 {3}（中以上）";
    Health = "Health" | "状態";
    BarLoss = "loss {0} %" | "欠落 {0} %";
    BarDrops = "dropped {0}" | "取りこぼし {0}";
    BarCopies = "copies {0}" | "複製 {0}";
    BarOneWay = "one-way {0} %" | "片方向 {0} %";
    BarBlocked = "cannot run {0}" | "動作不可 {0}";
    BarLag = "{0} s behind" | "遅れ {0} 秒";

    NumberHosts = "hosts: {0}" | "機器 {0} 台";
    NumberFiles = "files lost: {0}" | "失われたファイル {0} 件";
    NumberSince = "began {0} ago ({1}, last {2})" | "{0}前に発生（{1}、最新 {2}）";
    BeganAt = "Began at" | "起点";
    StageMeter = "Stages" | "段階";
    Now = "NOW" | "今すぐ";
    SeenBy = "acknowledged by {0} at {1}: {2}" | "{0} が {1} に確認済み: {2}";
    SpreadTree = "SPREAD" | "広がり";
    NextSteps = "WHAT TO DO" | "次にすること";
    IfCut = "IF IT IS CUT OFF" | "切り離した場合の影響";
    CutUnused = "{0} more hosts: nobody was seen to use them" | "ほか {0} 台は、他からの利用が見えていません";
    CutNobody = "Nobody was seen to use it: what stops is the work done at it." | "他からの利用は見えていません。止まるのはこの機器での作業です。";
    CutUsers = "{0} hosts use it, {1} of them clinical:" | "{0} 台が利用中（うち診療系 {1} 台）:";
    CutService = "{0} (port {1}) for {2} hosts, {3} clinical, last {4}" | "{0}（ポート {1}）{2} 台、診療系 {3} 台、最後の利用 {4}";
    MayBeNext = "MAY BE NEXT" | "次に狙われ得る機器";
    WhyOrigin = "WHY IT IS BELIEVED TO BEGIN THERE" | "起点と判断した根拠";
    TimeLine = "TIME LINE" | "経過";
    StageBegins = "stage: {0}" | "段階: {0}";
    MoreSteps = "and {0} more steps" | "ほか {0} 段";
    Switched = "other account" | "別アカウント";
    Accounts = "ACCOUNTS" | "使われたアカウント";
    HostsInIt = "HOSTS IN IT" | "関係する機器";
    Evidence = "EVIDENCE" | "根拠";
    SeenUnder = "SEEN UNDER" | "捕捉状況";
    SeenUnderText = "{0} packets read, {1} dropped, {2} % of payload missed, {3} one-way flows"
        | "読取り {0} パケット、取りこぼし {1}、ペイロード欠落 {2} %、片方向フロー {3}";
    Attack = "ATT&CK" | "ATT&CK";
    AtPacket = "{0}, packet {1}" | "{0}、パケット {1}";
    Gone = "It is no longer in the view." | "表示の対象から外れました。";
    Seconds = "{0} s" | "{0} 秒";
    Minutes = "{0} min" | "{0} 分";
    Hours = "{0} h {1} min" | "{0} 時間 {1} 分";
    Days = "{0} days" | "{0} 日";

    CardDevice = "Device" | "機器";
    CardHost = "Host" | "ホスト";
    CardFinding = "Finding" | "検知";
    CardFlow = "Flow" | "フロー";
    WhyWhatNext = "why, and what next" | "理由と次にすること";
    FanOut = "Fan-out" | "接続先";
    FanOutOf = "{0}: {1} targets, {2} answered (+: new)" | "{0}: 接続先 {1}、応答 {2}（+ は新規）";
    MapTitle = "Where it goes (!: not permitted)" | "通信先の国（! は許可外）";
    CountryUnknown = "unknown" | "不明";

    RowsOf = "{0} of {1}" | "{1} 件中 {0} 件";
    MarkedRows = "{0} marked" | "選択 {0}";
    MutedRows = "{0} muted (status:muted)" | "抑止中 {0}（status:muted）";
    NoRows = "Nothing here." | "該当するものはありません。";
    NoRowsFiltered = "Nothing fits the filter. Esc takes it away." | "条件に合うものはありません。Esc で条件を解除します。";
    NewMark = "new" | "新";
    SeenMark = "seen" | "確認済";
    FlowLive = "live" | "継続";
    FlowEnded = "ended" | "終了";
    Randomised = "(software-set MAC)" | "（ランダム MAC）";
    EgressAnswered = "answered" | "応答あり";
    EgressTried = "tried" | "応答なし";
    EgressAnsweredUnwanted = "ANSWERED" | "許可外";
    EgressTriedUnwanted = "tried" | "試行";
    OfAnswered = "{0}, {1} answered" | "{0}、応答 {1}";
    DecidedBy = "{0}, {1}: {2} (until {3})" | "{0}、{1}: {2}（期限 {3}）";

    ColStatus = "Status" | "状態";
    ColAddress = "Address" | "アドレス";
    ColName = "Name" | "名前";
    ColZone = "Zone" | "ゾーン";
    ColRole = "Role" | "役割";
    ColVendor = "Vendor" | "メーカー";
    ColMac = "MAC" | "MAC";
    ColFirst = "First seen" | "初回";
    ColLast = "Last" | "最終";
    ColVlan = "VLAN" | "VLAN";
    ColCount = "Count" | "件数";
    ColOutcome = "Outcome" | "結果";
    ColHost = "From" | "機器";
    ColTo = "To" | "宛先";
    ColCountry = "Ctry" | "国";
    ColOut = "Out" | "送信";
    ColIn = "In" | "受信";
    ColService = "Service" | "サービス";
    ColTargets = "Targets" | "接続先";
    ColNewTargets = "New" | "新規";
    ColMatrix = "Matrix" | "対応表";
    MatrixLegend = "Who is who (+ new, o answered, . tried)" | "記号の対応（+ 新規、o 応答、. 試行）";
    ColVia = "Via" | "方式";
    ColContacts = "Tries" | "接続";
    ColAnswered = "Answ." | "応答";
    ColNetwork = "Network" | "網";
    ColNew = "" | "";
    ColFrom = "From" | "接続元";
    ColUser = "Account" | "アカウント";
    ColLive = "" | "";
    ColPackets = "Packets" | "パケット";
    ColState = "State" | "状態";
    ColSeverity = "Severity" | "重大度";
    ColTime = "Time" | "時刻";
    ColTitle = "What" | "内容";
    ColIncident = "Inc." | "事案";
    ColDetector = "Detector" | "検知器";
    ColDecided = "Decided" | "判断";

    SensorSeen = "SEEN" | "観測";
    SensorBytes = "Bytes" | "バイト";
    SensorSince = "Since" | "開始";
    SensorUnseen = "NOT SEEN, OR NOT READ" | "捕捉・解析できなかったもの";
    SensorLoss = "Loss estimate" | "推定欠落率";
    SensorPorts = "MIRROR PORTS" | "ミラーポート";
    PortUp = "read" | "受信中";
    PortDown = "NOT READ" | "受信不可";
    PortLost = "dropped by kernel {0}, by card {1}, cut for overload {2}" | "カーネル廃棄 {0}、NIC 廃棄 {1}、過負荷で切詰め {2}";
    SensorBlocked = "DETECTORS THAT CANNOT RUN" | "動作できない検知器";
    SensorAllRun = "All detectors run." | "すべての検知器が動作しています。";
    SensorItself = "THE SENSOR ITSELF" | "センサー自身";
    SensorTables = "TABLES" | "内部の表";
    TableHeld = "{0} held, {1} had to leave" | "保持 {0}、追出し {1}";
    SensorWeird = "ODD INPUT" | "異常な入力";
    SensorMutes = "MUTED" | "抑止中";
    MuteLine = "until {0}, by {1}: {2}" | "{0} まで、{1}: {2}";
    CoverKernel = "frames dropped by the kernel" | "カーネルが廃棄したフレーム";
    CoverCard = "frames dropped by the card or its driver" | "NIC・ドライバーが廃棄したフレーム";
    CoverShed = "frames not parsed: overload" | "過負荷で解析しなかったフレーム";
    CoverMissed = "payload bytes on the wire but not captured" | "捕捉できなかったペイロード（バイト）";
    CoverOneWay = "flows seen in one direction only" | "片方向のみのフロー";
    CoverSnapped = "frames cut by the snap length" | "切り詰められたフレーム";
    CoverUndecoded = "frames not decoded" | "解読できないフレーム";
    CoverEvicted = "flows evicted by full tables" | "表の満杯で追い出したフロー";
    CoverUnparsed = "flows not read: memory cap" | "メモリ上限で内容を読まなかったフロー";
    CoverUnlisted = "flows counted in summaries only" | "集計のみのフロー";
    CoverLink = "link messages counted only" | "集計のみのリンク層メッセージ";
    CoverCopies = "copies removed" | "除去した複製";
    CoverDoubles = "exact copies counted, not removed" | "除去しなかった同一フレーム";
    CoverFiltered = "frames left out on request" | "指定により除外したフレーム";

    KeyHelp = "help" | "ヘルプ";
    KeyOpen = "open" | "開く";
    KeyBack = "back" | "戻る";
    KeyQuit = "quit" | "終了";
    KeyNextPane = "next pane" | "次の画面";
    KeyPrevPane = "previous pane" | "前の画面";
    KeyDown = "down" | "下へ";
    KeyUp = "up" | "上へ";
    KeyPageDown = "a page down" | "1 画面下へ";
    KeyPageUp = "a page up" | "1 画面上へ";
    KeyFirst = "first" | "先頭へ";
    KeyLast = "last" | "末尾へ";
    KeyFilter = "filter" | "絞り込み";
    KeyPalette = "command" | "コマンド";
    KeyPivot = "related" | "関連";
    KeyMark = "mark" | "選択";
    KeySort = "sort by the next column" | "並べ替え（次の列）";
    KeyReverse = "other way round" | "逆順";
    KeyAcknowledge = "acknowledge" | "確認済みにする";
    KeyMute = "mute" | "抑止";
    KeyUndo = "undo" | "元に戻す";
    KeyExport = "export" | "書き出し";
    KeyFreeze = "freeze" | "画面を止める";
    KeyNextIncident = "next one" | "次の事案";
    KeyPrevIncident = "previous one" | "前の事案";
    KeyAccept = "accept" | "許可";
    KeyRefuse = "refuse" | "拒否";
    KeyInvestigate = "investigate" | "調査中にする";
    KeyGroup = "group" | "まとめ";
    KeyPlay = "play, pause" | "再生・一時停止";
    KeyForward = "a step forward" | "1 つ進む";
    KeyBackward = "a step back" | "1 つ戻る";
    KeyFaster = "faster" | "速く";
    KeySlower = "slower" | "遅く";
    KeyJump = "jump to a time" | "時刻へ移動";
    KeyNextFinding = "next finding" | "次の検知へ";
    KeyPrevFinding = "previous finding" | "前の検知へ";
    KeyBookmark = "bookmark" | "しおりを付ける";
    KeyNextBookmark = "next bookmark" | "次のしおりへ";
    KeyTheme = "colours" | "配色";
    KeyLanguage = "Japanese, English" | "日本語・英語";
    KeyClock = "local time, UTC" | "現地時刻・UTC";
    ScopeAll = "Everywhere" | "共通";
    ScopeLists = "In tables" | "表";
    ScopeStories = "Incidents and findings" | "インシデント・検知";
    ScopeDevices = "Devices" | "機器";
    ScopeGroups = "Devices (alike as one), lateral (matrix)" | "機器（同種をまとめる）・横展開（対応表）";
    ScopeReplay = "Recordings" | "記録の再生";
    HelpTitle = "Help (any other key closes it)" | "ヘルプ（ほかのキーで閉じる）";
    HelpFilter = "Filter" | "絞り込み";
    HelpFilter1 = "host:10.20.0.0/16 user:sato sev:>=high since:2h -app:dns   all parts must hold, - turns one round"
        | "host:10.20.0.0/16 user:sato sev:>=high since:2h -app:dns   すべてを満たす行のみ、- は否定";
    HelpFilter2 = "ward   /pc-\\d+/   ~wrd   a word anywhere, a regular expression, letters in this order"
        | "ward   /pc-\\d+/   ~wrd   単語、正規表現、この順の文字";
    HelpFilter3 = "Tab completes, Up recalls, Esc gives up" | "Tab で補完、上キーで履歴、Esc で取消";
    HelpMarks = "Marks" | "記号";
    HelpMarks1 = "!! critical   ! high   * medium   - low   + new" | "!! 緊急   ! 高   * 中   - 低   + 新規";

    GoIncident = "its incident" | "インシデント";
    GoDevice = "the device" | "機器（接続元）";
    GoResponder = "the other side" | "相手側の機器";
    GoFindings = "findings about it" | "この機器の検知";
    GoLateral = "whom it administers" | "この機器の管理接続";
    GoEgress = "what it reaches outside" | "この機器の外部通信";
    GoFlows = "its flows" | "この機器のフロー";
    GoUser = "findings with the account" | "アカウントの検知";
    GoUserEdges = "where the account works" | "アカウントの管理接続";
    GoShare = "findings with the share" | "共有フォルダーの検知";
    ExportText = "the screen as text (txt)" | "画面をテキストで（txt）";
    ExportMarkdown = "all rows for a report (md)" | "全行を報告書用の表で（md）";
    ExportCsv = "all rows for a spreadsheet (csv)" | "全行を表計算用に（csv）";
    ExportSvg = "the screen as a picture (svg)" | "画面を画像で（svg）";

    FilterHint = "{0} rows. Tab completes, Up recalls, Enter keeps, Esc gives up" | "{0} 件。Tab 補完、上 履歴、Enter 確定、Esc 取消";
    PaletteHint = "a pane, or: filter … export csv theme light lang ja jump 10:35 speed 10 undo quit (Tab completes)"
        | "画面名、または filter … export csv theme light lang ja jump 10:35 speed 10 undo quit（Tab 補完）";
    AcknowledgeTitle = "Acknowledge {0} ({1} in all): note, may be empty" | "{0} を確認済みにする（計 {1} 件）: メモ（空でも可）";
    AcknowledgeHint = "It stays in the lists, but is no longer called open. u takes it back." | "一覧には残り、未対応からは外れます。u で元に戻せます。";
    Acknowledged = "{0} acknowledged (u: undo)" | "{0} 件を確認済みにしました（u で元に戻す）";
    MuteTitle = "Mute what is like {0}: reason" | "{0} と同種の検知を抑止: 理由";
    MuteScope = "{0}, for {1}   (Ctrl-s: how widely, Tab: how long)" | "{0}、期間 {1}   （Ctrl-s 範囲、Tab 期間）";
    MutePreview = "would have hidden {0} of {1} findings of the last 30 days, {2} of them high or critical"
        | "直近 30 日の検知 {1} 件中 {0} 件が隠れていたはずです（うち高・緊急 {2} 件）";
    MuteWhat = "Choose a finding first (7), then m." | "先に検知を選んでください（7）。その後 m を押します。";
    Muted = "muted until {0} (u: undo)" | "{0} まで抑止します（u で元に戻す）";
    ScopeBoth = "{0} by {1}" | "{1} の {0}";
    ScopeDetector = "{0} by anyone" | "すべての機器の {0}";
    ScopeHost = "everything by {0}" | "{0} のすべての検知";
    DecideTitle = "{0}: {1} devices. Reason" | "{0}: 機器 {1} 台。理由";
    DecideHint = "for {0}   (Tab: how long)" | "期間 {0}   （Tab で変更）";
    Decided = "{0} devices: {1} (u: undo)" | "機器 {0} 台: {1}（u で元に戻す）";
    ReasonNeeded = "A reason is needed: others will ask." | "理由を入力してください（後で確認するため）。";
    JumpHint = "10:35, 10:35:20 or 2026-11-21 10:35" | "10:35、10:35:20 または 2026-11-21 10:35";
    SpanHour = "1 hour" | "1 時間";
    SpanShift = "8 hours" | "8 時間";
    SpanDay = "1 day" | "1 日";
    SpanWeek = "7 days" | "7 日";
    SpanMonth = "30 days" | "30 日";
    SpanEver = "ever" | "無期限";
    NothingChosen = "Nothing is chosen." | "対象が選択されていません。";
    NothingThere = "Nothing there." | "この先にはありません。";
    NothingToUndo = "Nothing to undo." | "元に戻す操作はありません。";
    Undone = "Taken back." | "元に戻しました。";
    Bookmarked = "bookmark at {0} (B: next)" | "{0} にしおりを付けました（B で次へ）";
    WrongField = "there is no field `{0}`: {1}" | "項目 {0} はありません: {1}";
    WrongSeverity = "`{0}` is none of info low medium high critical" | "{0} は重大度ではありません（info low medium high critical）";
    WrongTime = "`{0}` is no time (10m, 2h, 7d, 10:35, 2026-11-21 10:35)" | "{0} は時刻として読めません（10m、2h、7d、10:35、2026-11-21 10:35）";
    WrongRegex = "`{0}` is no regular expression" | "{0} は正規表現として読めません";
    WrongLong = "too long for a filter" | "条件が長すぎます";
    WrongCommand = "there is no command `{0}`: {1}" | "コマンド {0} はありません: {1}";

    PlainHello = "spanward, plain mode. Type a command and Enter; help lists them." | "spanward プレーンモード。コマンドを入力して Enter。help で一覧。";
    PlainHelp = "Commands: a pane with an optional filter (devices status:unlisted), incident I0001, next, more, filter, jump, export csv, theme, lang, undo, quit. Panes:"
        | "コマンド: 画面名と条件（devices status:unlisted）、incident I0001、next、more、filter、jump、export csv、theme、lang、undo、quit。画面名:";
    PlainHead = "{0}, {1} lines." | "{0}、{1} 行。";
    PlainMore = "{0} more: type more." | "あと {0} 行。more で続き。";

    StatusListed = "listed" | "台帳登録";
    StatusUnlisted = "unlisted" | "台帳なし";
    StatusNew = "new" | "新規";
    StatusInvestigating = "investigating" | "調査中";
    StatusAuthorised = "authorised" | "許可";
    StatusExpired = "expired" | "期限切れ";
    RoleTerminal = "terminal" | "端末";
    RoleServer = "server" | "サーバ";
    RoleInfrastructure = "infra" | "基盤";
    RoleManagement = "management" | "管理";
    RoleBackup = "backup" | "バックアップ";
    RolePrinter = "printer" | "プリンタ";
    RoleModality = "modality" | "撮影装置";
    RolePacs = "PACS" | "PACS";
    RoleGateway = "gateway" | "ルータ";
    RoleVendor = "vendor" | "業者";
    RolePhone = "phone" | "電話";
}

impl T {
    /// The text for a word of our files, if it stands here.
    pub fn of_word(word: &str) -> Option<T> {
        Some(match word {
            "listed" => T::StatusListed,
            "unlisted" => T::StatusUnlisted,
            "new" => T::StatusNew,
            "investigating" => T::StatusInvestigating,
            "authorised" => T::StatusAuthorised,
            "expired" => T::StatusExpired,
            "terminal" => T::RoleTerminal,
            "server" => T::RoleServer,
            "infrastructure" => T::RoleInfrastructure,
            "management" => T::RoleManagement,
            "backup" => T::RoleBackup,
            "printer" => T::RolePrinter,
            "modality" => T::RoleModality,
            "pacs" => T::RolePacs,
            "gateway" => T::RoleGateway,
            "vendor" => T::RoleVendor,
            "phone" => T::RolePhone,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn both_languages_say_something_with_the_same_places() {
        for t in T::ALL {
            let places = |s: &str| (0..10).filter(|n| s.contains(&format!("{{{n}}}"))).collect::<BTreeSet<_>>();
            let (en, ja) = (t.get(Lang::En), t.get(Lang::Ja));
            assert_eq!(en.is_empty(), ja.is_empty(), "{t:?}");
            assert_eq!(places(en), places(ja), "{t:?}");
            assert!(en.is_ascii() || en.contains('…'), "{t:?}: {en}");
        }
    }

    #[test]
    fn japanese_is_japanese() {
        let alike = T::ALL.iter().filter(|t| t.get(Lang::En) == t.get(Lang::Ja)).count();
        // Names that have no other form: MAC, VLAN, ATT&CK, PACS, columns without a head.
        assert!(alike <= 6, "{alike} texts are the same in both languages");
    }
}
