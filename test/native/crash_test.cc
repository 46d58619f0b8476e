// Deaths inside the lock. A child changes a zone and is killed at its Nth fault point, for every N that there is; the
// survivor must find a zone that works, of which the checker has nothing to say and that has lost one key at most.
// instruction_crash_test.cc does the same after every single machine instruction.

#include <atomic>
#include <string>
#include <vector>

#include "child_process.h"
#include "core/fault_point.h"
#include "core/limit_req_shard.h"
#include "crash_scenarios.h"
#include "test.h"
#include "zone_fixture.h"

namespace sluice {
namespace test {
namespace {

// Runs the scenario in a child that dies at crossing `n`; false if it ended before that.
bool DieAt(TestZone& t, const Scenario& scenario, int n) {
  const pid_t child = Fork([&] {
    ArmFaultPoint(n);
    scenario.change(t);
    return 0;
  });
  const int status = Wait(child);
  if (WasKilled(status)) return true;
  EXPECT(EndedWell(status));
  return false;
}

TEST("crash: a death at any fault point of any change is repaired by the next one to lock") {
  for (const Scenario& scenario : Scenarios()) {
    int deaths = 0;
    for (int n = 1;; ++n) {
      TestZone t(scenario.zone_size);
      scenario.prepare(t);
      if (!DieAt(t, scenario, n)) break;
      ++deaths;
      // The next request of anybody repairs: no master, no force_unlock.
      scenario.verify(t);
      EXPECT_EQ(t.zone.Check(), "");
    }
    if (deaths < scenario.least_fault_points) {
      Fail(__FILE__, __LINE__, scenario.name + (" has only " + std::to_string(deaths)));
    }
  }
}

TEST("crash: force_unlock repairs what the dead process left, and names it") {
  const Scenario& scenario = Scenarios().front();
  for (int n = 1;; ++n) {
    TestZone t(scenario.zone_size);
    scenario.prepare(t);
    pid_t child = Fork([&] {
      ArmFaultPoint(n);
      scenario.change(t);
      return 0;
    });
    if (!WasKilled(Wait(child))) break;
    EXPECT(!t.zone.ForceUnlock(child + 1));
    EXPECT(t.zone.ForceUnlock(child));
    EXPECT(!t.zone.ForceUnlock(child));
    EXPECT_EQ(t.zone.Check(), "");
    scenario.verify(t);
  }
}

TEST("crash: a repair may die at any fault point and is done again") {
  for (const Scenario& scenario : Scenarios()) {
    for (const int first : {2, 5, 11, 17}) {
      int deaths = 0;
      int step = 1;
      for (int n = 1;; n += step) {
        TestZone t(scenario.zone_size);
        scenario.prepare(t);
        if (!DieAt(t, scenario, first)) break;
        // The first repairer dies, too, and so does the second one at an earlier point.
        const auto repair = [&](int at) {
          return WasKilled(Wait(Fork([&] {
            ArmFaultPoint(at);
            t.zone.Check();
            return 0;
          })));
        };
        if (!repair(n)) break;
        ++deaths;
        repair(n / 2);
        scenario.verify(t);
        EXPECT_EQ(t.zone.Check(), "");
        step = 1 + n / 16;  // the long middle of a repair is a loop over nodes
      }
    }
  }
}

TEST("crash: a death between the charges of several limits leaves both zones whole") {
  for (int n = 1;; ++n) {
    TestZone a(64 * 1024, "a"), b(64 * 1024, "b");
    const auto hit = [&] {
      const LimitSpec limits[] = {{&a.zone, 1000, 9000, kMaxTicks, false}, {&b.zone, 1000, 9000, kMaxTicks, false}};
      const std::string_view keys[] = {"known", "new"};
      Decision decision;
      return Decide(limits, keys, 2, 1000000, &decision);
    };
    a.Hit("known", 1000000, 1000, 9000);
    const pid_t child = Fork([&] {
      ArmFaultPoint(n);
      hit();
      return 0;
    });
    if (!WasKilled(Wait(child))) break;
    EXPECT_EQ(hit(), 0);
    EXPECT_EQ(a.zone.Check(), "");
    EXPECT_EQ(b.zone.Check(), "");
    // The dead request may have been charged, but no other was lost and none came from nowhere.
    a.Hit("known", 1000000, 1000, 9000);
    EXPECT(a.decision.excess == 2000 || a.decision.excess == 3000);
  }
}

TEST("crash: workers killed at random under load never wedge a zone or give a key more than its share") {
  TestZone t(256 * 1024);
  Random random(5);
  constexpr int kWorkers = 3;
  constexpr int kKeys = 10;
  SharedBytes counters(kPageSize);
  std::atomic<uint64_t>* passed = reinterpret_cast<std::atomic<uint64_t>*>(counters.base());
  const auto work = [&](uint64_t seed) {
    Random own(seed);
    const LimitSpec limit = {&t.zone, 1000, 1000000, kMaxTicks, false};
    Decision decision;
    for (;;) {
      const uint64_t k = own.Below(kKeys);
      const std::string key = "key" + std::to_string(k);
      const std::string_view view = key;
      if (Decide(&limit, &view, 1, 1000000, &decision) == 0) passed[k].fetch_add(1);
      const std::string other = "other" + std::to_string(own.Next());
      const std::string_view other_view = other;
      Decide(&limit, &other_view, 1, 1000000, &decision);
    }
    return 0;
  };
  pid_t workers[kWorkers];
  for (int i = 0; i < kWorkers; ++i) workers[i] = Fork([&] { return work(static_cast<uint64_t>(i)); });
  for (int round = 0; round < 400 / Slowdown(); ++round) {
    const uint64_t i = random.Below(kWorkers);
    SleepMs(static_cast<int>(random.Below(3)));
    kill(workers[i], SIGKILL);
    Wait(workers[i]);
    if (round % 2 == 0) t.zone.ForceUnlock(workers[i]);
    workers[i] = Fork([&] { return work(static_cast<uint64_t>(round) + 100); });
    if (round % 10 == 0) EXPECT_EQ(t.zone.Check(), "");
  }
  for (const pid_t worker : workers) {
    kill(worker, SIGKILL);
    Wait(worker);
  }
  EXPECT_EQ(t.zone.Check(), "");
  // Time stood still: a key's share is its burst plus one. Deaths may only have taken from it.
  for (int k = 0; k < kKeys; ++k) EXPECT(passed[k].load() <= 1001);
  EXPECT_EQ(t.zone.Stats().allocation_failures, 0u);
}

TEST("crash: an exclusive recovery makes a zone usable whatever its locks say") {
  TestZone t(64 * 1024);
  for (int i = 0; i < 100; ++i) t.Hit("key" + std::to_string(i), 1000000);
  ShardView view(&t.zone, 0);
  view.shard()->mutex.word_for_test() = 0x1234567812345678;
  view.shard()->change = Shard::kInsert;
  view.shard()->root = {12345678};
  t.zone.RecoverExclusive(INT64_MAX);
  EXPECT_EQ(t.zone.Check(), "");
  EXPECT_EQ(t.zone.Stats().nodes, 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(t.Hit("key" + std::to_string(i), 1000000), kRejected);
}

TEST("crash: after a repair the keys charged longest ago are evicted first, wherever they lie") {
  TestZone t(32 * 1024);
  const int capacity = CapacityOf(t);
  HitKeys(t, 0, capacity, kCrashTime, 1000000);
  for (int i = 0; i < capacity; i += 2) t.Hit(CrashKey(i), kCrashTime + 10 + i, 1000000, kCrashBurst);
  t.zone.RecoverExclusive(INT64_MAX);
  for (int i = 0; i < capacity / 2; ++i) t.Hit("new" + CrashKey(i), kCrashTime + 1000, 1000000, kCrashBurst);
  EXPECT_EQ(t.zone.Stats().evicted_idle, static_cast<uint64_t>(capacity / 2));
  // A key that is known is refused at no burst, in the millisecond of its last charge.
  for (int i = 0; i < capacity; i += 2) {
    EXPECT_EQ(t.Hit(CrashKey(i), kCrashTime + 10 + i, 1000000, 0), kRejected);
  }
}

}  // namespace
}  // namespace test
}  // namespace sluice
