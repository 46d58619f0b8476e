// A zone is resized by making another one and moving to it what the first one keeps, a shard at a time, as far as it
// fits: what owes something first, then the youngest. No key is in force in both:
//
//   before   whoever decides finds the key in the old zone; the new one is prepared, and nobody charges there
//   move     under the old shard's lock its nodes are copied, and then, by one store, its `change` becomes the mark of
//            the new zone
//   after    whoever locks the old shard finds the mark and goes on in the new zone (ShardView::Lock)
//
// A death at any instruction leaves a shard that has moved or has not: until the mark is there the copies count for
// nothing, and another attempt writes over them. The old shard is left as it was, so that a zone in a file whose
// successor is lost with all processes still has what it had.
//
// REQUIRES: all processes that use the old zone know the new one (LimitReqZone::SetSuccessor); to others the mark is
// damage, and they would go on with the old one. native/os/zone_use.h tells.

#ifndef SLUICE_CORE_LIMIT_REQ_MOVE_H_
#define SLUICE_CORE_LIMIT_REQ_MOVE_H_

#include <cstdint>

#include "core/limit_req_zone.h"

namespace sluice {

struct MoveCounts {
  uint64_t moved = 0;
  uint64_t dropped = 0;  // for which there was no room; what has expired is not counted
};

// Moves all that has not moved yet to the zone's successor. A shard that is asked for waits until it has moved: some
// 200 ns for each of its keys. REQUIRES: the zone has a successor; one caller at a time.
MoveCounts MoveToSuccessor(LimitReqZone* zone, int64_t now_ms);

}  // namespace sluice

#endif  // SLUICE_CORE_LIMIT_REQ_MOVE_H_
