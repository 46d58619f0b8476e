// What a process may be doing to limit_conn zones when it dies, and what must be left of it when it was seen to. Used
// with fault points (limit_conn_death_test.cc) and instruction by instruction.

#ifndef SLUICE_TEST_NATIVE_CONN_CRASH_SCENARIOS_H_
#define SLUICE_TEST_NATIVE_CONN_CRASH_SCENARIOS_H_

#include <vector>

#include "conn_fixture.h"
#include "test.h"

namespace sluice {
namespace test {

// What a process may be doing when it dies. The parent holds "k" once and "mine" once; the child has held what `before`
// took.
struct ConnScenario {
  const char* name;
  int least_fault_points;
  void (*before)(ConnTestZone& a, ConnTestZone& b);
  void (*change)(ConnTestZone& a, ConnTestZone& b);
};

inline const std::vector<ConnScenario>& ConnScenarios() {
  static const std::vector<ConnScenario> scenarios = {
      {"a first connection", 20, [](ConnTestZone&, ConnTestZone&) {},
       [](ConnTestZone& a, ConnTestZone&) { a.Take("new"); }},
      {"one more under a new key", 8, [](ConnTestZone& a, ConnTestZone&) { a.Take("old"); },
       [](ConnTestZone& a, ConnTestZone&) { a.Take("new"); }},
      {"one beside another owner's", 8, [](ConnTestZone& a, ConnTestZone&) { a.Take("old"); },
       [](ConnTestZone& a, ConnTestZone&) { a.Take("k"); }},
      {"one more of its own", 4, [](ConnTestZone& a, ConnTestZone&) { a.Take("k"); },
       [](ConnTestZone& a, ConnTestZone&) { a.Take("k"); }},
      {"release of one of two", 3,
       [](ConnTestZone& a, ConnTestZone&) {
         a.Take("k");
         a.Take("k");
       },
       [](ConnTestZone& a, ConnTestZone&) { a.zone.Release(a.hold); }},
      {"release of the last one", 8, [](ConnTestZone& a, ConnTestZone&) { a.Take("k"); },
       [](ConnTestZone& a, ConnTestZone&) { a.zone.Release(a.hold); }},
      {"several limits", 20, [](ConnTestZone&, ConnTestZone&) {},
       [](ConnTestZone& a, ConnTestZone& b) {
         const ConnLimit limits[] = {{&a.zone, 5, false}, {&b.zone, 5, false}};
         const std::string_view keys[] = {"k", "new"};
         ConnHold holds[2];
         int index;
         AcquireConnections(limits, keys, 2, holds, &index);
       }},
      {"several limits of which the last refuses", 20, [](ConnTestZone&, ConnTestZone&) {},
       [](ConnTestZone& a, ConnTestZone& b) {
         const ConnLimit limits[] = {{&a.zone, 5, false}, {&b.zone, 1, false}};
         const std::string_view keys[] = {"new", "k"};
         ConnHold holds[2];
         int index;
         AcquireConnections(limits, keys, 2, holds, &index);
       }},
      {"refusals", 1, [](ConnTestZone&, ConnTestZone&) {}, [](ConnTestZone& a, ConnTestZone&) { a.Take("k", 1); }},
      {"leaving", 20,
       [](ConnTestZone& a, ConnTestZone&) {
         for (int i = 0; i < 5; ++i) a.Take(ConnKey(i));
         a.Take("k");
       },
       [](ConnTestZone& a, ConnTestZone&) { a.zone.Detach(); }},
  };
  return scenarios;
}

struct TwoZones {
  TwoZones() : a(32 * 1024), b(32 * 1024) {
    for (ConnTestZone* zone : {&a, &b}) {
      zone->Take("k");
      zone->Take("mine");
    }
  }

  // The two zones as they are at this moment, in other hands.
  explicit TwoZones(const TwoZones& other) : a(other.a.bytes), b(other.b.bytes) {}

  // Only what the parent holds is left.
  void ExpectOnlyMine() {
    for (ConnTestZone* zone : {&a, &b}) {
      EXPECT_EQ(zone->zone.Check(), "");
      EXPECT_EQ(zone->Held("k"), 1u);
      EXPECT_EQ(zone->Held("mine"), 1u);
      EXPECT_EQ(zone->zone.Stats().connections, 2u);
      EXPECT_EQ(zone->zone.Stats().owners, 1u);
      EXPECT_EQ(zone->Take("k", 2), 1);
      EXPECT_EQ(zone->Take("k", 2), kConnRejected);
    }
  }

  ConnTestZone a, b;
};

}  // namespace test
}  // namespace sluice

#endif  // SLUICE_TEST_NATIVE_CONN_CRASH_SCENARIOS_H_
