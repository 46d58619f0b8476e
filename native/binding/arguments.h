// Reads and checks the arguments of one call from JavaScript. Every reader returns false after throwing a TypeError
// that names the function, the argument and what it must be; the caller then returns nullptr at once. Nothing that
// JavaScript passes may crash the process.

#ifndef SLUICE_BINDING_ARGUMENTS_H_
#define SLUICE_BINDING_ARGUMENTS_H_

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

inline constexpr int64_t kMaxSafeInteger = (int64_t{1} << 53) - 1;

class Arguments {
 public:
  // `function` is the name that errors begin with. Missing arguments read as undefined.
  Arguments(napi_env env, napi_callback_info info, const char* function);

  napi_env env() const { return env_; }
  void* data() const { return data_; }
  napi_value operator[](size_t index) const { return values_[index]; }

  bool Integer(size_t index, const char* name, int64_t min, int64_t max, int64_t* out) const;
  bool Int32(size_t index, const char* name, int32_t min, int32_t max, int32_t* out) const;
  // A descriptor number, 0 or more.
  bool Fd(size_t index, const char* name, int* out) const;
  // A size of 1 byte or more.
  bool Size(size_t index, const char* name, size_t* out) const;
  // 1..64.
  bool Signal(size_t index, const char* name, int* out) const;
  // Bytes as a latin1 string. No zero byte: it would end the text for the system.
  bool Text(size_t index, const char* name, std::string* out) const;
  bool Function(size_t index, const char* name) const;

  // The same checks for values that are not arguments themselves (properties of an options object, array elements).
  bool IntegerOf(napi_value value, const char* name, int64_t min, int64_t max, int64_t* out) const;
  bool NumberOf(napi_value value, const char* name, double* out) const;
  bool TextOf(napi_value value, const char* name, std::string* out) const;
  // Any bytes, as a latin1 string.
  bool BytesOf(napi_value value, const char* name, size_t max_length, std::string* out) const;
  bool BooleanOf(napi_value value, const char* name, bool* out) const;
  bool ObjectOf(napi_value value, const char* name) const;
  bool ArrayOf(napi_value value, const char* name, uint32_t* length) const;
  // A typed array of the given type with at least `min_length` elements. The pointer is valid while the array lives.
  bool TypedArrayOf(napi_value value, const char* name, napi_typedarray_type type, size_t min_length, void** elements,
                    size_t* length) const;

  // A property of an object that was checked before; false if reading it threw.
  bool Property(napi_value object, const char* name, napi_value* value) const;
  bool Element(napi_value array, uint32_t index, napi_value* value) const;

  // Throws `function: "name" must be rule`.
  bool Refuse(const char* name, const std::string& rule) const;

 private:
  static constexpr size_t kMaxArguments = 6;

  napi_env env_;
  const char* function_;
  void* data_ = nullptr;
  napi_value values_[kMaxArguments];
};

}  // namespace sluice

#endif  // SLUICE_BINDING_ARGUMENTS_H_
