// See limit_req_move.h.
// Locks are taken in the order of all: the old zone's shard, then one of the new zone, whose uid is larger.

#include "core/limit_req_move.h"

#include <algorithm>
#include <vector>

#include "core/limit_req_shard.h"

namespace sluice {
namespace {

// The order in which nodes get room.
enum Rank : uint8_t { kName, kInDebt, kIdle };

// For the name of a limit everything, for a debt what is idle.
ShardView::Sacrifice SacrificeFor(Rank rank) {
  constexpr ShardView::Sacrifice kFor[] = {ShardView::kAnything, ShardView::kIdle, ShardView::kNothing};
  return kFor[rank];
}

struct Moving {
  NodeCopy node;
  uint32_t shard;  // of the new zone
  Rank rank;

  bool operator<(const Moving& other) const {
    if (shard != other.shard) return shard < other.shard;
    if (rank != other.rank) return rank < other.rank;
    return node.stamp > other.node.stamp;
  }
};

class Move {
 public:
  Move(LimitReqZone* from, int64_t now_ms)
      : from_(*from), to_(*from->successor()), now_ms_(now_ms), self_(RobustList::Current()) {}

  MoveCounts Run() {
    for (uint32_t i = 0; i < from_.geometry().shard_count; ++i) {
      ShardView shard(&from_, i);
      if (!shard.Lock(self_)) continue;
      MoveLocked(shard);
      SLUICE_FAULT_POINT("migrate.copied");
      shard.MarkMovedLocked();
      SLUICE_FAULT_POINT("migrate.marked");
      shard.Unlock(self_);
    }
    return counts_;
  }

 private:
  void MoveLocked(ShardView& shard) {
    CollectLocked(shard);
    std::sort(nodes_.begin(), nodes_.end());
    for (size_t begin = 0; begin < nodes_.size();) {
      size_t end = begin;
      while (end < nodes_.size() && nodes_[end].shard == nodes_[begin].shard) ++end;
      Fill(shard.index(), begin, end);
      begin = end;
    }
    CountOn(shard.shard());
  }

  void CollectLocked(ShardView& shard) {
    nodes_.clear();
    const int64_t now_ms = from_.TimeOf(now_ms_);
    const LimitReqNode* node;
    NodeCopy copy;
    for (SlabCursor cursor = {0, 0}; shard.NextIntactLocked(&cursor, &node, &copy);) {
      const uint32_t to = to_.geometry().ShardOf(copy.hash);
      if (copy.kind == ZoneNode::kLimitName) {
        nodes_.push_back({copy, to, kName});
        continue;
      }
      if (IsExpired(node, now_ms)) continue;
      nodes_.push_back({copy, to, IsInDebt(node, now_ms) ? kInDebt : kIdle});
    }
  }

  // Puts the nodes [begin, end), all of one new shard, there.
  void Fill(uint32_t from_index, size_t begin, size_t end) {
    ShardView shard(&to_, nodes_[begin].shard);
    // Nothing has moved on from there: a zone is not replaced again before it is in force.
    if (!shard.Lock(self_)) return;
    const uint32_t spare_pages = SparePages(from_index, shard);
    for (size_t i = begin; i < end; ++i) {
      const bool fits =
          shard.AdoptLocked(nodes_[i].node, SacrificeFor(nodes_[i].rank), spare_pages, to_.TimeOf(now_ms_));
      ++(fits ? counts_.moved : counts_.dropped);
      SLUICE_FAULT_POINT("migrate.one");
    }
    shard.SortByAgeLocked();
    shard.Unlock(self_);
  }

  // Where several old shards share a new one, each leaves room for those that come after it.
  uint32_t SparePages(uint32_t from_index, const ShardView& to) const {
    const uint32_t from_bits = from_.geometry().shard_bits;
    const uint32_t to_bits = to_.geometry().shard_bits;
    if (from_bits <= to_bits) return 0;
    const uint64_t sharing = uint64_t{1} << (from_bits - to_bits);
    const uint64_t later = sharing - 1 - from_index % sharing;
    return static_cast<uint32_t>(to.page_count() * later / sharing);
  }

  // What was counted belongs to the zone, not to its memory. (A death right here makes it count once more.)
  void CountOn(const Shard* old) {
    const uint32_t bits = from_.geometry().shard_bits;
    const auto index =
        static_cast<uint32_t>(old - reinterpret_cast<const Shard*>(from_.base() + from_.geometry().ShardOffset(0)));
    ShardView shard(&to_, to_.geometry().ShardOf(bits == 0 ? 0 : index << (32 - bits)));
    if (!shard.Lock(self_)) return;
    const auto add = [](Counter& to, const Counter& from) {
      Bump(to, static_cast<int64_t>(from.load(std::memory_order_relaxed)));
    };
    Shard* now = shard.shard();
    add(now->passed, old->passed);
    add(now->delayed, old->delayed);
    add(now->rejected, old->rejected);
    add(now->delayed_dry_run, old->delayed_dry_run);
    add(now->rejected_dry_run, old->rejected_dry_run);
    add(now->evicted_idle, old->evicted_idle);
    add(now->evicted_in_debt, old->evicted_in_debt);
    add(now->allocation_failures, old->allocation_failures);
    add(now->repairs, old->repairs);
    shard.Unlock(self_);
  }

  LimitReqZone& from_;
  LimitReqZone& to_;
  int64_t now_ms_;
  RobustList& self_;
  std::vector<Moving> nodes_;
  MoveCounts counts_;
};

}  // namespace

MoveCounts MoveToSuccessor(LimitReqZone* zone, int64_t now_ms) { return Move(zone, now_ms).Run(); }

}  // namespace sluice
