// Conversions from C++ to JavaScript values.

#include "binding/values.h"

#include <uv.h>

namespace sluice {

napi_value MakeNumber(napi_env env, double number) {
  napi_value value = nullptr;
  napi_create_double(env, number, &value);
  return value;
}

napi_value MakeBoolean(napi_env env, bool boolean) {
  napi_value value = nullptr;
  napi_get_boolean(env, boolean, &value);
  return value;
}

napi_value MakeUndefined(napi_env env) {
  napi_value value = nullptr;
  napi_get_undefined(env, &value);
  return value;
}

napi_value MakeText(napi_env env, const char* bytes, size_t length) {
  napi_value value = nullptr;
  napi_create_string_latin1(env, bytes, length, &value);
  return value;
}

napi_value MakeText(napi_env env, const std::string& bytes) { return MakeText(env, bytes.data(), bytes.size()); }

napi_value MakeNumbers(napi_env env, const NumberField* fields, size_t count) {
  napi_value object = nullptr;
  napi_create_object(env, &object);
  for (size_t i = 0; i < count; i++) {
    SetProperty(env, object, fields[i].name, MakeNumber(env, static_cast<double>(fields[i].value)));
  }
  return object;
}

void SetProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

void SetFunction(napi_env env, napi_value object, const char* name, napi_callback function, void* data) {
  napi_value value = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, data, &value);
  SetProperty(env, object, name, value);
}

napi_value MakeErrorCode(napi_env env, int code) {
  char name[32];
  return MakeText(env, uv_err_name_r(-code, name, sizeof name));
}

napi_value ThrowOsError(napi_env env, const OsError& error) {
  const std::string text =
      std::string(error.call) + "() failed (" + std::to_string(error.code) + ": " + ErrorText(error.code) + ")";
  napi_value exception = nullptr;
  napi_create_error(env, MakeErrorCode(env, error.code), MakeText(env, text), &exception);
  SetProperty(env, exception, "errno", MakeNumber(env, error.code));
  SetProperty(env, exception, "syscall", MakeText(env, error.call));
  napi_throw(env, exception);
  return nullptr;
}

napi_value UndefinedOrThrow(napi_env env, const OsError& error) {
  return error.ok() ? MakeUndefined(env) : ThrowOsError(env, error);
}

}  // namespace sluice
