// What the processes of the fuzzer share: four zones, a clock that stands still unless the parent moves it, and a count
// of what was admitted, which the zones know nothing of.

#ifndef SLUICE_TEST_FUZZ_PLAYGROUND_H_
#define SLUICE_TEST_FUZZ_PLAYGROUND_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "core/limit_conn_zone.h"
#include "core/limit_req_zone.h"
#include "zone_fixture.h"

namespace sluice {
namespace fuzz {

constexpr int kWorkers = 3;
constexpr int kKeys = 8;            // hot keys of each kind
constexpr int64_t kRate = 1000;     // one request a second
constexpr int64_t kBurst = 200000;  // 200 requests
constexpr uint32_t kConnections = 4;
constexpr int64_t kWindowMs = 1800000;  // longer than what an epoch takes

// A key of this epoch: epochs are an hour apart, all buckets are empty again.
inline std::string HotKey(uint32_t epoch, const char* kind, int k) {
  return "e" + std::to_string(epoch) + kind + std::to_string(k);
}
inline std::string ConnKey(uint64_t k) { return "conn" + std::to_string(k); }

struct Shared {
  std::atomic<int64_t> clock_ms;
  std::atomic<uint32_t> epoch;
  // Admitted in this epoch. Counted after the decision: a death in between only takes from it.
  std::atomic<uint64_t> admitted[kKeys];
  std::atomic<uint64_t> admitted_pairs[kKeys];
  std::atomic<uint64_t> counted[kKeys];  // hits in windows
  struct Slot {
    std::atomic<uint64_t> progress;
    std::atomic<int32_t> died_at;  // number of the fault point + 1; 0 = at none
  } slots[kWorkers];
};

class Playground {
 public:
  Playground();

  Shared& shared() { return *reinterpret_cast<Shared*>(shared_bytes_.base()); }

  // What the zones say of themselves: the first broken invariant, or empty.
  std::string Check();

  test::TestZone crowded;   // limit_req, one shard; new keys evict old ones all the time
  test::TestZone spacious;  // limit_req, several shards; nothing is evicted
  // limit_conn; the second one is full most of the time. Handles of the calling process, whose memory comes first.
  test::SharedBytes conn_bytes, narrow_bytes;
  LimitConnZone conn, narrow;

 private:
  test::SharedBytes shared_bytes_;
};

}  // namespace fuzz
}  // namespace sluice

#endif  // SLUICE_TEST_FUZZ_PLAYGROUND_H_
