// Descriptors, sessions, limits, CPUs, name resolution, error texts and the clock for JavaScript.

#include <sys/resource.h>

#include <string>
#include <vector>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "os/clock.h"
#include "os/process.h"
#include "os/resolve.h"

namespace sluice {
namespace {

napi_value JsSetCloexecFrom(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "setCloexecFrom");
  int first;
  if (!args.Fd(0, "first", &first)) return nullptr;
  return UndefinedOrThrow(env, SetCloexecFrom(first));
}

napi_value JsSetCloexec(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "setCloexec");
  int fd;
  bool on;
  if (!args.Fd(0, "fd", &fd) || !args.BooleanOf(args[1], "on", &on)) return nullptr;
  return UndefinedOrThrow(env, SetCloexec(fd, on));
}

napi_value JsDup(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "dup");
  int fd;
  if (!args.Fd(0, "fd", &fd)) return nullptr;
  int copy;
  if (OsError error = Duplicate(fd, &copy); !error.ok()) return ThrowOsError(env, error);
  return MakeNumber(env, copy);
}

napi_value JsClose(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "close");
  int fd;
  if (!args.Fd(0, "fd", &fd)) return nullptr;
  return UndefinedOrThrow(env, CloseDescriptor(fd));
}

napi_value JsDup2(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "dup2");
  int fd;
  int target;
  if (!args.Fd(0, "fd", &fd) || !args.Fd(1, "target", &target)) return nullptr;
  return UndefinedOrThrow(env, DuplicateTo(fd, target));
}

napi_value JsSetResourceLimit(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "setResourceLimit");
  std::string name;
  int64_t value;
  if (!args.Text(0, "name", &name)) return nullptr;
  if (name != "nofile" && name != "core") return args.Refuse("name", "nofile or core"), nullptr;
  if (!args.Integer(1, "value", 0, kMaxSafeInteger, &value)) return nullptr;
  const int resource = name == "core" ? RLIMIT_CORE : RLIMIT_NOFILE;
  return UndefinedOrThrow(env, SetResourceLimit(resource, static_cast<uint64_t>(value)));
}

// An array of integers from 0 on. False after throwing.
bool IntegersOf(const Arguments& args, size_t index, const char* name, std::vector<int>* numbers) {
  uint32_t length;
  if (!args.ArrayOf(args[index], name, &length)) return false;
  const std::string element_name = std::string(name) + "[]";
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    int64_t number;
    if (!args.Element(args[index], i, &element)) return false;
    if (!args.IntegerOf(element, element_name.c_str(), 0, INT32_MAX, &number)) return false;
    numbers->push_back(static_cast<int>(number));
  }
  return true;
}

napi_value JsSetCpuAffinity(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "setCpuAffinity");
  std::vector<int> cpus;
  if (!IntegersOf(args, 0, "cpus", &cpus)) return nullptr;
  return UndefinedOrThrow(env, SetCpuAffinity(cpus));
}

napi_value JsBuryUnknownChildren(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "buryUnknownChildren");
  std::vector<int> known;
  if (!IntegersOf(args, 0, "known", &known)) return nullptr;
  std::vector<EndedChild> ended;
  if (OsError error = BuryUnknownChildren(known, &ended); !error.ok()) return ThrowOsError(env, error);

  napi_value list = nullptr;
  napi_create_array_with_length(env, ended.size(), &list);
  uint32_t index = 0;
  for (const EndedChild& child : ended) {
    const NumberField fields[] = {{"pid", static_cast<uint64_t>(child.pid)},
                                  {"code", static_cast<uint64_t>(child.code)},
                                  {"signal", static_cast<uint64_t>(child.signal)}};
    napi_set_element(env, list, index++, MakeNumbers(env, fields, 3));
  }
  return list;
}

napi_value JsSetDumpable(napi_env env, napi_callback_info /*info*/) { return UndefinedOrThrow(env, SetDumpable()); }

napi_value JsIgnoreSignal(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "ignoreSignal");
  int signal;
  if (!args.Signal(0, "signal", &signal)) return nullptr;
  return UndefinedOrThrow(env, IgnoreSignal(signal));
}

napi_value JsSetsid(napi_env env, napi_callback_info /*info*/) { return UndefinedOrThrow(env, NewSession()); }

napi_value JsResolveHost(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "resolveHost");
  std::string host;
  if (!args.Text(0, "host", &host)) return nullptr;
  std::vector<std::string> addresses;
  if (OsError error = ResolveHost(host, &addresses); !error.ok()) return ThrowOsError(env, error);
  if (addresses.empty()) return MakeUndefined(env);

  napi_value list = nullptr;
  napi_create_array_with_length(env, addresses.size(), &list);
  uint32_t index = 0;
  for (const std::string& address : addresses) napi_set_element(env, list, index++, MakeText(env, address));
  return list;
}

napi_value JsStrerror(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "strerror");
  int32_t code;
  if (!args.Int32(0, "errno", -INT32_MAX, INT32_MAX, &code)) return nullptr;
  return MakeText(env, ErrorText(code));
}

napi_value JsMonotonicMs(napi_env env, napi_callback_info /*info*/) {
  return MakeNumber(env, static_cast<double>(MonotonicMs()));
}

}  // namespace

void ExportProcess(napi_env env, napi_value exports) {
  SetFunction(env, exports, "setCloexecFrom", JsSetCloexecFrom, nullptr);
  SetFunction(env, exports, "setCloexec", JsSetCloexec, nullptr);
  SetFunction(env, exports, "dup", JsDup, nullptr);
  SetFunction(env, exports, "close", JsClose, nullptr);
  SetFunction(env, exports, "dup2", JsDup2, nullptr);
  SetFunction(env, exports, "setResourceLimit", JsSetResourceLimit, nullptr);
  SetFunction(env, exports, "setCpuAffinity", JsSetCpuAffinity, nullptr);
  SetFunction(env, exports, "buryUnknownChildren", JsBuryUnknownChildren, nullptr);
  SetFunction(env, exports, "setDumpable", JsSetDumpable, nullptr);
  SetFunction(env, exports, "ignoreSignal", JsIgnoreSignal, nullptr);
  SetFunction(env, exports, "setsid", JsSetsid, nullptr);
  SetFunction(env, exports, "resolveHost", JsResolveHost, nullptr);
  SetFunction(env, exports, "strerror", JsStrerror, nullptr);
  SetFunction(env, exports, "monotonicMs", JsMonotonicMs, nullptr);
}

}  // namespace sluice
