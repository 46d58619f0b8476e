// The library's limits for JavaScript: buckets and windows of one zone, each with a name in front of its keys. What a
// limit is goes into a target that its functions share; a check is one call with a key, text as UTF-8 or bytes, and
// returns one number. Figures beside it go into a Float64Array that JavaScript reads when it wants them.

#include <node_api.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/limit_req_zone_binding.h"
#include "binding/values.h"
#include "core/limit_keys.h"
#include "core/limit_window.h"
#include "os/clock.h"

namespace sluice {
namespace {

constexpr napi_type_tag kBucketTag = {0x3f0a9d1c5be84e67, 0xb1c2d86f0e9a4473};

// A key with its prefix on the stack; longer ones are copied to the heap.
constexpr size_t kFastKeyBytes = 512;
// UTF-8 is cut between characters: up to so many bytes may be missing, and the zero that Node-API writes.
constexpr size_t kCutBytes = 4;

struct Target {
  Target(napi_env owner, MappedReqZone* mapped) : env(owner), zone(mapped) { zone->Ref(); }
  ~Target() {
    if (result_reference != nullptr) napi_delete_reference(env, result_reference);
    if (clock_reference != nullptr) napi_delete_reference(env, clock_reference);
    zone->Unref();
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  void Unref() {
    if (--references == 0) delete this;
  }
  int64_t Now() const { return clock == nullptr ? MonotonicMs() : static_cast<int64_t>(*clock); }

  napi_env env;
  MappedReqZone* zone;
  std::string prefix;
  LimitSpec limit;        // of a bucket
  int64_t window_ms = 0;  // of a window
  double* result = nullptr;
  napi_ref result_reference = nullptr;
  const double* clock = nullptr;  // instead of the machine's, for tests
  napi_ref clock_reference = nullptr;
  int references = 1;
};

// One key of a call, behind its limit's prefix.
class CallKey {
 public:
  CallKey() = default;
  ~CallKey() { std::free(heap_); }
  CallKey(const CallKey&) = delete;
  CallKey& operator=(const CallKey&) = delete;

  // False after throwing a TypeError.
  bool Read(const Target& target, napi_value value) {
    napi_env env = target.env;
    const std::string& prefix = target.prefix;
    char* room = stack_;
    size_t length = 0;
    if (prefix.size() + kCutBytes < sizeof stack_) {
      const size_t space = sizeof stack_ - prefix.size();
      const napi_status status = napi_get_value_string_utf8(env, value, stack_ + prefix.size(), space, &length);
      if (status == napi_ok && length + kCutBytes < space) return Use(room, prefix, length);
    }
    if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) == napi_ok) {
      if (length > kMaxKeyLength) return true;
      room = heap_ = static_cast<char*>(std::malloc(prefix.size() + length + 1));
      if (room == nullptr) return true;
      napi_get_value_string_utf8(env, value, room + prefix.size(), length + 1, &length);
      return Use(room, prefix, length);
    }
    return ReadBytes(env, prefix, value);
  }

  // Empty if the key is not accounted: it was empty, or too long.
  std::string_view bytes() const { return bytes_; }

 private:
  bool ReadBytes(napi_env env, const std::string& prefix, napi_value value) {
    bool is_array = false;
    napi_typedarray_type type;
    size_t length = 0;
    void* data = nullptr;
    if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array ||
        napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
        type != napi_uint8_array) {
      napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "a key must be a string or a Uint8Array");
      return false;
    }
    char* room = stack_;
    if (prefix.size() + length > sizeof stack_) {
      if (length > kMaxKeyLength) return true;
      room = heap_ = static_cast<char*>(std::malloc(prefix.size() + length));
      if (room == nullptr) return true;
    }
    if (length > 0) memcpy(room + prefix.size(), data, length);
    return Use(room, prefix, length);
  }

  bool Use(char* room, const std::string& prefix, size_t length) {
    memcpy(room, prefix.data(), prefix.size());
    if (length > 0 && prefix.size() + length <= kMaxKeyLength) bytes_ = {room, prefix.size() + length};
    return true;
  }

  char stack_[kFastKeyBytes];
  char* heap_ = nullptr;
  std::string_view bytes_;
};

