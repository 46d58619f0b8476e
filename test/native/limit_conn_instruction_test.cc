// Deaths after every single machine instruction of a change to limit_conn zones: as instruction_crash_test.cc does it
// for limit_req. Whatever the memory holds at that point, the next one to lock repairs it, and exactly what the dead
// process held is returned. Only in the plain build: it is the optimized code that must be right.

#include <cstdio>
#include <cstring>

#include "conn_crash_scenarios.h"
#include "test.h"
#include "traced_child.h"

namespace sluice {
namespace test {
namespace {

bool Differ(const ConnTestZone& a, const ConnTestZone& b) {
  return memcmp(a.bytes.base(), b.bytes.base(), a.bytes.size()) != 0;
}

TEST("limit_conn: a death after any single instruction of any change is repaired, and all is returned") {
  if (Slowdown() > 1) return;
  for (const ConnScenario& scenario : ConnScenarios()) {
    TwoZones zones;
    const pid_t child =
        ForkTraced([&] { scenario.before(zones.a, zones.b); }, [&] { scenario.change(zones.a, zones.b); });
    if (child == 0) return;
    TwoZones last(zones);
    int states = 0;
    uint64_t repairs = 0;
    int status = 0;
    while (Step(child, &status)) {
      if (!Differ(last.a, zones.a) && !Differ(last.b, zones.b)) continue;
      memcpy(last.a.bytes.base(), zones.a.bytes.base(), zones.a.bytes.size());
      memcpy(last.b.bytes.base(), zones.b.bytes.base(), zones.b.bytes.size());
      if (++states > 400 && states % 7 != 0) continue;
      TwoZones survivor(zones);
      for (ConnTestZone* zone : {&survivor.a, &survivor.b}) {
        MarkDead(ConnView(&zone->zone).state()->mutex, static_cast<uint32_t>(child));
        EXPECT_EQ(zone->zone.Check(), "");
        zone->zone.ReturnHolds(child);
        repairs += zone->zone.Stats().repairs;
      }
      survivor.ExpectOnlyMine();
    }
    EXPECT(EndedWell(status));
    EXPECT(states >= 3);
    printf("     %s: %d states, %llu repairs\n", scenario.name, states, static_cast<unsigned long long>(repairs));
  }
}

}  // namespace
}  // namespace test
}  // namespace sluice
