// Windows, names of limits, and costs: what the library asks of a zone beside nginx's limit_req.

#include "core/limit_window.h"

#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "child_process.h"
#include "core/fault_point.h"
#include "core/limit_keys.h"
#include "core/limit_req_shard.h"
#include "test.h"
#include "zone_fixture.h"

namespace sluice {
namespace test {
namespace {

constexpr int64_t kNow = 1000000;

WindowState HitAt(TestZone& t, std::string_view key, int64_t now_ms, int64_t window_ms = 1000, int64_t cost = 1) {
  WindowState state;
  EXPECT_EQ(HitWindow(&t.zone, key, window_ms, cost, {}, now_ms, &state), 0);
  return state;
}

LimitSpec Spec(TestZone& t, int64_t cost, int64_t rate = 1000, int64_t period_ms = 1000, int64_t burst = 5000) {
  LimitSpec limit;
  limit.zone = &t.zone;
  limit.rate = rate;
  limit.period_ms = period_ms;
  limit.burst = burst;
  limit.delay = kMaxTicks;
  limit.cost = cost;
  return limit;
}

int64_t Ask(TestZone& t, std::string_view key, const LimitSpec& limit, int64_t now_ms) {
  return Decide(&limit, &key, 1, now_ms, &t.decision);
}

TEST("window: hits count from the first one to the window's end, and then anew") {
  TestZone t;
  EXPECT_EQ(HitAt(t, "a", kNow).hits, 1);
  const WindowState later = HitAt(t, "a", kNow + 999, 1000, 5);
  EXPECT_EQ(later.hits, 6);
  EXPECT_EQ(later.reset_ms, 1);
  EXPECT_EQ(GetWindow(&t.zone, "a", kNow + 999).hits, 6);
  EXPECT_EQ(GetWindow(&t.zone, "a", kNow + 1000).reset_ms, 0);
  const WindowState next = HitAt(t, "a", kNow + 1000);
  EXPECT_EQ(next.hits, 1);
  EXPECT_EQ(next.reset_ms, 1000);
  EXPECT_EQ(t.zone.Stats().nodes, 1u);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("window: hits are taken back down to none, and never after the end") {
  TestZone t;
  HitAt(t, "a", kNow, 1000, 3);
  DecrementWindow(&t.zone, "a", 1, kNow + 1);
  EXPECT_EQ(GetWindow(&t.zone, "a", kNow + 1).hits, 2);
  DecrementWindow(&t.zone, "a", 100, kNow + 1);
  EXPECT_EQ(GetWindow(&t.zone, "a", kNow + 1).hits, 0);
  EXPECT_EQ(GetWindow(&t.zone, "a", kNow + 1).reset_ms, 999);
  DecrementWindow(&t.zone, "nobody", 1, kNow);
  DecrementWindow(&t.zone, "", 1, kNow);
  DecrementWindow(&t.zone, "a", 1, kNow + 5000);
  EXPECT_EQ(HitAt(t, "a", kNow + 5000).hits, 1);
  EXPECT_EQ(t.zone.Stats().nodes, 1u);
}

TEST("window: from too many hits it begins anew with each, if wanted twice as long") {
  TestZone t;
  const auto hit = [&](const WindowRestart& restart, int64_t now_ms, int64_t window_ms = 1000) {
    WindowState state;
    EXPECT_EQ(HitWindow(&t.zone, "a", window_ms, 1, restart, now_ms, &state), 0);
    return state;
  };
  EXPECT_EQ(hit({2, false}, kNow).reset_ms, 1000);
  EXPECT_EQ(hit({2, false}, kNow + 100).reset_ms, 900);
  EXPECT_EQ(hit({2, false}, kNow + 200).reset_ms, 1000);
  EXPECT_EQ(hit({2, true}, kNow + 200).reset_ms, 2000);
  EXPECT_EQ(hit({2, true}, kNow + 300).reset_ms, 4000);
  EXPECT_EQ(hit({}, kNow + 4299).hits, 6);
  EXPECT_EQ(hit({0, true}, kNow + 4300, 3000).reset_ms, 3000);
  // The longest window there is, however far beyond it the doubling would lead.
  EXPECT_EQ(hit({0, true}, kNow + 4300, kMaxPeriodMs).reset_ms, kMaxPeriodMs);
  for (int i = 0; i < 100; ++i) hit({0, true}, kNow + 4300);
  EXPECT_EQ(GetWindow(&t.zone, "a", kNow + 4300).reset_ms, kMaxPeriodMs);
  WindowState state;
  EXPECT_EQ(HitWindow(&t.zone, "new", 1000, 5, {3, true}, kNow, &state), 0);
  EXPECT_EQ(state.reset_ms, 2000);
}

TEST("window: keys that are empty or too long are not accounted") {
  TestZone t;
  WindowState state;
  for (const size_t length : {size_t{0}, size_t{65536}}) {
    EXPECT_EQ(HitWindow(&t.zone, std::string(length, 'x'), 1000, 3, {}, kNow, &state), kNotAccounted);
    EXPECT_EQ(state.hits, 0);
    EXPECT_EQ(state.reset_ms, 1000);
  }
  EXPECT_EQ(HitWindow(&t.zone, std::string(65000, 'x'), 1000, 3, {}, kNow, &state), kNoMemory);
  EXPECT_EQ(state.hits, 3);
  EXPECT_EQ(t.zone.Stats().nodes, 0u);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("window: counts do not overflow, and absurd ones in the memory are bounded") {
  TestZone t;
  HitAt(t, "a", kNow, 1000, kMaxTicks);
  EXPECT_EQ(HitAt(t, "a", kNow, 1000, kMaxTicks).hits, kMaxTicks);
  LimitReqNode* node = reinterpret_cast<LimitReqNode*>(t.bytes.base() + t.zone.geometry().pages_offset);
  ASSERT(node->head.kind == ZoneNode::kWindow);
  for (const int64_t hits : {INT64_MIN, int64_t{-1}, INT64_MAX}) {
    node->hits = hits;
    EXPECT(HitAt(t, "a", kNow).hits >= 0);
    node->stamp = hits;
    HitAt(t, "a", kNow);
  }
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("window: buckets and windows of the same key live beside each other, one node each") {
  TestZone t;
  EXPECT_EQ(t.Hit("a", kNow), 0);
  EXPECT_EQ(HitAt(t, "a", kNow).hits, 1);
  EXPECT_EQ(t.Hit("a", kNow), kRejected);
  EXPECT_EQ(HitAt(t, "a", kNow).hits, 2);
  EXPECT_EQ(t.zone.Stats().nodes, 2u);
  EXPECT(ForgetKey(&t.zone, LimitAlgorithm::kWindow, "a", kNow));
  EXPECT_EQ(t.Hit("a", kNow), kRejected);
  EXPECT_EQ(HitAt(t, "a", kNow).hits, 1);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("window: random operations agree with a map") {
  struct Counter {
    int64_t end, hits;
  };
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Random random(seed);
    TestZone t(128 * 1024);
    std::map<std::string, Counter> reference;
    const int64_t window_ms = static_cast<int64_t>(1 + random.Below(3000));
    int64_t now = kNow;
    for (int i = 0; i < 500 / Slowdown(); ++i) {
      now += static_cast<int64_t>(random.Below(3) == 0 ? random.Below(2000) : 0);
      const std::string key = "key" + std::to_string(random.Below(8));
      const int64_t cost = static_cast<int64_t>(random.Below(4));
      auto found = reference.find(key);
      if (found != reference.end() && found->second.end <= now) {
        reference.erase(found);
        found = reference.end();
      }
      WindowState state;
      switch (random.Below(6)) {
        case 0:
          DecrementWindow(&t.zone, key, cost, now);
          if (found != reference.end()) found->second.hits = std::max(int64_t{0}, found->second.hits - cost);
          break;
        case 1:
          EXPECT_EQ(ForgetKey(&t.zone, LimitAlgorithm::kWindow, key, now), found != reference.end());
          reference.erase(key);
          break;
        default:
          if (found == reference.end()) found = reference.insert({key, {now + window_ms, 0}}).first;
          found->second.hits += cost;
          state = HitAt(t, key, now, window_ms, cost);
          EXPECT_EQ(state.hits, found->second.hits);
          EXPECT_EQ(state.reset_ms, found->second.end - now);
      }
      found = reference.find(key);
      state = GetWindow(&t.zone, key, now);
      EXPECT_EQ(state.hits, found == reference.end() ? 0 : found->second.hits);
      EXPECT_EQ(state.reset_ms, found == reference.end() ? 0 : found->second.end - now);
    }
    EXPECT_EQ(t.zone.Check(), "");
  }
}

TEST("window: a flood of new keys evicts those with one hit first, and a window that is over before it is due") {
  TestZone t(32 * 1024);
  HitAt(t, "busy", kNow, 60000, 100);
  HitAt(t, "over", kNow, 10, 100);
  for (int i = 0; i < 20000 / Slowdown(); ++i) HitAt(t, "flood" + std::to_string(i), kNow + 100, 60000);
  EXPECT_EQ(GetWindow(&t.zone, "busy", kNow + 100).hits, 100);
  EXPECT_EQ(GetWindow(&t.zone, "over", kNow + 1).hits, 0);
  EXPECT_EQ(t.zone.Stats().evicted_in_debt, 0u);
  EXPECT_EQ(t.zone.Stats().allocation_failures, 0u);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("window: threads lose no hit") {
  TestZone t(1 << 20);
  std::vector<std::thread> threads;
  const int rounds = 20000 / Slowdown();
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < rounds; ++i) HitAt(t, "key" + std::to_string(i % 10), kNow, 60000);
    });
  }
  for (std::thread& thread : threads) thread.join();
  int64_t hits = 0;
  for (int i = 0; i < 10; ++i) hits += GetWindow(&t.zone, "key" + std::to_string(i), kNow).hits;
  EXPECT_EQ(hits, 4 * rounds);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("window: a death at any fault point of any operation leaves it done or not, and the zone whole") {
  struct {
    const char* name;
    void (*change)(TestZone&);
    int64_t before, after;  // hits of "known"
  } const cases[] = {
      {"new", [](TestZone& t) { HitAt(t, "new", kNow, 60000); }, 10, 10},
      {"hit", [](TestZone& t) { HitAt(t, "known", kNow, 60000, 5); }, 10, 15},
      {"decrement", [](TestZone& t) { DecrementWindow(&t.zone, "known", 4, kNow); }, 10, 6},
      {"forget", [](TestZone& t) { ForgetKey(&t.zone, LimitAlgorithm::kWindow, "known", kNow); }, 10, 0},
      {"forget all", [](TestZone& t) { ForgetKeys(&t.zone, LimitAlgorithm::kWindow, "known"); }, 10, 0},
      {"name", [](TestZone& t) { RegisterLimitName(&t.zone, "other", LimitAlgorithm::kBucket, kNow); }, 10, 10},
  };
  for (const auto& c : cases) {
    for (int n = 1;; ++n) {
      TestZone t(32 * 1024);
      RegisterLimitName(&t.zone, "limit", LimitAlgorithm::kWindow, kNow);
      for (int i = 0; i < 20; ++i) HitAt(t, "key" + std::to_string(i), kNow, 60000, i + 1);
      HitAt(t, "known", kNow, 60000, 10);
      const pid_t child = Fork([&] {
        ArmFaultPoint(n);
        c.change(t);
        return 0;
      });
      const bool died = WasKilled(Wait(child));
      const int64_t hits = GetWindow(&t.zone, "known", kNow).hits;
      EXPECT(hits == c.before || hits == c.after);
      EXPECT(died || hits == c.after);
      for (int i = 0; i < 20; ++i) EXPECT_EQ(GetWindow(&t.zone, "key" + std::to_string(i), kNow).hits, i + 1);
      EXPECT(RegisterLimitName(&t.zone, "limit", LimitAlgorithm::kBucket, kNow) == NameStatus::kOtherAlgorithm);
      EXPECT(HitAt(t, "new", kNow, 60000).hits <= 2);
      EXPECT_EQ(t.zone.Check(), "");
      if (!died) {
        if (n < 2) Fail(__FILE__, __LINE__, std::string(c.name) + " has no fault points");
        break;
      }
    }
  }
}

TEST("names: a limit's name means one algorithm, and outlives floods and repairs") {
  TestZone t(32 * 1024);
  EXPECT(RegisterLimitName(&t.zone, "api", LimitAlgorithm::kBucket, kNow) == NameStatus::kOk);
  EXPECT(RegisterLimitName(&t.zone, "api", LimitAlgorithm::kBucket, kNow) == NameStatus::kOk);
  EXPECT(RegisterLimitName(&t.zone, "api", LimitAlgorithm::kWindow, kNow) == NameStatus::kOtherAlgorithm);
  EXPECT_EQ(t.zone.Stats().nodes, 0u);
  EXPECT_EQ(t.zone.Check(), "");
  for (int i = 0; i < 5000; ++i) t.Hit("key" + std::to_string(i), kNow, 1000, 9000);
  EXPECT(RegisterLimitName(&t.zone, "api", LimitAlgorithm::kWindow, kNow) == NameStatus::kOtherAlgorithm);
  for (int i = 0; i < 50; ++i) t.Hit(std::string(static_cast<size_t>(500 + i * 50), 'x'), kNow, 1000, 9000);
  EXPECT(RegisterLimitName(&t.zone, "api", LimitAlgorithm::kWindow, kNow) == NameStatus::kOtherAlgorithm);
  t.zone.RecoverExclusive(kNow);
  EXPECT(RegisterLimitName(&t.zone, "api", LimitAlgorithm::kWindow, kNow) == NameStatus::kOtherAlgorithm);
  EXPECT_EQ(t.zone.Check(), "");
  EXPECT(RegisterLimitName(&t.zone, std::string(60000, 'n'), LimitAlgorithm::kBucket, kNow) == NameStatus::kNoRoom);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("names: forgetting the keys of one limit leaves those of the others") {
  for (const size_t size : {size_t{128} * 1024, size_t{4} << 20}) {
    TestZone t(size);
    for (int i = 0; i < 300; ++i) {
      const std::string key = std::to_string(i);
      HitAt(t, std::string("a\0", 2) + key, kNow, 60000);
      HitAt(t, std::string("ab\0", 3) + key, kNow, 60000);
      t.Hit(std::string("a\0", 2) + key, kNow);
    }
    ForgetKeys(&t.zone, LimitAlgorithm::kWindow, std::string_view("a\0", 2));
    EXPECT_EQ(t.zone.Stats().nodes, 600u);
    EXPECT_EQ(GetWindow(&t.zone, std::string("ab\0", 3) + "7", kNow).hits, 1);
    EXPECT_EQ(t.Hit(std::string("a\0", 2) + "7", kNow), kRejected);
    EXPECT_EQ(t.zone.Check(), "");
  }
}

TEST("busiest keys: those with the largest debt, largest first, of one prefix") {
  for (const size_t size : {size_t{128} * 1024, size_t{4} << 20}) {
    TestZone t(size);
    for (int i = 0; i < 200; ++i) {
      const std::string key = "a" + std::to_string(i);
      Ask(t, key, Spec(t, (i + 1) * 1000, 1000, 1000, kMaxTicks), kNow);
      Ask(t, "b" + key, Spec(t, 900000, 1000, 1000, kMaxTicks), kNow);
    }
    BusiestKeys busiest(5);
    ASSERT(busiest.Collect(&t.zone, "a", kNow + 10000));
    ASSERT(busiest.size() == 5);
    for (size_t i = 0; i < 5; ++i) {
      // A first request is free, and ten have drained.
      EXPECT_EQ(busiest[i].owed, static_cast<int64_t>(200 - i - 1 - 10) * 1000);
      EXPECT_EQ(std::string(busiest[i].key, busiest[i].key_length), "a" + std::to_string(199 - i));
    }
    BusiestKeys all(100000);
    ASSERT(all.Collect(&t.zone, "a", kNow + 10000));
    EXPECT_EQ(all.size(), 189u);
    BusiestKeys none(0);
    EXPECT(none.Collect(&t.zone, "a", kNow));
    EXPECT_EQ(none.size(), 0u);
  }
}

TEST("cost: n requests in one millisecond are the same as one that costs n") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Random random(seed);
    TestZone one, many;
    const int64_t rate = static_cast<int64_t>(1 + random.Below(5000));
    const int64_t periods[] = {1000, 60000, 3600000, 86400000};
    const int64_t period = periods[random.Below(4)];
    int64_t now = kNow;
    for (int i = 0; i < 200 / Slowdown(); ++i) {
      now += static_cast<int64_t>(random.Below(2000));
      const int cost = static_cast<int>(random.Below(5));
      Decision peeked;
      const int64_t promised = Peek(Spec(one, cost * 1000, rate, period), "k", now, &peeked);
      const int64_t result = Ask(one, "k", Spec(one, cost * 1000, rate, period), now);
      EXPECT_EQ(result, promised);
      EXPECT_EQ(one.decision.excess, peeked.excess);
      EXPECT_EQ(one.decision.owed, peeked.owed);
      if (result == kRejected) {
        // Nothing was charged; and it passes when it was told it would, not earlier.
        const int64_t wait = RetryAfterMs(Spec(one, cost * 1000, rate, period), one.decision);
        EXPECT(wait >= 1);
        EXPECT_EQ(Peek(Spec(one, cost * 1000, rate, period), "k", now + wait - 1, &peeked), kRejected);
        EXPECT_EQ(Peek(Spec(one, cost * 1000, rate, period), "k", now + wait, &peeked), 0);
        continue;
      }
      for (int n = 0; n < cost; ++n) EXPECT_EQ(Ask(many, "k", Spec(many, 1000, rate, period), now), 0);
      if (cost > 0) EXPECT_EQ(one.decision.excess, many.decision.excess);
    }
    EXPECT_EQ(Ask(one, "k", Spec(one, 7000, rate, period), now), kRejected);
    EXPECT_EQ(RetryAfterMs(Spec(one, 7000, rate, period), one.decision), -1);
    EXPECT_EQ(one.zone.Check(), "");
  }
}

TEST("cost: the same key twice in one decision needs room for both") {
  TestZone t;
  const LimitSpec limits[] = {Spec(t, 1000), Spec(t, 1000)};
  const std::string_view keys[] = {"k", "k"};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Decide(limits, keys, 2, kNow, &t.decision), 0);
    // What both of them leave, whether the bucket was new or not.
    EXPECT_EQ(t.decision.index, 1);
    EXPECT_EQ(t.decision.owed, 1000 + i * 2000);
    Peek(Spec(t, 0), "k", kNow, &t.decision);
    EXPECT_EQ(t.decision.owed, 1000 + i * 2000);
  }
  EXPECT_EQ(Decide(limits, keys, 2, kNow, &t.decision), kRejected);
  EXPECT_EQ(t.decision.index, 0);
  Decision decision;
  EXPECT_EQ(Peek(Spec(t, 1000), "k", kNow, &decision), kRejected);
  EXPECT_EQ(Peek(Spec(t, 1000), "k", kNow + 1000, &decision), 0);
  EXPECT_EQ(Decide(limits, keys, 2, kNow + 1000, &decision), kRejected);
  EXPECT_EQ(decision.index, 1);
  EXPECT_EQ(RetryAfterMs(limits[1], decision), 1000);
  // There never is room for both where even a new key has none.
  const LimitSpec narrow[] = {Spec(t, 1000, 1000, 1000, 0), Spec(t, 1000, 1000, 1000, 0)};
  for (const std::string_view key : {"k", "new"}) {
    const std::string_view both[] = {key, key};
    EXPECT_EQ(Decide(narrow, both, 2, kNow + 9000, &decision), kRejected);
    EXPECT_EQ(RetryAfterMs(narrow[decision.index], decision), -1);
  }
}

TEST("cost: who is refused by an older clock waits for the newer one, too") {
  TestZone t;
  EXPECT_EQ(Ask(t, "k", Spec(t, 6000), kNow), 0);
  EXPECT_EQ(Ask(t, "k", Spec(t, 1000), kNow - 50), kRejected);
  EXPECT_EQ(RetryAfterMs(Spec(t, 1000), t.decision), 1050);
}

TEST("cost: the longest wait of all is long") {
  TestZone t;
  const LimitSpec slowest = Spec(t, kMaxTicks, 1, kMaxPeriodMs, kMaxTicks);
  EXPECT_EQ(Ask(t, "k", slowest, kNow), 0);
  for (const int64_t now : {kNow, kNow - 50}) {
    EXPECT_EQ(Ask(t, "k", slowest, now), kRejected);
    EXPECT_EQ(RetryAfterMs(slowest, t.decision), int64_t{1} << 62);
  }
}

TEST("forget: tells of a bucket only while that owes something") {
  TestZone t;
  Ask(t, "k", Spec(t, 2000), kNow);
  Ask(t, "l", Spec(t, 2000), kNow);
  EXPECT(ForgetKey(&t.zone, LimitAlgorithm::kBucket, "k", kNow + 1999));
  EXPECT(!ForgetKey(&t.zone, LimitAlgorithm::kBucket, "k", kNow + 1999));
  EXPECT(!ForgetKey(&t.zone, LimitAlgorithm::kBucket, "l", kNow + 2000));
  EXPECT_EQ(t.zone.Stats().nodes, 0u);
}

TEST("cost: a slow bucket is not forgotten because a fast one needs room") {
  TestZone t(32 * 1024);
  // One request a day, five above the rate.
  const LimitSpec slow = Spec(t, 1000, 1000, 86400000);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(Ask(t, "slow", slow, kNow), 0);
  const int64_t later = kNow + 3600000;
  for (int i = 0; i < 20000 / Slowdown(); ++i) t.Hit("fast" + std::to_string(i), later, 1000000, 0);
  EXPECT_EQ(Ask(t, "slow", slow, later), kRejected);
  EXPECT_EQ(t.zone.Stats().evicted_in_debt, 0u);
}

TEST("cost: the code of a rate is never more than the rate, and at most 0.4% less") {
  Random random(7);
  for (int i = 0; i < 20000; ++i) {
    const int64_t ticks = static_cast<int64_t>(random.Next() >> (11 + random.Below(53))) + 1;
    const int64_t period = static_cast<int64_t>(random.Next() >> (20 + random.Below(44))) + 1;
    const long double rate = static_cast<long double>(ticks) / static_cast<long double>(period);
    const long double coded = TicksPerMs(RateCode(ticks, period));
    EXPECT(coded <= rate && coded >= rate * 0.996L);
  }
  EXPECT(TicksPerMs(RateCode(1000, 1000)) == 1.0);
}

}  // namespace
}  // namespace test
}  // namespace sluice