// The arguments of a call to one of a target's functions: key, then numbers that may be missing.
struct Call {
  static constexpr size_t kMax = 4;

  Call(napi_env env, napi_callback_info info) {
    void* data = nullptr;
    napi_get_cb_info(env, info, &count, values, nullptr, &data);
    target = static_cast<Target*>(data);
  }

  // The number at `index`, or `missing`; whatever is no number from `min` to `max` throws a RangeError.
  bool Number(size_t index, const char* name, int64_t min, int64_t max, int64_t missing, int64_t* number) const {
    *number = missing;
    if (index >= count) return true;
    double value;
    if (napi_get_value_double(target->env, values[index], &value) == napi_ok && value >= static_cast<double>(min) &&
        value <= static_cast<double>(max)) {
      *number = static_cast<int64_t>(value);
      return true;
    }
    const std::string text =
        std::string("\"") + name + "\" must be a number from " + std::to_string(min) + " to " + std::to_string(max);
    napi_throw_range_error(target->env, "ERR_OUT_OF_RANGE", text.c_str());
    return false;
  }
  bool Cost(int64_t* cost) const { return Number(1, "cost", 0, kMaxTicks / kTicks, 1, cost); }

  static constexpr int64_t kTicks = 1000;
  size_t count = kMax;
  napi_value values[kMax];
  Target* target = nullptr;
};

napi_value MakeWhole(napi_env env, int64_t number) {
  napi_value value = nullptr;
  // An int32 becomes a small integer without a heap number.
  if (number == static_cast<int32_t>(number)) {
    napi_create_int32(env, static_cast<int32_t>(number), &value);
  } else {
    napi_create_int64(env, number, &value);
  }
  return value;
}

napi_value Verdict(napi_env env, const LimitSpec& limit, int64_t verdict, const Decision& decision, double* result) {
  result[0] = static_cast<double>(decision.owed);
  result[1] = decision.index;
  if (verdict == kRejected) result[2] = static_cast<double>(RetryAfterMs(limit, decision));
  return MakeWhole(env, verdict);
}

// `check(key, cost?, rate?, periodMs?)`, and peek likewise.
template <bool kCharge>
napi_value JsCheck(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Target& target = *call.target;
  CallKey key;
  LimitSpec limit = target.limit;
  int64_t cost;
  if (!key.Read(target, call.values[0]) || !call.Cost(&cost) ||
      !call.Number(2, "rate", 1, kMaxTicks, limit.rate, &limit.rate) ||
      !call.Number(3, "periodMs", 1, kMaxPeriodMs, limit.period_ms, &limit.period_ms)) {
    return nullptr;
  }
  limit.cost = cost * Call::kTicks;
  Decision decision;
  decision.owed = -Call::kTicks;
  const std::string_view bytes = key.bytes();
  const int64_t verdict =
      kCharge ? Decide(&limit, &bytes, 1, target.Now(), &decision) : Peek(limit, bytes, target.Now(), &decision);
  return Verdict(env, limit, verdict, decision, target.result);
}

template <LimitAlgorithm kAlgorithm>
napi_value JsForget(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  CallKey key;
  if (!key.Read(*call.target, call.values[0])) return nullptr;
  const std::string_view bytes = key.bytes();
  return MakeBoolean(env,
                     !bytes.empty() && ForgetKey(&call.target->zone->zone(), kAlgorithm, bytes, call.target->Now()));
}

template <LimitAlgorithm kAlgorithm>
napi_value JsForgetAll(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  ForgetKeys(&call.target->zone->zone(), kAlgorithm, call.target->prefix);
  return MakeUndefined(env);
}

