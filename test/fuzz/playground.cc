// See playground.h.

#include "playground.h"

namespace sluice {
namespace fuzz {

Playground::Playground()
    : crowded("crowded", 256 * 1024, 600 * 1024),
      spacious("spacious", 1024 * 1024, 3 * 1024 * 1024),
      conn("conn", 256 * 1024, 128 * 1024),
      narrow("narrow", 32 * 1024, 40 * 1024),
      shared_bytes_(sizeof(Shared)) {
  shared().clock_ms = 10000000;
}

std::string Playground::Check() {
  for (LimitReqZone* zone : {&crowded.zone, &spacious.zone}) {
    const std::string broken = zone->Check();
    if (!broken.empty()) return std::string(zone->name()) + ": " + broken;
    if (zone->Stats().allocation_failures != 0) return std::string(zone->name()) + ": somebody was refused for memory";
  }
  for (LimitConnZone* zone : {&conn.zone, &narrow.zone}) {
    const std::string broken = zone->Check();
    if (!broken.empty()) return std::string(zone->name()) + ": " + broken;
  }
  return std::string();
}

}  // namespace fuzz
}  // namespace sluice
