// Listening sockets, and those of syslog, for JavaScript.

#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "os/listening_socket.h"

namespace sluice {
namespace {

constexpr int64_t kMaxPort = 65535;

struct Family {
  const char* name;
  int family;
};
constexpr Family kFamilies[] = {{"inet", AF_INET}, {"inet6", AF_INET6}, {"unix", AF_UNIX}};

bool FamilyOf(const Arguments& args, napi_value value, int* out) {
  std::string text;
  if (!args.TextOf(value, "options.family", &text)) return false;
  for (const Family& family : kFamilies) {
    if (text == family.name) {
      *out = family.family;
      return true;
    }
  }
  return args.Refuse("options.family", "\"inet\", \"inet6\" or \"unix\"");
}

bool ReadAddress(const Arguments& args, napi_value options, ListenRequest* request) {
  napi_value value;
  int64_t port;
  const bool read = args.ObjectOf(options, "options") && args.Property(options, "family", &value) &&
                    FamilyOf(args, value, &request->family) && args.Property(options, "address", &value) &&
                    args.TextOf(value, "options.address", &request->address) &&
                    args.Property(options, "port", &value) && args.IntegerOf(value, "options.port", 0, kMaxPort, &port);
  if (read) request->port = static_cast<uint16_t>(port);
  return read;
}

bool ReadOptions(const Arguments& args, napi_value options, ListenRequest* request) {
  napi_value value;
  int64_t backlog;
  const bool read =
      ReadAddress(args, options, request) && args.Property(options, "backlog", &value) &&
      args.IntegerOf(value, "options.backlog", INT32_MIN, INT32_MAX, &backlog) &&
      args.Property(options, "reuseport", &value) && args.BooleanOf(value, "options.reuseport", &request->reuseport) &&
      args.Property(options, "ipv6only", &value) && args.BooleanOf(value, "options.ipv6only", &request->ipv6only);
  if (!read) return false;
  request->backlog = static_cast<int>(backlog);
  return true;
}

napi_value JsOpenListeningSocket(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "openListeningSocket");
  ListenRequest request;
  if (!ReadOptions(args, args[0], &request)) return nullptr;
  int fd;
  if (OsError error = OpenListeningSocket(request, &fd); !error.ok()) return ThrowOsError(env, error);
  return MakeNumber(env, fd);
}

napi_value JsOpenDatagramSocket(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "openDatagramSocket");
  ListenRequest to;
  if (!ReadAddress(args, args[0], &to)) return nullptr;
  int fd;
  if (OsError error = OpenDatagramSocket(to.family, to.address, to.port, &fd); !error.ok()) {
    return ThrowOsError(env, error);
  }
  return MakeNumber(env, fd);
}

napi_value JsSetSocketOption(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "setSocketOption");
  int fd;
  std::string name;
  int32_t value;
  if (!args.Fd(0, "fd", &fd) || !args.Text(1, "option", &name) ||
      !args.Int32(2, "value", INT32_MIN, INT32_MAX, &value)) {
    return nullptr;
  }
  const SocketOption* option = FindSocketOption(name);
  if (option == nullptr) {
    args.Refuse("option", "the name of a socket option, not \"" + name + "\"");
    return nullptr;
  }
  return UndefinedOrThrow(env, SetSocketOption(fd, *option, value));
}

napi_value JsSetBacklog(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "setBacklog");
  int fd;
  int32_t backlog;
  if (!args.Fd(0, "fd", &fd) || !args.Int32(1, "backlog", INT32_MIN, INT32_MAX, &backlog)) return nullptr;
  return UndefinedOrThrow(env, SetBacklog(fd, backlog));
}

napi_value JsSteerConnections(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "steerConnections");
  int fd;
  int32_t count;
  if (!args.Fd(0, "fd", &fd) || !args.Int32(1, "count", 1, INT32_MAX, &count)) return nullptr;
  return UndefinedOrThrow(env, SteerConnections(fd, static_cast<uint32_t>(count)));
}

napi_value JsSocketName(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "socketName");
  int fd;
  if (!args.Fd(0, "fd", &fd)) return nullptr;
  KernelAddress address;
  if (OsError error = SocketName(fd, &address); !error.ok()) return ThrowOsError(env, error);

  for (const Family& family : kFamilies) {
    if (family.family != address.any.sa_family) continue;
    char text[kMaxAddressText];
    const size_t length = FormatAddress(address, text);
    napi_value object = nullptr;
    napi_create_object(env, &object);
    SetProperty(env, object, "family", MakeText(env, family.name));
    SetProperty(env, object, "address", MakeText(env, text, length));
    SetProperty(env, object, "port", MakeNumber(env, PortOf(address)));
    return object;
  }
  return ThrowOsError(env, {EAFNOSUPPORT, "getsockname"});
}

}  // namespace

void ExportListeningSocket(napi_env env, napi_value exports) {
  SetFunction(env, exports, "openListeningSocket", JsOpenListeningSocket, nullptr);
  SetFunction(env, exports, "openDatagramSocket", JsOpenDatagramSocket, nullptr);
  SetFunction(env, exports, "setSocketOption", JsSetSocketOption, nullptr);
  SetFunction(env, exports, "setBacklog", JsSetBacklog, nullptr);
  SetFunction(env, exports, "steerConnections", JsSteerConnections, nullptr);
  SetFunction(env, exports, "socketName", JsSocketName, nullptr);
}

}  // namespace sluice
