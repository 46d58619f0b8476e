// See library_target.h.

#include "binding/library_target.h"

namespace sluice {
namespace {

// The memory of a Float64Array that stays alive with the target.
bool Keep(const Arguments& args, napi_value value, const char* name, size_t length, double** elements,
          napi_ref* reference) {
  void* memory;
  size_t found;
  if (!args.TypedArrayOf(value, name, napi_float64_array, length, &memory, &found)) return false;
  *elements = static_cast<double*>(memory);
  return napi_create_reference(args.env(), value, 1, reference) == napi_ok;
}

}  // namespace

bool CallKey::ReadBytes(napi_env env, const std::string& prefix, napi_value value) {
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

bool WholeProperty(const Arguments& args, napi_value object, const char* name, int64_t min, int64_t max,
                   int64_t* number) {
  napi_value value;
  const std::string full_name = std::string("options.") + name;
  return args.Property(object, name, &value) && args.IntegerOf(value, full_name.c_str(), min, max, number);
}

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

napi_value MakeTargetObject(napi_env env, Target* target, const Function* functions, size_t count) {
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

}  // namespace sluice
