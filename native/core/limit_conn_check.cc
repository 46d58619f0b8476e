// The checker: walks everything that a limit_conn zone links and counts, and names the first thing that does not agree.

#include <cstring>

#include "core/limit_conn_view.h"
#include "core/rbtree_check.h"

namespace sluice {

int ConnView::CompareNodes(NodeArena& arena, const ZoneNode* a, const ZoneNode* b) {
  if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
  if (a->key_length != b->key_length) return a->key_length < b->key_length ? -1 : 1;
  const size_t size = ShareSize(a->key_length);
  if (size > arena.BytesFrom(a) || size > arena.BytesFrom(b)) return 0;  // damage: found to be out of order
  const ConnShare* share = reinterpret_cast<const ConnShare*>(a);
  const ConnShare* other = reinterpret_cast<const ConnShare*>(b);
  if (const int order = memcmp(share->key(), other->key(), a->key_length); order != 0) return order;
  return share->owner == other->owner ? 0 : share->owner.units < other->owner.units ? -1 : 1;
}

// Walks the queue of owners, and of each its queue of shares.
const char* ConnView::CheckOwnersLocked(uint64_t* owners, uint64_t* shares, uint64_t* connections) {
  NodePtr newer = kNil<ZoneNode>;
  for (NodePtr link = state_->owners.newest; link; link = At(link)->older) {
    if (!arena_.Contains(link)) return "owners: a link leads out of the zone";
    const ConnOwner* owner = OwnerAt(link);
    if (owner->head.kind != ZoneNode::kOwner) return "owners: one is something else";
    if (owner->head.newer != newer) return "owners: one is not linked back";
    newer = link;
    if (++*owners > arena_.count()) return "owners: the queue runs in a circle";
    NodePtr newer_share = kNil<ZoneNode>;
    for (NodePtr at = owner->shares.newest; at; at = At(at)->older) {
      if (!arena_.Contains(at)) return "shares: a link leads out of the zone";
      const ConnShare* share = ShareAt(at);
      if (share->head.kind != ZoneNode::kShare) return "shares: one is something else";
      if (share->owner != link) return "shares: one is in the queue of another owner";
      if (share->head.newer != newer_share) return "shares: one is not linked back";
      newer_share = at;
      *connections += share->count;
      if (++*shares > arena_.count()) return "shares: a queue runs in a circle";
    }
    if (owner->shares.oldest != newer_share) return "shares: the oldest of an owner is another one";
  }
  return state_->owners.oldest == newer ? nullptr : "owners: the oldest is another one";
}

const char* ConnView::CheckLocked() {
  if (state_->change != ConnState::kNone) return "zone: a change is under way";
  uint64_t in_tree = 0;
  if (const char* broken = RbCheck(arena_, state_->root, CompareNodes, &in_tree)) return broken;
  uint64_t owners = 0;
  uint64_t shares = 0;
  uint64_t connections = 0;
  if (const char* broken = CheckOwnersLocked(&owners, &shares, &connections)) return broken;
  if (shares != in_tree) return "shares: tree and queues hold different numbers of them";
  if (state_->nodes.load(std::memory_order_relaxed) != shares) return "zone: the number of nodes is wrong";
  if (state_->owner_count.load(std::memory_order_relaxed) != owners) return "zone: the number of owners is wrong";
  if (state_->connections.load(std::memory_order_relaxed) != connections)
    return "zone: the sum of connections is wrong";

  Slab slab = MakeSlab();
  if (const char* broken = slab.Check()) return broken;
  uint64_t used = 0;
  char* chunk;
  size_t size;
  for (SlabCursor cursor = {0, 0}; slab.Next(&cursor, slab.page_count(), &chunk, &size); ++used) {
    if (IsIntactOwner(reinterpret_cast<const ConnOwner*>(chunk), size)) continue;
    const ConnShare* share = reinterpret_cast<const ConnShare*>(chunk);
    if (!IsIntactShare(share, size)) return "slab: a used chunk is neither owner nor share";
    const std::string_view key(share->key(), share->head.key_length);
    if (DescendLocked(share->head.hash, key, share->owner).share != share)
      return "tree: a share is not found by its key";
  }
  return used == shares + owners ? nullptr : "slab: a record was lost or leaked";
}

}  // namespace sluice
