// Deaths of processes that hold connections: what they held is returned exactly, by whoever notices, and a death inside
// the lock, at any fault point of any change, leaves a zone of which the checker has nothing to say.

#include <atomic>
#include <string>
#include <vector>

#include "child_process.h"
#include "conn_crash_scenarios.h"
#include "conn_fixture.h"
#include "core/fault_point.h"
#include "test.h"

namespace sluice {
namespace test {
namespace {

// A child that does `work` and then waits to be killed; returns when it waits.
template <class Work>
pid_t ForkHolding(Work work) {
  SharedBytes ready(kPageSize);
  std::atomic<int>* flag = reinterpret_cast<std::atomic<int>*>(ready.base());
  const pid_t child = Fork([&] {
    work();
    flag->store(1);
    for (;;) pause();
    return 0;
  });
  EXPECT(WaitFor([&] { return flag->load() == 1; }));
  return child;
}

void Kill(pid_t child) {
  kill(child, SIGKILL);
  EXPECT(WasKilled(Wait(child)));
}

TEST("limit_conn: a death returns what the dead process held and nothing else") {
  ConnTestZone t;
  t.Take("k");
  t.Take("mine");
  const auto take_three = [&] {
    for (const char* key : {"k", "k", "theirs"}) t.Take(key);
  };
  const pid_t first = ForkHolding(take_three);
  const pid_t second = ForkHolding(take_three);
  EXPECT_EQ(t.Held("k"), 5u);
  EXPECT_EQ(t.Held("theirs"), 2u);
  Kill(first);
  EXPECT_EQ(t.Held("k"), 5u);
  EXPECT_EQ(t.zone.ReturnHolds(first), 3u);
  EXPECT_EQ(t.zone.ReturnHolds(first), 0u);
  EXPECT_EQ(t.Held("k"), 3u);
  EXPECT_EQ(t.Held("theirs"), 1u);
  EXPECT_EQ(t.zone.Check(), "");
  Kill(second);
  EXPECT_EQ(t.zone.ReturnHolds(second), 3u);
  EXPECT_EQ(t.Held("k"), 1u);
  EXPECT_EQ(t.Held("mine"), 1u);
  EXPECT_EQ(t.Held("theirs"), 0u);
  EXPECT_EQ(t.zone.Stats().owners, 1u);
  EXPECT_EQ(t.zone.Stats().returned, 6u);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("limit_conn: more connections than one batch are returned, too") {
  ConnTestZone t(256 * 1024);
  const pid_t child = ForkHolding([&] {
    for (int i = 0; i < 1000; ++i) t.Take(ConnKey(i));
  });
  t.Take(ConnKey(5));
  Kill(child);
  EXPECT_EQ(t.zone.ReturnHolds(child), 1000u);
  EXPECT_EQ(t.zone.Stats().connections, 1u);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("limit_conn: without a master whoever asks finds the dead, zombies included, and spares the living") {
  ConnTestZone t;
  const auto take = [&] { t.Take("k"); };
  const pid_t living = ForkHolding(take);
  const pid_t zombie = ForkHolding(take);
  const pid_t gone = ForkHolding(take);
  EXPECT_EQ(t.zone.ReturnDead(), 0u);
  Kill(gone);
  kill(zombie, SIGKILL);
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOWAIT);
  EXPECT_EQ(t.zone.ReturnDead(), 2u);
  EXPECT_EQ(t.Held("k"), 1u);
  Wait(zombie);
  Kill(living);
  EXPECT_EQ(t.zone.ReturnDead(), 1u);
  EXPECT_EQ(t.zone.Stats().nodes, 0u);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("limit_conn: a process that has got the id of a dead one is not taken for it, nor one of another namespace") {
  ConnTestZone t;
  const pid_t child = ForkHolding([&] { t.Take("k"); });
  ConnOwner* owner = reinterpret_cast<ConnOwner*>(t.bytes.base() + t.zone.geometry().pages_offset);
  ASSERT(owner->head.kind == ZoneNode::kOwner && owner->process.pid == static_cast<uint32_t>(child));
  EXPECT(owner->process.start_ticks != 0);
  const ProcessIdentity real = owner->process;
  owner->process.pid_namespace ^= 1;
  owner->process.start_ticks = 1;
  EXPECT_EQ(t.zone.ReturnDead(), 0u);
  EXPECT_EQ(t.zone.ReturnHolds(child), 0u);
  owner->process.pid_namespace = real.pid_namespace;
  EXPECT_EQ(t.zone.ReturnDead(), 1u);
  EXPECT_EQ(t.Held("k"), 0u);
  Kill(child);
}

TEST("limit_conn: a child does not own what its parent holds") {
  ConnTestZone t;
  t.Take("k");
  const ConnHold hold = t.hold;
  const pid_t child = Fork([&] {
    if (t.zone.Release(hold)) return 1;
    t.zone.Detach();
    return 0;
  });
  EXPECT(EndedWell(Wait(child)));
  EXPECT_EQ(t.Held("k"), 1u);
  EXPECT(t.zone.Release(hold));
}

TEST("limit_conn: who was taken for dead starts anew, and what it had counts no more") {
  ConnTestZone t;
  t.Take("k");
  const ConnHold before = t.hold;
  EXPECT_EQ(t.zone.ReturnHolds(getpid()), 1u);
  EXPECT(!t.zone.Release(before));
  EXPECT_EQ(t.Take("k", 1), 1);
  EXPECT(!t.zone.Release(before));
  EXPECT(t.zone.Release(t.hold));
  EXPECT_EQ(t.zone.Check(), "");
}

// Runs the scenario in a child that dies at crossing `n` of the change; 0 if it ended before that, else its pid.
pid_t DieAt(TwoZones& zones, const ConnScenario& scenario, int n) {
  const pid_t child = Fork([&] {
    scenario.before(zones.a, zones.b);
    ArmFaultPoint(n);
    scenario.change(zones.a, zones.b);
    return 0;
  });
  const int status = Wait(child);
  if (WasKilled(status)) return child;
  EXPECT(EndedWell(status));
  return 0;
}

TEST("limit_conn: a death at any fault point of any change is repaired by the next one to lock, and all is returned") {
  for (const ConnScenario& scenario : ConnScenarios()) {
    int deaths = 0;
    for (int n = 1;; ++n) {
      TwoZones zones;
      const pid_t child = DieAt(zones, scenario, n);
      if (child == 0) break;
      ++deaths;
      if (n % 2 == 0) {
        // The master, first of all.
        for (ConnTestZone* zone : {&zones.a, &zones.b}) {
          zone->zone.ForceUnlock(child);
          EXPECT_EQ(zone->zone.Check(), "");
          zone->zone.ReturnHolds(child);
        }
      } else {
        // Anybody.
        for (ConnTestZone* zone : {&zones.a, &zones.b}) {
          EXPECT(zone->Held("k") >= 1);
          EXPECT_EQ(zone->zone.Check(), "");
          zone->zone.ReturnDead();
        }
      }
      zones.ExpectOnlyMine();
    }
    if (deaths < scenario.least_fault_points) {
      Fail(__FILE__, __LINE__, scenario.name + (" has only " + std::to_string(deaths)));
    }
  }
}

TEST("limit_conn: force_unlock names who died inside, and a repair may die at any fault point itself") {
  for (const ConnScenario& scenario : ConnScenarios()) {
    for (const int first : {2, 4, 9}) {
      for (int n = 1;; ++n) {
        TwoZones zones;
        const pid_t child = DieAt(zones, scenario, first);
        if (child == 0) break;
        const auto repair = [&](int at) {
          return WasKilled(Wait(Fork([&] {
            ArmFaultPoint(at);
            zones.a.zone.Check();
            zones.b.zone.Check();
            return 0;
          })));
        };
        if (!repair(n)) break;
        repair(n / 2);
        EXPECT_EQ(zones.a.zone.Check(), "");
        EXPECT_EQ(zones.b.zone.Check(), "");
        for (ConnTestZone* zone : {&zones.a, &zones.b}) zone->zone.ReturnHolds(child);
        zones.ExpectOnlyMine();
      }
    }
  }
  TwoZones zones;
  const pid_t child = DieAt(zones, ConnScenarios()[5], 2);
  EXPECT(!zones.a.zone.ForceUnlock(child + 1));
  EXPECT(zones.a.zone.ForceUnlock(child));
  EXPECT(!zones.a.zone.ForceUnlock(child));
  EXPECT(!zones.b.zone.ForceUnlock(child));
  zones.a.zone.ReturnHolds(child);
  zones.ExpectOnlyMine();
}

TEST("limit_conn: whoever returns a dead one's connections may die at it, and the next one goes on") {
  for (int n = 1;; ++n) {
    TwoZones zones;
    const pid_t dead = ForkHolding([&] {
      for (int i = 0; i < 6; ++i) zones.a.Take(ConnKey(i));
      zones.a.Take("k");
    });
    Kill(dead);
    const pid_t master = Fork([&] {
      ArmFaultPoint(n);
      zones.a.zone.ReturnHolds(dead);
      return 0;
    });
    const bool died = WasKilled(Wait(master));
    if (died) {
      zones.a.zone.ForceUnlock(master);
      EXPECT_EQ(zones.a.zone.Check(), "");
      zones.a.zone.ReturnDead();
    }
    zones.ExpectOnlyMine();
    if (!died) {
      EXPECT(n > 40);
      break;
    }
  }
}

TEST("limit_conn: workers killed at random under load never wedge the zone, and leave nothing behind") {
  ConnTestZone t(256 * 1024);
  Random random(11);
  constexpr int kWorkers = 3;
  constexpr int kKeys = 10;
  constexpr uint32_t kLimit = 4;
  const auto work = [&](uint64_t seed) {
    Random own(seed);
    std::vector<ConnHold> holds;
    for (;;) {
      if (holds.size() > 30 || (!holds.empty() && own.Below(2) == 0)) {
        const size_t at = own.Below(holds.size());
        if (!t.zone.Release(holds[at])) return 1;
        holds.erase(holds.begin() + static_cast<long>(at));
      } else if (t.Take(own.Below(3) == 0 ? "other" + std::to_string(own.Next())
                                          : ConnKey(static_cast<int>(own.Below(kKeys))),
                        kLimit) == 1) {
        holds.push_back(t.hold);
      }
    }
    return 0;
  };
  pid_t workers[kWorkers];
  for (int i = 0; i < kWorkers; ++i) workers[i] = Fork([&] { return work(static_cast<uint64_t>(i) + 1); });
  for (int round = 0; round < 400 / Slowdown(); ++round) {
    const uint64_t i = random.Below(kWorkers);
    SleepMs(static_cast<int>(random.Below(3)));
    Kill(workers[i]);
    if (round % 2 == 0) t.zone.ForceUnlock(workers[i]);
    if (round % 3 == 0) {
      t.zone.ReturnDead();
    } else {
      t.zone.ReturnHolds(workers[i]);
    }
    workers[i] = Fork([&] { return work(static_cast<uint64_t>(round) + 100); });
    if (round % 10 == 0) EXPECT_EQ(t.zone.Check(), "");
    for (int k = 0; k < kKeys; ++k) EXPECT(t.Held(ConnKey(k)) <= kLimit);
    EXPECT(t.zone.Stats().owners <= kWorkers);
  }
  for (const pid_t worker : workers) {
    Kill(worker);
    t.zone.ReturnHolds(worker);
  }
  EXPECT_EQ(t.zone.Stats().connections, 0u);
  EXPECT_EQ(t.zone.Stats().nodes, 0u);
  EXPECT_EQ(t.zone.Stats().owners, 0u);
  EXPECT_EQ(t.zone.Check(), "");
}

}  // namespace
}  // namespace test
}  // namespace sluice
