// limit_conn zones for JavaScript: formatting, attaching, statistics, recovery and checks. Deciding is in
// conn_limits_binding.cc.

#include "binding/limit_conn_zone_binding.h"

#include "binding/exports.h"
#include "binding/values.h"

namespace sluice {
namespace {

napi_value JsCreateLimitConnZone(napi_env env, napi_callback_info info) {
  return MappedConnZone::Create(env, info, "createLimitConnZone");
}

napi_value JsAttachLimitConnZone(napi_env env, napi_callback_info info) {
  return MappedConnZone::Attach(env, info, "attachLimitConnZone");
}

napi_value JsForceUnlockConnZone(napi_env env, napi_callback_info info) {
  return MappedConnZone::ForceUnlock(env, info, "forceUnlockConnZone");
}

napi_value JsCheckConnZone(napi_env env, napi_callback_info info) {
  return MappedConnZone::Check(env, info, "checkConnZone");
}

napi_value JsSetLimitConnSuccessor(napi_env env, napi_callback_info info) {
  return MappedConnZone::SetSuccessor(env, info, "setLimitConnSuccessor");
}

napi_value JsFollowConnZone(napi_env env, napi_callback_info info) {
  return MappedConnZone::Follow(env, info, "followConnZone");
}

napi_value JsConnZoneMark(napi_env env, napi_callback_info info) {
  return MappedConnZone::Mark(env, info, "connZoneMark");
}

// `closeConnZone(zone)`
napi_value JsCloseConnZone(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "closeConnZone");
  MappedConnZone* mapped = MappedConnZone::Of(args, args[0], "zone");
  if (mapped == nullptr) return nullptr;
  if (mapped->successor() == nullptr) {
    args.Refuse("zone", "one with a successor");
    return nullptr;
  }
  mapped->zone().Close();
  return MakeUndefined(env);
}

napi_value JsReturnHolds(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "returnHolds");
  MappedConnZone* mapped = MappedConnZone::Of(args, args[0], "zone");
  int32_t pid;
  if (mapped == nullptr || !args.Int32(1, "pid", 1, INT32_MAX, &pid)) return nullptr;
  return MakeNumber(env, static_cast<double>(mapped->zone().ReturnHolds(pid)));
}

napi_value JsReturnDeadHolds(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "returnDeadHolds");
  MappedConnZone* mapped = MappedConnZone::Of(args, args[0], "zone");
  return mapped == nullptr ? nullptr : MakeNumber(env, static_cast<double>(mapped->zone().ReturnDead()));
}

napi_value JsConnZoneStats(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "connZoneStats");
  MappedConnZone* mapped = MappedConnZone::Of(args, args[0], "zone");
  if (mapped == nullptr) return nullptr;
  const ConnZoneStats stats = mapped->zone().Stats();
  const NumberField fields[] = {
      {"passed", stats.passed},
      {"rejected", stats.rejected},
      {"rejectedDryRun", stats.rejected_dry_run},
      {"allocationFailures", stats.allocation_failures},
      {"returned", stats.returned},
      {"lockSpins", stats.lock_spins},
      {"lockSleeps", stats.lock_sleeps},
      {"repairs", stats.repairs},
      {"connections", stats.connections},
      {"nodes", stats.nodes},
      {"owners", stats.owners},
  };
  return MakeNumbers(env, fields, sizeof fields / sizeof *fields);
}

napi_value JsConnZoneCapacity(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "connZoneCapacity");
  size_t size;
  int32_t key_length;
  if (!args.Size(0, "sizeBytes", &size) || !args.Int32(1, "keyLength", 1, kMaxConnKeyLength, &key_length)) {
    return nullptr;
  }
  return MakeNumber(env, static_cast<double>(LimitConnZone::Capacity(size, static_cast<size_t>(key_length))));
}

}  // namespace

void ExportLimitConnZone(napi_env env, napi_value exports) {
  SetFunction(env, exports, "createLimitConnZone", JsCreateLimitConnZone, nullptr);
  SetFunction(env, exports, "attachLimitConnZone", JsAttachLimitConnZone, nullptr);
  SetFunction(env, exports, "forceUnlockConnZone", JsForceUnlockConnZone, nullptr);
  SetFunction(env, exports, "setLimitConnSuccessor", JsSetLimitConnSuccessor, nullptr);
  SetFunction(env, exports, "closeConnZone", JsCloseConnZone, nullptr);
  SetFunction(env, exports, "followConnZone", JsFollowConnZone, nullptr);
  SetFunction(env, exports, "connZoneMark", JsConnZoneMark, nullptr);
  SetFunction(env, exports, "returnHolds", JsReturnHolds, nullptr);
  SetFunction(env, exports, "returnDeadHolds", JsReturnDeadHolds, nullptr);
  SetFunction(env, exports, "connZoneStats", JsConnZoneStats, nullptr);
  SetFunction(env, exports, "checkConnZone", JsCheckConnZone, nullptr);
  SetFunction(env, exports, "connZoneCapacity", JsConnZoneCapacity, nullptr);
}

}  // namespace sluice
