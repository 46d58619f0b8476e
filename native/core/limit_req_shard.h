// One shard of a limit_req zone: a mutex and what it guards, the tree, two queues and the slab of the keys whose hash
// belongs here. Buckets and windows are in the tree and in a queue, names of limits in the tree only: nobody evicts
// them.
//
//   recent    LRU queue. A node moves to its front at a hit only when many nodes were inserted since it last
//             moved (Shard::inserted against queue_mark); hits in between set kReferenced, and the tail gets a second
//             chance if that is set. So without pressure a hit touches no other node, and under pressure what is
//             evicted has not been used for a long time.
//   in debt   nodes that eviction met while they owed something. They are evicted only when nothing else is left, and
//             each is moved here once a round, so looking for an idle victim costs amortized constant time.
//
// Before the tree a table of hints is asked, which usually knows the node (hint_table.h).
//
// Changes of links are announced in `change`: whoever takes the lock and finds it set repairs first
// (limit_req_repair.cc). A charge or a hit alone needs no announcement, it is one store (StorePair). The same word
// says, with the mark of another zone, that the keys have moved there for good (limit_req_move.h).

#ifndef SLUICE_CORE_LIMIT_REQ_SHARD_H_
#define SLUICE_CORE_LIMIT_REQ_SHARD_H_

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/counter.h"
#include "core/hint_table.h"
#include "core/limit_req_node.h"
#include "core/limit_req_zone.h"
#include "core/lru_queue.h"
#include "core/prefetch.h"
#include "core/rbtree.h"
#include "core/shmtx.h"
#include "core/slab.h"

namespace sluice {

struct alignas(64) Shard {
  // What a shard's owner was in the middle of. Or SuccessorMark.
  enum Change : uint32_t { kNone = 0, kMove, kInsert, kRepair };

  // First cache line: all that a request writes which finds its node and passes. Two processes that decide by one shard
  // hand this line to each other, and no other but the node's.
  Shmtx mutex;
  NodePtr root;
  uint32_t change;
  Counter passed;

  // Second cache line: what such a request reads besides.
  Counter delayed;
  Counter rejected;
  Counter delayed_dry_run;
  Counter rejected_dry_run;
  Counter nodes;      // in the queues
  uint32_t inserted;  // nodes ever, wraps around
  uint32_t reserved;
  LruQueue recent;
  LruQueue in_debt;

  Counter evicted_idle;
  Counter evicted_in_debt;
  Counter allocation_failures;
  Counter repairs;
  SlabPool slab;
};
static_assert(sizeof(Shard) % 64 == 0 && offsetof(Shard, delayed) == 64 && offsetof(Shard, evicted_idle) == 128,
              "part of the layout");

// "SLULREQ1" in memory order
constexpr ZoneFormat kLimitReqFormat = {0x315145524c554c53, sizeof(Shard), kMaxShards, true};

// Where a key is, or would be hung into the tree.
struct Place {
  LimitReqNode* node;  // nullptr: not there
  NodePtr parent;      // only if not there
  int side;
};

// Whether two keys of one length are the same. Addresses as text and those of IPv6 are 8 to 16 bytes long: two words
// each, which may overlap, and no call.
inline bool IsSameKey(const char* a, const char* b, size_t length) {
  if (__builtin_expect(length - 8 > 8, 0)) return memcmp(a, b, length) == 0;
  uint64_t first[2];
  uint64_t last[2];
  memcpy(&first[0], a, 8);
  memcpy(&first[1], b, 8);
  memcpy(&last[0], a + length - 8, 8);
  memcpy(&last[1], b + length - 8, 8);
  return ((first[0] ^ first[1]) | (last[0] ^ last[1])) == 0;
}

// What is in a node; the key lies where it did.
struct NodeCopy {
  ZoneNode::Kind kind;
  uint32_t hash;
  std::string_view key;
  int64_t stamp;
  int64_t amount;  // excess or hits
};

// One process's view of one shard; lives on the stack of one operation. Functions named ...Locked require its lock.
class ShardView {
 public:
  enum ByHash { kByHash };

