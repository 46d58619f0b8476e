// The one native call of a request: a function per location, compiled from its limits, that takes the keys and returns
// what Decide() says. Everything it needs hangs on the function's data pointer; a call allocates nothing, makes one
// number, and crosses into C++ once. It throws only where its caller passes something that is no string.

#include <node_api.h>

#include <cmath>
#include <cstdlib>
#include <string_view>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/limit_req_zone_binding.h"
#include "binding/values.h"
#include "core/limit_req_zone.h"
#include "os/clock.h"

namespace sluice {
namespace {

// All keys of one call, packed. Addresses, user names and most URIs fit; longer ones take the slow path below.
constexpr size_t kFastKeyBytes = 2048;
// Room for the longest key, for one byte more (which makes it too long), and for the zero that Node-API writes.
constexpr size_t kSlowKeyRoom = kMaxKeyLength + 2;

struct CompiledLimits {
  LimitSpec limits[kMaxLimits];
  MappedReqZone* zones[kMaxLimits] = {};
  int count = 0;
  double* result = nullptr;  // the Float64Array's memory, alive by result_reference
  napi_ref result_reference = nullptr;

  ~CompiledLimits() {
    for (int i = 0; i < count; i++) zones[i]->Unref();
  }
};

enum class KeyRead { kOk, kTooLongForRoom, kNoString };

// Packs the keys into `buffer` one after the other. Node-API truncates
// silently: a text that fills its room may have been longer.
KeyRead ReadKeys(napi_env env, const napi_value* values, int count, char* buffer, size_t size, std::string_view* keys) {
  size_t used = 0;
  for (int i = 0; i < count; i++) {
    size_t length;
    if (napi_get_value_string_latin1(env, values[i], buffer + used, size - used, &length) != napi_ok) {
      return KeyRead::kNoString;
    }
    if (used + length + 1 >= size) return KeyRead::kTooLongForRoom;
    keys[i] = std::string_view(buffer + used, length);
    used += length;
  }
  return KeyRead::kOk;
}

napi_value Verdict(napi_env env, const CompiledLimits& compiled, const std::string_view* keys, Moment moment) {
  Decision decision;
  const int64_t verdict = Decide(compiled.limits, keys, compiled.count, moment, &decision);
  compiled.result[0] = static_cast<double>(decision.excess);
  compiled.result[1] = decision.index;
  return MakeWhole(env, verdict);
}

napi_value ThrowNoString(napi_env env) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "checkLimits: every key must be a string, one for each limit");
  return nullptr;
}

// Keys that do not fit on the stack, each in room of its own. malloc, not thread-local memory: this is the rare case,
// and a megabyte that stays would be paid by every process for ever.
napi_value VerdictOnLongKeys(napi_env env, const CompiledLimits& compiled, const napi_value* values, Moment moment) {
  char* buffer = static_cast<char*>(std::malloc(kSlowKeyRoom * static_cast<size_t>(compiled.count)));
  if (buffer == nullptr) return MakeWhole(env, kNoMemory);
  std::string_view keys[kMaxLimits];
  napi_value verdict = nullptr;
  bool strings = true;
  for (int i = 0; i < compiled.count && strings; i++) {
    char* room = buffer + kSlowKeyRoom * static_cast<size_t>(i);
    size_t length = 0;
    strings = napi_get_value_string_latin1(env, values[i], room, kSlowKeyRoom, &length) == napi_ok;
    keys[i] = std::string_view(room, length);
  }
  verdict = strings ? Verdict(env, compiled, keys, moment) : ThrowNoString(env);
  std::free(buffer);
  return verdict;
}

// kCapacity: how many keys there is room for. Most locations have one limit; fetching and clearing sixteen of
// everything for them would cost as much as the clock.
template <size_t kCapacity>
napi_value Check(napi_env env, const CompiledLimits& compiled, const napi_value* values, Moment moment) {
  char buffer[kFastKeyBytes];
  std::string_view keys[kCapacity];
  switch (ReadKeys(env, values, compiled.count, buffer, sizeof buffer, keys)) {
    case KeyRead::kOk:
      return Verdict(env, compiled, keys, moment);
    case KeyRead::kTooLongForRoom:
      return VerdictOnLongKeys(env, compiled, values, moment);
    case KeyRead::kNoString:
      break;
  }
  return ThrowNoString(env);
}

template <size_t kCapacity>
napi_value CheckNow(napi_env env, napi_callback_info info) {
  napi_value values[kCapacity];
  size_t count = kCapacity;
  void* data = nullptr;
  napi_get_cb_info(env, info, &count, values, nullptr, &data);
  return Check<kCapacity>(env, *static_cast<CompiledLimits*>(data), values, MonotonicMs);
}

