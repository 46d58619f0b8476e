// The arithmetic of limit_req against a short reference of nginx's two passes, written independently of native/core
// from the description of nginx's behaviour, and the worked examples of that description.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/limit_req_shard.h"
#include "test.h"
#include "zone_fixture.h"

namespace sluice {
namespace test {
namespace {

// nginx, as simply as possible: one map per zone, no memory limit, no expiry.
struct ReferenceBucket {
  long long last;
  long long excess;
};
using ReferenceZone = std::map<std::string, ReferenceBucket>;

struct ReferenceLimit {
  ReferenceZone* zone;
  long long rate, burst, delay;
};

struct ReferenceResult {
  long long delay;  // or -1, -2
  long long excess;
  int index;
};

long long ReferenceExcess(const ReferenceBucket& bucket, long long rate, long long now, long long* ms) {
  *ms = now - bucket.last;
  if (*ms < -60000) {
    *ms = 1;
  } else if (*ms < 0) {
    *ms = 0;
  }
  const long long excess = bucket.excess - rate * *ms / 1000 + 1000;
  return excess < 0 ? 0 : excess;
}

ReferenceResult ReferenceDecide(const std::vector<ReferenceLimit>& limits, const std::vector<std::string>& keys,
                                long long now) {
  constexpr long long kLongAgo = -1000000000000;
  enum { kDeclined, kAgain, kOk } state = kDeclined;
  std::vector<ReferenceBucket*> pending(limits.size(), nullptr);
  int at = 0;
  long long excess = 0;
  const int n = static_cast<int>(limits.size());
  for (at = 0; at < n; ++at) {
    if (keys[at].empty() || keys[at].size() > 65535) continue;
    const bool last = at == n - 1;
    auto found = limits[at].zone->find(keys[at]);
    if (found == limits[at].zone->end()) {
      ReferenceBucket& fresh = (*limits[at].zone)[keys[at]];
      fresh = {last ? now : kLongAgo, 0};
      excess = 0;
      if (!last) pending[at] = &fresh;
    } else {
      long long ms;
      excess = ReferenceExcess(found->second, limits[at].rate, now, &ms);
      if (excess > limits[at].burst) return {-1, excess, at};
      if (last) {
        found->second.excess = excess;
        if (ms != 0) found->second.last = now;
      } else {
        pending[at] = &found->second;
      }
    }
    state = last ? kOk : kAgain;
  }
  if (state == kDeclined) return {-2, 0, 0};
  int reported = n - 1;
  if (state == kAgain) excess = 0;
  long long longest =
      excess <= limits[reported].delay ? 0 : (excess - limits[reported].delay) * 1000 / limits[reported].rate;
  for (int i = n - 1; i >= 0; --i) {
    if (pending[i] == nullptr) continue;
    long long ms;
    const long long e = ReferenceExcess(*pending[i], limits[i].rate, now, &ms);
    if (ms != 0) pending[i]->last = now;
    pending[i]->excess = e;
    if (e <= limits[i].delay) continue;
    const long long delay = (e - limits[i].delay) * 1000 / limits[i].rate;
    if (delay > longest) {
      longest = delay;
      excess = e;
      reported = i;
    }
  }
  return {longest, excess, reported};
}

struct Step {
  int64_t now;
  int64_t result;
  int64_t excess;
};

void ExpectSteps(int64_t rate, int64_t burst, int64_t delay, const std::vector<Step>& steps) {
  TestZone t;
  for (const Step& step : steps) {
    EXPECT_EQ(t.Hit("k", 5000000 + step.now, rate, burst, delay), step.result);
    EXPECT_EQ(t.decision.excess, step.excess);
  }
}

TEST("limit_req: a rate of 1r/s passes one request each 1000 ms") {
  ExpectSteps(1000, 0, kMaxTicks, {{0, 0, 0}, {999, -1, 1}, {1000, 0, 0}});
}

TEST("limit_req: with a burst requests are delayed, and refused requests are not charged") {
  ExpectSteps(1000, 2000, 0,
              {{0, 0, 0}, {0, 1000, 1000}, {0, 2000, 2000}, {0, -1, 3000}, {500, -1, 2500}, {1000, 2000, 2000}});
}

TEST("limit_req: delay= passes the first requests at once and the slow rate is truncated") {
  ExpectSteps(500, 2000, 1000, {{0, 0, 0}, {0, 0, 1000}, {0, 2000, 2000}, {0, -1, 3000}});
  ExpectSteps(16, 2000, 0, {{0, 0, 0}, {0, 62500, 1000}});
}

TEST("limit_req: nodelay passes burst + 1 requests and then one for each 1/rate") {
  ExpectSteps(2000, 1000, kMaxTicks, {{0, 0, 0}, {0, 0, 1000}, {0, -1, 2000}, {500, 0, 1000}});
}

TEST("limit_req: small steps back of the clock count as none and large ones as one millisecond") {
  ExpectSteps(1000, 9000, kMaxTicks, {{0, 0, 0}, {-10, 0, 1000}, {0, 0, 2000}, {-60000, 0, 3000}, {-60001, 0, 3999}});
}

TEST("limit_req: empty and too long keys are skipped") {
  TestZone t;
  EXPECT_EQ(t.Hit("", 1000), kNotAccounted);
  EXPECT_EQ(t.Hit(std::string(65536, 'x'), 1000), kNotAccounted);
  EXPECT_EQ(t.zone.Stats().nodes, 0u);
  TestZone large(1 << 20);
  EXPECT_EQ(large.Hit(std::string(65535, 'x'), 1000), 0);
  EXPECT_EQ(large.Hit(std::string(65535, 'x'), 1000), kRejected);
  EXPECT_EQ(large.zone.Check(), "");
}

TEST("limit_req: keys that differ in one byte, in length or in a zero byte are different keys") {
  TestZone t;
  EXPECT_EQ(t.Hit("a", 1000), 0);
  EXPECT_EQ(t.Hit("b", 1000), 0);
  EXPECT_EQ(t.Hit("aa", 1000), 0);
  EXPECT_EQ(t.Hit(std::string_view("a\0", 2), 1000), 0);
  EXPECT_EQ(t.Hit("a", 1000), kRejected);
}

// "plumless" and "buckeroo" have the same CRC-32.
TEST("limit_req: keys with the same hash are told apart") {
  TestZone t;
  EXPECT_EQ(t.Hit("plumless", 1000), 0);
  EXPECT_EQ(t.Hit("buckeroo", 1000), 0);
  EXPECT_EQ(t.Hit("plumless", 1000), kRejected);
  EXPECT_EQ(t.Hit("buckeroo", 1000), kRejected);
  EXPECT_EQ(t.zone.Check(), "");
}

// Nothing but a hash that is the same by chance lets two keys meet there.
TEST("limit_req: of keys with the same hash each byte counts, at every length") {
  for (size_t length = 0; length <= 24; ++length) {
    const std::string key(length, 'x');
    EXPECT(IsSameKey(key.data(), std::string(key).data(), length));
    for (size_t i = 0; i < length; ++i) {
      std::string other = key;
      other[i] = 'y';
      EXPECT(!IsSameKey(key.data(), other.data(), length));
    }
  }
}

TEST("limit_req: a refusal by the second limit leaves the first one uncharged") {
  TestZone fast, slow;
  const LimitSpec limits[] = {{&fast.zone, 1000, 5000, 0, false}, {&slow.zone, 1000, 0, 0, false}};
  const std::string_view keys[] = {"a", "a"};
  Decision decision;
  EXPECT_EQ(Decide(limits, keys, 2, 100000, &decision), 0);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Decide(limits, keys, 2, 100000, &decision), kRejected);
    EXPECT_EQ(decision.index, 1);
    EXPECT_EQ(decision.excess, 1000);
  }
  const LimitSpec one[] = {{&fast.zone, 1000, 5000, 0, false}};
  EXPECT_EQ(Decide(one, keys, 1, 100000, &decision), 1000);
  EXPECT_EQ(decision.excess, 1000);
}

TEST("limit_req: a request that one limit has no memory for leaves no node in the others") {
  TestZone large(1 << 20), small(32 * 1024);
  const LimitSpec limits[] = {{&large.zone, 1000, 0, 0, false}, {&small.zone, 1000, 0, 0, false}};
  const std::string huge(40000, 'x');
  const std::string_view keys[] = {"a", huge};
  Decision decision;
  EXPECT_EQ(Decide(limits, keys, 2, 100000, &decision), kNoMemory);
  EXPECT_EQ(decision.index, 1);
  EXPECT_EQ(large.zone.Stats().nodes, 0u);
  EXPECT_EQ(small.zone.Stats().allocation_failures, 1u);
  EXPECT_EQ(large.zone.Check(), "");
  EXPECT_EQ(small.zone.Check(), "");
}

TEST("limit_req: dry run decides the same and is counted apart") {
  TestZone t;
  Decision decision;
  const LimitSpec limit = {&t.zone, 1000, 1000, 0, true};
  const std::string_view key = "a";
  EXPECT_EQ(Decide(&limit, &key, 1, 100000, &decision), 0);
  EXPECT_EQ(Decide(&limit, &key, 1, 100000, &decision), 1000);
  EXPECT_EQ(Decide(&limit, &key, 1, 100000, &decision), kRejected);
  const ZoneStats stats = t.zone.Stats();
  EXPECT_EQ(stats.passed, 1u);
  EXPECT_EQ(stats.delayed, 0u);
  EXPECT_EQ(stats.delayed_dry_run, 1u);
  EXPECT_EQ(stats.rejected, 0u);
  EXPECT_EQ(stats.rejected_dry_run, 1u);
}

TEST("limit_req: random requests through one limit agree with nginx's arithmetic") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    TestZone t(seed % 2 == 0 ? size_t{1} << 20 : 128 * 1024);
    ReferenceZone reference;
    const long long rates[] = {16, 500, 983, 1000, 3000, 120000, 1000000};
    const long long rate = rates[random.Below(7)];
    const long long burst = static_cast<long long>(random.Below(6)) * 1000;
    const long long delay = random.Below(3) == 0 ? kMaxTicks : static_cast<long long>(random.Below(4)) * 1000;
    long long now = 1000000 + static_cast<long long>(random.Below(1000000));
    for (int i = 0; i < 400 / Slowdown(); ++i) {
      const uint64_t kind = random.Below(20);
      now += kind < 10 ? 0 : static_cast<long long>(random.Below(kind < 15 ? 10 : kind < 19 ? 3000 : 90000));
      if (kind == 19) now -= static_cast<long long>(random.Below(130000));
      const std::string key = "key" + std::to_string(random.Below(8));
      const ReferenceResult expected = ReferenceDecide({{&reference, rate, burst, delay}}, {key}, now);
      const int64_t result = t.Hit(key, now, rate, burst, delay);
      if (result != expected.delay || t.decision.excess != expected.excess) {
        Fail(__FILE__, __LINE__, "seed " + std::to_string(seed) + " step " + std::to_string(i));
      }
    }
    EXPECT_EQ(t.zone.Check(), "");
  }
}

