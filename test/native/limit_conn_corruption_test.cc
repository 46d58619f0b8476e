// Scribbling in a limit_conn zone, as in corruption_test.cc: no operation touches memory outside the zone (guard pages
// and the sanitizers watch) or runs for ever, and a repair leaves nothing of the damage.

#include <cstring>
#include <string>
#include <vector>

#include "conn_fixture.h"
#include "test.h"

namespace sluice {
namespace test {
namespace {

// Everything but the lock word, which only decides who may enter (shmtx_test.cc).
bool IsLockWord(ConnTestZone& t, size_t offset) {
  const size_t state = t.zone.geometry().shards_offset;
  return offset >= state && offset < state + sizeof(uint64_t);
}

void Use(ConnTestZone& t, LimitConnZone& other, Random& random, std::vector<ConnHold>& holds, int times) {
  for (int i = 0; i < times; ++i) {
    std::string key = ConnKey(static_cast<int>(random.Below(200)));
    if (random.Below(8) == 0) key.resize(20 + random.Below(230), 'x');
    const uint64_t dice = random.Below(100);
    if (dice < 45 && !holds.empty()) {
      const size_t at = random.Below(holds.size());
      holds[at].zone->Release(holds[at]);
      holds.erase(holds.begin() + static_cast<long>(at));
    } else if (dice < 60) {
      const ConnLimit limits[] = {{&t.zone, 3, false}, {&t.zone, 2, false}};
      const std::string second = ConnKey(static_cast<int>(random.Below(200)));
      const std::string_view keys[] = {key, second};
      ConnHold taken[2];
      int index;
      const int result = AcquireConnections(limits, keys, 2, taken, &index);
      EXPECT(result >= kConnNoMemory && result <= 2 && result != 0);
      for (int k = 0; k < result; ++k) holds.push_back(taken[k]);
    } else if (t.TakeBy(dice < 80 ? &t.zone : &other, key, 3) == 1) {
      holds.push_back(t.hold);
    }
  }
}

// Whatever is in there: after one repair the zone is whole, works, and empties when everybody has left.
void ExpectRecovered(ConnTestZone& t, LimitConnZone& other, Random& random) {
  RobustList& self = RobustList::Current();
  ConnView view(&t.zone);
  view.Lock(self);
  view.RepairLocked();
  view.Unlock(self);
  EXPECT_EQ(t.zone.Check(), "");
  std::vector<ConnHold> holds;
  Use(t, other, random, holds, 100);
  EXPECT_EQ(t.zone.Check(), "");
}

struct Scribbled {
  Scribbled() {
    if (other.Attach(t.bytes.base(), t.bytes.size(), "one") != ZoneStatus::kOk) abort();
  }
  ConnTestZone t{32 * 1024};
  LimitConnZone other;
};

TEST("limit_conn corruption: scribbled links of shares and owners are noticed and repaired") {
  uint64_t repaired = 0;
  for (uint64_t seed = 1; seed <= 1000u / static_cast<unsigned>(Slowdown()); ++seed) {
    Random random(seed);
    Scribbled s;
    std::vector<ConnHold> holds;
    Use(s.t, s.other, random, holds, 200);
    for (uint64_t scribbles = 1 + random.Below(20); scribbles > 0; --scribbles) {
      const size_t page = random.Below(s.t.zone.geometry().page_count);
      const size_t record = s.t.zone.geometry().pages_offset + page * kPageSize + random.Below(64) * 64;
      reinterpret_cast<uint32_t*>(s.t.bytes.base() + record)[random.Below(16)] =
          static_cast<uint32_t>(random.Below(2) == 0 ? random.Next() : random.Below(512));
    }
    Use(s.t, s.other, random, holds, 200);
    repaired += s.t.zone.Stats().repairs;
    s.t.zone.Check();
    s.t.zone.ReturnDead();
    ExpectRecovered(s.t, s.other, random);
  }
  EXPECT(repaired > 0);  // damage was noticed while the zone was used, not only by the final repair
}

TEST("limit_conn corruption: random bytes anywhere behind the header never lead outside or into an endless loop") {
  for (uint64_t seed = 1; seed <= 1000u / static_cast<unsigned>(Slowdown()); ++seed) {
    Random random(seed);
    Scribbled s;
    std::vector<ConnHold> holds;
    Use(s.t, s.other, random, holds, 200);
    const size_t begin = s.t.zone.geometry().shards_offset;
    // The zone's header and the page table are small: aim at them as often as at the pages.
    const size_t end = random.Below(2) == 0 ? s.t.zone.geometry().pages_offset : s.t.bytes.size();
    for (uint64_t scribbles = 1 + random.Below(40); scribbles > 0; --scribbles) {
      const size_t at = begin + random.Below(end - begin);
      if (!IsLockWord(s.t, at)) s.t.bytes.base()[at] = static_cast<char>(random.Next() >> 24);
    }
    Use(s.t, s.other, random, holds, 200);
    s.t.zone.Check();
    s.t.zone.Stats();
    s.t.zone.ReturnDead();
    s.t.zone.ReturnHolds(1);
    ExpectRecovered(s.t, s.other, random);
  }
}

TEST("limit_conn corruption: a zone of noise behind its header survives every operation") {
  for (uint64_t seed = 1; seed <= 200u / static_cast<unsigned>(Slowdown()); ++seed) {
    Random random(seed);
    Scribbled s;
    for (size_t at = s.t.zone.geometry().shards_offset; at < s.t.bytes.size(); ++at) {
      if (!IsLockWord(s.t, at)) s.t.bytes.base()[at] = static_cast<char>(random.Next() >> 24);
    }
    std::vector<ConnHold> holds;
    Use(s.t, s.other, random, holds, 50);
    s.t.zone.ReturnDead();
    ExpectRecovered(s.t, s.other, random);
  }
}

}  // namespace
}  // namespace test
}  // namespace sluice
