// The two native calls of a request that is counted: a function per location, compiled from its limits, that takes the
// keys and returns a handle or a refusal, and one function that gives a handle back. Neither allocates in the ordinary
// case, and they throw only where their caller passes something wrong.

#include <node_api.h>

#include <string_view>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/hold_table.h"
#include "binding/limit_conn_zone_binding.h"
#include "binding/values.h"
#include "core/limit_conn_zone.h"
#include "os/clock.h"

namespace sluice {
namespace {

// Room for the longest key, for one byte more (which makes it too long), and for the zero that Node-API writes.
// Node-API truncates silently; of a key that is too long nothing but that matters.
constexpr size_t kKeyRoom = kMaxConnKeyLength + 2;
// A refusal may be due to a worker that died and that nobody buried. Looked at no more often than this.
constexpr int64_t kLookForDeadMs = 1000;

struct CompiledConnLimits {
  ConnLimit limits[kMaxConnLimits];
  MappedConnZone* zones[kMaxConnLimits] = {};
  int count = 0;
  HoldTable* table = nullptr;  // the env's
  int32_t* result = nullptr;   // the Int32Array's memory, alive by result_reference
  napi_ref result_reference = nullptr;
  int64_t looked_for_dead_ms = 0;

  ~CompiledConnLimits() {
    for (int i = 0; i < count; i++) zones[i]->Unref();
  }
};

// Returns what dead processes held in the zone that refused; whether there was any.
bool FreedByDead(CompiledConnLimits& compiled, int index) {
  const int64_t now_ms = MonotonicMs();
  if (now_ms - compiled.looked_for_dead_ms < kLookForDeadMs) return false;
  compiled.looked_for_dead_ms = now_ms;
  uint64_t returned = 0;
  for (MappedConnZone* zone = compiled.zones[index]; zone != nullptr; zone = zone->successor()) {
    returned += zone->zone().ReturnDead();
  }
  return returned > 0;
}

// The mapping behind a hold: of the limit's zone or of a successor. nullptr if it is another limit's.
MappedConnZone* MappingOf(MappedConnZone* zone, const ConnHold& hold) {
  while (zone != nullptr && &zone->zone() != hold.zone) zone = zone->successor();
  return zone;
}

// kCapacity: how many keys there is room for; most locations have one limit.
template <size_t kCapacity>
napi_value Acquire(napi_env env, napi_callback_info info) {
  napi_value values[kCapacity];
  size_t count = kCapacity;
  void* data = nullptr;
  napi_get_cb_info(env, info, &count, values, nullptr, &data);
  CompiledConnLimits& compiled = *static_cast<CompiledConnLimits*>(data);

  char room[kCapacity][kKeyRoom];
  std::string_view keys[kCapacity];
  for (int i = 0; i < compiled.count; i++) {
    size_t length;
    if (napi_get_value_string_latin1(env, values[i], room[i], kKeyRoom, &length) != napi_ok) {
      napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE",
                            "acquireConnections: every key must be a string, one for each limit");
      return nullptr;
    }
    keys[i] = std::string_view(room[i], length);
  }
  ConnHold holds[kCapacity];
  int index = -1;
  int held = AcquireConnections(compiled.limits, keys, compiled.count, holds, &index);
  if (held < 0 && index >= 0 && FreedByDead(compiled, index)) {
    held = AcquireConnections(compiled.limits, keys, compiled.count, holds, &index);
  }
  if (held < 0) {
    compiled.result[0] = index;
    return MakeWhole(env, held);
  }
  MappedConnZone* zones[kCapacity];
  for (int i = 0, limit = 0; i < held; i++, limit++) {
    while ((zones[i] = MappingOf(compiled.zones[limit], holds[i])) == nullptr) limit++;
  }
  return MakeWhole(env, compiled.table->Add(holds, zones, held));
}

napi_callback AcquireFor(int count) {
  if (count == 1) return Acquire<1>;
  return count <= 4 ? Acquire<4> : Acquire<kMaxConnLimits>;
}

napi_value JsReleaseConnections(napi_env env, napi_callback_info info) {
  napi_value value;
  size_t count = 1;
  void* table = nullptr;
  napi_get_cb_info(env, info, &count, &value, nullptr, &table);
  double number;
  const bool is_number = napi_get_value_double(env, value, &number) == napi_ok;
  // The range first: converting a double outside of it (or NaN) would be undefined.
  const int32_t handle = is_number && number >= 1 && number <= INT32_MAX ? static_cast<int32_t>(number) : 0;
  if (handle == 0 || static_cast<double>(handle) != number || !static_cast<HoldTable*>(table)->Release(handle)) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", "releaseConnections: \"handle\" must be one that is held");
  }
  return nullptr;
}

