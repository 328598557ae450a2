//! Operations of the interfaces that attackers use, by number, in order; named as the MS-* documents name them (those of services without their leading `R`).

/// [MS-SCMR] 3.1.4.
pub(super) static SVCCTL: &[(u16, &str)] = &[
    (0, "CloseServiceHandle"),
    (1, "ControlService"),
    (2, "DeleteService"),
    (3, "LockServiceDatabase"),
    (4, "QueryServiceObjectSecurity"),
    (5, "SetServiceObjectSecurity"),
    (6, "QueryServiceStatus"),
    (11, "ChangeServiceConfigW"),
    (12, "CreateServiceW"),
    (13, "EnumDependentServicesW"),
    (14, "EnumServicesStatusW"),
    (15, "OpenSCManagerW"),
    (16, "OpenServiceW"),
    (17, "QueryServiceConfigW"),
    (18, "QueryServiceLockStatusW"),
    (19, "StartServiceW"),
    (20, "GetServiceDisplayNameW"),
    (21, "GetServiceKeyNameW"),
    (23, "ChangeServiceConfigA"),
    (24, "CreateServiceA"),
    (27, "OpenSCManagerA"),
    (28, "OpenServiceA"),
    (31, "StartServiceA"),
    (36, "ChangeServiceConfig2A"),
    (37, "ChangeServiceConfig2W"),
    (38, "QueryServiceConfig2A"),
    (39, "QueryServiceConfig2W"),
    (40, "QueryServiceStatusEx"),
    (41, "EnumServicesStatusExA"),
    (42, "EnumServicesStatusExW"),
    (44, "CreateServiceWOW64A"),
    (45, "CreateServiceWOW64W"),
    (50, "ControlServiceExA"),
    (51, "ControlServiceExW"),
    (60, "CreateWowService"),
    (64, "OpenSCManager2"),
];

/// [MS-TSCH] 3.2.5.2.
pub(super) static ATSVC: &[(u16, &str)] = &[(0, "NetrJobAdd"), (1, "NetrJobDel"), (2, "NetrJobEnum"), (3, "NetrJobGetInfo")];

/// [MS-TSCH] 3.2.5.4.
pub(super) static TASKS: &[(u16, &str)] = &[
    (0, "SchRpcHighestVersion"),
    (1, "SchRpcRegisterTask"),
    (2, "SchRpcRetrieveTask"),
    (3, "SchRpcCreateFolder"),
    (4, "SchRpcSetSecurity"),
    (5, "SchRpcGetSecurity"),
    (6, "SchRpcEnumFolders"),
    (7, "SchRpcEnumTasks"),
    (8, "SchRpcEnumInstances"),
    (9, "SchRpcGetInstanceInfo"),
    (10, "SchRpcStopInstance"),
    (11, "SchRpcStop"),
    (12, "SchRpcRun"),
    (13, "SchRpcDelete"),
    (14, "SchRpcRename"),
    (17, "SchRpcGetTaskInfo"),
    (19, "SchRpcEnableTask"),
];

/// [MS-WMI] 3.1.4.3.
pub(super) static WBEM: &[(u16, &str)] = &[
    (3, "OpenNamespace"),
    (4, "CancelAsyncCall"),
    (5, "QueryObjectSink"),
    (6, "GetObject"),
    (7, "GetObjectAsync"),
    (8, "PutClass"),
    (9, "PutClassAsync"),
    (10, "DeleteClass"),
    (11, "DeleteClassAsync"),
    (12, "CreateClassEnum"),
    (13, "CreateClassEnumAsync"),
    (14, "PutInstance"),
    (15, "PutInstanceAsync"),
    (16, "DeleteInstance"),
    (17, "DeleteInstanceAsync"),
    (18, "CreateInstanceEnum"),
    (19, "CreateInstanceEnumAsync"),
    (20, "ExecQuery"),
    (21, "ExecQueryAsync"),
    (22, "ExecNotificationQuery"),
    (23, "ExecNotificationQueryAsync"),
    (24, "ExecMethod"),
    (25, "ExecMethodAsync"),
];

