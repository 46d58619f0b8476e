// A red-black tree over ZoneNode, linked by offsets. The caller owns the order: it descends by its own comparison and
// hands in the place where a node belongs. Black root, no red node with a red child, the same number of black nodes on
// every path, no sentinel. Nodes keep their identity: erasing never copies one over another. REQUIRES for all
// functions: the lock of the tree is held. On damaged links they end, too, and arena.corrupt() is set; the tree is then
// useless and must be rebuilt.

#ifndef SLUICE_CORE_RBTREE_H_
#define SLUICE_CORE_RBTREE_H_

#include "core/zone_node.h"

namespace sluice {

// A descent that takes longer is on damaged links: the height is at most 2 log2(n + 1), and n < 2^32.
constexpr int kMaxTreeHeight = 64;

// Hangs `node` below `parent` (kNil: it becomes the root) as its smaller (0) or larger (1) child and rebalances.
void RbInsert(NodeArena& arena, NodePtr* root, NodePtr parent, int side, NodePtr node);

void RbErase(NodeArena& arena, NodePtr* root, NodePtr node);

// In-order walk; kNil at the end.
NodePtr RbFirst(NodeArena& arena, NodePtr root);
NodePtr RbNext(NodeArena& arena, NodePtr node);

}  // namespace sluice

#endif  // SLUICE_CORE_RBTREE_H_
