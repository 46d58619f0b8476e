// A limit_conn zone for tests, in memory that forked children share, and short ways to use it.

#ifndef SLUICE_TEST_NATIVE_CONN_FIXTURE_H_
#define SLUICE_TEST_NATIVE_CONN_FIXTURE_H_

#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "core/crc32.h"
#include "core/limit_conn_view.h"
#include "core/limit_conn_zone.h"
#include "zone_fixture.h"

namespace sluice {
namespace test {

struct ConnTestZone {
  explicit ConnTestZone(size_t size = 64 * 1024, const char* name = "one") : bytes(size) {
    if (zone.Format(bytes.base(), size, name, "$binary_remote_addr") != ZoneStatus::kOk) abort();
  }

  // A copy of the memory as it is at this moment, in other hands.
  explicit ConnTestZone(const SharedBytes& snapshot) : bytes(snapshot.size()) {
    memcpy(bytes.base(), snapshot.base(), bytes.size());
    if (zone.Attach(bytes.base(), bytes.size(), "one") != ZoneStatus::kOk) abort();
  }

  // 1 (with `hold`), or a code.
  int Take(std::string_view key, uint32_t connections = 1000) { return TakeBy(&zone, key, connections); }
  int TakeBy(LimitConnZone* handle, std::string_view key, uint32_t connections = 1000) {
    const ConnLimit limit = {handle, connections, false};
    int index = -1;
    return AcquireConnections(&limit, &key, 1, &hold, &index);
  }

  // Connections under a key, by the zone's own count.
  uint64_t Held(std::string_view key) {
    RobustList& self = RobustList::Current();
    ConnView view(&zone);
    view.Lock(self);
    const uint64_t held = view.CountLocked(Crc32(key), key, kNil<ZoneNode>).connections;
    view.Unlock(self);
    return held;
  }

  SharedBytes bytes;
  LimitConnZone zone;  // behind its memory: it returns what it holds when it goes
  ConnHold hold;
};

inline std::string ConnKey(int i) { return "key" + std::to_string(i); }

}  // namespace test
}  // namespace sluice

#endif  // SLUICE_TEST_NATIVE_CONN_FIXTURE_H_
