// Finding, counting and changing what a limit_conn zone holds; see limit_conn_view.h.

#include "core/limit_conn_view.h"

#include <cstring>

namespace sluice {

ConnView::ConnView(LimitConnZone* zone)
    : zone_(zone),
      state_(reinterpret_cast<ConnState*>(zone->base() + zone->geometry().ShardOffset(0))),
      arena_(zone->base(), zone->geometry().pages_offset,
             zone->geometry().pages_offset + (zone->geometry().page_count << kPageShift)) {}

Slab ConnView::MakeSlab() const {
  const ZoneGeometry& g = zone_->geometry();
  return Slab(&state_->slab, reinterpret_cast<SlabPage*>(zone_->base() + g.TableOffset(0)),
              zone_->base() + g.pages_offset, static_cast<uint32_t>(g.page_count));
}

void ConnView::FormatLocked() {
  state_->mutex.Create();
  MakeSlab().Format();
}

void ConnView::Begin(ConnState::Change change) {
  state_->change = change;
  SLUICE_FAULT_POINT("conn.begin");
}

void ConnView::End() {
  SLUICE_FAULT_POINT("conn.end");
  // A change that met damaged links may have made things worse: rebuild at once, the records themselves are whole.
  if (__builtin_expect(arena_.corrupt(), 0)) {
    RepairLocked();
    return;
  }
  state_->change = ConnState::kNone;
  SLUICE_FAULT_POINT("conn.ended");
}

int ConnView::CompareTo(const ConnShare* share, uint32_t hash, std::string_view key, NodePtr owner) {
  if (hash != share->head.hash) return hash < share->head.hash ? -1 : 1;
  if (key.size() != share->head.key_length) return key.size() < share->head.key_length ? -1 : 1;
  if (__builtin_expect(ShareSize(key.size()) > arena_.BytesFrom(&share->head), 0)) {
    arena_.set_corrupt();
    return -1;
  }
  if (const int order = memcmp(key.data(), share->key(), key.size()); order != 0) return order;
  if (owner != share->owner) return owner.units < share->owner.units ? -1 : 1;
  return 0;
}

ConnView::Place ConnView::DescendLocked(uint32_t hash, std::string_view key, NodePtr owner) {
  NodePtr link = state_->root;
  NodePtr parent = kNil<ZoneNode>;
  int side = 0;
  for (int depth = 0; link; ++depth) {
    ConnShare* share = ShareAt(link);
    if (__builtin_expect(depth > kMaxTreeHeight || arena_.corrupt(), 0)) {
      arena_.set_corrupt();
      break;
    }
    const int order = CompareTo(share, hash, key, owner);
    if (order == 0) return {share, parent, 0};
    parent = link;
    side = order > 0;
    link = share->head.child[side];
  }
  return {nullptr, parent, side};
}

NodePtr ConnView::LowerBoundLocked(uint32_t hash, std::string_view key, NodePtr owner) {
  NodePtr link = state_->root;
  NodePtr best = kNil<ZoneNode>;
  for (int depth = 0; link; ++depth) {
    const ConnShare* share = ShareAt(link);
    if (__builtin_expect(depth > kMaxTreeHeight || arena_.corrupt(), 0)) {
      arena_.set_corrupt();
      return kNil<ZoneNode>;
    }
    const bool behind = CompareTo(share, hash, key, owner) > 0;
    if (!behind) best = link;
    link = share->head.child[behind ? 1 : 0];
  }
  return best;
}

// Every share of a key counts for at least one connection, so few more steps are taken than the limit allows.
KeyCount ConnView::SumLocked(uint32_t hash, std::string_view key, NodePtr owner) {
  KeyCount sum = {0, nullptr};
  NodePtr link = LowerBoundLocked(hash, key, kNil<ZoneNode>);
  for (uint32_t guard = 0; link; link = RbNext(arena_, link)) {
    ConnShare* share = ShareAt(link);
    if (__builtin_expect(++guard > arena_.count(), 0)) arena_.set_corrupt();
    if (__builtin_expect(arena_.corrupt(), 0) || CompareTo(share, hash, key, share->owner) != 0) break;
    sum.connections += share->count;
    if (share->owner == owner) sum.mine = share;
  }
  return sum;
}

KeyCount ConnView::CountLocked(uint32_t hash, std::string_view key, NodePtr owner) {
  KeyCount count = SumLocked(hash, key, owner);
  if (__builtin_expect(arena_.corrupt(), 0)) {
    RepairLocked();
    count = SumLocked(hash, key, owner);
  }
  return count;
}

void ConnView::IncrementLocked(ConnShare* share) {
  Begin(ConnState::kCount);
  ++share->count;
  SLUICE_FAULT_POINT("conn.counted");
  Bump(state_->connections);
  End();
}

ConnShare* ConnView::InsertLocked(uint32_t hash, std::string_view key, NodePtr owner) {
  Slab slab = MakeSlab();
  Begin(ConnState::kInsert);
  char* chunk = slab.Alloc(ShareSize(key.size()));
  if (slab.corrupt()) arena_.set_corrupt();
  if (chunk == nullptr) {
    Bump(state_->allocation_failures);
    End();
    return nullptr;
  }
  ConnShare* share = reinterpret_cast<ConnShare*>(chunk);
  share->head.flags = 0;
  share->head.key_length = static_cast<uint16_t>(key.size());
  share->head.hash = hash;
  share->head.queue_mark = 0;
  share->owner = owner;
  share->count = 1;
  memcpy(share->key(), key.data(), key.size());
  SLUICE_FAULT_POINT("conn.filled");
  // From here on the share exists: repair finds it in the slab and links it.
  share->head.kind = ZoneNode::kShare;
  SLUICE_FAULT_POINT("conn.live");
  const NodePtr link = LinkTo(share);
  const Place place = DescendLocked(hash, key, owner);
  RbInsert(arena_, &state_->root, place.parent, place.side, link);
  SLUICE_FAULT_POINT("conn.in_tree");
  OwnerAt(owner)->shares.PushNewest(arena_, link);
  SLUICE_FAULT_POINT("conn.in_queue");
  Bump(state_->nodes);
  Bump(state_->connections);
  End();
  return share;
}

void ConnView::DecrementLocked(ConnShare* share) {
  if (share->count > 1) {
    Begin(ConnState::kCount);
    --share->count;
    SLUICE_FAULT_POINT("conn.discounted");
    Bump(state_->connections, -1);
    End();
    return;
  }
  Slab slab = MakeSlab();
  Begin(ConnState::kErase);
  EraseLocked(slab, share);
  End();
}

// REQUIRES: a change was announced.
void ConnView::EraseLocked(Slab& slab, ConnShare* share) {
  const NodePtr link = LinkTo(share);
  const int64_t count = share->count;
  OwnerAt(share->owner)->shares.Remove(arena_, link);
  SLUICE_FAULT_POINT("conn.out_of_queue");
  RbErase(arena_, &state_->root, link);
  SLUICE_FAULT_POINT("conn.out_of_tree");
  // From here on the share is gone for repair, too.
  share->head.kind = ZoneNode::kDead;
  SLUICE_FAULT_POINT("conn.dead");
  if (slab.Free(reinterpret_cast<char*>(share)) != SlabFree::kOk || slab.corrupt()) arena_.set_corrupt();
  SLUICE_FAULT_POINT("conn.freed");
  Bump(state_->nodes, -1);
  Bump(state_->connections, -count);
}

ConnShare* ConnView::ShareLocked(NodePtr link, uint32_t hash, NodePtr owner) {
  if (!arena_.Contains(link)) return nullptr;
  ConnShare* share = ShareAt(link);
  // What is no share of this owner under this hash was repaired away, or never was one.
  if (share->head.kind != ZoneNode::kShare || share->head.hash != hash || share->owner != owner) return nullptr;
  return share;
}

}  // namespace sluice
