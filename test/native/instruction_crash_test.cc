// Deaths after every single machine instruction. A child changes a zone under PTRACE_SINGLESTEP. After each instruction
// that wrote to the zone, the memory is what a death at that point would leave: a copy of it, marked as the kernel
// would mark it, must be repaired by the next one to lock, with the checker silent and one key lost at most. That the
// kernel does mark the lock at every instruction is shown by real deaths. Only in the plain build: it is the optimized
// code that must be right, and sanitizers multiply the instructions.

#include <cstdio>
#include <cstring>
#include <string>

#include "child_process.h"
#include "core/limit_req_shard.h"
#include "crash_scenarios.h"
#include "test.h"
#include "traced_child.h"
#include "zone_fixture.h"

namespace sluice {
namespace test {
namespace {

// What the kernel does to the locks of a dead thread.
void MarkAllDead(TestZone& t, uint32_t tid) {
  for (uint32_t i = 0; i < t.zone.geometry().shard_count; ++i) {
    MarkDead(ShardView(&t.zone, i).shard()->mutex, tid);
  }
}

TEST("crash: a death after any single instruction of any change is repaired by the next one to lock") {
  if (Slowdown() > 1) return;
  for (const Scenario& scenario : Scenarios()) {
    TestZone t(scenario.zone_size);
    scenario.prepare(t);
    const pid_t child = ForkTraced([] {}, [&] { scenario.change(t); });
    if (child == 0) return;
    TestZone last(t.bytes);
    int instructions = 0;
    int states = 0;
    int repairs = 0;
    int status = 0;
    while (Step(child, &status)) {
      ++instructions;
      if (memcmp(last.bytes.base(), t.bytes.base(), t.bytes.size()) == 0) continue;
      memcpy(last.bytes.base(), t.bytes.base(), t.bytes.size());
      // Long changes are loops: their later turns are sampled.
      if (++states > 500 && states % 7 != 0) continue;
      TestZone survivor(t.bytes);
      MarkAllDead(survivor, static_cast<uint32_t>(child));
      scenario.verify(survivor);
      EXPECT_EQ(survivor.zone.Check(), "");
      repairs += survivor.zone.Stats().repairs > 0 ? 1 : 0;
    }
    EXPECT(EndedWell(status));
    EXPECT(states > 3);
    printf("     %s: %d instructions, %d states, %d needed repair\n", scenario.name, instructions, states, repairs);
  }
}

// A zone with five keys and a child that is about to charge one of them.
struct TracedDecision {
  TracedDecision() : t(32 * 1024), word(ShardView(&t.zone, 0).shard()->mutex.word_for_test()) {
    HitKeys(t, 0, 5);
    child = ForkTraced([] {}, [&] { t.Hit("key3", kCrashTime, 1000, kCrashBurst); });
  }
  bool Holds() { return LockTid(word.load()) == static_cast<uint32_t>(child); }

  TestZone t;
  std::atomic<uint64_t>& word;
  pid_t child;
};

TEST("crash: the kernel frees the lock of an owner that dies after any single instruction") {
  if (Slowdown() > 1) return;
  // Where does the child own the lock?
  int first = 0;
  int last = 0;
  {
    TracedDecision traced;
    if (traced.child == 0) return;
    int status = 0;
    for (int n = 1; Step(traced.child, &status); ++n) {
      if (!traced.Holds()) continue;
      last = n;
      if (first == 0) first = n;
    }
    EXPECT(EndedWell(status));
  }
  ASSERT(last > first);
  // Every instruction around taking and freeing it, and some in between, where only the list matters.
  int held_deaths = 0;
  for (int n = first - 15; n < last + 15; n += n < first + 40 || n > last - 40 ? 1 : 20) {
    TracedDecision traced;
    int status = 0;
    for (int i = 0; i < n; ++i) ASSERT(Step(traced.child, &status));
    const bool held = traced.Holds();
    EXPECT_EQ(held, n >= first && n <= last);
    held_deaths += held ? 1 : 0;
    kill(traced.child, SIGKILL);
    EXPECT(WasKilled(Wait(traced.child)));
    EXPECT_EQ(LockTid(traced.word.load()), 0u);
    EXPECT_EQ((traced.word.load() & FUTEX_OWNER_DIED) != 0, held);
  }
  printf("     %d deaths with the lock held for %d instructions\n", held_deaths, last - first + 1);
}

}  // namespace
}  // namespace test
}  // namespace sluice