// `busiest(n)`: [key, ticks, key, ticks, ...], largest first; keys are Buffers without the prefix.
napi_value JsBusiest(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Target& target = *call.target;
  double n = 0;
  if (napi_get_value_double(env, call.values[0], &n) != napi_ok || !(n >= 0)) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "\"n\" must be a number from 0");
    return nullptr;
  }
  BusiestKeys busiest(n < 1e9 ? static_cast<size_t>(n) : size_t{1000000000});
  if (!busiest.Collect(&target.zone->zone(), target.prefix, target.Now())) {
    napi_throw_error(env, "ERR_MEMORY_ALLOCATION_FAILED", "no memory for the busiest keys");
    return nullptr;
  }
  napi_value list = nullptr;
  napi_create_array_with_length(env, busiest.size() * 2, &list);
  for (size_t i = 0; i < busiest.size(); i++) {
    const BusiestKeys::Entry& entry = busiest[i];
    napi_value key = nullptr;
    const size_t prefix = target.prefix.size();
    napi_create_buffer_copy(env, entry.key_length - prefix, entry.key + prefix, nullptr, &key);
    napi_set_element(env, list, static_cast<uint32_t>(2 * i), key);
    napi_set_element(env, list, static_cast<uint32_t>(2 * i + 1), MakeWhole(env, entry.owed));
  }
  return list;
}

// `hit(key, cost?, restartAbove?, doubles?)`: hits in the window; result[0] is the time until its end.
napi_value JsHit(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Target& target = *call.target;
  CallKey key;
  int64_t cost;
  WindowRestart restart;
  int64_t doubles;
  if (!key.Read(target, call.values[0]) || !call.Cost(&cost) ||
      !call.Number(2, "restartAbove", 0, kMaxTicks, restart.above, &restart.above) ||
      !call.Number(3, "doubles", 0, 1, 0, &doubles)) {
    return nullptr;
  }
  restart.doubles = doubles != 0;
  WindowState state;
  HitWindow(&target.zone->zone(), key.bytes(), target.window_ms, cost, restart, target.Now(), &state);
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

// The memory of a Float64Array that stays alive with the target.
bool Keep(const Arguments& args, napi_value value, const char* name, size_t length, double** elements,
          napi_ref* reference) {
  void* memory;
  size_t found;
  if (!args.TypedArrayOf(value, name, napi_float64_array, length, &memory, &found)) return false;
  *elements = static_cast<double*>(memory);
  return napi_create_reference(args.env(), value, 1, reference) == napi_ok;
}

bool WholeProperty(const Arguments& args, napi_value object, const char* name, int64_t min, int64_t max,
                   int64_t* number) {
  napi_value value;
  const std::string full_name = std::string("options.") + name;
  return args.Property(object, name, &value) && args.IntegerOf(value, full_name.c_str(), min, max, number);
}

// `compile...(zone, options, result, clock?)`; nullptr after throwing.
Target* ReadTarget(const Arguments& args, size_t results) {
  MappedReqZone* mapped = MappedReqZone::Of(args, args[0], "zone");
  if (mapped == nullptr || !args.ObjectOf(args[1], "options")) return nullptr;
  auto* target = new Target(args.env(), mapped);
  target->limit.zone = &mapped->zone();
  napi_value prefix;
  napi_valuetype clock = napi_undefined;
  double* time = nullptr;
  napi_typeof(args.env(), args[3], &clock);
  if (args.Property(args[1], "prefix", &prefix) &&
      args.BytesOf(prefix, "options.prefix", kMaxKeyLength, &target->prefix) &&
      Keep(args, args[2], "result", results, &target->result, &target->result_reference) &&
      (clock == napi_undefined || Keep(args, args[3], "clock", 1, &time, &target->clock_reference))) {
    target->clock = time;
    return target;
  }
  target->Unref();
  return nullptr;
}

struct Function {
  const char* name;
  napi_callback callback;
};

// An object with functions of a target; each keeps it alive.
napi_value MakeObject(napi_env env, Target* target, const Function* functions, size_t count) {
  const auto release = [](napi_env /*env*/, void* data, void* /*hint*/) { static_cast<Target*>(data)->Unref(); };
  napi_value object = nullptr;
  napi_create_object(env, &object);
  for (size_t i = 0; i < count; i++) {
    napi_value function = nullptr;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].callback, target, &function);
    target->references++;
    napi_add_finalizer(env, function, target, release, nullptr, nullptr);
    SetProperty(env, object, functions[i].name, function);
  }
  napi_wrap(env, object, target, release, nullptr, nullptr);
  return object;
}