/// [MS-WMI] 3.1.4.1.
pub(super) static WBEM_LOGIN: &[(u16, &str)] = &[(3, "EstablishPosition"), (4, "RequestChallenge"), (5, "WBEMLogin"), (6, "NTLMLogin")];

/// [MS-DCOM] 3.1.1.5.6 and 3.1.1.5.7.
pub(super) static REM_UNKNOWN: &[(u16, &str)] = &[(3, "RemQueryInterface"), (4, "RemAddRef"), (5, "RemRelease"), (6, "RemQueryInterface2")];

/// [MS-DCOM] 3.1.2.5.1.
pub(super) static OXID: &[(u16, &str)] =
    &[(0, "ResolveOxid"), (1, "SimplePing"), (2, "ComplexPing"), (3, "ServerAlive"), (4, "ResolveOxid2"), (5, "ServerAlive2")];

/// [MS-DRSR] 4.1.
pub(super) static DRSUAPI: &[(u16, &str)] = &[
    (0, "DRSBind"),
    (1, "DRSUnbind"),
    (2, "DRSReplicaSync"),
    (3, "DRSGetNCChanges"),
    (4, "DRSUpdateRefs"),
    (5, "DRSReplicaAdd"),
    (6, "DRSReplicaDel"),
    (7, "DRSReplicaModify"),
    (8, "DRSVerifyNames"),
    (9, "DRSGetMemberships"),
    (10, "DRSInterDomainMove"),
    (11, "DRSGetNT4ChangeLog"),
    (12, "DRSCrackNames"),
    (13, "DRSWriteSPN"),
    (14, "DRSRemoveDsServer"),
    (15, "DRSRemoveDsDomain"),
    (16, "DRSDomainControllerInfo"),
    (17, "DRSAddEntry"),
    (18, "DRSExecuteKCC"),
    (19, "DRSGetReplInfo"),
    (20, "DRSAddSidHistory"),
];

/// [MS-SAMR] 3.1.5.
pub(super) static SAMR: &[(u16, &str)] = &[
    (0, "SamrConnect"),
    (1, "SamrCloseHandle"),
    (3, "SamrQuerySecurityObject"),
    (5, "SamrLookupDomainInSamServer"),
    (6, "SamrEnumerateDomainsInSamServer"),
    (7, "SamrOpenDomain"),
    (8, "SamrQueryInformationDomain"),
    (9, "SamrSetInformationDomain"),
    (10, "SamrCreateGroupInDomain"),
    (11, "SamrEnumerateGroupsInDomain"),
    (12, "SamrCreateUserInDomain"),
    (13, "SamrEnumerateUsersInDomain"),
    (14, "SamrCreateAliasInDomain"),
    (15, "SamrEnumerateAliasesInDomain"),
    (16, "SamrGetAliasMembership"),
    (17, "SamrLookupNamesInDomain"),
    (18, "SamrLookupIdsInDomain"),
    (19, "SamrOpenGroup"),
    (20, "SamrQueryInformationGroup"),
    (22, "SamrAddMemberToGroup"),
    (25, "SamrGetMembersInGroup"),
    (27, "SamrOpenAlias"),
    (28, "SamrQueryInformationAlias"),
    (31, "SamrAddMemberToAlias"),
    (33, "SamrGetMembersInAlias"),
    (34, "SamrOpenUser"),
    (35, "SamrDeleteUser"),
    (36, "SamrQueryInformationUser"),
    (37, "SamrSetInformationUser"),
    (38, "SamrChangePasswordUser"),
    (39, "SamrGetGroupsForUser"),
    (40, "SamrQueryDisplayInformation"),
    (44, "SamrGetUserDomainPasswordInformation"),
    (46, "SamrQueryInformationDomain2"),
    (47, "SamrQueryInformationUser2"),
    (48, "SamrQueryDisplayInformation2"),
    (50, "SamrCreateUser2InDomain"),
    (51, "SamrQueryDisplayInformation3"),
    (54, "SamrOemChangePasswordUser2"),
    (55, "SamrUnicodeChangePasswordUser2"),
    (56, "SamrGetDomainPasswordInformation"),
    (57, "SamrConnect2"),
    (58, "SamrSetInformationUser2"),
    (62, "SamrConnect4"),
    (64, "SamrConnect5"),
    (65, "SamrRidToSid"),
    (66, "SamrSetDSRMPassword"),
    (67, "SamrValidatePassword"),
];

