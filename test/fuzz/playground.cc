// See playground.h.

#include "playground.h"

namespace sluice {
namespace fuzz {

Playground::Playground()
    : crowded(256 * 1024, "crowded"),
      spacious(1024 * 1024, "spacious"),
      conn_bytes(256 * 1024),
      narrow_bytes(32 * 1024),
      shared_bytes_(sizeof(Shared)) {
  if (conn.Format(conn_bytes.base(), conn_bytes.size(), "conn", "$k") != ZoneStatus::kOk) abort();
  if (narrow.Format(narrow_bytes.base(), narrow_bytes.size(), "narrow", "$k") != ZoneStatus::kOk) abort();
  shared().clock_ms = 10000000;
}

std::string Playground::Check() {
  for (LimitReqZone* zone : {&crowded.zone, &spacious.zone}) {
    const std::string broken = zone->Check();
    if (!broken.empty()) return std::string(zone->name()) + ": " + broken;
    if (zone->Stats().allocation_failures != 0) return std::string(zone->name()) + ": somebody was refused for memory";
  }
  for (LimitConnZone* zone : {&conn, &narrow}) {
    const std::string broken = zone->Check();
    if (!broken.empty()) return std::string(zone->name()) + ": " + broken;
  }
  return std::string();
}

}  // namespace fuzz
}  // namespace sluice
