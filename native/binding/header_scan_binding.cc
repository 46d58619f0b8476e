// Header lines for JavaScript: one call a head, into a table that both sides share. On the request path: never throws.

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
// Code, end and next of the result, in front of the lines.
constexpr size_t kHeadNumbers = 3;

struct Scanner {
  explicit Scanner(std::vector<std::string> lower_names) : names(std::move(lower_names)) {}

  HeaderNames names;
  napi_ref table = nullptr;
};

napi_value MakeInt(napi_env env, int32_t number) {
  napi_value value = nullptr;
  napi_create_int32(env, number, &value);
  return value;
}

// scan(bytes, from, limit, base): the number of lines in the table; -1 for arguments that make no sense.
napi_value Scan(napi_env env, napi_callback_info info) {
  napi_value values[4];
  size_t argument_count = 4;
  void* data = nullptr;
  napi_get_cb_info(env, info, &argument_count, values, nullptr, &data);
  const auto* self = static_cast<Scanner*>(data);
  uint32_t from;
  uint32_t limit;
  uint32_t base;
  void* bytes = nullptr;
  size_t size = 0;
  bool is_buffer = false;
  napi_is_buffer(env, values[0], &is_buffer);
  if (!is_buffer || napi_get_buffer_info(env, values[0], &bytes, &size) != napi_ok ||
      napi_get_value_uint32(env, values[1], &from) != napi_ok ||
      napi_get_value_uint32(env, values[2], &limit) != napi_ok ||
      napi_get_value_uint32(env, values[3], &base) != napi_ok || limit > size || from > limit || base > from ||
      limit > INT32_MAX) {
    return MakeInt(env, -1);
  }
  napi_value table = nullptr;
  void* elements = nullptr;
  size_t length = 0;
  napi_get_reference_value(env, self->table, &table);
  napi_get_typedarray_info(env, table, nullptr, &length, &elements, nullptr, nullptr);
  if (length < kHeadNumbers + kLineNumbers) return MakeInt(env, -1);  // detached

  auto* numbers = static_cast<int32_t*>(elements);
  auto* lines = reinterpret_cast<HeaderLine*>(numbers + kHeadNumbers);
  const HeaderScanResult result = ScanHeaderLines(self->names, static_cast<const char*>(bytes), from, limit, base,
                                                  lines, (length - kHeadNumbers) / kLineNumbers);
  numbers[0] = static_cast<int32_t>(result.code);
  numbers[1] = result.end;
  numbers[2] = result.next;
  return MakeInt(env, result.count);
}

// createHeaderScanner(names, table)
napi_value JsCreateHeaderScanner(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "createHeaderScanner");
  uint32_t count;
  void* elements;
  size_t length;
  if (!args.ArrayOf(args[0], "names", &count) ||
      !args.TypedArrayOf(args[1], "table", napi_int32_array, kHeadNumbers + kLineNumbers, &elements, &length)) {
    return nullptr;
  }
  std::vector<std::string> names(count);
  for (uint32_t i = 0; i < count; i++) {
    napi_value name;
    if (!args.Element(args[0], i, &name) || !args.TextOf(name, "names[i]", &names[i])) return nullptr;
  }
  auto* scanner = new Scanner(std::move(names));
  napi_create_reference(env, args[1], 1, &scanner->table);
  napi_value function = nullptr;
  napi_create_function(env, "scanHeader", NAPI_AUTO_LENGTH, Scan, scanner, &function);
  const auto release = [](napi_env finalizing, void* data, void* /*hint*/) {
    auto* self = static_cast<Scanner*>(data);
    napi_delete_reference(finalizing, self->table);
    delete self;
  };
  napi_add_finalizer(env, function, scanner, release, nullptr, nullptr);
  return function;
}

}  // namespace

void ExportHeaderScan(napi_env env, napi_value exports) {
  SetFunction(env, exports, "createHeaderScanner", JsCreateHeaderScanner, nullptr);
}

}  // namespace sluice
