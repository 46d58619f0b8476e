// Walking a tree that may be damaged; see rbtree_check.h.

#include "core/rbtree_check.h"

namespace sluice {
namespace {

class Walker {
 public:
  Walker(NodeArena& arena, RbCompare compare) : arena_(arena), compare_(compare) {}

  // A subtree in order; `height` gets its number of black nodes on any path.
  const char* Walk(NodePtr link, NodePtr parent, bool parent_red, int depth, int* height) {
    *height = 0;
    if (!link) return nullptr;
    if (!arena_.Contains(link)) return "tree: a link leads out of the zone";
    if (depth > kMaxTreeHeight) return "tree: too high, or a circle";
    const ZoneNode* node = arena_.Get(link);
    if (node->parent != parent) return "tree: a node has another parent than it hangs below";
    if (parent_red && node->red()) return "tree: a red node has a red child";
    int left = 0;
    int right = 0;
    if (const char* broken = Walk(node->child[0], link, node->red(), depth + 1, &left)) return broken;
    if (previous_ != nullptr && compare_(arena_, previous_, node) >= 0) return "tree: nodes are out of order";
    previous_ = node;
    ++count_;
    if (const char* broken = Walk(node->child[1], link, node->red(), depth + 1, &right)) return broken;
    if (left != right) return "tree: paths have different numbers of black nodes";
    *height = left + (node->red() ? 0 : 1);
    return nullptr;
  }

  uint64_t count() const { return count_; }

 private:
  NodeArena& arena_;
  const RbCompare compare_;
  const ZoneNode* previous_ = nullptr;
  uint64_t count_ = 0;
};

}  // namespace

const char* RbCheck(NodeArena& arena, NodePtr root, RbCompare compare, uint64_t* count) {
  if (root && arena.Contains(root) && arena.Get(root)->red()) return "tree: the root is red";
  Walker walker(arena, compare);
  int height;
  const char* broken = walker.Walk(root, kNil<ZoneNode>, false, 0, &height);
  *count = walker.count();
  return broken;
}

}  // namespace sluice
