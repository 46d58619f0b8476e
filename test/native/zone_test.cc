// A zone as a whole: layout and validation, capacity, order of eviction, statistics, other address, several threads.

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/limit_req_shard.h"
#include "test.h"
#include "zone_fixture.h"

namespace sluice {
namespace test {
namespace {

std::string Key(uint64_t i) {
  char text[24];
  snprintf(text, sizeof(text), "key%08llu", static_cast<unsigned long long>(i));
  return text;
}

// Whether the zone still remembers the key: with burst 0 and no time gone, a known key is refused. Leaves unknown keys
// unknown only as far as eviction goes, so ask for them last.
bool Knows(TestZone& t, const std::string& key, int64_t now) { return t.Hit(key, now, 1000, 0) == kRejected; }

TEST("zone: attaching finds what was formatted, at another address too") {
  const int fd = memfd_create("zone", MFD_CLOEXEC);
  const size_t size = 256 * 1024;
  ASSERT(fd >= 0 && ftruncate(fd, static_cast<off_t>(size)) == 0);
  void* first = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  void* second = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ASSERT(first != MAP_FAILED && second != MAP_FAILED && first != second);
  LimitReqZone a, b;
  EXPECT(a.Format(first, size, "one", "$binary_remote_addr") == ZoneStatus::kOk);
  EXPECT(b.Attach(second, size, "one") == ZoneStatus::kOk);
  EXPECT_EQ(std::string(b.name()), "one");
  EXPECT_EQ(std::string(b.key_text()), "$binary_remote_addr");
  const LimitSpec limits[] = {{&a, 1000, 1000000, kMaxTicks, false}, {&b, 1000, 1000000, kMaxTicks, false}};
  Decision decision;
  for (int i = 0; i < 2000; ++i) {
    const std::string key = Key(static_cast<uint64_t>(i) % 100);
    const std::string_view view = key;
    EXPECT_EQ(Decide(&limits[i % 2], &view, 1, 100000, &decision), 0);
    EXPECT_EQ(decision.excess, i / 100 * 1000);
  }
  EXPECT_EQ(a.Check(), "");
  EXPECT_EQ(b.Check(), "");
  EXPECT_EQ(b.Stats().passed, 2000u);
  // Both handles in one decision: one zone, so its lock is taken once.
  const std::string_view keys[] = {"x", "x"};
  EXPECT_EQ(Decide(limits, keys, 2, 100000, &decision), 0);
  munmap(first, size);
  munmap(second, size);
  close(fd);
}

TEST("zone: memory that is not this zone is refused") {
  TestZone t(64 * 1024);
  LimitReqZone other;
  char* base = t.bytes.base();
  EXPECT(other.Attach(base, 64 * 1024, "two") == ZoneStatus::kBadName);
  EXPECT(other.Attach(base, 32 * 1024, "one") == ZoneStatus::kBadSize);
  EXPECT(other.Attach(base + 64, 64 * 1024, "one") == ZoneStatus::kBadAddress);
  EXPECT(other.Attach(base, 10, "one") == ZoneStatus::kTooSmall);
  ZoneHeader* header = reinterpret_cast<ZoneHeader*>(base);
  const ZoneHeader good = *header;
  header->layout_version++;
  EXPECT(other.Attach(base, 64 * 1024, "one") == ZoneStatus::kBadVersion);
  *header = good;
  header->magic ^= 1;
  EXPECT(other.Attach(base, 64 * 1024, "one") == ZoneStatus::kBadMagic);
  *header = good;
  for (const uint32_t length : {uint32_t{4096}, uint32_t{0xffffffff}}) {
    header->key_text_length = length;
    EXPECT(other.Attach(base, 64 * 1024, "one") == ZoneStatus::kBadHeader);
    *header = good;
    header->name_length = length;
    EXPECT(other.Attach(base, 64 * 1024, "one") == ZoneStatus::kBadHeader);
    *header = good;
  }
  header->page_count++;
  EXPECT(other.Attach(base, 64 * 1024, "one") == ZoneStatus::kBadHeader);
  *header = good;
  EXPECT(other.Attach(base, 64 * 1024, "one") == ZoneStatus::kOk);
  EXPECT(LimitReqZone().Format(base, 4096, "one", "$k") == ZoneStatus::kTooSmall);
  EXPECT(LimitReqZone().Format(base, 64 * 1024, std::string(70000, 'n'), "$k") == ZoneStatus::kTooSmall);
}

TEST("zone: shards, tables and pages of every size lie inside it and do not overlap") {
  for (size_t size = 32 * 1024; size < (size_t{64} << 20); size = size * 9 / 8 + 777) {
    ZoneGeometry g;
    ASSERT(ComputeGeometry(kLimitReqFormat, size, 3, 19, &g) == ZoneStatus::kOk);
    EXPECT(g.shards_offset >= sizeof(ZoneHeader) + 22);
    EXPECT(g.tables_offset % 8 == 0);
    for (uint32_t i = 0; i < g.shard_count; ++i) {
      const size_t pages = g.FirstPage(i + 1) - g.FirstPage(i);
      const size_t end = i + 1 < g.shard_count ? g.TableOffset(i + 1) : g.pages_offset;
      EXPECT(pages > 0 && g.TableOffset(i) + pages * sizeof(SlabPage) <= end);
      EXPECT(g.TableOffset(i) % 8 == 0);
    }
    EXPECT_EQ(g.pages_offset % kPageSize, 0u);
    EXPECT(g.pages_offset + g.page_count * kPageSize <= size);
    EXPECT(g.shard_count == 1 || g.page_count / g.shard_count >= 32);
    EXPECT(g.HintsOffset(0) >= g.ShardOffset(g.shard_count));
    EXPECT(g.tables_offset >= g.HintsOffset(g.shard_count));
    // No more is lost than nginx's formula allows, the hints, and a page for each four shards.
    EXPECT(g.page_count + 2 + g.shard_count / 4 >= size / (kPageSize + 24 + kHintSetSize * kHintSetsPerPage));
  }
}

TEST("zone: holds at least as many keys as nginx's and as Capacity says") {
  struct {
    size_t size, key_length, nginx;
  } const cases[] = {
      {32 * 1024, 4, 191}, {1 << 20, 4, 8095}, {1 << 20, 15, 8095}, {1 << 20, 100, 4047}, {10 << 20, 15, 81000}};
  for (const auto& c : cases) {
    const size_t capacity = LimitReqZone::Capacity(c.size, c.key_length);
    EXPECT(capacity >= c.nginx * 92 / 100);  // hints take 6% of the memory
    TestZone t(c.size);
    uint64_t inserted = 0;
    while (t.zone.Stats().evicted_idle + t.zone.Stats().evicted_in_debt == 0 && inserted < 2 * capacity) {
      std::string key = Key(inserted++);
      if (c.key_length == 4) key = std::string(reinterpret_cast<const char*>(&inserted), 4);
      key.resize(c.key_length, 'x');
      t.Hit(key, 100000);
    }
    // Hashing does not fill all shards evenly; the first one that is full evicts.
    EXPECT(inserted >= capacity * 9 / 10);
    EXPECT_EQ(t.zone.Stats().allocation_failures, 0u);
    EXPECT_EQ(t.zone.Check(), "");
  }
  EXPECT_EQ(LimitReqZone::Capacity(32 * 1024, 65535), 0u);
  EXPECT_EQ(LimitReqZone::Capacity(100, 4), 0u);
}

TEST("eviction: idle keys go in the order of their last use") {
  TestZone t(32 * 1024);
  const uint64_t capacity = LimitReqZone::Capacity(32 * 1024, 11);
  int64_t now = 1000000;
  for (uint64_t i = 0; i < capacity; ++i) t.Hit(Key(i), now, 1000000);
  EXPECT_EQ(t.zone.Stats().evicted_idle, 0u);
  // Every third key is used again; then twice as many new keys come as there are unused ones.
  now += 10;
  for (uint64_t i = 0; i < capacity; i += 3) t.Hit(Key(i), now, 1000000);
  for (uint64_t i = 0; i < capacity / 2; ++i) t.Hit("new" + Key(i), now + 10, 1000000);
  EXPECT_EQ(t.zone.Stats().evicted_idle, capacity / 2);
  EXPECT_EQ(t.zone.Stats().evicted_in_debt, 0u);
  for (uint64_t i = 0; i < capacity; i += 3) EXPECT(Knows(t, Key(i), now));
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("eviction: a key that is used all the time survives a flood of others") {
  for (const size_t size : {size_t{32} * 1024, size_t{1} << 20}) {
    TestZone t(size);
    const int64_t now = 1000000;
    t.Hit("steady", now, 1000, 100000000);
    for (uint64_t i = 0; i < 200000 / static_cast<unsigned>(Slowdown()); ++i) {
      t.Hit(Key(i), now + static_cast<int64_t>(i / 100), 1000);
      if (i % 50 == 0) {
        EXPECT(t.Hit("steady", now + static_cast<int64_t>(i / 100), 1000, 100000000) == 0);
        EXPECT(i == 0 || t.decision.excess > 0);
      }
    }
    EXPECT_EQ(t.zone.Stats().evicted_in_debt, 0u);
    EXPECT_EQ(t.zone.Check(), "");
  }
}

TEST("eviction: a throttled client stays throttled under a flood of new keys, however long it is silent") {
  TestZone t(32 * 1024);
  const int64_t now = 1000000;
  for (int i = 0; i < 6; ++i) t.Hit("throttled", now, 1000, 5000);
  EXPECT_EQ(t.Hit("throttled", now, 1000, 5000), kRejected);
  for (uint64_t i = 0; i < 20000; ++i) EXPECT_EQ(t.Hit(Key(i), now + 100, 1000), 0);
  EXPECT_EQ(t.Hit("throttled", now + 100, 1000, 5000), kRejected);
  EXPECT_EQ(t.decision.excess, 5900);
  EXPECT_EQ(t.zone.Stats().evicted_in_debt, 0u);
  EXPECT_EQ(t.zone.Stats().allocation_failures, 0u);
}

TEST("eviction: keys in debt go last, are counted, and nobody is refused") {
  TestZone t(32 * 1024);
  const uint64_t capacity = LimitReqZone::Capacity(32 * 1024, 11);
  const int64_t now = 1000000;
  for (uint64_t i = 0; i < capacity; ++i) {
    t.Hit(Key(i), now, 1000, 9000);
    if (i >= 5) t.Hit(Key(i), now, 1000, 9000);  // all but five owe one request
  }
  for (uint64_t i = 0; i < 5; ++i) EXPECT_EQ(t.Hit("new" + Key(i), now, 1000), 0);
  EXPECT_EQ(t.zone.Stats().evicted_idle, 5u);
  EXPECT_EQ(t.zone.Stats().evicted_in_debt, 0u);
  // The new ones owe nothing yet: they make room for each other before anybody in debt is forgotten.
  for (uint64_t i = 0; i < 100; ++i) EXPECT_EQ(t.Hit("more" + Key(i), now, 1000), 0);
  EXPECT_EQ(t.zone.Stats().evicted_in_debt, 0u);
  for (uint64_t i = 0; i < 5; ++i) {
    t.Hit("debt" + Key(i), now, 1000, 9000);
    t.Hit("debt" + Key(i), now, 1000, 9000);
  }
  for (uint64_t i = 0; i < 50; ++i) {
    EXPECT_EQ(t.Hit("last" + Key(i), now, 1000, 9000), 0);
    EXPECT_EQ(t.Hit("last" + Key(i), now, 1000, 9000), 0);
  }
  EXPECT_EQ(t.zone.Stats().evicted_in_debt, 50u);
  EXPECT_EQ(t.zone.Stats().allocation_failures, 0u);
  // When debts have drained, they are found again and evicted as idle.
  for (uint64_t i = 0; i < 50; ++i) EXPECT_EQ(t.Hit("late" + Key(i), now + 30000, 1000), 0);
  EXPECT_EQ(t.zone.Stats().evicted_in_debt, 50u);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("eviction: a key of another size finds room and costs a page's worth of idle keys, not the zone") {
  TestZone t(1 << 20);
  const uint64_t capacity = LimitReqZone::Capacity(1 << 20, 11);
  const int64_t now = 1000000;
  for (uint64_t i = 0; i < 2 * capacity; ++i) t.Hit(Key(i), now, 1000);
  const uint64_t before = t.zone.Stats().nodes;
  EXPECT_EQ(t.Hit(std::string(300, 'x'), now, 1000), 0);
  EXPECT(before - t.zone.Stats().nodes <= 64);
  EXPECT_EQ(t.Hit(std::string(60000, 'x'), now, 1000), 0);
  EXPECT(before - t.zone.Stats().nodes <= 64 + 16 * 64);
  for (size_t length = 1; length < 65536; length = length * 3 / 2 + 1) {
    EXPECT_EQ(t.Hit(std::string(length, 'y'), now, 1000), 0);
    EXPECT_EQ(t.Hit(std::string(length, 'y'), now, 1000), kRejected);
  }
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("eviction: any key that fits into the empty zone fits into the full one, whoever is in debt") {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    Random random(seed);
    TestZone t(seed % 2 == 0 ? 32 * 1024 : 128 * 1024);
    const size_t longest = seed % 2 == 0 ? 6 * kPageSize : 65535;
    int64_t now = 1000000;
    for (int i = 0; i < 4000 / Slowdown(); ++i) {
      now += static_cast<int64_t>(random.Below(20));
      const uint64_t kind = random.Below(10);
      const size_t length = 8 + (kind < 7   ? random.Below(30)
                                 : kind < 9 ? random.Below(2000)
                                            : random.Below(longest - 8));
      std::string key = Key(random.Below(500));
      key.resize(length, 'z');
      for (uint64_t hits = random.Below(4) + 1; hits > 0; --hits) EXPECT(t.Hit(key, now, 1000, 5000) != kNoMemory);
      if (i % 200 == 0) EXPECT_EQ(t.zone.Check(), "");
    }
    EXPECT_EQ(t.zone.Stats().allocation_failures, 0u);
    EXPECT(t.zone.Stats().evicted_in_debt > 0);
    EXPECT_EQ(t.zone.Check(), "");
  }
}

TEST("expiry: keys that have been empty for a minute make room without counting as evicted") {
  TestZone t(64 * 1024);
  for (uint64_t i = 0; i < 100; ++i) t.Hit(Key(i), 1000000, 1000);
  EXPECT_EQ(t.zone.Stats().nodes, 100u);
  for (uint64_t i = 0; i < 60; ++i) t.Hit("new" + Key(i), 1061000, 1000);
  EXPECT_EQ(t.zone.Stats().nodes, 60u);
  EXPECT_EQ(t.zone.Stats().evicted_idle, 0u);
}

TEST("expiry: never changes a decision, also at a rate of one request a minute") {
  TestZone t(64 * 1024);
  EXPECT_EQ(t.Hit("slow", 1000000, 16, 0), 0);
  t.Hit("other", 1060100, 16, 0);  // runs expiry; nginx forgets "slow" here and would pass its next request
  EXPECT_EQ(t.Hit("slow", 1060100, 16, 0), kRejected);
  EXPECT_EQ(t.decision.excess, 39);
}

TEST("expiry: never changes a decision of an older clock, up to a minute behind") {
  // 2000 ticks over at 1r/s: empty enough for the next request 3 s later.
  for (const int64_t lag : {0, 1, 1000, 30000, 59999}) {
    for (int64_t after = 60000; after < 66000; after += 500) {
      TestZone forgetful, faithful;
      for (TestZone* t : {&forgetful, &faithful}) {
        for (int i = 0; i < 3; ++i) t->Hit("key", 1000000, 1000, 2000);
      }
      forgetful.Hit("other", 1000000 + after, 1000, 0);  // runs expiry
      const int64_t now = 1000000 + after - lag;
      EXPECT_EQ(forgetful.Hit("key", now, 1000, 0), faithful.Hit("key", now, 1000, 0));
      EXPECT_EQ(forgetful.decision.excess, faithful.decision.excess);
    }
  }
}

TEST("zone: nodes that one decision has looked at are not evicted by it") {
  TestZone t(32 * 1024);
  const uint64_t capacity = LimitReqZone::Capacity(32 * 1024, 11);
  for (uint64_t i = 0; i < capacity; ++i) t.Hit(Key(i), 1000000, 1000);
  std::vector<LimitSpec> limits;
  std::vector<std::string> keys;
  std::vector<std::string_view> views;
  for (uint64_t i = 0; i < 16; ++i) {
    limits.push_back({&t.zone, 1000, 9000, kMaxTicks, false});
    keys.push_back(i < 8 ? Key(i) : "fresh" + Key(i));  // the eight oldest, and eight that need room
  }
  for (const std::string& key : keys) views.push_back(key);
  Decision decision;
  EXPECT_EQ(Decide(limits.data(), views.data(), 16, 1000000, &decision), 0);
  for (uint64_t i = 0; i < 8; ++i) {
    EXPECT_EQ(t.Hit(Key(i), 1000000, 1000, 9000), 0);
    EXPECT_EQ(t.decision.excess, 2000);
  }
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("zone: threads on one zone admit exactly what the rate allows") {
  TestZone t(1 << 20);
  constexpr int kThreads = 4;
  constexpr int kKeys = 20;
  const int rounds = 4000 / Slowdown();
  std::atomic<int> passed{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      Random random(static_cast<uint64_t>(thread) + 1);
      const LimitSpec limit = {&t.zone, 1000, 9000, kMaxTicks, false};
      Decision decision;
      for (int i = 0; i < rounds; ++i) {
        for (int k = 0; k < kKeys; ++k) {
          const std::string key = Key(static_cast<uint64_t>(k));
          const std::string_view view = key;
          if (Decide(&limit, &view, 1, 1000000, &decision) == 0) ++passed;
        }
        const std::string other = "other" + Key(random.Below(100000));
        const std::string_view view = other;
        Decide(&limit, &view, 1, 1000000, &decision);
        if (i % 100 == 0) t.zone.Stats();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(passed, kKeys * 10);
  EXPECT_EQ(t.zone.Stats().passed + t.zone.Stats().rejected, static_cast<uint64_t>(kThreads * rounds * (kKeys + 1)));
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("zone: threads that decide two zones in opposite orders do not deadlock") {
  TestZone a(1 << 20, "a"), b(1 << 20, "b");
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      LimitSpec limits[] = {{&a.zone, 1000, 0, kMaxTicks, false}, {&b.zone, 1000, 0, kMaxTicks, false}};
      if (thread % 2 == 1) std::swap(limits[0], limits[1]);
      Decision decision;
      for (int i = 0; i < 20000 / Slowdown(); ++i) {
        const std::string key = Key(static_cast<uint64_t>(i % 7));
        const std::string_view keys[] = {key, key};
        Decide(limits, keys, 2, 1000000 + i, &decision);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(a.zone.Check(), "");
  EXPECT_EQ(b.zone.Check(), "");
  EXPECT_EQ(a.zone.Stats().passed, b.zone.Stats().passed);
}

}  // namespace
}  // namespace test
}  // namespace sluice
