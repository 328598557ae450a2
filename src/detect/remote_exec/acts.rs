//! Calls by which a program is made to run on another host, its settings are changed or its traces are wiped: by interface and operation, which
//! also a sealed call shows. What only asks (opens, lists, queries) is none of them.

use crate::base::Outcome;
use crate::protocols::dcerpc::{self, Call};

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Act {
    CreateService,
    ChangeService,
    StartService,
    StopService,
    AddJob,
    RegisterTask,
    RunTask,
    CallMethod,
    PutInstance,
    Invoke,
    GetClass,
    SaveHive,
    SetValue,
    ClearLog,
    Shutdown,
    Shell,
}

/// Word for evidence, ATT&CK technique, name of its points in the signature.
type Line = (Act, &'static str, &'static str, Weight);

/// Classes of weight, as the signature names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Weight {
    /// A program of the caller's choice runs.
    Program,
    /// A method or an object is used by which programs can be run.
    Method,
    /// What is there already is started, stopped or changed.
    Control,
    /// Secrets are taken or traces wiped.
    Grave,
}

const LINES: &[Line] = &[
    (Act::CreateService, "a service was created", "T1569.002", Weight::Program),
    (Act::ChangeService, "a service got another program", "T1569.002", Weight::Program),
    (Act::StartService, "a service was started", "T1569.002", Weight::Control),
    (Act::StopService, "a service was stopped", "T1489", Weight::Control),
    (Act::AddJob, "a job was scheduled", "T1053.002", Weight::Program),
    (Act::RegisterTask, "a task was registered", "T1053.005", Weight::Program),
    (Act::RunTask, "a task was run", "T1053.005", Weight::Control),
    (Act::CallMethod, "a method was called through WMI", "T1047", Weight::Method),
    (Act::PutInstance, "an instance was written through WMI", "T1047", Weight::Method),
    (Act::Invoke, "a method of a remote object was invoked", "T1021.003", Weight::Method),
    (Act::GetClass, "a remote object was activated", "T1021.003", Weight::Control),
    (Act::SaveHive, "a registry hive was saved", "T1003.002", Weight::Grave),
    (Act::SetValue, "the registry was written", "T1112", Weight::Control),
    (Act::ClearLog, "an event log was cleared", "T1070.001", Weight::Grave),
    (Act::Shutdown, "the host was shut down", "T1529", Weight::Control),
    (Act::Shell, "a remote shell was worked in", "T1021.006", Weight::Method),
];

impl Act {
    fn line(self) -> Option<&'static Line> {
        LINES.iter().find(|l| l.0 == self)
    }
    /// As evidence says it.
    pub(super) fn word(self) -> &'static str {
        self.line().map_or("", |l| l.1)
    }
    pub(super) fn technique(self) -> &'static str {
        self.line().map_or("", |l| l.2)
    }
    pub(super) fn weight(self) -> Weight {
        self.line().map_or(Weight::Control, |l| l.3)
    }
    /// What a call does, if it does something.
    pub(super) fn of(c: &Call) -> Option<Act> {
        Some(match (c.interface.name, c.op) {
            ("svcctl", 12 | 24 | 44 | 45 | 60) => Act::CreateService,
            // Without a program it changes how a service starts.
            ("svcctl", 11 | 23) if !c.value.is_empty() => Act::ChangeService,
            ("svcctl", 19 | 31) => Act::StartService,
            ("svcctl", 1 | 50 | 51) if c.value == "stop" => Act::StopService,
            ("atsvc", 0) => Act::AddJob,
            ("ITaskSchedulerService", 1) => Act::RegisterTask,
            ("ITaskSchedulerService", 12) => Act::RunTask,
            ("IWbemServices", 24 | 25) => Act::CallMethod,
            ("IWbemServices", 8 | 9 | 14 | 15) => Act::PutInstance,
            ("IDispatch", 6) => Act::Invoke,
            // Honest programs have an instance made (RemoteCreateInstance): so come certificates, shadow copies, WMI.
            ("IRemoteSCMActivator", 3) => Act::GetClass,
            ("winreg", 20 | 31) => Act::SaveHive,
            ("winreg", 22) => Act::SetValue,
            ("eventlog", 0 | 12) | ("eventlog6", 6) => Act::ClearLog,
            ("initshutdown", 0 | 2) | ("WindowsShutdown", 0) => Act::Shutdown,
            _ => return None,
        })
    }
}

