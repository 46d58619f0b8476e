// Deaths while a zone moves to its successor: of the mover, at every fault point and after every instruction, and of
// those who decide meanwhile.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>

#include "child_process.h"
#include "core/fault_point.h"
#include "core/limit_req_shard.h"
#include "crash_scenarios.h"
#include "resize_fixture.h"
#include "test.h"
#include "traced_child.h"

namespace sluice {
namespace test {
namespace {

void PrepareForDeath(Resize& r) {
  HitKeys(r.old, 0, 60);
  HitKeys(r.old, 0, 20);
}

void ExpectNothingForgotten(Resize& r) {
  for (int i = 0; i < 60; ++i) EXPECT_EQ(ExcessOf(&r.old.zone, CrashKey(i)), i < 20 ? 1000 : 0);
  EXPECT_EQ(Forgotten(r.old, 0, 60), 0);
  EXPECT_EQ(r.old.zone.Check(), "");
}

TEST("move: a death at any fault point leaves every key in one of the zones, and the move can be done again") {
  int deaths = 0;
  int step = 1;
  for (int n = 1;; n += step) {
    Resize r(600 << 10, 1 << 20);
    PrepareForDeath(r);
    const int status = Wait(Fork([&] {
      ArmFaultPoint(n);
      r.Move();
      return 0;
    }));
    if (!WasKilled(status)) break;
    ++deaths;
    step = 1 + n / 64;
    ExpectNothingForgotten(r);
    // In between the keys are charged, in whichever zone they are.
    HitKeys(r.old, 0, 60);
    r.Move();
    EXPECT(r.old.zone.Follow());
    for (int i = 0; i < 60; ++i) EXPECT_EQ(ExcessOf(&r.old.zone, CrashKey(i)), i < 20 ? 3000 : 2000);
    EXPECT_EQ(r.old.zone.Check(), "");
  }
  EXPECT(deaths > 40);
}

TEST("move: users who are killed while it goes on do not stop it") {
  Random random(11);
  for (int round = 0; round < 60 / Slowdown(); ++round) {
    Resize r(round % 2 == 0 ? 1 << 20 : 256 << 10, round % 2 == 0 ? 256 << 10 : 1 << 20);
    SharedBytes counters(kPageSize);
    auto* passed = reinterpret_cast<std::atomic<uint64_t>*>(counters.base());
    constexpr int kKeys = 10;
    const auto work = [&](uint64_t seed) {
      Random own(seed);
      const LimitSpec limit = {&r.old.zone, 1000, 100000, kMaxTicks, false};
      Decision decision;
      for (;;) {
        const uint64_t k = own.Below(kKeys);
        const std::string key = CrashKey(static_cast<int>(k));
        const std::string_view view = key;
        if (Decide(&limit, &view, 1, kCrashTime, &decision) == 0) passed[k].fetch_add(1);
        const std::string other = "other" + std::to_string(own.Next());
        const std::string_view other_view = other;
        Decide(&limit, &other_view, 1, kCrashTime, &decision);
      }
      return 0;
    };
    // They owe something: nobody evicts them as long as there is anybody else.
    for (int k = 0; k < kKeys; ++k) {
      for (int i = 0; i < 2; ++i, passed[k].fetch_add(1)) r.old.Hit(CrashKey(k), kCrashTime, 1000, 100000);
    }
    pid_t workers[3];
    for (pid_t& worker : workers) {
      const uint64_t seed = random.Next();
      worker = Fork([&] { return work(seed); });
    }
    SleepMs(static_cast<int>(random.Below(4)));
    const pid_t mover = Fork([&] {
      r.Move();
      return 0;
    });
    if (random.Below(2) == 0) {
      SleepMs(static_cast<int>(random.Below(3)));
      kill(mover, SIGKILL);
    }
    kill(workers[0], SIGKILL);
    Wait(workers[0]);
    Wait(mover);
    r.Move();
    SleepMs(1);
    for (const pid_t worker : workers) kill(worker, SIGKILL);
    for (int i = 1; i < 3; ++i) Wait(workers[i]);
    EXPECT(r.old.zone.Follow());
    EXPECT_EQ(r.old.zone.Check(), "");
    for (int k = 0; k < kKeys; ++k) {
      EXPECT_EQ(std::max(passed[k].load(), uint64_t{101}), 101u);
      // What is left of the share is what was not used of it, but for what the dead have taken with them.
      uint64_t left = 0;
      while (r.old.Hit(CrashKey(k), kCrashTime, 1000, 100000) == 0) ++left;
      EXPECT(passed[k].load() + left <= 101 && passed[k].load() + left + 4 >= 101);
    }
  }
}

TEST("move: a death after any single instruction leaves every key in one of the zones") {
  if (Slowdown() > 1) return;
  Resize r(32 << 10, 64 << 10);
  HitKeys(r.old, 0, 3);
  HitKeys(r.old, 0, 2);
  const pid_t child = ForkTraced([] {}, [&] { r.Move(); });
  if (child == 0) return;
  SharedBytes before(r.bytes.size());
  TestZone before_old(r.old.bytes);
  int states = 0;
  int moved = 0;
  int status = 0;
  while (Step(child, &status)) {
    const bool same = memcmp(before.base(), r.bytes.base(), before.size()) == 0 &&
                      memcmp(before_old.bytes.base(), r.old.bytes.base(), before_old.bytes.size()) == 0;
    if (same) continue;
    memcpy(before.base(), r.bytes.base(), before.size());
    memcpy(before_old.bytes.base(), r.old.bytes.base(), before_old.bytes.size());
    if (++states > 500 && states % 7 != 0) continue;
    Resize survivor(r.old, r.bytes);
    for (LimitReqZone* zone : {&survivor.old.zone, &survivor.next}) {
      MarkDead(ShardView(zone, 0).shard()->mutex, static_cast<uint32_t>(child));
    }
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ExcessOf(&survivor.old.zone, CrashKey(i)), i < 2 ? 1000 : 0);
    moved += ShardView(&survivor.old.zone, 0).HasMoved() ? 1 : 0;
    HitKeys(survivor.old, 0, 3);
    survivor.Move();
    EXPECT(survivor.old.zone.Follow());
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ExcessOf(&survivor.old.zone, CrashKey(i)), i < 2 ? 2000 : 1000);
    EXPECT_EQ(survivor.old.zone.Check(), "");
  }
  EXPECT(EndedWell(status));
  EXPECT(states > 50 && moved > 0);
  printf("     %d states, in %d the keys had moved\n", states, moved);
}

}  // namespace
}  // namespace test
}  // namespace sluice
