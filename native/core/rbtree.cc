// Red-black insertion and deletion (Cormen et al.), with the two mirror-image halves folded into one by child[side].

#include "core/rbtree.h"

#include "core/fault_point.h"

namespace sluice {
namespace {

bool IsRed(NodeArena& arena, NodePtr node) { return node && arena.Get(node)->red(); }

// Puts `node` (or nothing) where `old` hangs below `parent`, or at the root.
void Replace(NodeArena& arena, NodePtr* root, NodePtr parent, NodePtr old, NodePtr node) {
  if (!parent) {
    *root = node;
  } else {
    ZoneNode* p = arena.Get(parent);
    p->child[p->child[1] == old ? 1 : 0] = node;
  }
  SLUICE_FAULT_POINT("rbtree.replace");
  if (node) arena.Get(node)->parent = parent;
}

// Turns the edge between `top` and its child on the other side, so that `top` sinks to `side`.
void Rotate(NodeArena& arena, NodePtr* root, NodePtr top, int side) {
  ZoneNode* t = arena.Get(top);
  const NodePtr rising = t->child[1 - side];
  ZoneNode* r = arena.Get(rising);
  const NodePtr between = r->child[side];
  t->child[1 - side] = between;
  if (between) arena.Get(between)->parent = top;
  SLUICE_FAULT_POINT("rbtree.rotate");
  Replace(arena, root, t->parent, top, rising);
  r->child[side] = top;
  t->parent = rising;
}

// `lacking` (possibly nothing), a child of `parent`, is one black short.
void FixErase(NodeArena& arena, NodePtr* root, NodePtr parent, NodePtr lacking) {
  for (int guard = 0; parent && !IsRed(arena, lacking); ++guard) {
    if (guard > kMaxTreeHeight) {
      arena.set_corrupt();
      return;
    }
    ZoneNode* p = arena.Get(parent);
    const int side = p->child[0] == lacking ? 0 : 1;
    NodePtr sibling = p->child[1 - side];
    if (IsRed(arena, sibling)) {
      arena.Get(sibling)->set_red(false);
      p->set_red(true);
      Rotate(arena, root, parent, side);
      sibling = p->child[1 - side];
    }
    ZoneNode* s = arena.Get(sibling);
    if (!IsRed(arena, s->child[0]) && !IsRed(arena, s->child[1])) {
      s->set_red(true);
      lacking = parent;
      parent = p->parent;
      continue;
    }
    if (!IsRed(arena, s->child[1 - side])) {
      arena.Get(s->child[side])->set_red(false);
      s->set_red(true);
      Rotate(arena, root, sibling, 1 - side);
      sibling = p->child[1 - side];
      s = arena.Get(sibling);
    }
    s->set_red(p->red());
    p->set_red(false);
    arena.Get(s->child[1 - side])->set_red(false);
    Rotate(arena, root, parent, side);
    return;
  }
  if (lacking) arena.Get(lacking)->set_red(false);
}

}  // namespace

void RbInsert(NodeArena& arena, NodePtr* root, NodePtr parent, int side, NodePtr node) {
  ZoneNode* n = arena.Get(node);
  n->child[0] = n->child[1] = kNil<ZoneNode>;
  n->parent = parent;
  n->set_red(true);
  if (!parent) {
    *root = node;
  } else {
    arena.Get(parent)->child[side] = node;
  }
  SLUICE_FAULT_POINT("rbtree.linked");
  for (int guard = 0; IsRed(arena, parent); ++guard) {
    if (guard > kMaxTreeHeight) {
      arena.set_corrupt();
      return;
    }
    ZoneNode* p = arena.Get(parent);
    const NodePtr grand = p->parent;  // there is one: the root is black
    ZoneNode* g = arena.Get(grand);
    const int parent_side = g->child[0] == parent ? 0 : 1;
    const NodePtr uncle = g->child[1 - parent_side];
    if (IsRed(arena, uncle)) {
      p->set_red(false);
      arena.Get(uncle)->set_red(false);
      g->set_red(true);
      node = grand;
      parent = g->parent;
      continue;
    }
    if (p->child[1 - parent_side] == node) {
      Rotate(arena, root, parent, parent_side);
      parent = node;
      p = arena.Get(parent);
    }
    p->set_red(false);
    g->set_red(true);
    Rotate(arena, root, grand, 1 - parent_side);
    break;
  }
  arena.Get(*root)->set_red(false);
}

void RbErase(NodeArena& arena, NodePtr* root, NodePtr node) {
  ZoneNode* n = arena.Get(node);
  NodePtr parent;   // where a black node may be missing now
  NodePtr lacking;  // what came up there
  bool black_missing;
  if (n->child[0] && n->child[1]) {
    // The in-order successor takes the node's place and colour; it had no smaller child.
    NodePtr next = n->child[1];
    for (int guard = 0; arena.Get(next)->child[0]; ++guard) {
      if (guard > kMaxTreeHeight) {
        arena.set_corrupt();
        return;
      }
      next = arena.Get(next)->child[0];
    }
    ZoneNode* successor = arena.Get(next);
    black_missing = !successor->red();
    lacking = successor->child[1];
    if (next == n->child[1]) {
      parent = next;
    } else {
      parent = successor->parent;
      Replace(arena, root, parent, next, lacking);
      successor->child[1] = n->child[1];
      arena.Get(n->child[1])->parent = next;
    }
    SLUICE_FAULT_POINT("rbtree.successor");
    successor->child[0] = n->child[0];
    arena.Get(n->child[0])->parent = next;
    Replace(arena, root, n->parent, node, next);
    successor->set_red(n->red());
  } else {
    black_missing = !n->red();
    lacking = n->child[n->child[0] ? 0 : 1];
    parent = n->parent;
    Replace(arena, root, parent, node, lacking);
  }
  SLUICE_FAULT_POINT("rbtree.unlinked");
  if (black_missing) FixErase(arena, root, parent, lacking);
}

NodePtr RbFirst(NodeArena& arena, NodePtr root) {
  if (!root) return root;
  for (int guard = 0; arena.Get(root)->child[0]; ++guard) {
    if (guard > kMaxTreeHeight) {
      arena.set_corrupt();
      return kNil<ZoneNode>;
    }
    root = arena.Get(root)->child[0];
  }
  return root;
}

NodePtr RbNext(NodeArena& arena, NodePtr node) {
  const ZoneNode* n = arena.Get(node);
  if (n->child[1]) return RbFirst(arena, n->child[1]);
  for (int guard = 0; n->parent; ++guard) {
    if (guard > kMaxTreeHeight) {
      arena.set_corrupt();
      return kNil<ZoneNode>;
    }
    const NodePtr parent = n->parent;
    n = arena.Get(parent);
    if (n->child[0] == node) return parent;
    node = parent;
  }
  return kNil<ZoneNode>;
}

}  // namespace sluice
