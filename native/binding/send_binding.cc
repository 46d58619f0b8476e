// Writing to a socket on the request path: text or bytes straight into the kernel, without a stream, a request object
// or a callback in between. What the kernel does not take is the caller's to queue. Returns codes and never throws.

#include <node_api.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "binding/exports.h"
#include "binding/values.h"
#include "os/send.h"

namespace sluice {
namespace {

// Texts up to this size are encoded on the stack.
constexpr size_t kStackBytes = 16 * 1024;
// What was sent, of a text and bytes together, is counted in an int32. No string is that long.
constexpr size_t kMaxBytes = INT32_MAX / 2;

// Latin1 strings as bytes one behind the other, on the stack when they are short.
class EncodedText {
 public:
  EncodedText() = default;
  ~EncodedText() { std::free(heap_); }
  EncodedText(const EncodedText&) = delete;
  EncodedText& operator=(const EncodedText&) = delete;

  // False: it is no string, or there is no memory for it.
  bool Add(napi_env env, napi_value text) {
    size_t added = 0;
    if (heap_ == nullptr) {
      const size_t room = sizeof stack_ - length_;
      if (napi_get_value_string_latin1(env, text, stack_ + length_, room, &added) != napi_ok) return false;
      // One that fills its room has been cut.
      if (added + 1 < room) {
        length_ += added;
        return true;
      }
    }
    if (!AddToHeap(env, text, &added)) return false;
    length_ += added;
    return true;
  }

  const char* bytes() const { return heap_ == nullptr ? stack_ : heap_; }
  size_t length() const { return length_; }

 private:
  bool AddToHeap(napi_env env, napi_value text, size_t* added) {
    if (napi_get_value_string_latin1(env, text, nullptr, 0, added) != napi_ok) return false;
    auto* larger = static_cast<char*>(std::malloc(length_ + *added + 1));
    if (larger == nullptr) return false;
    std::memcpy(larger, bytes(), length_);
    std::free(heap_);
    heap_ = larger;
    return napi_get_value_string_latin1(env, text, heap_ + length_, *added + 1, added) == napi_ok;
  }

  size_t length_ = 0;
  char* heap_ = nullptr;
  char stack_[kStackBytes];
};

// The bytes of a Buffer, cut if there are too many to be counted.
bool BytesOf(napi_env env, napi_value value, void** bytes, size_t* length) {
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, value, &type, length, bytes, nullptr, nullptr) != napi_ok) return false;
  if (*length > kMaxBytes) *length = kMaxBytes;
  return type == napi_uint8_array;
}

using Write = int64_t (*)(int fd, const void* bytes, size_t length);

napi_value TextCall(napi_env env, napi_callback_info info, Write write) {
  napi_value values[2];
  size_t count = 2;
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  int32_t fd;
  if (napi_get_value_int32(env, values[0], &fd) != napi_ok) return MakeWhole(env, -EINVAL);
  EncodedText text;
  return MakeWhole(env, text.Add(env, values[1]) ? write(fd, text.bytes(), text.length()) : -EINVAL);
}

// sendText(fd, text)
napi_value JsSendText(napi_env env, napi_callback_info info) { return TextCall(env, info, SendNow); }

// writeText(fd, text)
napi_value JsWriteText(napi_env env, napi_callback_info info) { return TextCall(env, info, WriteNow); }

// sendBytes(fd, buffer)
napi_value JsSendBytes(napi_env env, napi_callback_info info) {
  napi_value values[2];
  size_t count = 2;
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  int32_t fd;
  void* bytes;
  size_t length;
  if (napi_get_value_int32(env, values[0], &fd) != napi_ok || !BytesOf(env, values[1], &bytes, &length)) {
    return MakeWhole(env, -EINVAL);
  }
  return MakeWhole(env, SendNow(fd, bytes, length));
}

// sendBoth(fd, text, second): the second one is a text or a Buffer.
napi_value JsSendBoth(napi_env env, napi_callback_info info) {
  napi_value values[3];
  size_t count = 3;
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  int32_t fd;
  EncodedText text;
  if (napi_get_value_int32(env, values[0], &fd) != napi_ok || !text.Add(env, values[1])) {
    return MakeWhole(env, -EINVAL);
  }
  if (text.Add(env, values[2])) return MakeWhole(env, SendNow(fd, text.bytes(), text.length()));
  void* bytes;
  size_t length;
  if (!BytesOf(env, values[2], &bytes, &length)) return MakeWhole(env, -EINVAL);
  return MakeWhole(env, SendBothNow(fd, text.bytes(), text.length(), bytes, length));
}

}  // namespace

void ExportSend(napi_env env, napi_value exports) {
  SetFunction(env, exports, "sendText", JsSendText, nullptr);
  SetFunction(env, exports, "writeText", JsWriteText, nullptr);
  SetFunction(env, exports, "sendBytes", JsSendBytes, nullptr);
  SetFunction(env, exports, "sendBoth", JsSendBoth, nullptr);
}

}  // namespace sluice
