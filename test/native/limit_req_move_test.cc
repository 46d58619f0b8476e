// A zone and its successor: what moves, in which order and as far as it fits; who decides meanwhile.

#include "core/limit_req_move.h"

#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "child_process.h"
#include "core/limit_keys.h"
#include "core/limit_req_shard.h"
#include "core/limit_window.h"
#include "crash_scenarios.h"
#include "resize_fixture.h"
#include "test.h"

namespace sluice {
namespace test {
namespace {

TEST("move: a zone that grows or shrinks keeps every key, with whatever number of shards") {
  constexpr size_t kSizes[] = {64 << 10, 256 << 10, 600 << 10, 1 << 20, 3 << 20};
  for (const size_t from : kSizes) {
    for (const size_t to : kSizes) {
      Resize r(from, to);
      constexpr int kKeys = 200;
      for (int i = 0; i < kKeys; ++i) {
        for (int hits = 0; hits < 2 + i % 3; ++hits) r.old.Hit(CrashKey(i), kCrashTime, 1000, kCrashBurst);
      }
      EXPECT_EQ(r.Move().moved, static_cast<uint64_t>(kKeys));
      EXPECT_EQ(r.next.Stats().nodes, static_cast<uint64_t>(kKeys));
      EXPECT_EQ(r.old.zone.Check(), "");
      for (int i = 0; i < kKeys; ++i) EXPECT_EQ(ExcessOf(&r.old.zone, CrashKey(i)), (1 + i % 3) * 1000);
      EXPECT_EQ(r.old.zone.Stats().passed, r.next.Stats().passed);
      EXPECT_EQ(r.old.zone.Stats().passed, static_cast<uint64_t>(2 * kKeys + 199));
    }
  }
}

TEST("move: before it the old zone decides, after it the new one, by either handle") {
  Resize r(64 << 10, 1 << 20);
  r.old.Hit("a", kCrashTime);
  EXPECT_EQ(r.next.Stats().nodes, 0u);
  EXPECT(!r.old.zone.Follow());
  r.Move();
  EXPECT_EQ(r.old.Hit("a", kCrashTime), kRejected);
  r.old.Hit("b", kCrashTime);
  EXPECT_EQ(r.next.Stats().nodes, 2u);
  EXPECT(r.old.zone.Follow());
  EXPECT(r.old.zone.base() == r.bytes.base());
  EXPECT_EQ(r.old.Hit("a", kCrashTime), kRejected);
  EXPECT_EQ(r.old.Hit("b", kCrashTime), kRejected);
  EXPECT_EQ(r.old.zone.Check(), "");
}

TEST("move: a queue that damage has made a circle is repaired") {
  Resize r(64 << 10, 64 << 10);
  for (int i = 0; i < 20; ++i) r.old.Hit(CrashKey(i), kCrashTime, 1000, kCrashBurst);
  // What an attempt has left that was cut off by a death.
  LimitSpec limit = {&r.next, 1000, kCrashBurst, kCrashBurst, false};
  Decision decision;
  for (int i = 20; i < 30; ++i) {
    const std::string key = CrashKey(i);
    const std::string_view view = key;
    Decide(&limit, &view, 1, kCrashTime, &decision);
  }
  const LruQueue recent = ShardView(&r.next, 0).shard()->recent;
  const auto node = [&r](NodePtr link) {
    return reinterpret_cast<ZoneNode*>(r.next.base() + (size_t{link.units} << kLinkShift));
  };
  node(recent.oldest)->older = recent.newest;
  alarm(60);  // not a test that hangs
  EXPECT_EQ(r.Move().moved, 20u);
  alarm(0);
  EXPECT_EQ(r.next.Stats().repairs, 1u);
  EXPECT_EQ(r.next.Stats().nodes, 30u);
  EXPECT_EQ(r.next.Check(), "");
}

TEST("move: windows, names of limits and long keys move, expired keys do not") {
  Resize r(1 << 20, 600 << 10);
  WindowState state;
  HitWindow(&r.old.zone, "w", 60000, 3000, {}, kCrashTime, &state);
  EXPECT(RegisterLimitName(&r.old.zone, "name", LimitAlgorithm::kWindow, kCrashTime) == NameStatus::kOk);
  const std::string longest(kMaxKeyLength, 'k');
  r.old.Hit(longest, kCrashTime);
  r.old.Hit("gone", kCrashTime - 200000);
  EXPECT_EQ(r.Move(kCrashTime + 10).moved, 3u);
  EXPECT_EQ(GetWindow(&r.next, "w", kCrashTime + 10).hits, 3000);
  EXPECT_EQ(GetWindow(&r.next, "w", kCrashTime + 10).reset_ms, 59990);
  EXPECT(RegisterLimitName(&r.next, "name", LimitAlgorithm::kBucket, kCrashTime) == NameStatus::kOtherAlgorithm);
  EXPECT_EQ(r.old.Hit(longest, kCrashTime + 10), kRejected);
  EXPECT_EQ(r.next.Check(), "");
}

TEST("move: where not all fits, debts stay, then the youngest") {
  for (const size_t from : {size_t{512} << 10, size_t{2} << 20}) {
    Resize r(from, 96 << 10);
    const int fits = static_cast<int>(LimitReqZone::Capacity(96 << 10, 6));
    const int keys = 4 * fits;
    for (int i = 0; i < keys; ++i) r.old.Hit(CrashKey(i), kCrashTime + i, 1000000, kCrashBurst);
    // Every 20th, the oldest included, is in debt.
    for (int i = 0; i < keys; i += 20) {
      for (int hits = 0; hits < 5; ++hits) r.old.Hit(CrashKey(i), kCrashTime + i, 1, kMaxTicks);
    }
    const MoveCounts counts = r.Move(kCrashTime + keys);
    EXPECT_EQ(counts.moved + counts.dropped, static_cast<uint64_t>(keys));
    EXPECT(counts.moved >= static_cast<uint64_t>(fits * 9 / 10));
    EXPECT_EQ(r.next.Check(), "");
    EXPECT_EQ(r.next.Stats().evicted_in_debt, 0u);
    for (int i = 0; i < keys; i += 20) EXPECT_EQ(ExcessOf(&r.next, CrashKey(i), kCrashTime + i), 5000);
    // Of the others nearly all that are there are of the younger half.
    const auto known = [&](int i) {
      return r.old.Hit(CrashKey(i), kCrashTime + i, 1000000, 0) == kRejected;  // in the millisecond of its charge
    };
    int old_ones = 0;
    int young_ones = 0;
    for (int i = keys - 1; i > keys - fits / 2; --i) young_ones += i % 20 != 0 && known(i);
    for (int i = 1; i < fits / 2; ++i) old_ones += i % 20 != 0 && known(i);
    EXPECT(young_ones > fits / 2 * 8 / 10);
    EXPECT_EQ(old_ones, 0);
  }
}

TEST("move: where not even the debts fit, the youngest stay") {
  Resize r(1 << 20, 64 << 10);
  const int fits = static_cast<int>(LimitReqZone::Capacity(64 << 10, 6));
  const int keys = 3 * fits;
  for (int i = 0; i < keys; ++i) {
    for (int hits = 0; hits < 5; ++hits) r.old.Hit(CrashKey(i), kCrashTime + i, 1, kMaxTicks);
  }
  EXPECT(r.Move(kCrashTime + keys).moved >= static_cast<uint64_t>(fits * 9 / 10));
  EXPECT_EQ(r.next.Stats().evicted_in_debt, 0u);
  int lost = 0;
  for (int i = keys - fits / 2; i < keys; ++i) lost += ExcessOf(&r.next, CrashKey(i), kCrashTime + i) == 0;
  EXPECT(lost < fits / 20);
}

TEST("move: what is evicted afterwards is the oldest, wherever it came from") {
  Resize r(1 << 20, 96 << 10);
  const int fits = static_cast<int>(LimitReqZone::Capacity(96 << 10, 6));
  const int keys = fits / 2;
  for (int i = 0; i < keys; ++i) r.old.Hit(CrashKey(i), kCrashTime + i, 1000000, kCrashBurst);
  r.Move(kCrashTime + keys);
  for (int i = 0; i < fits - keys / 2; ++i) r.old.Hit("new" + CrashKey(i), kCrashTime + keys, 1000000, kCrashBurst);
  int lost = 0;
  for (int i = keys / 2 + 20; i < keys; ++i) lost += r.old.Hit(CrashKey(i), kCrashTime + i, 1000000, 0) != kRejected;
  EXPECT_EQ(lost, 0);
}

TEST("move: zones that do not follow each other are not linked") {
  TestZone a(64 << 10, "one");
  TestZone other(64 << 10, "two");
  SharedBytes bytes(96 << 10);
  LimitReqZone next;
  EXPECT(next.FormatSuccessor(bytes.base(), bytes.size(), a.zone) == ZoneStatus::kOk);
  EXPECT(!next.SetSuccessor(&a.zone));
  EXPECT(!a.zone.SetSuccessor(&a.zone));
  EXPECT(!a.zone.SetSuccessor(&other.zone));
  EXPECT(a.zone.SetSuccessor(&next));
}

TEST("move: a mark of no zone that we know is damage") {
  TestZone a(64 << 10);
  a.Hit("a", kCrashTime);
  ShardView(&a.zone, 0).shard()->change = SuccessorMark(12345);
  EXPECT_EQ(a.Hit("a", kCrashTime), kRejected);
  EXPECT_EQ(a.zone.Check(), "");
}

TEST("move: several limits are decided together while one of their zones moves") {
  Resize r(2 << 20, 256 << 10);
  TestZone other(64 << 10, "other");
  const LimitSpec limits[] = {{&r.old.zone, 1000, 1000000, kMaxTicks, false},
                              {&other.zone, 1000, 1000000, kMaxTicks, false}};
  constexpr int kKeys = 50;
  std::atomic<int> passed[kKeys] = {};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      Random random(static_cast<uint64_t>(t));
      Decision decision;
      while (!stop) {
        const int k = static_cast<int>(random.Below(kKeys));
        const std::string key = CrashKey(k);
        const std::string_view keys[] = {key, key};
        if (Decide(limits, keys, 1 + static_cast<int>(random.Below(2)), kCrashTime, &decision) >= 0) passed[k]++;
      }
    });
  }
  SleepMs(20);
  r.Move();
  SleepMs(20);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(r.old.zone.Check(), "");
  // Time stood still: every request that passed is in the bucket.
  for (int k = 0; k < kKeys; ++k) {
    if (passed[k] > 1) EXPECT_EQ(ExcessOf(&r.old.zone, CrashKey(k)), (std::min(passed[k].load(), 1001) - 1) * 1000);
  }
}

}  // namespace
}  // namespace test
}  // namespace sluice
