// Owners of connections: making their records, and returning what the dead ones held; see limit_conn_view.h.

#include "core/limit_conn_view.h"

namespace sluice {

NodePtr ConnView::PresentOwnerLocked(uint32_t pid) {
  const LimitConnZone::Registration& mine = zone_->registration();
  if (mine.serial == 0 || mine.pid != pid || !arena_.Contains(mine.owner)) return kNil<ZoneNode>;
  // The record may be gone: somebody took this process for dead, or the memory was damaged and repaired.
  const ConnOwner* owner = OwnerAt(mine.owner);
  const bool is_mine =
      owner->head.kind == ZoneNode::kOwner && owner->serial == mine.serial && owner->process.pid == pid;
  return is_mine ? mine.owner : kNil<ZoneNode>;
}

NodePtr ConnView::OwnerLocked(const ProcessIdentity& me) {
  if (const NodePtr present = PresentOwnerLocked(me.pid); __builtin_expect(static_cast<bool>(present), 1)) {
    return present;
  }
  Slab slab = MakeSlab();
  Begin(ConnState::kRegister);
  char* chunk = slab.Alloc(sizeof(ConnOwner));
  if (slab.corrupt()) arena_.set_corrupt();
  if (chunk == nullptr) {
    Bump(state_->allocation_failures);
    End();
    return kNil<ZoneNode>;
  }
  ConnOwner* owner = reinterpret_cast<ConnOwner*>(chunk);
  if (++state_->serials == 0) ++state_->serials;
  const uint32_t serial = state_->serials;
  owner->head.flags = 0;
  owner->head.key_length = 0;
  owner->head.hash = 0;
  owner->process = me;
  owner->shares.Clear();
  owner->serial = serial;
  SLUICE_FAULT_POINT("owner.filled");
  owner->head.kind = ZoneNode::kOwner;
  SLUICE_FAULT_POINT("owner.live");
  const NodePtr link = LinkTo(owner);
  state_->owners.PushNewest(arena_, link);
  Bump(state_->owner_count);
  zone_->registration() = {link, serial, me.pid};
  End();
  return link;
}

uint64_t ConnView::ReturnLocked(NodePtr link, int most) {
  Slab slab = MakeSlab();
  ConnOwner* owner = OwnerAt(link);
  uint64_t returned = 0;
  Begin(ConnState::kErase);
  for (int i = 0; i < most && owner->shares.newest && !arena_.corrupt(); ++i) {
    ConnShare* share = ShareAt(owner->shares.newest);
    if (share->head.kind != ZoneNode::kShare || share->owner != link) {
      arena_.set_corrupt();
      break;
    }
    returned += share->count;
    EraseLocked(slab, share);
  }
  if (!owner->shares.newest && !arena_.corrupt()) {
    state_->owners.Remove(arena_, link);
    SLUICE_FAULT_POINT("owner.out_of_queue");
    owner->head.kind = ZoneNode::kDead;
    SLUICE_FAULT_POINT("owner.dead");
    if (slab.Free(reinterpret_cast<char*>(owner)) != SlabFree::kOk || slab.corrupt()) arena_.set_corrupt();
    Bump(state_->owner_count, -1);
  }
  End();
  return returned;
}

}  // namespace sluice
