// A doubly linked queue of ZoneNodes, newest at one end, oldest at the other, linked by offsets (two in each shard of a
// limit_req zone; in a limit_conn zone one of owners, and one of shares for each owner).
// A node is in exactly one queue. REQUIRES for all functions: the shard's lock is held. Damaged links end in
// arena.corrupt(), as in rbtree.h.

#ifndef SLUICE_CORE_LRU_QUEUE_H_
#define SLUICE_CORE_LRU_QUEUE_H_

#include "core/fault_point.h"
#include "core/zone_node.h"

namespace sluice {

struct LruQueue {
  NodePtr newest;
  NodePtr oldest;

  void Clear() { newest = oldest = kNil<ZoneNode>; }

  void PushNewest(NodeArena& arena, NodePtr node) {
    ZoneNode* n = arena.Get(node);
    n->newer = kNil<ZoneNode>;
    n->older = newest;
    if (newest) {
      arena.Get(newest)->newer = node;
    } else {
      oldest = node;
    }
    SLUICE_FAULT_POINT("queue.push");
    newest = node;
  }

  void Remove(NodeArena& arena, NodePtr node) {
    const ZoneNode* n = arena.Get(node);
    if (n->newer) {
      arena.Get(n->newer)->older = n->older;
    } else {
      newest = n->older;
    }
    SLUICE_FAULT_POINT("queue.remove");
    if (n->older) {
      arena.Get(n->older)->newer = n->newer;
    } else {
      oldest = n->newer;
    }
  }
};

}  // namespace sluice

#endif  // SLUICE_CORE_LRU_QUEUE_H_