  ShardView(LimitReqZone* zone, uint32_t hash, ByHash) : ShardView(zone, zone->geometry().ShardOf(hash)) {}
  ShardView(LimitReqZone* zone, uint32_t index)
      : zone_(zone),
        shard_(reinterpret_cast<Shard*>(zone->base() + zone->geometry().ShardOffset(index))),
        index_(index),
        arena_(zone->base(), zone->geometry().pages_offset + (zone->geometry().FirstPage(index) << kPageShift),
               zone->geometry().pages_offset + (zone->geometry().FirstPage(index + 1) << kPageShift)),
        hints_(reinterpret_cast<HintTable::Entry*>(zone->base() + zone->geometry().HintsOffset(index)),
               zone->geometry().hint_sets, zone->geometry().shard_bits, arena_.first(), arena_.count()) {}

  // Fetches what FindLocked will probably need into the cache; needs no lock.
  void Prefetch(uint32_t hash) const {
    PrefetchForWrite(shard_);
    const NodePtr link = hints_.Guess(hash);
    if (link) PrefetchForWrite(zone_->base() + (size_t{link.units} << kLinkShift));
  }

  // An empty shard. REQUIRES: the shard's header is zeroed and nobody else uses the zone yet.
  void FormatLocked();

  // False, and no lock is held, if the keys are in the zone's successor by now.
  [[nodiscard]] bool Lock(RobustList& self) {
    shard_->mutex.Lock(self);
    return __builtin_expect(shard_->change == Shard::kNone, 1) || SettleLocked(self);
  }
  // Locks the shard of a key: that of this view, or of the zone's successor that has the key by now.
  void LockShardOf(uint32_t hash, RobustList& self) {
    if (__builtin_expect(!Lock(self), 0)) LockMovedShardOf(hash, self);
  }
  void Unlock(RobustList& self) { shard_->mutex.Unlock(self); }
  // For a caller that got the lock by other means (Shmtx::TakeOver).
  void AfterTakeOverLocked() {
    if (shard_->change != Shard::kNone && !HasMoved()) RepairLocked();
  }
  // Whether the keys are in the zone's successor. Once they are they stay there.
  bool HasMoved() const {
    const LimitReqZone* successor = zone_->successor();
    return successor != nullptr &&
           __atomic_load_n(&shard_->change, __ATOMIC_RELAXED) == SuccessorMark(successor->uid());
  }

  // On damaged links the shard is repaired first. Place::parent is good until the next change of the tree.
  Place FindLocked(ZoneNode::Kind kind, uint32_t hash, std::string_view key);

  // Notes that a request looked at the node, for the order of eviction.
  void TouchLocked(LimitReqNode* node) {
    if (shard_->inserted - node->head.queue_mark > shard_->nodes.load(std::memory_order_relaxed) / 4) {
      MoveToFrontLocked(node);
    } else if ((node->head.flags & ZoneNode::kReferenced) == 0) {
      node->head.set(ZoneNode::kReferenced, true);
    }
  }

  // What may be evicted to make room.
  enum Sacrifice { kNothing, kIdle, kAnything };

  // Inserts a key that is not there, after expiring two nodes at most and evicting what must go. Spares the `pinned`
  // nodes. nullptr when it cannot be made to fit.
  LimitReqNode* InsertLocked(ZoneNode::Kind kind, uint32_t hash, std::string_view key, int64_t stamp, int64_t amount,
                             int64_t now_ms, const LimitReqNode* const* pinned, int pinned_count,
                             Sacrifice sacrifice = kAnything);
  void RemoveLocked(LimitReqNode* node);
  // From now on the keys are in the zone's successor.
  void MarkMovedLocked() {
    __atomic_store_n(&shard_->change, SuccessorMark(zone_->successor()->uid()), __ATOMIC_RELAXED);
  }

  // Takes over what another zone knows of a key, whether the key is known here or not. So many pages stay free
  // besides, unless it may sacrifice anything. False when there is no room.
  bool AdoptLocked(const NodeCopy& node, Sacrifice sacrifice, uint32_t spare_pages, int64_t now_ms);
  // Puts the nodes in the order of their age, for eviction.
  void SortByAgeLocked();

  // Walks the nodes that are whole, whatever the links say, as a repair would; begin with {0, 0}.
  bool NextIntactLocked(SlabCursor* cursor, const LimitReqNode** node, NodeCopy* copy);
  // Walks the nodes of the pages [cursor->page, end_page), whatever the links say; begin with {first_page, 0}. What was
  // returned last may be removed before the next call.
  bool NextLocked(SlabCursor* cursor, uint32_t end_page, LimitReqNode** node);
  uint32_t page_count() const {
    const ZoneGeometry& g = zone_->geometry();
    return static_cast<uint32_t>(g.FirstPage(index_ + 1) - g.FirstPage(index_));
  }

