// limit_req zones for JavaScript: formatting, attaching, statistics, recovery and checks. Deciding is in
// limits_binding.cc.

#include "binding/limit_req_zone_binding.h"

#include <string>

#include "binding/exports.h"
#include "binding/values.h"

namespace sluice {
namespace {

napi_value JsCreateLimitReqZone(napi_env env, napi_callback_info info) {
  return MappedReqZone::Create(env, info, "createLimitReqZone");
}

napi_value JsAttachLimitReqZone(napi_env env, napi_callback_info info) {
  return MappedReqZone::Attach(env, info, "attachLimitReqZone");
}

napi_value JsForceUnlockZone(napi_env env, napi_callback_info info) {
  return MappedReqZone::ForceUnlock(env, info, "forceUnlockZone");
}

napi_value JsZoneStats(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "zoneStats");
  MappedReqZone* mapped = MappedReqZone::Of(args, args[0], "zone");
  if (mapped == nullptr) return nullptr;
  const ZoneStats stats = mapped->zone().Stats();
  const NumberField fields[] = {
      {"passed", stats.passed},
      {"delayed", stats.delayed},
      {"rejected", stats.rejected},
      {"delayedDryRun", stats.delayed_dry_run},
      {"rejectedDryRun", stats.rejected_dry_run},
      {"nodes", stats.nodes},
      {"evictedIdle", stats.evicted_idle},
      {"evictedInDebt", stats.evicted_in_debt},
      {"allocationFailures", stats.allocation_failures},
      {"lockSpins", stats.lock_spins},
      {"lockSleeps", stats.lock_sleeps},
      {"repairs", stats.repairs},
      {"shards", stats.shards},
  };
  return MakeNumbers(env, fields, sizeof fields / sizeof *fields);
}

napi_value JsCheckZone(napi_env env, napi_callback_info info) { return MappedReqZone::Check(env, info, "checkZone"); }

napi_value JsZoneCapacity(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "zoneCapacity");
  size_t size;
  int32_t key_length;
  if (!args.Size(0, "sizeBytes", &size) || !args.Int32(1, "keyLength", 0, INT32_MAX, &key_length)) return nullptr;
  return MakeNumber(env, static_cast<double>(LimitReqZone::Capacity(size, static_cast<size_t>(key_length))));
}

}  // namespace

void ExportLimitReqZone(napi_env env, napi_value exports) {
  SetFunction(env, exports, "createLimitReqZone", JsCreateLimitReqZone, nullptr);
  SetFunction(env, exports, "attachLimitReqZone", JsAttachLimitReqZone, nullptr);
  SetFunction(env, exports, "forceUnlockZone", JsForceUnlockZone, nullptr);
  SetFunction(env, exports, "zoneStats", JsZoneStats, nullptr);
  SetFunction(env, exports, "checkZone", JsCheckZone, nullptr);
  SetFunction(env, exports, "zoneCapacity", JsZoneCapacity, nullptr);
}

}  // namespace sluice
