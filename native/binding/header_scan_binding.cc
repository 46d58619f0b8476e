// Header lines for JavaScript: one call a head, into a table of the head's own. On the request path: never throws.

#include <node_api.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "core/header_scan.h"

namespace sluice {
namespace {

constexpr size_t kLineNumbers = sizeof(HeaderLine) / sizeof(int32_t);
constexpr size_t kHeadNumbers = sizeof(HeaderTable) / sizeof(int32_t);

// scan(bytes, from, limit, base, table): the number of lines in the table; -1 for arguments that make no sense.
napi_value Scan(napi_env env, napi_callback_info info) {
  napi_value values[5];
  size_t argument_count = 5;
  void* data = nullptr;
  napi_get_cb_info(env, info, &argument_count, values, nullptr, &data);
  const auto* names = static_cast<const HeaderNames*>(data);
  uint32_t from;
  uint32_t limit;
  uint32_t base;
  void* bytes = nullptr;
  size_t size = 0;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, values[0], &type, &size, &bytes, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array || napi_get_value_uint32(env, values[1], &from) != napi_ok ||
      napi_get_value_uint32(env, values[2], &limit) != napi_ok ||
      napi_get_value_uint32(env, values[3], &base) != napi_ok || limit > size || from > limit || base > from ||
      limit > INT32_MAX) {
    return MakeWhole(env, -1);
  }
  void* numbers = nullptr;
  size_t length = 0;
  if (napi_get_typedarray_info(env, values[4], &type, &length, &numbers, nullptr, nullptr) != napi_ok ||
      type != napi_int32_array || length < kHeadNumbers + kLineNumbers) {
    return MakeWhole(env, -1);
  }
  auto* table = static_cast<HeaderTable*>(numbers);
  const size_t capacity = (length - kHeadNumbers) / kLineNumbers;
  const bool is_whole = ScanIntoTable(*names, static_cast<const char*>(bytes), from, limit, base, table, capacity);
  return MakeWhole(env, is_whole ? table->count : -1);
}

// createHeaderScanner(names)
napi_value JsCreateHeaderScanner(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "createHeaderScanner");
  uint32_t count;
  if (!args.ArrayOf(args[0], "names", &count)) return nullptr;
  if (count > HeaderNames::kMaxNames) {
    args.Refuse("names", "a list of 64 at most");
    return nullptr;
  }
  std::vector<std::string> lower_names(count);
  for (uint32_t i = 0; i < count; i++) {
    napi_value name;
    if (!args.Element(args[0], i, &name) || !args.TextOf(name, "names[i]", &lower_names[i])) return nullptr;
  }
  auto* names = new HeaderNames(std::move(lower_names));
  napi_value function = nullptr;
  napi_create_function(env, "scanHeader", NAPI_AUTO_LENGTH, Scan, names, &function);
  const auto release = [](napi_env /*env*/, void* data, void* /*hint*/) { delete static_cast<HeaderNames*>(data); };
  napi_add_finalizer(env, function, names, release, nullptr, nullptr);
  return function;
}

}  // namespace

void ExportHeaderScan(napi_env env, napi_value exports) {
  SetFunction(env, exports, "createHeaderScanner", JsCreateHeaderScanner, nullptr);
}

}  // namespace sluice
