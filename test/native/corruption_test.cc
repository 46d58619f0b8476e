// Scribbling. Another process may have written anything anywhere in a zone: no operation may then touch memory outside
// it (guard pages and the sanitizers watch), run for ever, or leave damage behind once it was noticed.

#include <string>

#include "core/limit_req_shard.h"
#include "test.h"
#include "zone_fixture.h"

namespace sluice {
namespace test {
namespace {

// Everything of a shard but its lock word, which only decides who may enter (shmtx_test.cc).
bool IsLockWord(TestZone& t, size_t offset) {
  for (uint32_t i = 0; i < t.zone.geometry().shard_count; ++i) {
    const size_t shard = t.zone.geometry().ShardOffset(i);
    if (offset >= shard && offset < shard + sizeof(uint64_t)) return true;
  }
  return false;
}

void Use(TestZone& t, Random& random, int times) {
  for (int i = 0; i < times; ++i) {
    std::string key = "key" + std::to_string(random.Below(600));
    if (random.Below(10) == 0) key.resize(20 + random.Below(3000), 'x');
    const int64_t now = 1000000 + static_cast<int64_t>(random.Below(200000));
    if (random.Below(4) == 0) {
      const LimitSpec limits[] = {{&t.zone, 1000, 5000, 0, false}, {&t.zone, 1000, 5000, 0, false}};
      const std::string other = "other" + std::to_string(random.Below(600));
      const std::string_view keys[] = {key, other};
      Decision decision;
      EXPECT(Decide(limits, keys, 2, now, &decision) >= kNoMemory);
    } else {
      EXPECT(t.Hit(key, now, 1000, 5000, 0) >= kNoMemory);
    }
  }
}

void ExpectRecovered(TestZone& t, Random& random) {
  t.zone.RecoverExclusive(INT64_MAX);
  EXPECT_EQ(t.zone.Check(), "");
  Use(t, random, 100);
  EXPECT_EQ(t.zone.Check(), "");
}

TEST("corruption: random bytes in the links of nodes never lead outside, and repair makes the zone whole") {
  uint64_t repaired = 0;
  for (uint64_t seed = 1; seed <= 1500u / static_cast<unsigned>(Slowdown()); ++seed) {
    Random random(seed);
    TestZone t(64 * 1024);
    Use(t, random, 300);
    for (uint64_t scribbles = 1 + random.Below(6); scribbles > 0; --scribbles) {
      const size_t page = random.Below(t.zone.geometry().page_count);
      const size_t node = t.zone.geometry().pages_offset + page * kPageSize + random.Below(64) * 64;
      reinterpret_cast<uint32_t*>(t.bytes.base() + node)[random.Below(8)] =
          static_cast<uint32_t>(random.Below(2) == 0 ? random.Next() : random.Below(2048));
    }
    Use(t, random, 200);
    repaired += t.zone.Stats().repairs;
    t.zone.Check();
    ExpectRecovered(t, random);
  }
  EXPECT(repaired > 0);  // damage was noticed while the zone was used, not only by the final recovery
}

TEST("corruption: random bytes anywhere behind the header never lead outside or into an endless loop") {
  for (uint64_t seed = 1; seed <= 1500u / static_cast<unsigned>(Slowdown()); ++seed) {
    Random random(seed);
    TestZone t(64 * 1024);
    Use(t, random, 300);
    const size_t begin = t.zone.geometry().shards_offset;
    // The shard's header and the page table are small: aim at them as often as at the pages.
    const size_t end = random.Below(2) == 0 ? t.zone.geometry().pages_offset : t.bytes.size();
    for (uint64_t scribbles = 1 + random.Below(40); scribbles > 0; --scribbles) {
      const size_t at = begin + random.Below(end - begin);
      if (!IsLockWord(t, at)) t.bytes.base()[at] = static_cast<char>(random.Next() >> 24);
    }
    Use(t, random, 200);
    t.zone.Check();
    t.zone.Stats();
    ExpectRecovered(t, random);
  }
}

TEST("corruption: a zone of noise behind its header survives every operation") {
  for (uint64_t seed = 1; seed <= 200u / static_cast<unsigned>(Slowdown()); ++seed) {
    Random random(seed);
    TestZone t(64 * 1024);
    for (size_t at = t.zone.geometry().shards_offset; at < t.bytes.size(); ++at) {
      if (!IsLockWord(t, at)) t.bytes.base()[at] = static_cast<char>(random.Next() >> 24);
    }
    Use(t, random, 50);
    ExpectRecovered(t, random);
  }
}

TEST("corruption: a header changed after attaching does not mislead a process that is attached") {
  TestZone t(64 * 1024);
  Random random(3);
  Use(t, random, 100);
  for (size_t i = 0; i < sizeof(ZoneHeader); ++i) t.bytes.base()[i] = '\xff';
  Use(t, random, 100);
  EXPECT_EQ(t.zone.Check(), "");
  EXPECT_EQ(t.zone.name().size(), 3u);
}

TEST("corruption: a bucket with an absurd excess or time gives a decision and no overflow") {
  for (const int64_t excess : {INT64_MIN, int64_t{-1}, INT64_MAX, int64_t{1} << 62}) {
    for (const int64_t last : {INT64_MIN, int64_t{-1}, int64_t{0}, INT64_MAX}) {
      TestZone t;
      t.Hit("k", 1000000);
      const Place place = ShardView(&t.zone, 0).FindLocked(ZoneNode::kBucket, 0, "");
      EXPECT(place.node == nullptr);
      LimitReqNode* node = reinterpret_cast<LimitReqNode*>(t.bytes.base() + t.zone.geometry().pages_offset);
      ASSERT(node->head.kind == ZoneNode::kBucket);
      node->excess = excess;
      node->stamp = last;
      for (const int64_t rate : {int64_t{1}, int64_t{1000}, kMaxTicks}) {
        EXPECT(t.Hit("k", 1000001, rate, kMaxTicks, 0) >= kRejected);
        t.Hit("other", 1000001, rate);
      }
      // What is beyond any burst is no bucket, and repair drops it.
      t.zone.RecoverExclusive(1000001);
      EXPECT_EQ(t.zone.Check(), "");
    }
  }
}

}  // namespace
}  // namespace test
}  // namespace sluice
