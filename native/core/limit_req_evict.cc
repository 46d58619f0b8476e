// Making room in a full shard. Order of sacrifice: expired nodes (whose loss nobody can notice), then idle ones in LRU
// order until the new node fits, then nodes in debt, counted apart. An insertion fails only when nothing is left to
// evict.
//
// Chunks of different classes cannot replace each other. Evicting by age alone until a whole page happens to be free
// would flush most of the zone for one long key, so besides the victim the pages around it are cleared: a page's worth
// of mostly equally old nodes.

#include <algorithm>

#include "core/limit_req_shard.h"

namespace sluice {
namespace {
constexpr int kExpirePerInsert = 2;  // as nginx: keeps pace with insertions, and bounds their cost
}  // namespace

void ShardView::EvictLocked(Slab& slab, LimitReqNode* node, bool in_debt) {
  EraseLocked(slab, node);
  Bump(in_debt ? shard_->evicted_in_debt : shard_->evicted_idle);
}

void ShardView::ExpireLocked(Slab& slab, int64_t now_ms, const Pins& pins) {
  LruQueue* const queues[] = {&shard_->recent, &shard_->in_debt};
  int left = kExpirePerInsert;
  for (LruQueue* queue : queues) {
    while (left > 0 && queue->oldest) {
      LimitReqNode* node = At(queue->oldest);
      if (arena_.corrupt() || !IsExpired(node, now_ms) || pins.Has(node)) break;
      EraseLocked(slab, node);
      --left;
    }
  }
}

char* ShardView::AllocEvictingLocked(Slab& slab, size_t size, int64_t now_ms, const Pins& pins, Sacrifice sacrifice) {
  const uint32_t pages = Slab::PagesFor(size);
  for (bool any = false;;) {
    char* chunk = slab.Alloc(size);
    if (chunk != nullptr) return chunk;
    if (slab.corrupt() || arena_.corrupt()) {
      RepairLocked();
      shard_->change = Shard::kInsert;
      slab.clear_corrupt();
      chunk = slab.Alloc(size);
      if (chunk != nullptr) return chunk;
      if (slab.corrupt() || arena_.corrupt()) return nullptr;
    }
    if (pages > slab.page_count() || sacrifice == kNothing) return nullptr;
    LimitReqNode* victim = any ? nullptr : NextIdleVictimLocked(now_ms, pins);
    if (victim == nullptr) {
      if (sacrifice == kIdle) return nullptr;
      any = true;
      victim = NextVictimInDebtLocked(pins);
      if (victim == nullptr) return nullptr;
    }
    const bool same_fit = Slab::FitOf(NodeSize(victim->head.key_length)) == Slab::FitOf(size);
    if (!same_fit && ClearPagesLocked(slab, victim, pages, any, now_ms, pins)) continue;
    if (arena_.corrupt()) continue;
    EvictLocked(slab, victim, any && IsInDebt(victim, now_ms));
  }
}

// The oldest node that owes nothing, or nullptr. Passing nodes by moves them away from the end, so none is passed twice
// in a row: referenced ones to the front, those in debt to their own queue.
LimitReqNode* ShardView::NextIdleVictimLocked(int64_t now_ms, const Pins& pins) {
  // One look at who was set aside longest: its debt may have drained.
  if (shard_->in_debt.oldest) {
    LimitReqNode* node = At(shard_->in_debt.oldest);
    if (arena_.corrupt()) return nullptr;
    if (pins.Has(node) || IsInDebt(node, now_ms)) {
      MoveLocked(node, &shard_->in_debt, true);
    } else if ((node->head.flags & ZoneNode::kReferenced) != 0) {
      MoveLocked(node, &shard_->recent, false);
    } else {
      return node;
    }
  }
  // Each node is met at most twice: once referenced, once more.
  for (uint64_t guard = 2 * uint64_t{arena_.count()}; guard > 0 && shard_->recent.oldest; --guard) {
    LimitReqNode* node = At(shard_->recent.oldest);
    if (arena_.corrupt()) return nullptr;
    if (pins.Has(node)) {
      if (shard_->recent.newest == shard_->recent.oldest) return nullptr;
      MoveLocked(node, &shard_->recent, false);
    } else if (IsInDebt(node, now_ms)) {
      MoveLocked(node, &shard_->in_debt, true);
    } else if ((node->head.flags & ZoneNode::kReferenced) != 0) {
      MoveLocked(node, &shard_->recent, false);
    } else {
      return node;
    }
    if (arena_.corrupt()) return nullptr;
  }
  return nullptr;
}

// The node in debt that was set aside longest ago, or any node that is not pinned.
LimitReqNode* ShardView::NextVictimInDebtLocked(const Pins& pins) {
  for (LruQueue* queue : {&shard_->in_debt, &shard_->recent}) {
    NodePtr link = queue->oldest;
    for (int i = 0; link && i <= pins.count; ++i) {
      LimitReqNode* node = At(link);
      if (arena_.corrupt()) return nullptr;
      if (!pins.Has(node)) return node;
      link = node->head.newer;
    }
  }
  return nullptr;
}

// Frees `pages` pages in a row around a node by evicting all that lies there. Does nothing and returns false if a node
// there is pinned, the name of a limit, or in debt (unless `any`).
bool ShardView::ClearPagesLocked(Slab& slab, const LimitReqNode* around, uint32_t pages, bool any, int64_t now_ms,
                                 const Pins& pins) {
  const uint32_t first = std::min(slab.PageOf(reinterpret_cast<const char*>(around)), slab.page_count() - pages);
  const uint32_t end = first + pages;
  char* chunk;
  size_t size;
  uint32_t found = 0;
  // A run that begins before the window may reach into it; begin early enough to see it.
  constexpr uint32_t kLongestRun = static_cast<uint32_t>((NodeSize(kMaxKeyLength) + kPageSize - 1) >> kPageShift);
  const SlabCursor begin = {first >= kLongestRun ? first - kLongestRun + 1 : 0, 0};
  for (SlabCursor cursor = begin; slab.Next(&cursor, end, &chunk, &size);) {
    if (slab.PageOf(chunk + size - 1) < first) continue;
    const LimitReqNode* node = reinterpret_cast<const LimitReqNode*>(chunk);
    if ((node->head.kind != ZoneNode::kBucket && node->head.kind != ZoneNode::kWindow) ||
        !arena_.Contains(LinkTo(node))) {
      return false;
    }
    if (pins.Has(node) || (!any && IsInDebt(node, now_ms))) return false;
    ++found;
  }
  if (found == 0) return false;
  for (SlabCursor cursor = begin; slab.Next(&cursor, end, &chunk, &size);) {
    if (slab.PageOf(chunk + size - 1) < first) continue;
    LimitReqNode* node = reinterpret_cast<LimitReqNode*>(chunk);
    EvictLocked(slab, node, IsInDebt(node, now_ms));
    if (arena_.corrupt()) return false;
  }
  return true;
}

}  // namespace sluice