/// [MS-LSAD] 3.1.4 and [MS-LSAT] 3.1.4.
pub(super) static LSARPC: &[(u16, &str)] = &[
    (0, "LsarClose"),
    (2, "LsarEnumeratePrivileges"),
    (6, "LsarOpenPolicy"),
    (7, "LsarQueryInformationPolicy"),
    (8, "LsarSetInformationPolicy"),
    (10, "LsarCreateAccount"),
    (11, "LsarEnumerateAccounts"),
    (13, "LsarEnumerateTrustedDomains"),
    (14, "LsarLookupNames"),
    (15, "LsarLookupSids"),
    (17, "LsarOpenAccount"),
    (18, "LsarEnumeratePrivilegesAccount"),
    (19, "LsarAddPrivilegesToAccount"),
    (28, "LsarOpenSecret"),
    (30, "LsarQuerySecret"),
    (35, "LsarEnumerateAccountsWithUserRight"),
    (36, "LsarEnumerateAccountRights"),
    (37, "LsarAddAccountRights"),
    (42, "LsarStorePrivateData"),
    (43, "LsarRetrievePrivateData"),
    (44, "LsarOpenPolicy2"),
    (45, "LsarGetUserName"),
    (46, "LsarQueryInformationPolicy2"),
    (50, "LsarEnumerateTrustedDomainsEx"),
    (57, "LsarLookupSids2"),
    (58, "LsarLookupNames2"),
    (68, "LsarLookupNames3"),
    (76, "LsarLookupSids3"),
    (77, "LsarLookupNames4"),
];

/// [MS-SRVS] 3.1.4.
pub(super) static SRVSVC: &[(u16, &str)] = &[
    (8, "NetrConnectionEnum"),
    (9, "NetrFileEnum"),
    (10, "NetrFileGetInfo"),
    (11, "NetrFileClose"),
    (12, "NetrSessionEnum"),
    (13, "NetrSessionDel"),
    (14, "NetrShareAdd"),
    (15, "NetrShareEnum"),
    (16, "NetrShareGetInfo"),
    (17, "NetrShareSetInfo"),
    (18, "NetrShareDel"),
    (21, "NetrServerGetInfo"),
    (22, "NetrServerSetInfo"),
    (23, "NetrServerDiskEnum"),
    (28, "NetrRemoteTOD"),
    (30, "NetprPathType"),
    (31, "NetprPathCanonicalize"),
    (32, "NetprPathCompare"),
    (36, "NetrShareEnumSticky"),
];

/// [MS-WKST] 3.2.4.
pub(super) static WKSSVC: &[(u16, &str)] = &[
    (0, "NetrWkstaGetInfo"),
    (1, "NetrWkstaSetInfo"),
    (2, "NetrWkstaUserEnum"),
    (5, "NetrWkstaTransportEnum"),
    (8, "NetrUseAdd"),
    (13, "NetrWorkstationStatisticsGet"),
    (20, "NetrGetJoinInformation"),
    (22, "NetrJoinDomain2"),
    (23, "NetrUnjoinDomain2"),
];

/// [MS-RRP] 3.1.5.
pub(super) static WINREG: &[(u16, &str)] = &[
    (0, "OpenClassesRoot"),
    (1, "OpenCurrentUser"),
    (2, "OpenLocalMachine"),
    (3, "OpenPerformanceData"),
    (4, "OpenUsers"),
    (5, "BaseRegCloseKey"),
    (6, "BaseRegCreateKey"),
    (7, "BaseRegDeleteKey"),
    (8, "BaseRegDeleteValue"),
    (9, "BaseRegEnumKey"),
    (10, "BaseRegEnumValue"),
    (11, "BaseRegFlushKey"),
    (12, "BaseRegGetKeySecurity"),
    (13, "BaseRegLoadKey"),
    (15, "BaseRegOpenKey"),
    (16, "BaseRegQueryInfoKey"),
    (17, "BaseRegQueryValue"),
    (18, "BaseRegReplaceKey"),
    (19, "BaseRegRestoreKey"),
    (20, "BaseRegSaveKey"),
    (21, "BaseRegSetKeySecurity"),
    (22, "BaseRegSetValue"),
    (23, "BaseRegUnLoadKey"),
    (26, "BaseRegGetVersion"),
    (27, "OpenCurrentConfig"),
    (29, "BaseRegQueryMultipleValues"),
    (31, "BaseRegSaveKeyEx"),
    (35, "BaseRegDeleteKeyEx"),
];

