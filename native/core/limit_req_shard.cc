// Finding, inserting and removing nodes in a shard; see limit_req_shard.h.

#include "core/limit_req_shard.h"

namespace sluice {

Slab ShardView::MakeSlab() const {
  const ZoneGeometry& g = zone_->geometry();
  const size_t first = g.FirstPage(index_);
  return Slab(&shard_->slab, reinterpret_cast<SlabPage*>(zone_->base() + g.TableOffset(index_)),
              zone_->base() + g.pages_offset + (first << kPageShift),
              static_cast<uint32_t>(g.FirstPage(index_ + 1) - first));
}

void ShardView::FormatLocked() {
  shard_->mutex.Create();
  hints_.Clear();
  MakeSlab().Format();
}

bool ShardView::SettleLocked(RobustList& self) {
  if (HasMoved()) {
    Unlock(self);
    return false;
  }
  RepairLocked();
  return true;
}

void ShardView::LockMovedShardOf(uint32_t hash, RobustList& self) {
  do {
    *this = ShardView(zone_->successor(), hash, kByHash);
  } while (!Lock(self));
}

void ShardView::Begin(Shard::Change change) {
  shard_->change = change;
  SLUICE_FAULT_POINT("shard.begin");
}

void ShardView::End() {
  SLUICE_FAULT_POINT("shard.end");
  // A change that met damaged links may have made things worse: rebuild at once, the nodes themselves are whole.
  if (__builtin_expect(arena_.corrupt(), 0)) {
    RepairLocked();
    return;
  }
  shard_->change = Shard::kNone;
  SLUICE_FAULT_POINT("shard.ended");
}

// Order: hash, then length, then kind, then bytes. Length before bytes, so that one comparison of known length is
// enough.
Place ShardView::DescendLocked(ZoneNode::Kind kind, uint32_t hash, std::string_view key) {
  NodePtr link = shard_->root;
  NodePtr parent = kNil<ZoneNode>;
  int side = 0;
  for (int depth = 0; link; ++depth) {
    LimitReqNode* node = At(link);
    if (__builtin_expect(depth > kMaxTreeHeight || arena_.corrupt(), 0)) {
      arena_.set_corrupt();
      break;
    }
    parent = link;
    if (hash != node->head.hash) {
      side = hash > node->head.hash;
    } else if (key.size() != node->head.key_length) {
      side = key.size() > node->head.key_length;
    } else if (kind != node->head.kind) {
      side = kind > node->head.kind;
    } else {
      // A key that would reach beyond the zone is damage, too.
      if (__builtin_expect(NodeSize(key.size()) > arena_.BytesFrom(&node->head), 0)) {
        arena_.set_corrupt();
        break;
      }
      const int order = memcmp(key.data(), node->key(), key.size());
      if (order == 0) return {node, parent, 0};
      side = order > 0;
    }
    link = node->head.child[side];
  }
  return {nullptr, parent, side};
}

Place ShardView::FindLocked(ZoneNode::Kind kind, uint32_t hash, std::string_view key) {
  const NodePtr guess = hints_.Guess(hash);
  if (__builtin_expect(bool{guess}, 1)) {
    LimitReqNode* node = At(guess);
    if (__builtin_expect(IsKeyOf(node, kind, hash, key), 1)) return {node, kNil<ZoneNode>, 0};
  }
  Place place = DescendLocked(kind, hash, key);
  if (__builtin_expect(arena_.corrupt(), 0)) {
    RepairLocked();
    place = DescendLocked(kind, hash, key);
  }
  if (place.node != nullptr) hints_.Put(hash, LinkTo(place.node), shard_->passed.load(std::memory_order_relaxed));
  return place;
}

LimitReqNode* ShardView::InsertLocked(ZoneNode::Kind kind, uint32_t hash, std::string_view key, int64_t stamp,
                                      int64_t amount, int64_t now_ms, const LimitReqNode* const* pinned,
                                      int pinned_count, Sacrifice sacrifice) {
  const Pins pins = {pinned, pinned_count};
  Slab slab = MakeSlab();
  Begin(Shard::kInsert);
  ExpireLocked(slab, now_ms, pins);
  char* chunk = AllocEvictingLocked(slab, NodeSize(key.size()), now_ms, pins, sacrifice);
  if (chunk == nullptr) {
    if (sacrifice == kAnything) Bump(shard_->allocation_failures);
    if (slab.corrupt()) arena_.set_corrupt();
    End();
    return nullptr;
  }
  LimitReqNode* node = reinterpret_cast<LimitReqNode*>(chunk);
  node->head.flags = 0;
  node->head.key_length = static_cast<uint16_t>(key.size());
  node->head.hash = hash;
  node->head.queue_mark = ++shard_->inserted;
  StorePair(node, stamp, amount);
  memcpy(node->key(), key.data(), key.size());
  SLUICE_FAULT_POINT("insert.filled");
  // From here on the node exists: repair finds it in the slab and links it.
  node->head.kind = kind;
  SLUICE_FAULT_POINT("insert.live");
  // Evictions have changed the tree since the key was looked for.
  const Place place = DescendLocked(kind, hash, key);
  const NodePtr link = LinkTo(node);
  RbInsert(arena_, &shard_->root, place.parent, place.side, link);
  SLUICE_FAULT_POINT("insert.in_tree");
  if (IsQueued(node)) {
    shard_->recent.PushNewest(arena_, link);
    SLUICE_FAULT_POINT("insert.in_queue");
    Bump(shard_->nodes);
  }
  hints_.Put(hash, link, shard_->inserted);
  End();
  return node;
}

bool ShardView::AdoptLocked(const NodeCopy& node, Sacrifice sacrifice, uint32_t spare_pages, int64_t now_ms) {
  if (LimitReqNode* known = FindLocked(node.kind, node.hash, node.key).node; known != nullptr) {
    StorePair(known, node.stamp, node.amount);
    return true;
  }
  const bool may_evict = sacrifice == kAnything || (sacrifice == kIdle && shard_->slab.free_pages == 0);
  if (!may_evict && !HasRoomLocked(NodeSize(node.key.size()), spare_pages)) return false;
  return InsertLocked(node.kind, node.hash, node.key, node.stamp, node.amount, now_ms, nullptr, 0, sacrifice) !=
         nullptr;
}

void ShardView::SortByAgeLocked() {
  Begin(Shard::kMove);
  // Sorting a circle, which only damage makes of the queue, would never end.
  uint32_t nodes = 0;
  for (NodePtr link = shard_->recent.newest; link && !arena_.corrupt(); link = At(link)->head.older) {
    if (++nodes > arena_.count()) arena_.set_corrupt();
  }
  if (!arena_.corrupt()) SortRecentByAgeLocked();
  End();
}

void ShardView::RemoveLocked(LimitReqNode* node) {
  Slab slab = MakeSlab();
  Begin(Shard::kInsert);
  EraseLocked(slab, node);
  End();
}

bool ShardView::NextIntactLocked(SlabCursor* cursor, const LimitReqNode** node, NodeCopy* copy) {
  Slab slab = MakeSlab();
  char* chunk;
  size_t size;
  while (slab.Next(cursor, slab.page_count(), &chunk, &size)) {
    *node = reinterpret_cast<const LimitReqNode*>(chunk);
    if (IsIntact(*node, size, copy)) return true;
  }
  return false;
}

bool ShardView::NextLocked(SlabCursor* cursor, uint32_t end_page, LimitReqNode** node) {
  Slab slab = MakeSlab();
  char* chunk;
  size_t size;
  while (slab.Next(cursor, end_page, &chunk, &size)) {
    LimitReqNode* found = reinterpret_cast<LimitReqNode*>(chunk);
    if (found->head.kind == ZoneNode::kDead || size < NodeSize(found->head.key_length)) continue;
    *node = found;
    return true;
  }
  return false;
}

void ShardView::EraseLocked(Slab& slab, LimitReqNode* node) {
  const NodePtr link = LinkTo(node);
  QueueOf(node).Remove(arena_, link);
  SLUICE_FAULT_POINT("erase.out_of_queue");
  RbErase(arena_, &shard_->root, link);
  SLUICE_FAULT_POINT("erase.out_of_tree");
  // The memory may soon hold the bytes of some longer key: no hint may lead there.
  hints_.Remove(node->head.hash, link);
  // From here on the node is gone for repair, too.
  node->head.kind = ZoneNode::kDead;
  SLUICE_FAULT_POINT("erase.dead");
  if (slab.Free(reinterpret_cast<char*>(node)) != SlabFree::kOk || slab.corrupt()) arena_.set_corrupt();
  SLUICE_FAULT_POINT("erase.freed");
  shard_->nodes.store(shard_->nodes.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

void ShardView::MoveToFrontLocked(LimitReqNode* node) {
  Begin(Shard::kMove);
  MoveLocked(node, &shard_->recent, false);
  End();
}

// REQUIRES: a change was announced.
void ShardView::MoveLocked(LimitReqNode* node, LruQueue* to, bool to_in_debt) {
  const NodePtr link = LinkTo(node);
  QueueOf(node).Remove(arena_, link);
  SLUICE_FAULT_POINT("move.removed");
  node->head.set(ZoneNode::kInDebtQueue, to_in_debt);
  node->head.set(ZoneNode::kReferenced, false);
  node->head.queue_mark = shard_->inserted;
  to->PushNewest(arena_, link);
}

}  // namespace sluice
