// The library's windows, and the names of its limits, for JavaScript; see library_target.h.

#include <node_api.h>

#include <string>

#include "binding/exports.h"
#include "binding/library_target.h"
#include "core/limit_window.h"

namespace sluice {
namespace {

// `hit(key, cost?, restartAbove?, doubles?, windowMs?)`: hits in the window; result[0] is the time until its end.
napi_value JsHit(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Target& target = *call.target;
  CallKey key;
  int64_t cost;
  WindowRestart restart;
  int64_t doubles;
  int64_t window_ms;
  if (!key.Read(target, call.values[0]) || !call.Cost(&cost) ||
      !call.Number(2, "restartAbove", 0, kMaxTicks, restart.above, &restart.above) ||
      !call.Number(3, "doubles", 0, 1, 0, &doubles) ||
      !call.Number(4, "windowMs", 1, kMaxPeriodMs, target.window_ms, &window_ms)) {
    return nullptr;
  }
  restart.doubles = doubles != 0;
  WindowState state;
  HitWindow(&target.zone->zone(), key.bytes(), window_ms, cost, restart, target.Now(), &state);
  target.result[0] = static_cast<double>(state.reset_ms);
  return MakeWhole(env, state.hits);
}

napi_value JsDecrement(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Target& target = *call.target;
  CallKey key;
  int64_t cost;
  if (!key.Read(target, call.values[0]) || !call.Cost(&cost)) return nullptr;
  DecrementWindow(&target.zone->zone(), key.bytes(), cost, target.Now());
  return MakeUndefined(env);
}

// `get(key)`: as hit without counting; result[0] is 0 when no window is running.
napi_value JsGet(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Target& target = *call.target;
  CallKey key;
  if (!key.Read(target, call.values[0])) return nullptr;
  const WindowState state = GetWindow(&target.zone->zone(), key.bytes(), target.Now());
  target.result[0] = static_cast<double>(state.reset_ms);
  return MakeWhole(env, state.hits);
}

template <LimitAlgorithm kAlgorithm>
napi_value JsForgetAll(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  ForgetKeys(&call.target->zone->zone(), kAlgorithm, call.target->prefix);
  return MakeUndefined(env);
}

napi_value JsCompileWindow(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "compileWindow");
  Target* target = ReadTarget(args, 1);
  if (target == nullptr) return nullptr;
  if (!WholeProperty(args, args[1], "windowMs", 1, kMaxPeriodMs, &target->window_ms)) {
    target->Unref();
    return nullptr;
  }
  constexpr Function kFunctions[] = {{"hit", JsHit},
                                     {"decrement", JsDecrement},
                                     {"get", JsGet},
                                     {"forget", JsForget<LimitAlgorithm::kWindow>},
                                     {"forgetAll", JsForgetAll<LimitAlgorithm::kWindow>}};
  return MakeTargetObject(env, target, kFunctions, sizeof kFunctions / sizeof *kFunctions);
}

// `registerLimitName(zone, name, algorithm)`: 0, or what is wrong (LIMIT_NAME_* in src/native/addon.ts).
napi_value JsRegisterLimitName(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "registerLimitName");
  MappedReqZone* mapped = MappedReqZone::Of(args, args[0], "zone");
  std::string name;
  int32_t algorithm;
  if (mapped == nullptr || !args.BytesOf(args[1], "name", kMaxKeyLength, &name) ||
      !args.Int32(2, "algorithm", 1, 2, &algorithm)) {
    return nullptr;
  }
  if (name.empty()) {
    args.Refuse("name", "some bytes");
    return nullptr;
  }
  const NameStatus status =
      RegisterLimitName(&mapped->zone(), name, static_cast<LimitAlgorithm>(algorithm), MonotonicMs());
  return MakeWhole(env, static_cast<int64_t>(status));
}

}  // namespace

void ExportWindows(napi_env env, napi_value exports) {
  SetFunction(env, exports, "compileWindow", JsCompileWindow, nullptr);
  SetFunction(env, exports, "registerLimitName", JsRegisterLimitName, nullptr);
}

}  // namespace sluice