/// [MS-RPRN] 3.1.4.
pub(super) static SPOOLSS: &[(u16, &str)] = &[
    (0, "RpcEnumPrinters"),
    (1, "RpcOpenPrinter"),
    (2, "RpcSetJob"),
    (4, "RpcEnumJobs"),
    (5, "RpcAddPrinter"),
    (8, "RpcGetPrinter"),
    (9, "RpcAddPrinterDriver"),
    (10, "RpcEnumPrinterDrivers"),
    (11, "RpcGetPrinterDriver"),
    (12, "RpcGetPrinterDriverDirectory"),
    (17, "RpcStartDocPrinter"),
    (26, "RpcGetPrinterData"),
    (29, "RpcClosePrinter"),
    (53, "RpcGetPrinterDriver2"),
    (56, "RpcFindClosePrinterChangeNotification"),
    (62, "RpcRemoteFindFirstPrinterChangeNotification"),
    (65, "RpcRemoteFindFirstPrinterChangeNotificationEx"),
    (69, "RpcOpenPrinterEx"),
    (70, "RpcAddPrinterEx"),
    (84, "RpcDeletePrinterDriverEx"),
    (89, "RpcAddPrinterDriverEx"),
];

/// [MS-PAR] 3.1.4.
pub(super) static WINSPOOL: &[(u16, &str)] = &[
    (0, "RpcAsyncOpenPrinter"),
    (39, "RpcAsyncAddPrinterDriver"),
    (58, "RpcSyncRegisterForRemoteNotifications"),
    (62, "RpcAsyncInstallPrinterDriverFromPackage"),
    (63, "RpcAsyncUploadPrinterDriverPackage"),
];

/// [MS-EFSR] 3.1.4.2.
pub(super) static EFSRPC: &[(u16, &str)] = &[
    (0, "EfsRpcOpenFileRaw"),
    (1, "EfsRpcReadFileRaw"),
    (2, "EfsRpcWriteFileRaw"),
    (3, "EfsRpcCloseRaw"),
    (4, "EfsRpcEncryptFileSrv"),
    (5, "EfsRpcDecryptFileSrv"),
    (6, "EfsRpcQueryUsersOnFile"),
    (7, "EfsRpcQueryRecoveryAgents"),
    (8, "EfsRpcRemoveUsersFromFile"),
    (9, "EfsRpcAddUsersToFile"),
    (12, "EfsRpcFileKeyInfo"),
    (13, "EfsRpcDuplicateEncryptionInfoFile"),
    (15, "EfsRpcAddUsersToFileEx"),
    (16, "EfsRpcFileKeyInfoEx"),
    (18, "EfsRpcGetEncryptedFileMetadata"),
    (19, "EfsRpcSetEncryptedFileMetadata"),
    (20, "EfsRpcFlushEfsCache"),
    (21, "EfsRpcEncryptFileExSrv"),
    (22, "EfsRpcQueryProtectors"),
];

/// [MS-EVEN] 3.1.4.
pub(super) static EVENTLOG: &[(u16, &str)] = &[
    (0, "ElfrClearELFW"),
    (1, "ElfrBackupELFW"),
    (2, "ElfrCloseEL"),
    (4, "ElfrNumberOfRecords"),
    (5, "ElfrOldestRecord"),
    (7, "ElfrOpenELW"),
    (8, "ElfrRegisterEventSourceW"),
    (9, "ElfrOpenBELW"),
    (10, "ElfrReadELW"),
    (11, "ElfrReportEventW"),
    (12, "ElfrClearELFA"),
];

