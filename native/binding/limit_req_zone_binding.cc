// limit_req zones for JavaScript: formatting, attaching, statistics, recovery and checks. Deciding is in
// limits_binding.cc.

#include "binding/limit_req_zone_binding.h"

#include <unistd.h>

#include <string>

#include "binding/exports.h"
#include "binding/values.h"
#include "core/limit_req_file.h"
#include "core/limit_req_move.h"
#include "os/clock.h"

namespace sluice {
namespace {

napi_value JsCreateLimitReqZone(napi_env env, napi_callback_info info) {
  return MappedReqZone::Create(env, info, "createLimitReqZone");
}

napi_value JsAttachLimitReqZone(napi_env env, napi_callback_info info) {
  return MappedReqZone::Attach(env, info, "attachLimitReqZone");
}

const char* OriginName(ZoneFileOrigin origin) {
  switch (origin) {
    case ZoneFileOrigin::kCreated:
      return "created";
    case ZoneFileOrigin::kShared:
      return "shared";
    case ZoneFileOrigin::kRecovered:
      return "recovered";
    case ZoneFileOrigin::kReplaced:
      return "replaced";
    case ZoneFileOrigin::kResized:
      return "resized";
  }
  return "unknown";
}

// `openLimitReqZoneFile(path, sizeBytes, name, keyText, keepOther)`
napi_value JsOpenLimitReqZoneFile(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "openLimitReqZoneFile");
  ZoneFileRequest request;
  std::string name;
  std::string key_text;
  if (!args.Text(0, "path", &request.path) || !args.Size(1, "sizeBytes", &request.size_bytes) ||
      !args.Text(2, "name", &name) || !args.Text(3, "keyText", &key_text) ||
      !args.BooleanOf(args[4], "keepOther", &request.keep_other_layout)) {
    return nullptr;
  }
  request.name = name;
  request.key_text = key_text;
  request.resize = !request.keep_other_layout;
  OpenedZoneFile opened;
  const ZoneFileError error = OpenLimitReqZoneFile(request, ReadClocks(), &opened);
  if (!error.os.ok()) return ThrowOsError(env, error.os);
  if (!error.ok()) {
    napi_throw_error(env, "ERR_ZONE", error.text.c_str());
    return nullptr;
  }
  napi_value zone = MappedReqZone::Bind(env, opened.address, request.size_bytes, "openLimitReqZoneFile", name);
  if (zone == nullptr) {
    close(opened.fd);
    return nullptr;
  }
  napi_value result = nullptr;
  napi_create_object(env, &result);
  SetProperty(env, result, "zone", zone);
  SetProperty(env, result, "fd", MakeNumber(env, opened.fd));
  SetProperty(env, result, "origin", MakeText(env, OriginName(opened.origin)));
  SetProperty(env, result, "problem", MakeText(env, opened.problem));
  return result;
}

napi_value JsSetLimitReqSuccessor(napi_env env, napi_callback_info info) {
  return MappedReqZone::SetSuccessor(env, info, "setLimitReqSuccessor");
}

napi_value JsFollowZone(napi_env env, napi_callback_info info) {
  return MappedReqZone::Follow(env, info, "followZone");
}

napi_value JsReleaseZone(napi_env env, napi_callback_info info) {
  return MappedReqZone::Release(env, info, "releaseZone");
}

napi_value JsZoneMark(napi_env env, napi_callback_info info) { return MappedReqZone::Mark(env, info, "zoneMark"); }

// `moveZone(zone)`
napi_value JsMoveZone(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "moveZone");
  MappedReqZone* mapped = MappedReqZone::Of(args, args[0], "zone");
  if (mapped == nullptr) return nullptr;
  if (mapped->successor() == nullptr) {
    args.Refuse("zone", "one with a successor");
    return nullptr;
  }
  const MoveCounts counts = MoveToSuccessor(&mapped->zone(), MonotonicMs());
  const NumberField fields[] = {{"moved", counts.moved}, {"dropped", counts.dropped}};
  return MakeNumbers(env, fields, sizeof fields / sizeof *fields);
}

// `noteZoneClock(zone)`
napi_value JsNoteZoneClock(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "noteZoneClock");
  MappedReqZone* mapped = MappedReqZone::Of(args, args[0], "zone");
  if (mapped == nullptr) return nullptr;
  mapped->zone().clock().NoteOfBoot(ReadClocks());
  return MakeUndefined(env);
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
  SetFunction(env, exports, "openLimitReqZoneFile", JsOpenLimitReqZoneFile, nullptr);
  SetFunction(env, exports, "setLimitReqSuccessor", JsSetLimitReqSuccessor, nullptr);
  SetFunction(env, exports, "moveZone", JsMoveZone, nullptr);
  SetFunction(env, exports, "followZone", JsFollowZone, nullptr);
  SetFunction(env, exports, "releaseZone", JsReleaseZone, nullptr);
  SetFunction(env, exports, "zoneMark", JsZoneMark, nullptr);
  SetFunction(env, exports, "noteZoneClock", JsNoteZoneClock, nullptr);
  SetFunction(env, exports, "forceUnlockZone", JsForceUnlockZone, nullptr);
  SetFunction(env, exports, "zoneStats", JsZoneStats, nullptr);
  SetFunction(env, exports, "checkZone", JsCheckZone, nullptr);
  SetFunction(env, exports, "zoneCapacity", JsZoneCapacity, nullptr);
}

}  // namespace sluice
