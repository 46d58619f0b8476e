// The library's buckets for JavaScript; see library_target.h.

#include <node_api.h>

#include <string>
#include <string_view>

#include "binding/exports.h"
#include "binding/library_target.h"

namespace sluice {
namespace {

constexpr napi_type_tag kBucketTag = {0x3f0a9d1c5be84e67, 0xb1c2d86f0e9a4473};

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
  napi_value object = MakeTargetObject(env, target, kFunctions, sizeof kFunctions / sizeof *kFunctions);
  napi_type_tag_object(env, object, &kBucketTag);
  return object;
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

}  // namespace

void ExportBuckets(napi_env env, napi_value exports) {
  SetFunction(env, exports, "compileBucket", JsCompileBucket, nullptr);
  SetFunction(env, exports, "checkTogether", JsCheckTogether, nullptr);
}

}  // namespace sluice
