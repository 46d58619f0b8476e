// The parts of the addon's exports object, one function per subject (src/native/addon.ts is the contract).

#ifndef SLUICE_BINDING_EXPORTS_H_
#define SLUICE_BINDING_EXPORTS_H_

#include <node_api.h>

namespace sluice {

void ExportSharedMemory(napi_env env, napi_value exports);
void ExportLimitReqZone(napi_env env, napi_value exports);
void ExportZoneUse(napi_env env, napi_value exports);
void ExportLimits(napi_env env, napi_value exports);
void ExportBuckets(napi_env env, napi_value exports);
void ExportWindows(napi_env env, napi_value exports);
void ExportLimitConnZone(napi_env env, napi_value exports);
void ExportConnLimits(napi_env env, napi_value exports);
void ExportChannel(napi_env env, napi_value exports);
void ExportHeaderScan(napi_env env, napi_value exports);
void ExportListeningSocket(napi_env env, napi_value exports);
void ExportAcceptor(napi_env env, napi_value exports);
void ExportPoller(napi_env env, napi_value exports);
void ExportProcess(napi_env env, napi_value exports);
void ExportSend(napi_env env, napi_value exports);
void ExportSignals(napi_env env, napi_value exports);

}  // namespace sluice

#endif  // SLUICE_BINDING_EXPORTS_H_
