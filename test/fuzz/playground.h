// What the processes of the fuzzer share: four zones, each with a successor to which it is resized once in each epoch,
// a clock that stands still unless the parent moves it, and a count of what was admitted, which the zones know nothing
// of.

#ifndef SLUICE_TEST_FUZZ_PLAYGROUND_H_
#define SLUICE_TEST_FUZZ_PLAYGROUND_H_

#include <atomic>
#include <cstdint>
#include <memory>
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
  } slots[kWorkers + 1];           // the last one is the master's
};

// A zone and its successor: handles of the calling process, and their memory.
template <class Zone>
class Resizable {
 public:
  Resizable(const char* name, size_t small, size_t large)
      : name_(name), sizes_{small, large}, bytes_(new test::SharedBytes(small)) {
    if (zone.Format(bytes_->base(), bytes_->size(), name, "$k") != ZoneStatus::kOk) abort();
    Prepare();
  }

  // REQUIRES: the successor is in force, and nobody else uses the zone.
  void Follow() {
    if (!zone.Follow()) abort();
    bytes_ = std::move(next_bytes_);
    Prepare();
  }

  // Gives back what the handles hold, and makes them anew.
  bool AttachAgain() {
    return zone.Attach(bytes_->base(), bytes_->size(), name_) == ZoneStatus::kOk &&
           next.Attach(next_bytes_->base(), next_bytes_->size(), name_) == ZoneStatus::kOk && zone.SetSuccessor(&next);
  }

  size_t size() const { return bytes_->size(); }
  size_t next_size() const { return next_bytes_->size(); }

 private:
  void Prepare() {
    const size_t size = bytes_->size() == sizes_[0] ? sizes_[1] : sizes_[0];
    next_bytes_.reset(new test::SharedBytes(size));
    if (next.FormatSuccessor(next_bytes_->base(), size, zone) != ZoneStatus::kOk) abort();
    if (!zone.SetSuccessor(&next)) abort();
  }

  const char* name_;
  size_t sizes_[2];
  std::unique_ptr<test::SharedBytes> bytes_, next_bytes_;

 public:
  // Behind their memory: they may give something back when they go.
  Zone next, zone;
};

class Playground {
 public:
  Playground();

  Shared& shared() { return *reinterpret_cast<Shared*>(shared_bytes_.base()); }

  // What the zones say of themselves: the first broken invariant, or empty.
  std::string Check();

  Resizable<LimitReqZone> crowded;   // one shard or two; new keys evict old ones all the time
  Resizable<LimitReqZone> spacious;  // several shards; nothing is evicted
  Resizable<LimitConnZone> conn;
  Resizable<LimitConnZone> narrow;  // full most of the time

 private:
  test::SharedBytes shared_bytes_;
};

}  // namespace fuzz
}  // namespace sluice

#endif  // SLUICE_TEST_FUZZ_PLAYGROUND_H_
