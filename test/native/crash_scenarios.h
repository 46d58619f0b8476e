// What a process may be doing to a zone when it dies: a prepared zone, one change to it, and what must hold afterwards
// for whoever comes next. Used with fault points (crash_test.cc) and instruction by instruction.

#ifndef SLUICE_TEST_NATIVE_CRASH_SCENARIOS_H_
#define SLUICE_TEST_NATIVE_CRASH_SCENARIOS_H_

#include <string>
#include <vector>

#include "test.h"
#include "zone_fixture.h"

namespace sluice {
namespace test {

struct Scenario {
  const char* name;
  size_t zone_size;
  int least_fault_points;
  void (*prepare)(TestZone& t);
  void (*change)(TestZone& t);
  void (*verify)(TestZone& t);
};

constexpr int64_t kCrashTime = 1000000;
constexpr int64_t kCrashBurst = 9000;

inline std::string CrashKey(int i) { return "key" + std::to_string(i); }

// Hits the keys [from, to) once at the rate of a thousand a second.
inline void HitKeys(TestZone& t, int from, int to, int64_t now = kCrashTime, int64_t rate = 1000) {
  for (int i = from; i < to; ++i) t.Hit(CrashKey(i), now, rate, kCrashBurst);
}

// How many of the keys [from, to) the zone has forgotten. A known one has an excess of at least 1000 now.
inline int Forgotten(TestZone& t, int from, int to, int64_t now = kCrashTime) {
  int forgotten = 0;
  for (int i = from; i < to; ++i) {
    EXPECT(t.Hit(CrashKey(i), now, 1000, kCrashBurst) >= 0);
    if (t.decision.excess == 0) ++forgotten;
  }
  return forgotten;
}

inline int CapacityOf(TestZone& t) { return static_cast<int>(LimitReqZone::Capacity(t.bytes.size(), 6)); }

inline const std::vector<Scenario>& Scenarios() {
  static const std::vector<Scenario> scenarios = {
      {"insert", 32 * 1024, 10, [](TestZone& t) { HitKeys(t, 0, 20); },
       [](TestZone& t) { t.Hit("new", kCrashTime, 1000, kCrashBurst); },
       [](TestZone& t) {
         EXPECT_EQ(Forgotten(t, 0, 20), 0);
         EXPECT(t.Hit("new", kCrashTime, 1000, kCrashBurst) == 0);
       }},
      {"insert into an empty zone", 32 * 1024, 8, [](TestZone&) {},
       [](TestZone& t) { t.Hit("new", kCrashTime, 1000, kCrashBurst); },
       [](TestZone& t) { EXPECT(t.Hit("new", kCrashTime, 1000, kCrashBurst) == 0); }},
      {"insert of a key of several pages", 64 * 1024, 10, [](TestZone& t) { HitKeys(t, 0, 70); },
       [](TestZone& t) { t.Hit(std::string(4200, 'x'), kCrashTime, 1000, kCrashBurst); },
       [](TestZone& t) {
         EXPECT_EQ(Forgotten(t, 0, 70), 0);
         EXPECT(t.Hit(std::string(4200, 'x'), kCrashTime, 1000, kCrashBurst) == 0);
       }},
      {"charge", 32 * 1024, 1, [](TestZone& t) { HitKeys(t, 0, 20); },
       [](TestZone& t) { t.Hit(CrashKey(7), kCrashTime + 300, 1000, kCrashBurst); },
       [](TestZone& t) {
         // Either charged or not, never half: 0 - 300/1000 + 1 request, and one more.
         EXPECT(t.Hit(CrashKey(7), kCrashTime + 300, 1000, kCrashBurst) == 0);
         EXPECT(t.decision.excess == 700 || t.decision.excess == 1700);
         EXPECT_EQ(Forgotten(t, 0, 20), 0);
       }},
      {"move to the front", 32 * 1024, 4, [](TestZone& t) { HitKeys(t, 0, 30); },
       [](TestZone& t) { t.Hit(CrashKey(0), kCrashTime, 1000, kCrashBurst); },
       [](TestZone& t) { EXPECT_EQ(Forgotten(t, 0, 30), 0); }},
      {"expire two and insert", 32 * 1024, 20,
       [](TestZone& t) {
         HitKeys(t, 0, 2, kCrashTime - 70000);
         HitKeys(t, 2, 40, kCrashTime - 20000);
       },
       [](TestZone& t) { t.Hit("new", kCrashTime, 1000, kCrashBurst); },
       [](TestZone& t) {
         // Twice in the same millisecond: only a key that was forgotten in between owes nothing the second time.
         HitKeys(t, 2, 40);
         EXPECT_EQ(Forgotten(t, 2, 40), 0);
         t.Hit("after", kCrashTime, 1000, kCrashBurst);
         EXPECT(t.zone.Stats().nodes <= 40);
       }},
      {"evict the oldest of a full zone and insert", 32 * 1024, 15, [](TestZone& t) { HitKeys(t, 0, CapacityOf(t)); },
       [](TestZone& t) { t.Hit("new", kCrashTime, 1000, kCrashBurst); },
       [](TestZone& t) {
         // Newest first: the ones that this check itself evicts are among the oldest.
         EXPECT_EQ(Forgotten(t, CapacityOf(t) / 2, CapacityOf(t)), 0);
         EXPECT_EQ(t.zone.Stats().allocation_failures, 0u);
       }},
      {"clear pages for a longer key", 32 * 1024, 60, [](TestZone& t) { HitKeys(t, 0, CapacityOf(t)); },
       [](TestZone& t) { t.Hit(std::string(100, 'x'), kCrashTime, 1000, kCrashBurst); },
       [](TestZone& t) {
         EXPECT_EQ(Forgotten(t, CapacityOf(t) / 2, CapacityOf(t)), 0);
         EXPECT(t.Hit(std::string(100, 'x'), kCrashTime, 1000, kCrashBurst) >= 0);
       }},
      {"set those in debt aside and evict one", 32 * 1024, 30,
       [](TestZone& t) {
         HitKeys(t, 0, 6);
         HitKeys(t, 0, 6);
         HitKeys(t, 6, CapacityOf(t));
       },
       [](TestZone& t) { t.Hit("new", kCrashTime, 1000, kCrashBurst); },
       [](TestZone& t) {
         EXPECT_EQ(Forgotten(t, 0, 6), 0);
         EXPECT_EQ(t.zone.Stats().evicted_in_debt, 0u);
       }},
      {"refuse", 32 * 1024, 1,
       [](TestZone& t) {
         HitKeys(t, 0, 5);
         for (int i = 0; i < 12; ++i) t.Hit("refused", kCrashTime, 1000, kCrashBurst);
       },
       [](TestZone& t) {
         t.Hit("refused", kCrashTime, 1000, kCrashBurst);
         t.Hit("new", kCrashTime, 1000, kCrashBurst);
       },
       [](TestZone& t) {
         EXPECT_EQ(t.Hit("refused", kCrashTime, 1000, kCrashBurst), kRejected);
         EXPECT_EQ(t.decision.excess, 10000);
       }},
  };
  return scenarios;
}

}  // namespace test
}  // namespace sluice

#endif  // SLUICE_TEST_NATIVE_CRASH_SCENARIOS_H_
