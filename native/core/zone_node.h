// The head of every node that a zone keeps, whatever its kind: the tree and the queues know only this part.
// A node is live when `kind` says so and not before all else in it is written: repair (limit_req_repair.cc,
// limit_conn_repair.cc) believes it.

#ifndef SLUICE_CORE_ZONE_NODE_H_
#define SLUICE_CORE_ZONE_NODE_H_

#include <cstdint>

#include "core/offset_ptr.h"

namespace sluice {

struct ZoneNode;
using NodePtr = OffsetPtr<ZoneNode>;
using NodeArena = Arena<ZoneNode>;

struct ZoneNode {
  enum Kind : uint8_t { kDead = 0, kBucket = 1, kShare = 2, kOwner = 3, kWindow = 4, kLimitName = 5 };
  enum Flag : uint8_t {
    kRed = 1,         // colour in the tree
    kReferenced = 2,  // used since it was last moved in its queue
    kInDebtQueue = 4  // which of the two queues it is in
  };

  // The first 8 bytes are cleared by Slab::Alloc before the chunk counts as used, so a stale `kind` is never believed.
  uint8_t kind;
  uint8_t flags;
  uint16_t key_length;
  uint32_t hash;

  NodePtr child[2];  // smaller, larger
  NodePtr parent;

  NodePtr newer;
  NodePtr older;
  uint32_t queue_mark;  // Shard::inserted when the node was last moved to the front

  bool red() const { return (flags & kRed) != 0; }
  void set_red(bool on) { set(kRed, on); }
  void set(Flag flag, bool on) { flags = static_cast<uint8_t>(on ? flags | flag : flags & ~flag); }
};
static_assert(sizeof(ZoneNode) == 32, "part of the layout");

}  // namespace sluice

#endif  // SLUICE_CORE_ZONE_NODE_H_
