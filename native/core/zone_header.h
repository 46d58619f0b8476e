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

// How a zone is named in the memory of the one that it succeeds (a resize): 31 bits of its uid, and one that no other
// word there has.
constexpr uint32_t SuccessorMark(uint64_t uid) { return 0x80000000u | static_cast<uint32_t>(uid); }

// Writes a header and clears the shards, which the caller then formats. Not a zone yet: PublishZone comes last. Its
// clock is the monotonic one, or that of `older`, the zone that it will succeed, if any; its uid is larger than that
// one's.
ZoneStatus BeginZone(const ZoneFormat& format, void* base, size_t size, std::string_view name,
                     std::string_view key_text, const ZoneBinding* older, ZoneBinding* zone);
void PublishZone(const ZoneFormat& format, const ZoneBinding& zone);

// Checks magic, layout version, size, geometry and name of a published zone.
ZoneStatus OpenZone(const ZoneFormat& format, void* base, size_t size, std::string_view name, ZoneBinding* zone);

}  // namespace sluice

#endif  // SLUICE_CORE_ZONE_HEADER_H_
