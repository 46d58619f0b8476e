// The connections that this env holds, by handles that JavaScript can keep: small positive numbers. A request that
// holds under several keys has one handle for all. Private memory; grows with the number of connections and is then
// reused.

#ifndef SLUICE_BINDING_HOLD_TABLE_H_
#define SLUICE_BINDING_HOLD_TABLE_H_

#include <cstdint>
#include <vector>

#include "binding/limit_conn_zone_binding.h"
#include "core/limit_conn_zone.h"

namespace sluice {

class HoldTable {
 public:
  HoldTable() = default;
  // Releases all that is still held.
  ~HoldTable();
  HoldTable(const HoldTable&) = delete;
  HoldTable& operator=(const HoldTable&) = delete;

  // Keeps `count` (> 0) holds, and a reference on the zone of each, until they are released. Returns their handle.
  int32_t Add(const ConnHold* holds, MappedConnZone* const* zones, int count);

  // Releases what a handle stands for. False if there is no such handle (any more).
  bool Release(int32_t handle);

 private:
  // Entries of one handle are chained by `next`, and so are the free ones. A number is an index + 1; 0 = none.
  struct Entry {
    ConnHold hold;
    MappedConnZone* zone = nullptr;  // nullptr = the entry is free
    int32_t next = 0;
    bool is_first = false;
  };

  int32_t Take();
  void Free(int32_t number);

  std::vector<Entry> entries_;
  int32_t free_ = 0;
};

}  // namespace sluice

#endif  // SLUICE_BINDING_HOLD_TABLE_H_
