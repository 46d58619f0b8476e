// Memory for tests: shared between a test and its forked children, with guard pages on both sides, so that any access
// outside the zone is a crash.

#ifndef SLUICE_TEST_NATIVE_ZONE_FIXTURE_H_
#define SLUICE_TEST_NATIVE_ZONE_FIXTURE_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/limit_req_zone.h"

namespace sluice {
namespace test {

class SharedBytes {
 public:
  explicit SharedBytes(size_t size) : size_((size + kPageSize - 1) & ~(kPageSize - 1)) {
    void* all = mmap(nullptr, size_ + 2 * kPageSize, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) abort();
    base_ = static_cast<char*>(all) + kPageSize;
    if (mprotect(base_, size_, PROT_READ | PROT_WRITE) != 0) abort();
  }
  ~SharedBytes() { munmap(base_ - kPageSize, size_ + 2 * kPageSize); }
  SharedBytes(const SharedBytes&) = delete;
  SharedBytes& operator=(const SharedBytes&) = delete;

  char* base() const { return base_; }
  size_t size() const { return size_; }

 private:
  size_t size_;
  char* base_;
};

// A formatted zone in its own memory.
struct TestZone {
  explicit TestZone(size_t size = 64 * 1024, const char* name = "one") : bytes(size) {
    if (zone.Format(bytes.base(), size, name, "$binary_remote_addr") != ZoneStatus::kOk) abort();
  }

  // A copy of the memory as it is at this moment, in other hands.
  explicit TestZone(const SharedBytes& snapshot) : bytes(snapshot.size()) {
    memcpy(bytes.base(), snapshot.base(), bytes.size());
    if (zone.Attach(bytes.base(), bytes.size(), "one") != ZoneStatus::kOk) abort();
  }

  // One decision by one limit; excess and index are in `decision`.
  int64_t Hit(std::string_view key, int64_t now_ms, int64_t rate = 1000, int64_t burst = 0, int64_t delay = kMaxTicks) {
    const LimitSpec limit = {&zone, rate, burst, delay, false};
    return Decide(&limit, &key, 1, now_ms, &decision);
  }

  SharedBytes bytes;
  LimitReqZone zone;
  Decision decision;
};

}  // namespace test
}  // namespace sluice

#endif  // SLUICE_TEST_NATIVE_ZONE_FIXTURE_H_