TEST("limit_req: random requests through several limits agree with nginx's two passes") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    const int n = 2 + static_cast<int>(random.Below(4));
    std::vector<std::unique_ptr<TestZone>> zones;
    std::vector<ReferenceZone> references(static_cast<size_t>(n));
    std::vector<LimitSpec> limits;
    std::vector<ReferenceLimit> reference_limits;
    for (int i = 0; i < n; ++i) {
      zones.push_back(std::make_unique<TestZone>(random.Below(2) == 0 ? size_t{1} << 20 : 64 * 1024));
      const long long rate = static_cast<long long>(16 + random.Below(4000));
      const long long burst = static_cast<long long>(random.Below(5)) * 1000;
      const long long delay = random.Below(3) == 0 ? kMaxTicks : static_cast<long long>(random.Below(3)) * 1000;
      limits.push_back({&zones.back()->zone, rate, burst, delay, false});
      reference_limits.push_back({&references[static_cast<size_t>(i)], rate, burst, delay});
    }
    long long now = 5000000;
    for (int step = 0; step < 300 / Slowdown(); ++step) {
      now += static_cast<long long>(random.Below(3) == 0 ? random.Below(2000) : random.Below(3));
      std::vector<std::string> keys;
      std::vector<std::string_view> views;
      for (int i = 0; i < n; ++i) keys.push_back(random.Below(6) == 0 ? "" : "k" + std::to_string(random.Below(4)));
      for (const std::string& key : keys) views.push_back(key);
      const ReferenceResult expected = ReferenceDecide(reference_limits, keys, now);
      Decision decision;
      const int64_t result = Decide(limits.data(), views.data(), n, now, &decision);
      const bool same_report =
          expected.delay == -2 || (decision.excess == expected.excess && decision.index == expected.index);
      if (result != expected.delay || !same_report) {
        Fail(__FILE__, __LINE__, "seed " + std::to_string(seed) + " step " + std::to_string(step));
        return;
      }
    }
    for (const auto& zone : zones) EXPECT_EQ(zone->zone.Check(), "");
  }
}

TEST("limit_req: two keys of one zone in one decision are both charged, and their shards locked once each") {
  for (const size_t size : {size_t{64} * 1024, size_t{4} << 20}) {
    TestZone t(size);
    const LimitSpec limits[] = {{&t.zone, 1000, 1000, 0, false}, {&t.zone, 1000, 3000, 0, false}};
    Decision decision;
    for (int i = 0; i < 100; ++i) {
      const std::string a = "a" + std::to_string(i);
      const std::string b = "b" + std::to_string(i);
      const std::string_view keys[] = {a, b};
      EXPECT_EQ(Decide(limits, keys, 2, 100000, &decision), 0);
      EXPECT_EQ(Decide(limits, keys, 2, 100000, &decision), 1000);
      EXPECT_EQ(decision.index, 1);
      EXPECT_EQ(Decide(limits, keys, 2, 100000, &decision), kRejected);
      EXPECT_EQ(decision.index, 0);
    }
    EXPECT_EQ(t.zone.Stats().nodes, 200u);
    EXPECT_EQ(t.zone.Check(), "");
  }
}

}  // namespace
}  // namespace test
}  // namespace sluice
