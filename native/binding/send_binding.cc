// Writing to a socket on the request path: text or bytes straight into the kernel, without a stream, a request object
// or a callback in between. What the kernel does not take is the caller's to queue. Returns codes and never throws.

#include <node_api.h>

#include <cerrno>
#include <cstdlib>

#include "binding/exports.h"
#include "binding/values.h"
#include "os/send.h"

namespace sluice {
namespace {

// Responses up to this size are encoded on the stack; the caller keeps texts below kMaxTextBytes.
constexpr size_t kStackBytes = 16 * 1024;
constexpr size_t kMaxTextBytes = 64 * 1024;

napi_value MakeCount(napi_env env, int64_t count) {
  napi_value value = nullptr;
  napi_create_int32(env, static_cast<int32_t>(count), &value);
  return value;
}

using Write = int64_t (*)(int fd, const void* bytes, size_t length);

int64_t WriteEncoded(napi_env env, Write write, int fd, napi_value text, char* buffer, size_t size) {
  size_t length;
  if (napi_get_value_string_latin1(env, text, buffer, size, &length) != napi_ok) return -EINVAL;
  return write(fd, buffer, length);
}

// (fd, text): at most the first kMaxTextBytes characters are looked at.
napi_value TextCall(napi_env env, napi_callback_info info, Write write) {
  napi_value values[2];
  size_t count = 2;
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  int32_t fd;
  size_t length;
  if (napi_get_value_int32(env, values[0], &fd) != napi_ok ||
      napi_get_value_string_latin1(env, values[1], nullptr, 0, &length) != napi_ok) {
    return MakeCount(env, -EINVAL);
  }
  if (length < kStackBytes) {
    char buffer[kStackBytes];
    return MakeCount(env, WriteEncoded(env, write, fd, values[1], buffer, sizeof buffer));
  }
  const size_t size = (length < kMaxTextBytes ? length : kMaxTextBytes) + 1;
  char* buffer = static_cast<char*>(std::malloc(size));
  if (buffer == nullptr) return MakeCount(env, 0);
  const int64_t sent = WriteEncoded(env, write, fd, values[1], buffer, size);
  std::free(buffer);
  return MakeCount(env, sent);
}

napi_value JsSendText(napi_env env, napi_callback_info info) { return TextCall(env, info, SendNow); }

napi_value JsWriteText(napi_env env, napi_callback_info info) { return TextCall(env, info, WriteNow); }

// sendBytes(fd, buffer)
napi_value JsSendBytes(napi_env env, napi_callback_info info) {
  napi_value values[2];
  size_t count = 2;
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  int32_t fd;
  void* bytes;
  size_t length;
  bool is_buffer = false;
  napi_is_buffer(env, values[1], &is_buffer);
  if (!is_buffer || napi_get_value_int32(env, values[0], &fd) != napi_ok ||
      napi_get_buffer_info(env, values[1], &bytes, &length) != napi_ok) {
    return MakeCount(env, -EINVAL);
  }
  // The count is returned as an int32.
  return MakeCount(env, SendNow(fd, bytes, length < INT32_MAX ? length : INT32_MAX));
}

}  // namespace

void ExportSend(napi_env env, napi_value exports) {
  SetFunction(env, exports, "sendText", JsSendText, nullptr);
  SetFunction(env, exports, "writeText", JsWriteText, nullptr);
  SetFunction(env, exports, "sendBytes", JsSendBytes, nullptr);
}

}  // namespace sluice
