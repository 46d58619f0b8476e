// See hold_table.h.

#include "binding/hold_table.h"

namespace sluice {

HoldTable::~HoldTable() {
  for (size_t i = 0; i < entries_.size(); i++) {
    if (entries_[i].zone != nullptr && entries_[i].is_first) Release(static_cast<int32_t>(i) + 1);
  }
}

int32_t HoldTable::Take() {
  if (free_ == 0) {
    entries_.emplace_back();
    return static_cast<int32_t>(entries_.size());
  }
  const int32_t number = free_;
  free_ = entries_[static_cast<size_t>(number) - 1].next;
  return number;
}

void HoldTable::Free(int32_t number) {
  Entry& entry = entries_[static_cast<size_t>(number) - 1];
  entry.zone = nullptr;
  entry.is_first = false;
  entry.next = free_;
  free_ = number;
}

int32_t HoldTable::Add(const ConnHold* holds, MappedConnZone* const* zones, int count) {
  int32_t next = 0;
  for (int i = count; i-- > 0;) {
    const int32_t number = Take();
    zones[i]->Ref();
    entries_[static_cast<size_t>(number) - 1] = {holds[i], zones[i], next, i == 0};
    next = number;
  }
  return next;
}

bool HoldTable::Release(int32_t handle) {
  if (handle < 1 || static_cast<size_t>(handle) > entries_.size()) return false;
  if (!entries_[static_cast<size_t>(handle) - 1].is_first) return false;
  for (int32_t number = handle; number != 0;) {
    const Entry entry = entries_[static_cast<size_t>(number) - 1];
    Free(number);
    entry.hold.zone->Release(entry.hold);
    entry.zone->Unref();
    number = entry.next;
  }
  return true;
}

}  // namespace sluice