napi_value JsCompileBucket(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "compileBucket");
  Target* target = ReadTarget(args, 3);
  if (target == nullptr) return nullptr;
  LimitSpec& limit = target->limit;
  if (!WholeProperty(args, args[1], "rate", 1, kMaxTicks, &limit.rate) ||
      !WholeProperty(args, args[1], "periodMs", 1, kMaxPeriodMs, &limit.period_ms) ||
      !WholeProperty(args, args[1], "burst", 0, kMaxTicks, &limit.burst) ||
      !WholeProperty(args, args[1], "delay", 0, kMaxTicks, &limit.delay)) {
    target->Unref();
    return nullptr;
  }
  constexpr Function kFunctions[] = {{"check", JsCheck<true>},
                                     {"peek", JsCheck<false>},
                                     {"forget", JsForget<LimitAlgorithm::kBucket>},
                                     {"busiest", JsBusiest}};
  napi_value object = MakeObject(env, target, kFunctions, sizeof kFunctions / sizeof *kFunctions);
  napi_type_tag_object(env, object, &kBucketTag);
  return object;
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
  return MakeObject(env, target, kFunctions, sizeof kFunctions / sizeof *kFunctions);
}

Target* BucketOf(const Arguments& args, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(args.env(), value, &type);
  bool is_bucket = false;
  if (type == napi_object) napi_check_object_type_tag(args.env(), value, &kBucketTag, &is_bucket);
  void* data = nullptr;
  if (is_bucket && napi_unwrap(args.env(), value, &data) == napi_ok) return static_cast<Target*>(data);
  args.Refuse("buckets[i]", "a bucket");
  return nullptr;
}

// `checkTogether(buckets, keys, rates, result)`: rates holds ticks and period of each. All are charged or none is.
napi_value JsCheckTogether(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "checkTogether");
  uint32_t count;
  uint32_t key_count;
  void* rates;
  void* result;
  size_t length;
  if (!args.ArrayOf(args[0], "buckets", &count) || !args.ArrayOf(args[1], "keys", &key_count)) return nullptr;
  if (count < 1 || count > kMaxLimits || key_count != count) {
    args.Refuse("buckets", "1 to " + std::to_string(kMaxLimits) + ", with a key each");
    return nullptr;
  }
  if (!args.TypedArrayOf(args[2], "rates", napi_float64_array, 2 * size_t{count}, &rates, &length) ||
      !args.TypedArrayOf(args[3], "result", napi_float64_array, 3, &result, &length)) {
    return nullptr;
  }
  CallKey keys[kMaxLimits];
  std::string_view bytes[kMaxLimits];
  LimitSpec limits[kMaxLimits];
  int64_t now_ms = 0;
  for (uint32_t i = 0; i < count; i++) {
    napi_value bucket;
    napi_value key;
    if (!args.Element(args[0], i, &bucket) || !args.Element(args[1], i, &key)) return nullptr;
    const Target* target = BucketOf(args, bucket);
    if (target == nullptr || !keys[i].Read(*target, key)) return nullptr;
    bytes[i] = keys[i].bytes();
    limits[i] = target->limit;
    const double ticks = static_cast<double*>(rates)[2 * i];
    const double period_ms = static_cast<double*>(rates)[2 * i + 1];
    if (!(ticks >= 1 && ticks <= static_cast<double>(kMaxTicks) && period_ms >= 1 &&
          period_ms <= static_cast<double>(kMaxPeriodMs))) {
      args.Refuse("rates", "pairs of ticks and periodMs");
      return nullptr;
    }
    limits[i].rate = static_cast<int64_t>(ticks);
    limits[i].period_ms = static_cast<int64_t>(period_ms);
    if (i == 0) now_ms = target->Now();
  }
  Decision decision;
  decision.index = static_cast<int32_t>(count) - 1;
  decision.owed = -Call::kTicks;
  const int64_t verdict = Decide(limits, bytes, static_cast<int>(count), now_ms, &decision);
  return Verdict(env, limits[decision.index], verdict, decision, static_cast<double*>(result));
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

void ExportLimiter(napi_env env, napi_value exports) {
  SetFunction(env, exports, "compileBucket", JsCompileBucket, nullptr);
  SetFunction(env, exports, "compileWindow", JsCompileWindow, nullptr);
  SetFunction(env, exports, "checkTogether", JsCheckTogether, nullptr);
  SetFunction(env, exports, "registerLimitName", JsRegisterLimitName, nullptr);
}

}  // namespace sluice
