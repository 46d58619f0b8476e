// A zone that is to be resized, and its successor.

#ifndef SLUICE_TEST_NATIVE_RESIZE_FIXTURE_H_
#define SLUICE_TEST_NATIVE_RESIZE_FIXTURE_H_

#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/limit_req_move.h"
#include "crash_scenarios.h"
#include "zone_fixture.h"

namespace sluice {
namespace test {

// A zone in use, and a prepared one.
struct Resize {
  Resize(size_t from, size_t to) : old(from), bytes(to) {
    if (next.FormatSuccessor(bytes.base(), bytes.size(), old.zone) != ZoneStatus::kOk) abort();
    if (!old.zone.SetSuccessor(&next)) abort();
  }
  // A copy of both as they are at this moment, in other hands.
  Resize(const TestZone& from, const SharedBytes& to) : old(from.bytes), bytes(to.size()) {
    memcpy(bytes.base(), to.base(), to.size());
    if (next.Attach(bytes.base(), bytes.size(), "one") != ZoneStatus::kOk) abort();
    if (!old.zone.SetSuccessor(&next)) abort();
  }
  MoveCounts Move(int64_t now_ms = kCrashTime) { return MoveToSuccessor(&old.zone, now_ms); }

  TestZone old;
  SharedBytes bytes;
  LimitReqZone next;
};

// Excess of a key without charging it.
inline int64_t ExcessOf(LimitReqZone* zone, std::string_view key, int64_t now_ms = kCrashTime) {
  LimitSpec limit = {zone, 1000, kMaxTicks, kMaxTicks, false};
  limit.cost = 0;
  Decision decision;
  Peek(limit, key, now_ms, &decision);
  return decision.excess;
}

}  // namespace test
}  // namespace sluice

#endif  // SLUICE_TEST_NATIVE_RESIZE_FIXTURE_H_
