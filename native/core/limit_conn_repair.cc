// Repair of a limit_conn zone whose lock's owner died inside a change, or whose links turned out to be damaged.
// Nothing but the records themselves is believed: owners, and shares that name such an owner and whose key has the hash
// they state. Tree, queues, lists and sums are made anew from those. `change` stays set until the end: a death inside
// the repair only means that somebody begins it again.

#include "core/crc32.h"
#include "core/limit_conn_view.h"

namespace sluice {

void ConnView::RepairLocked() {
  state_->change = ConnState::kRepair;
  SLUICE_FAULT_POINT("conn.repair.begin");
  arena_.clear_corrupt();
  Slab slab = MakeSlab();
  slab.Rebuild(KeepIntact, this);
  SLUICE_FAULT_POINT("conn.repair.slab");
  LinkOwnersLocked(slab);
  SLUICE_FAULT_POINT("conn.repair.owners");
  LinkSharesLocked(slab);
  arena_.clear_corrupt();
  Bump(state_->repairs);
  SLUICE_FAULT_POINT("conn.repair.end");
  state_->change = ConnState::kNone;
  SLUICE_FAULT_POINT("conn.repair.ended");
}

bool ConnView::KeepIntact(void* view, char* chunk, size_t size) {
  const ConnView* self = static_cast<const ConnView*>(view);
  return IsIntactOwner(reinterpret_cast<const ConnOwner*>(chunk), size) ||
         self->IsIntactShare(reinterpret_cast<const ConnShare*>(chunk), size);
}

bool ConnView::IsIntactOwner(const ConnOwner* owner, size_t chunk_size) {
  return chunk_size == sizeof(ConnOwner) && owner->head.kind == ZoneNode::kOwner && owner->process.pid != 0 &&
         owner->serial != 0;
}

bool ConnView::IsIntactShare(const ConnShare* share, size_t chunk_size) const {
  if (chunk_size < ShareSize(1) || share->head.kind != ZoneNode::kShare) return false;
  const size_t length = share->head.key_length;
  const size_t size = ShareSize(length);
  if (length - 1 >= kMaxConnKeyLength || size > chunk_size || Slab::FitOf(size) != Slab::FitOf(chunk_size))
    return false;
  if (share->count - 1 >= kMaxShareCount) return false;
  if (!arena_.Contains(share->owner)) return false;
  const char* owner = zone_->base() + (size_t{share->owner.units} << kLinkShift);
  if (!MakeSlab().IsUsed(owner, sizeof(ConnOwner))) return false;
  return IsIntactOwner(reinterpret_cast<const ConnOwner*>(owner), sizeof(ConnOwner)) &&
         Crc32(std::string_view(share->key(), length)) == share->head.hash;
}

void ConnView::LinkOwnersLocked(Slab& slab) {
  state_->owners.Clear();
  uint64_t count = 0;
  char* chunk;
  size_t size;
  for (SlabCursor cursor = {0, 0}; slab.Next(&cursor, slab.page_count(), &chunk, &size);) {
    ConnOwner* owner = reinterpret_cast<ConnOwner*>(chunk);
    if (owner->head.kind != ZoneNode::kOwner) continue;
    owner->shares.Clear();
    state_->owners.PushNewest(arena_, LinkTo(owner));
    ++count;
  }
  state_->owner_count.store(count, std::memory_order_relaxed);
}

void ConnView::LinkSharesLocked(Slab& slab) {
  state_->root = kNil<ZoneNode>;
  uint64_t nodes = 0;
  uint64_t connections = 0;
  char* chunk;
  size_t size;
  for (SlabCursor cursor = {0, 0}; slab.Next(&cursor, slab.page_count(), &chunk, &size);) {
    ConnShare* share = reinterpret_cast<ConnShare*>(chunk);
    if (share->head.kind != ZoneNode::kShare) continue;
    const std::string_view key(share->key(), share->head.key_length);
    const Place place = DescendLocked(share->head.hash, key, share->owner);
    if (place.share != nullptr) {
      // Twice the same share can only be somebody's scribbling. When in doubt nobody gets more: the larger one stays.
      if (share->count > place.share->count) {
        connections += share->count - place.share->count;
        place.share->count = share->count;
      }
      share->head.kind = ZoneNode::kDead;
      slab.Free(chunk);
      continue;
    }
    share->head.flags = 0;
    const NodePtr link = LinkTo(share);
    RbInsert(arena_, &state_->root, place.parent, place.side, link);
    OwnerAt(share->owner)->shares.PushNewest(arena_, link);
    ++nodes;
    connections += share->count;
    SLUICE_FAULT_POINT("conn.repair.linked");
  }
  state_->nodes.store(nodes, std::memory_order_relaxed);
  state_->connections.store(connections, std::memory_order_relaxed);
}

}  // namespace sluice