/// ERROR_ACCESS_DENIED, as a return code and as a fault.
const ACCESS_DENIED: u32 = 5;
/// ERROR_SERVICE_REQUEST_TIMEOUT: what was started did not report as a service. It ran: so do command lines behind a service.
const NO_REPORT: u32 = 1053;

/// What came of a call. Sealed results hide their code: that there was an answer is all that can be said.
pub(super) fn outcome(act: Act, c: &Call) -> Outcome {
    match c.outcome {
        dcerpc::Outcome::Returned(Some(0)) => Outcome::Succeeded,
        dcerpc::Outcome::Returned(Some(NO_REPORT)) if act == Act::StartService => Outcome::Succeeded,
        dcerpc::Outcome::Returned(None) => Outcome::Answered,
        dcerpc::Outcome::Returned(Some(ACCESS_DENIED)) | dcerpc::Outcome::Fault(ACCESS_DENIED) => Outcome::Refused,
        dcerpc::Outcome::Returned(Some(_)) | dcerpc::Outcome::Fault(_) => Outcome::Failed,
        dcerpc::Outcome::Unanswered => Outcome::Attempted,
    }
}

/// Words by which a service's or job's program is a command line and no program of a product.
const SHELLS: &[&str] =
    &["cmd.exe", "cmd ", "comspec", "powershell", "pwsh", "rundll32", "regsvr32", "mshta", "wscript", "cscript", "certutil", "bitsadmin"];

/// Is what was given to run a line for a shell, or a file that lies on a share?
pub(super) fn is_command_line(value: &str) -> bool {
    let lower = value.to_lowercase();
    SHELLS.iter().any(|s| lower.contains(s)) || lower.trim_start_matches('"').starts_with("\\\\")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::dcerpc::{Auth, Interface};

    fn call(name: &str, op: u16) -> Call {
        Call {
            pipe: None,
            interface: Interface::named(name).unwrap(),
            op,
            auth: Auth::default(),
            sealed: false,
            outcome: dcerpc::Outcome::Returned(Some(0)),
            sent: 0,
            received: 0,
            nth: 1,
            target: String::new(),
            value: String::new(),
        }
    }

    #[test]
    fn every_act_has_its_line_and_asking_is_none() {
        assert!(LINES.iter().all(|l| l.0.word() == l.1 && l.0.technique() == l.2));
        for (name, op) in
            [("svcctl", 15), ("svcctl", 16), ("svcctl", 6), ("svcctl", 14), ("winreg", 15), ("winreg", 17), ("winreg", 6), ("IWbemServices", 20)]
        {
            assert_eq!(Act::of(&call(name, op)), None, "{name} {op}");
        }
        assert_eq!(Act::of(&call("IRemoteSCMActivator", 4)), None, "certificate enrolment does it too");
        assert_eq!(Act::of(&call("svcctl", 11)), None, "the kind of start was changed");
        assert_eq!(Act::of(&Call { value: "C:\\x.exe".into(), ..call("svcctl", 11) }), Some(Act::ChangeService));
        assert_eq!(Act::of(&call("svcctl", 1)), None, "interrogated");
        assert_eq!(Act::of(&call("svcctl", 45)), Some(Act::CreateService));
    }

    #[test]
    fn the_answer_decides() {
        let with = |o| Call { outcome: o, ..call("svcctl", 19) };
        let of = |o| outcome(Act::StartService, &with(o));
        assert_eq!(of(dcerpc::Outcome::Returned(Some(1053))), Outcome::Succeeded);
        assert_eq!(outcome(Act::CreateService, &with(dcerpc::Outcome::Returned(Some(1053)))), Outcome::Failed);
        assert_eq!(of(dcerpc::Outcome::Returned(Some(2))), Outcome::Failed);
        assert_eq!(of(dcerpc::Outcome::Fault(5)), Outcome::Refused);
        assert_eq!(of(dcerpc::Outcome::Returned(None)), Outcome::Answered);
        assert_eq!(of(dcerpc::Outcome::Unanswered), Outcome::Attempted);
    }

    #[test]
    fn command_lines() {
        for yes in
            ["%COMSPEC% /Q /c echo dir ^> \\\\127.0.0.1\\C$\\__output", "powershell.exe -c x", "\\\\10.0.0.5\\s\\a.exe", "\"\\\\h\\s\\a.exe\" -q"]
        {
            assert!(is_command_line(yes), "{yes}");
        }
        for no in ["%SystemRoot%\\PSEXESVC.exe", "\"C:\\Program Files\\Maker\\agent.exe\" -k", ""] {
            assert!(!is_command_line(no), "{no}");
        }
    }
}
