// The inside of a limit_conn zone: what its lock guards, and the operations on it. One mutex is enough, unlike in
// limit_req: the tree holds what is connected at this moment and not whatever was seen in the last minute, and a
// request comes here twice.
//
// The tree is ordered by (hash, key length, key, owner): the shares of one key are neighbours.
//
// Changes of links are announced in `change`, as are changes of a count together with the zone's sum: whoever takes the
// lock and finds it set repairs first (limit_conn_repair.cc).

#ifndef SLUICE_CORE_LIMIT_CONN_VIEW_H_
#define SLUICE_CORE_LIMIT_CONN_VIEW_H_

#include <cstdint>
#include <string_view>

#include "core/counter.h"
#include "core/limit_conn_node.h"
#include "core/limit_conn_zone.h"
#include "core/rbtree.h"
#include "core/shmtx.h"
#include "core/slab.h"

namespace sluice {

struct alignas(64) ConnState {
  // What the lock's owner was in the middle of.
  enum Change : uint32_t { kNone = 0, kCount, kInsert, kErase, kRegister, kRepair };

  Shmtx mutex;
  NodePtr root;
  uint32_t change;
  Counter passed;

  Counter rejected;
  Counter rejected_dry_run;
  Counter allocation_failures;
  Counter returned;
  Counter repairs;
  Counter connections;
  Counter nodes;

  Counter owner_count;
  LruQueue owners;
  uint32_t serials;  // given to owners so far, wraps around
  uint32_t closed;   // SuccessorMark of the zone that counts new connections; 0 = this one
  SlabPool slab;
};
static_assert(sizeof(ConnState) % 64 == 0 && offsetof(ConnState, rejected) == 64, "part of the layout");

// "SLUCONN1" in memory order
constexpr ZoneFormat kLimitConnFormat = {0x314e4e4f43554c53, sizeof(ConnState), 1, false};

// What is held under a key.
struct KeyCount {
  uint64_t connections;
  ConnShare* mine;  // the caller's share of it, or nullptr
};

// One process's view of a zone; lives on the stack of one operation. Functions named ...Locked require its lock.
class ConnView {
 public:
  explicit ConnView(LimitConnZone* zone);

  // An empty zone. REQUIRES: the state is zeroed and nobody else uses the zone yet.
  void FormatLocked();

  void Lock(RobustList& self) {
    state_->mutex.Lock(self);
    if (__builtin_expect(state_->change != ConnState::kNone, 0)) RepairLocked();
  }
  void Unlock(RobustList& self) { state_->mutex.Unlock(self); }
  // For a caller that got the lock by Shmtx::TakeOver.
  void AfterTakeOverLocked() {
    if (state_->change != ConnState::kNone) RepairLocked();
  }

  // Whether new connections are counted by the zone's successor.
  bool IsClosedLocked() const {
    const LimitConnZone* successor = zone_->successor();
    return successor != nullptr && state_->closed == SuccessorMark(successor->uid());
  }

  // The zone handle's owner record, made on first use; kNil when there is no room for one.
  NodePtr OwnerLocked(const ProcessIdentity& me);
  // The record if the handle has one.
  NodePtr PresentOwnerLocked(uint32_t pid);

  // On damaged links the zone is repaired first.
  KeyCount CountLocked(uint32_t hash, std::string_view key, NodePtr owner);
  // One connection more in an owner's share. REQUIRES: share.count < kMaxShareCount.
  void IncrementLocked(ConnShare* share);
  // A first connection. nullptr when there is no room.
  ConnShare* InsertLocked(uint32_t hash, std::string_view key, NodePtr owner);
  // One connection less; the last one removes the share.
  void DecrementLocked(ConnShare* share);
  // The share behind a link that was kept outside of the zone, or nullptr if it is another one or none by now.
  ConnShare* ShareLocked(NodePtr link, uint32_t hash, NodePtr owner);

  // Removes up to `most` shares of an owner, and the owner itself once it has none. Returns the connections in them.
  uint64_t ReturnLocked(NodePtr owner, int most);
  // The first owner for which `matches` holds, or kNil. On damaged links the zone is repaired first.
  template <class Matches>
  NodePtr FindOwnerLocked(Matches matches) {
    bool repaired = false;
    uint32_t guard = 0;
    for (NodePtr link = state_->owners.newest; link;) {
      const ConnOwner* owner = OwnerAt(link);
      if (__builtin_expect(arena_.corrupt() || owner->head.kind != ZoneNode::kOwner || ++guard > arena_.count(), 0)) {
        if (repaired) break;
        repaired = true;
        RepairLocked();
        guard = 0;
        link = state_->owners.newest;
        continue;
      }
      if (matches(*owner)) return link;
      link = owner->head.older;
    }
    return kNil<ZoneNode>;
  }

  // Rebuilds all links and sums from the shares and owners that the slab holds; see limit_conn_repair.cc.
  void RepairLocked();
  // The text of the first broken invariant, or nullptr; see limit_conn_check.cc.
  const char* CheckLocked();

  ConnState* state() { return state_; }
  NodePtr LinkTo(const ConnShare* share) const { return arena_.LinkTo(&share->head); }

 private:
  // Where a share is, or would be hung into the tree.
  struct Place {
    ConnShare* share;  // nullptr: not there
    NodePtr parent;    // only if not there
    int side;
  };

  Slab MakeSlab() const;
  ZoneNode* At(NodePtr link) { return arena_.Get(link); }
  ConnShare* ShareAt(NodePtr link) { return reinterpret_cast<ConnShare*>(arena_.Get(link)); }
  ConnOwner* OwnerAt(NodePtr link) { return reinterpret_cast<ConnOwner*>(arena_.Get(link)); }
  NodePtr LinkTo(const ConnOwner* owner) const { return arena_.LinkTo(&owner->head); }

  // Negative, 0 or positive, as (hash, key, owner) stands before, at or behind `share`. A key that reaches out of the
  // zone is damage.
  int CompareTo(const ConnShare* share, uint32_t hash, std::string_view key, NodePtr owner);
  static int CompareNodes(NodeArena& arena, const ZoneNode* a, const ZoneNode* b);
  Place DescendLocked(uint32_t hash, std::string_view key, NodePtr owner);
  // The first share that does not stand before (hash, key, owner).
  NodePtr LowerBoundLocked(uint32_t hash, std::string_view key, NodePtr owner);
  KeyCount SumLocked(uint32_t hash, std::string_view key, NodePtr owner);

  // Announces a change, and takes the announcement back: everything in between may be torn by a death.
  void Begin(ConnState::Change change);
  void End();
  void EraseLocked(Slab& slab, ConnShare* share);

  // Repair and check.
  static bool IsIntactOwner(const ConnOwner* owner, size_t chunk_size);
  bool IsIntactShare(const ConnShare* share, size_t chunk_size) const;
  static bool KeepIntact(void* view, char* chunk, size_t size);
  void LinkOwnersLocked(Slab& slab);
  void LinkSharesLocked(Slab& slab);
  const char* CheckOwnersLocked(uint64_t* owners, uint64_t* shares, uint64_t* connections);

  LimitConnZone* zone_;
  ConnState* state_;
  NodeArena arena_;
};

}  // namespace sluice

#endif  // SLUICE_CORE_LIMIT_CONN_VIEW_H_
