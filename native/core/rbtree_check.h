// The checker's part of the red-black tree; see rbtree.h. For tests, the fuzzer and support.

#ifndef SLUICE_CORE_RBTREE_CHECK_H_
#define SLUICE_CORE_RBTREE_CHECK_H_

#include <cstdint>

#include "core/rbtree.h"

namespace sluice {

// Negative, 0 or positive, as `a` stands before, at or behind `b`. Both nodes lie in the arena, but their keys may
// reach out of it.
using RbCompare = int (*)(NodeArena& arena, const ZoneNode* a, const ZoneNode* b);

// The text of the first broken rule of the tree, or nullptr; `count` gets the number of nodes.
const char* RbCheck(NodeArena& arena, NodePtr root, RbCompare compare, uint64_t* count);

}  // namespace sluice

#endif  // SLUICE_CORE_RBTREE_CHECK_H_