napi_callback CheckNowFor(int count) {
  if (count == 1) return CheckNow<1>;
  return count <= 4 ? CheckNow<4> : CheckNow<kMaxLimits>;
}

napi_value CheckAt(napi_env env, napi_callback_info info) {
  napi_value values[1 + kMaxLimits];
  size_t count = 1 + kMaxLimits;
  void* data = nullptr;
  napi_get_cb_info(env, info, &count, values, nullptr, &data);
  int64_t now_ms;
  if (napi_get_value_int64(env, values[0], &now_ms) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "checkLimitsAt: \"nowMs\" must be a number");
    return nullptr;
  }
  return Check<kMaxLimits>(env, *static_cast<CompiledLimits*>(data), values + 1, now_ms);
}

bool ReadTicks(const Arguments& args, napi_value object, const char* property, const char* name, int64_t min,
               int64_t* ticks) {
  napi_value value;
  double number;
  if (!args.Property(object, property, &value) || !args.NumberOf(value, name, &number)) return false;
  if (std::isinf(number) && number > 0 && min == 0) {
    *ticks = kMaxTicks;
    return true;
  }
  return args.IntegerOf(value, name, min, kMaxTicks, ticks);
}

bool ReadLimit(const Arguments& args, napi_value object, CompiledLimits* compiled) {
  if (!args.ObjectOf(object, "limits[i]")) return false;
  napi_value value;
  if (!args.Property(object, "zone", &value)) return false;
  MappedReqZone* mapped = MappedReqZone::Of(args, value, "limits[i].zone");
  if (mapped == nullptr) return false;

  LimitSpec limit;
  limit.zone = &mapped->zone();
  if (!ReadTicks(args, object, "rate", "limits[i].rate", 1, &limit.rate) ||
      !ReadTicks(args, object, "burst", "limits[i].burst", 0, &limit.burst) ||
      !ReadTicks(args, object, "delay", "limits[i].delay", 0, &limit.delay) ||
      !args.Property(object, "dryRun", &value) || !args.BooleanOf(value, "limits[i].dryRun", &limit.dry_run)) {
    return false;
  }
  for (int i = 0; i < compiled->count; i++) {
    // One request would be charged twice, and which of the two charges comes first would decide it.
    if (compiled->limits[i].zone->uid() == limit.zone->uid()) return args.Refuse("limits[i].zone", "another zone each");
  }
  mapped->Ref();
  compiled->zones[compiled->count] = mapped;
  compiled->limits[compiled->count] = limit;
  compiled->count++;
  return true;
}

bool ReadLimits(const Arguments& args, CompiledLimits* compiled) {
  uint32_t count;
  if (!args.ArrayOf(args[0], "limits", &count)) return false;
  if (count < 1 || count > kMaxLimits) {
    return args.Refuse("limits", "an array of 1 to " + std::to_string(kMaxLimits) + " limits");
  }
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    if (!args.Element(args[0], i, &element) || !ReadLimit(args, element, compiled)) return false;
  }
  void* elements;
  size_t length;
  if (!args.TypedArrayOf(args[1], "result", napi_float64_array, 2, &elements, &length)) return false;
  compiled->result = static_cast<double*>(elements);
  return true;
}

void Release(napi_env env, void* data, void* /*hint*/) {
  auto* compiled = static_cast<CompiledLimits*>(data);
  napi_delete_reference(env, compiled->result_reference);
  delete compiled;
}

napi_value Compile(const Arguments& args, const char* name, bool clock_is_argument) {
  napi_env env = args.env();
  auto* compiled = new CompiledLimits;
  if (!ReadLimits(args, compiled)) {
    delete compiled;
    return nullptr;
  }
  const napi_callback check = clock_is_argument ? CheckAt : CheckNowFor(compiled->count);

  napi_value function = nullptr;
  napi_create_reference(env, args[1], 1, &compiled->result_reference);
  napi_create_function(env, name, NAPI_AUTO_LENGTH, check, compiled, &function);
  napi_add_finalizer(env, function, compiled, Release, nullptr, nullptr);
  return function;
}

napi_value JsCompileLimits(napi_env env, napi_callback_info info) {
  return Compile(Arguments(env, info, "compileLimits"), "checkLimits", false);
}

napi_value JsCompileLimitsAt(napi_env env, napi_callback_info info) {
  return Compile(Arguments(env, info, "compileLimitsAt"), "checkLimitsAt", true);
}

}  // namespace

void ExportLimits(napi_env env, napi_value exports) {
  SetFunction(env, exports, "compileLimits", JsCompileLimits, nullptr);
  SetFunction(env, exports, "compileLimitsAt", JsCompileLimitsAt, nullptr);
}

}  // namespace sluice
