// What the functions of one limit of the library share, and how a call to one of them is read: buckets
// (bucket_binding.cc) and windows (window_binding.cc) of one zone, each with a name in front of its keys. A check is
// one call with a key, text as UTF-8 or bytes, and returns one number. Figures beside it go into a Float64Array that
// JavaScript reads when it wants them.

#ifndef SLUICE_BINDING_LIBRARY_TARGET_H_
#define SLUICE_BINDING_LIBRARY_TARGET_H_

#include <node_api.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "binding/arguments.h"
#include "binding/limit_req_zone_binding.h"
#include "binding/values.h"
#include "core/limit_keys.h"
#include "core/limit_req_zone.h"
#include "os/clock.h"

namespace sluice {

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
  bool ReadBytes(napi_env env, const std::string& prefix, napi_value value);

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
  static constexpr size_t kMax = 5;

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

struct Function {
  const char* name;
  napi_callback callback;
};

// An object with functions of a target; each keeps it alive.
napi_value MakeTargetObject(napi_env env, Target* target, const Function* functions, size_t count);

// `compile...(zone, options, result, clock?)`, with at least `results` elements; nullptr after throwing.
Target* ReadTarget(const Arguments& args, size_t results);

// A whole number among the options.
bool WholeProperty(const Arguments& args, napi_value object, const char* name, int64_t min, int64_t max,
                   int64_t* number);

template <LimitAlgorithm kAlgorithm>
napi_value JsForget(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  CallKey key;
  if (!key.Read(*call.target, call.values[0])) return nullptr;
  const std::string_view bytes = key.bytes();
  return MakeBoolean(env,
                     !bytes.empty() && ForgetKey(&call.target->zone->zone(), kAlgorithm, bytes, call.target->Now()));
}

}  // namespace sluice

#endif  // SLUICE_BINDING_LIBRARY_TARGET_H_
