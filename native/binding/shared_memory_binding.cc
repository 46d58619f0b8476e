// Shared memory for JavaScript: descriptors of reserved memory, and mappings as ArrayBuffers.

#include <node_api.h>

#include <string>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "os/shared_memory.h"

namespace sluice {
namespace {

napi_value JsCreateSharedMemory(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "createSharedMemory");
  std::string name;
  size_t size;
  if (!args.Text(0, "name", &name) || !args.Size(1, "sizeBytes", &size)) return nullptr;
  int fd;
  if (OsError error = CreateSharedMemory(name.c_str(), size, &fd); !error.ok()) return ThrowOsError(env, error);
  return MakeNumber(env, fd);
}

void UnmapBuffer(napi_env /*env*/, void* address, void* hint) {
  UnmapSharedMemory(address, reinterpret_cast<size_t>(hint));
}

napi_value JsMapShared(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "mapShared");
  int fd;
  size_t size;
  if (!args.Fd(0, "fd", &fd) || !args.Size(1, "sizeBytes", &size)) return nullptr;
  void* address;
  if (OsError error = MapSharedMemory(fd, size, &address); !error.ok()) return ThrowOsError(env, error);

  napi_value buffer = nullptr;
  void* hint = reinterpret_cast<void*>(size);
  if (napi_create_external_arraybuffer(env, address, size, UnmapBuffer, hint, &buffer) != napi_ok) {
    UnmapSharedMemory(address, size);
    napi_throw_error(env, nullptr, "mapShared: this Node.js does not allow external array buffers");
    return nullptr;
  }
  return buffer;
}

}  // namespace

void ExportSharedMemory(napi_env env, napi_value exports) {
  SetFunction(env, exports, "createSharedMemory", JsCreateSharedMemory, nullptr);
  SetFunction(env, exports, "mapShared", JsMapShared, nullptr);
}

}  // namespace sluice