/// [MS-EVEN6] 3.1.4.
pub(super) static EVENTLOG6: &[(u16, &str)] =
    &[(0, "EvtRpcRegisterRemoteSubscription"), (5, "EvtRpcRegisterLogQuery"), (6, "EvtRpcClearLog"), (7, "EvtRpcExportLog"), (11, "EvtRpcQueryNext")];

/// [MS-NRPC] 3.5.4.
pub(super) static NETLOGON: &[(u16, &str)] = &[
    (2, "NetrLogonSamLogon"),
    (3, "NetrLogonSamLogoff"),
    (4, "NetrServerReqChallenge"),
    (5, "NetrServerAuthenticate"),
    (6, "NetrServerPasswordSet"),
    (7, "NetrDatabaseDeltas"),
    (8, "NetrDatabaseSync"),
    (14, "NetrLogonControl2"),
    (15, "NetrServerAuthenticate2"),
    (16, "NetrDatabaseSync2"),
    (18, "NetrLogonControl2Ex"),
    (20, "DsrGetDcName"),
    (21, "NetrLogonGetCapabilities"),
    (26, "NetrServerAuthenticate3"),
    (27, "DsrGetDcNameEx"),
    (28, "DsrGetSiteName"),
    (29, "NetrLogonGetDomainInfo"),
    (30, "NetrServerPasswordSet2"),
    (31, "NetrServerPasswordGet"),
    (34, "DsrGetDcNameEx2"),
    (36, "NetrEnumerateTrustedDomainsEx"),
    (39, "NetrLogonSamLogonEx"),
    (40, "DsrEnumerateDomainTrusts"),
    (42, "NetrServerTrustPasswordsGet"),
    (45, "NetrLogonSamLogonWithFlags"),
    (46, "NetrServerGetTrustInfo"),
];

/// C706, appendix O.
pub(super) static EPM: &[(u16, &str)] = &[
    (0, "ept_insert"),
    (1, "ept_delete"),
    (2, "ept_lookup"),
    (3, "ept_map"),
    (4, "ept_lookup_handle_free"),
    (5, "ept_inq_object"),
    (6, "ept_mgmt_delete"),
];

/// [MS-RSP] 3.1.4.
pub(super) static SHUTDOWN: &[(u16, &str)] = &[(0, "BaseInitiateShutdown"), (1, "BaseAbortShutdown"), (2, "BaseInitiateShutdownEx")];

/// [MS-DFSNM] 3.1.4.
pub(super) static DFSNM: &[(u16, &str)] = &[
    (0, "NetrDfsManagerGetVersion"),
    (1, "NetrDfsAdd"),
    (2, "NetrDfsRemove"),
    (5, "NetrDfsEnum"),
    (12, "NetrDfsAddStdRoot"),
    (13, "NetrDfsRemoveStdRoot"),
    (14, "NetrDfsManagerInitialize"),
    (21, "NetrDfsEnumEx"),
];

/// [MS-FSRVP] 3.1.4.
pub(super) static FSSAGENT: &[(u16, &str)] = &[
    (0, "GetSupportedVersion"),
    (1, "SetContext"),
    (2, "StartShadowCopySet"),
    (3, "AddToShadowCopySet"),
    (4, "CommitShadowCopySet"),
    (5, "ExposeShadowCopySet"),
    (6, "RecoveryCompleteShadowCopySet"),
    (7, "AbortShadowCopySet"),
    (8, "IsPathSupported"),
    (9, "IsPathShadowCopied"),
    (10, "GetShareMapping"),
    (11, "DeleteShareMapping"),
    (12, "PrepareShadowCopySet"),
];

/// C706, appendix Q.
pub(super) static MGMT: &[(u16, &str)] =
    &[(0, "inq_if_ids"), (1, "inq_stats"), (2, "is_server_listening"), (3, "stop_server_listening"), (4, "inq_princ_name")];

/// [MS-DNSP] 3.1.4.
pub(super) static DNS_SERVER: &[(u16, &str)] = &[(0, "DnssrvOperation"), (1, "DnssrvQuery"), (5, "DnssrvOperation2"), (6, "DnssrvQuery2")];
