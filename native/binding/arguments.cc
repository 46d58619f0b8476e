// Argument checks. None of these runs on the request path, so they may allocate.

#include "binding/arguments.h"

namespace sluice {
namespace {

constexpr int kLastSignal = 64;

napi_valuetype TypeOf(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type;
}

}  // namespace

Arguments::Arguments(napi_env env, napi_callback_info info, const char* function) : env_(env), function_(function) {
  size_t count = kMaxArguments;
  napi_get_cb_info(env, info, &count, values_, nullptr, &data_);
}

bool Arguments::Refuse(const char* name, const std::string& rule) const {
  const std::string text = std::string(function_) + ": \"" + name + "\" must be " + rule;
  napi_throw_type_error(env_, "ERR_INVALID_ARG_TYPE", text.c_str());
  return false;
}

bool Arguments::IntegerOf(napi_value value, const char* name, int64_t min, int64_t max, int64_t* out) const {
  double number;
  const bool is_number = napi_get_value_double(env_, value, &number) == napi_ok;
  // The range first: converting a double outside of it (or NaN) would be undefined.
  if (is_number && number >= static_cast<double>(min) && number <= static_cast<double>(max)) {
    *out = static_cast<int64_t>(number);
    if (static_cast<double>(*out) == number) return true;
  }
  return Refuse(name, "an integer from " + std::to_string(min) + " to " + std::to_string(max));
}

bool Arguments::NumberOf(napi_value value, const char* name, double* out) const {
  if (napi_get_value_double(env_, value, out) == napi_ok) return true;
  return Refuse(name, "a number");
}

bool Arguments::TextOf(napi_value value, const char* name, std::string* out) const {
  size_t length;
  if (napi_get_value_string_latin1(env_, value, nullptr, 0, &length) != napi_ok) return Refuse(name, "a string");
  out->resize(length);
  napi_get_value_string_latin1(env_, value, out->data(), length + 1, &length);
  if (out->find('\0') != std::string::npos) return Refuse(name, "a string without zero bytes");
  return true;
}

bool Arguments::BytesOf(napi_value value, const char* name, size_t max_length, std::string* out) const {
  size_t length;
  if (napi_get_value_string_latin1(env_, value, nullptr, 0, &length) != napi_ok || length > max_length) {
    return Refuse(name, "a string of at most " + std::to_string(max_length) + " bytes");
  }
  out->resize(length);
  napi_get_value_string_latin1(env_, value, out->data(), length + 1, &length);
  return true;
}

bool Arguments::BooleanOf(napi_value value, const char* name, bool* out) const {
  if (napi_get_value_bool(env_, value, out) == napi_ok) return true;
  return Refuse(name, "a boolean");
}

bool Arguments::ObjectOf(napi_value value, const char* name) const {
  return TypeOf(env_, value) == napi_object || Refuse(name, "an object");
}

bool Arguments::ArrayOf(napi_value value, const char* name, uint32_t* length) const {
  bool is_array = false;
  if (napi_is_array(env_, value, &is_array) != napi_ok || !is_array) return Refuse(name, "an array");
  return napi_get_array_length(env_, value, length) == napi_ok;
}

bool Arguments::TypedArrayOf(napi_value value, const char* name, napi_typedarray_type type, size_t min_length,
                             void** elements, size_t* length) const {
  bool is_typed_array = false;
  napi_is_typedarray(env_, value, &is_typed_array);
  napi_typedarray_type found;
  if (!is_typed_array || napi_get_typedarray_info(env_, value, &found, length, elements, nullptr, nullptr) != napi_ok ||
      found != type || *length < min_length || *elements == nullptr) {
    const char* type_name = type == napi_float64_array ? "a Float64Array"
                            : type == napi_int32_array ? "an Int32Array"
                                                       : "a Uint8Array";
    return Refuse(name, std::string(type_name) + " of at least " + std::to_string(min_length) + " elements");
  }
  return true;
}

bool Arguments::Property(napi_value object, const char* name, napi_value* value) const {
  return napi_get_named_property(env_, object, name, value) == napi_ok;
}

bool Arguments::Element(napi_value array, uint32_t index, napi_value* value) const {
  return napi_get_element(env_, array, index, value) == napi_ok;
}

bool Arguments::Integer(size_t index, const char* name, int64_t min, int64_t max, int64_t* out) const {
  return IntegerOf(values_[index], name, min, max, out);
}

bool Arguments::Int32(size_t index, const char* name, int32_t min, int32_t max, int32_t* out) const {
  int64_t wide;
  if (!Integer(index, name, min, max, &wide)) return false;
  *out = static_cast<int32_t>(wide);
  return true;
}

bool Arguments::Fd(size_t index, const char* name, int* out) const { return Int32(index, name, 0, INT32_MAX, out); }

bool Arguments::Size(size_t index, const char* name, size_t* out) const {
  int64_t wide;
  if (!Integer(index, name, 1, kMaxSafeInteger, &wide)) return false;
  *out = static_cast<size_t>(wide);
  return true;
}

bool Arguments::Signal(size_t index, const char* name, int* out) const {
  return Int32(index, name, 1, kLastSignal, out);
}

bool Arguments::Text(size_t index, const char* name, std::string* out) const {
  return TextOf(values_[index], name, out);
}

bool Arguments::Function(size_t index, const char* name) const {
  return TypeOf(env_, values_[index]) == napi_function || Refuse(name, "a function");
}

}  // namespace sluice