  // Rebuilds all links from the nodes that the slab holds; see limit_req_repair.cc.
  void RepairLocked();

  // No bucket was charged later than `now_ms`, whatever was read from a file: it would not drain until then. And no
  // window ends later than one that begins now.
  void EndFutureLocked(int64_t now_ms);

  // The text of the first broken invariant, or nullptr; see limit_req_check.cc.
  const char* CheckLocked();

  LimitReqZone* zone() const { return zone_; }
  Shard* shard() { return shard_; }
  uint32_t index() const { return index_; }

 private:
  struct Pins {
    const LimitReqNode* const* nodes;
    int count;
    bool Has(const LimitReqNode* node) const {
      for (int i = 0; i < count; ++i) {
        if (nodes[i] == node) return true;
      }
      return false;
    }
  };

  __attribute__((noinline, cold)) bool SettleLocked(RobustList& self);
  __attribute__((noinline, cold)) void LockMovedShardOf(uint32_t hash, RobustList& self);
  Slab MakeSlab() const;
  LimitReqNode* At(NodePtr link) { return reinterpret_cast<LimitReqNode*>(arena_.Get(link)); }
  NodePtr LinkTo(const LimitReqNode* node) const { return arena_.LinkTo(&node->head); }
  LruQueue& QueueOf(const LimitReqNode* node) {
    return (node->head.flags & ZoneNode::kInDebtQueue) != 0 ? shard_->in_debt : shard_->recent;
  }
  // Whether the node, known to be inside the arena, is the one of this kind and key.
  bool IsKeyOf(const LimitReqNode* node, ZoneNode::Kind kind, uint32_t hash, std::string_view key) const {
    return node->head.hash == hash && node->head.key_length == key.size() && node->head.kind == kind &&
           NodeSize(key.size()) <= arena_.BytesFrom(&node->head) && IsSameKey(node->key(), key.data(), key.size());
  }
  Place DescendLocked(ZoneNode::Kind kind, uint32_t hash, std::string_view key);
  // Announces a change, and takes the announcement back: everything in between may be torn by a death.
  void Begin(Shard::Change change);
  void End();

  __attribute__((noinline)) void MoveToFrontLocked(LimitReqNode* node);
  void MoveLocked(LimitReqNode* node, LruQueue* to, bool to_in_debt);
  void EraseLocked(Slab& slab, LimitReqNode* node);
  void EvictLocked(Slab& slab, LimitReqNode* node, bool in_debt);
  void ExpireLocked(Slab& slab, int64_t now_ms, const Pins& pins);
  // Eviction, limit_req_evict.cc.
  char* AllocEvictingLocked(Slab& slab, size_t size, int64_t now_ms, const Pins& pins, Sacrifice sacrifice);
  LimitReqNode* NextIdleVictimLocked(int64_t now_ms, const Pins& pins);
  LimitReqNode* NextVictimInDebtLocked(const Pins& pins);
  bool ClearPagesLocked(Slab& slab, const LimitReqNode* around, uint32_t pages, bool any, int64_t now_ms,
                        const Pins& pins);

  bool HasRoomLocked(size_t size, uint32_t spare_pages) const {
    return Slab::HasPartial(shard_->slab, size) ||
           shard_->slab.free_pages >= uint64_t{spare_pages} + Slab::PagesFor(size);
  }

  // Repair and check.
  static bool IsQueued(const LimitReqNode* node) { return node->head.kind != ZoneNode::kLimitName; }
  // `copy` gets what was found to be whole.
  bool IsIntact(const LimitReqNode* node, size_t chunk_size, NodeCopy* copy) const;
  static bool KeepIntact(void* view, char* chunk, size_t size);
  void RelinkLocked(Slab& slab);
  void SortRecentByAgeLocked();

  LimitReqZone* zone_;
  Shard* shard_;
  uint32_t index_;
  NodeArena arena_;
  HintTable hints_;
};

}  // namespace sluice

#endif  // SLUICE_CORE_LIMIT_REQ_SHARD_H_
