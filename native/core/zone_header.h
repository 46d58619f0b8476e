// The first bytes of a zone, whatever its kind: written once by whoever formats it, checked by whoever attaches.

#ifndef SLUICE_CORE_ZONE_HEADER_H_
#define SLUICE_CORE_ZONE_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/zone_layout.h"

namespace sluice {

// What a process knows of a zone that it has bound to: private memory, so that nobody can change it later.
struct ZoneBinding {
  char* base = nullptr;
  ZoneGeometry geometry;
  uint64_t uid = 0;             // random, the same in every process: the global order of locks
  int64_t clock_offset_ms = 0;  // zone_clock.h; changes only while nobody is bound

  // Both live in the mapping.
  std::string_view name() const { return {base + sizeof(ZoneHeader), geometry.name_length}; }
  std::string_view key_text() const {
    return {base + sizeof(ZoneHeader) + geometry.name_length, geometry.key_text_length};
  }
};

// Writes a header (whose clock is the monotonic one) and clears the shards, which the caller then formats. Not a zone
// yet: PublishZone comes last.
ZoneStatus BeginZone(const ZoneFormat& format, void* base, size_t size, std::string_view name,
                     std::string_view key_text, ZoneBinding* zone);
void PublishZone(const ZoneFormat& format, const ZoneBinding& zone);

// Checks magic, layout version, size, geometry and name of a published zone.
ZoneStatus OpenZone(const ZoneFormat& format, void* base, size_t size, std::string_view name, ZoneBinding* zone);

}  // namespace sluice

#endif  // SLUICE_CORE_ZONE_HEADER_H_