bool ReadLimit(const Arguments& args, napi_value object, CompiledConnLimits* compiled) {
  if (!args.ObjectOf(object, "limits[i]")) return false;
  napi_value value;
  if (!args.Property(object, "zone", &value)) return false;
  MappedConnZone* mapped = MappedConnZone::Of(args, value, "limits[i].zone");
  if (mapped == nullptr) return false;

  ConnLimit limit;
  limit.zone = &mapped->zone();
  int64_t connections;
  if (!args.Property(object, "connections", &value) ||
      !args.IntegerOf(value, "limits[i].connections", 1, kMaxConnections, &connections) ||
      !args.Property(object, "dryRun", &value) || !args.BooleanOf(value, "limits[i].dryRun", &limit.dry_run)) {
    return false;
  }
  limit.connections = static_cast<uint32_t>(connections);
  for (int i = 0; i < compiled->count; i++) {
    if (compiled->limits[i].zone->uid() == limit.zone->uid()) return args.Refuse("limits[i].zone", "another zone each");
  }
  mapped->Ref();
  compiled->zones[compiled->count] = mapped;
  compiled->limits[compiled->count] = limit;
  compiled->count++;
  return true;
}

bool ReadLimits(const Arguments& args, CompiledConnLimits* compiled) {
  uint32_t count;
  if (!args.ArrayOf(args[0], "limits", &count)) return false;
  if (count < 1 || count > kMaxConnLimits) {
    return args.Refuse("limits", "an array of 1 to " + std::to_string(kMaxConnLimits) + " limits");
  }
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    if (!args.Element(args[0], i, &element) || !ReadLimit(args, element, compiled)) return false;
  }
  void* elements;
  size_t length;
  if (!args.TypedArrayOf(args[1], "result", napi_int32_array, 1, &elements, &length)) return false;
  compiled->result = static_cast<int32_t*>(elements);
  return true;
}

void Free(napi_env env, void* data, void* /*hint*/) {
  auto* compiled = static_cast<CompiledConnLimits*>(data);
  napi_delete_reference(env, compiled->result_reference);
  delete compiled;
}

napi_value JsCompileConnLimits(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "compileConnLimits");
  auto* compiled = new CompiledConnLimits;
  if (!ReadLimits(args, compiled)) {
    delete compiled;
    return nullptr;
  }
  compiled->table = static_cast<HoldTable*>(args.data());
  napi_value function = nullptr;
  napi_create_reference(env, args[1], 1, &compiled->result_reference);
  napi_create_function(env, "acquireConnections", NAPI_AUTO_LENGTH, AcquireFor(compiled->count), compiled, &function);
  napi_add_finalizer(env, function, compiled, Free, nullptr, nullptr);
  return function;
}

}  // namespace

void ExportConnLimits(napi_env env, napi_value exports) {
  // Lives as long as JavaScript can run; at the env's end it returns what is still held.
  auto* table = new HoldTable;
  napi_add_env_cleanup_hook(
      env, [](void* data) { delete static_cast<HoldTable*>(data); }, table);
  SetFunction(env, exports, "compileConnLimits", JsCompileConnLimits, table);
  SetFunction(env, exports, "releaseConnections", JsReleaseConnections, table);
}

}  // namespace sluice
