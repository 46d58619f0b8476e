// Entry point of sluice.node. Loaded once per env (main thread and each worker thread).

#include <node_api.h>

#include "binding/environment.h"
#include "binding/exports.h"

NAPI_MODULE_INIT() {
  if (!sluice::Environment::Create(env)) return nullptr;
  sluice::ExportSharedMemory(env, exports);
  sluice::ExportLimitReqZone(env, exports);
  sluice::ExportZoneUse(env, exports);
  sluice::ExportLimits(env, exports);
  sluice::ExportBuckets(env, exports);
  sluice::ExportWindows(env, exports);
  sluice::ExportLimitConnZone(env, exports);
  sluice::ExportConnLimits(env, exports);
  sluice::ExportChannel(env, exports);
  sluice::ExportHeaderScan(env, exports);
  sluice::ExportListeningSocket(env, exports);
  sluice::ExportAcceptor(env, exports);
  sluice::ExportPoller(env, exports);
  sluice::ExportProcess(env, exports);
  sluice::ExportSend(env, exports);
  sluice::ExportSignals(env, exports);
  return exports;
}
