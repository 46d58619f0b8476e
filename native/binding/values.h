// Small makers of JavaScript values, and the exception that a refused system call becomes.

#ifndef SLUICE_BINDING_VALUES_H_
#define SLUICE_BINDING_VALUES_H_

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "os/os_error.h"

namespace sluice {

napi_value MakeNumber(napi_env env, double number);
// A whole number; an int32 becomes a small integer without a heap number.
inline napi_value MakeWhole(napi_env env, int64_t number) {
  napi_value value = nullptr;
  if (number == static_cast<int32_t>(number)) {
    napi_create_int32(env, static_cast<int32_t>(number), &value);
  } else {
    napi_create_int64(env, number, &value);
  }
  return value;
}
napi_value MakeBoolean(napi_env env, bool value);
napi_value MakeUndefined(napi_env env);
// Bytes as a latin1 string.
napi_value MakeText(napi_env env, const char* bytes, size_t length);
napi_value MakeText(napi_env env, const std::string& bytes);

// An object of numbers.
struct NumberField {
  const char* name;
  uint64_t value;
};
napi_value MakeNumbers(napi_env env, const NumberField* fields, size_t count);

void SetProperty(napi_env env, napi_value object, const char* name, napi_value value);
void SetFunction(napi_env env, napi_value object, const char* name, napi_callback function, void* data);

// Name of an errno value, as "EADDRINUSE".
napi_value MakeErrorCode(napi_env env, int code);

// Throws NativeError (src/native/addon.ts). Returns nullptr, for `return ThrowOsError(...)`.
napi_value ThrowOsError(napi_env env, const OsError& error);

// undefined, or throws NativeError.
napi_value UndefinedOrThrow(napi_env env, const OsError& error);

}  // namespace sluice

#endif  // SLUICE_BINDING_VALUES_H_
