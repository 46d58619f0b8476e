// Repair of a shard whose owner died inside a change, or whose links turned out to be damaged.
// Nothing but the nodes themselves is believed: a chunk that the slab counts as used, that says what it is, whose key
// has the hash it states, and that belongs into this shard. Tree, queues, lists and counts are made anew from those. So
// at most the node that was being written is lost. Shard::change stays set until the end: a death inside the repair
// only means that somebody begins it again.

#include "core/crc32.h"
#include "core/limit_req_shard.h"

namespace sluice {

void ShardView::RepairLocked() {
  shard_->change = Shard::kRepair;
  SLUICE_FAULT_POINT("repair.begin");
  arena_.clear_corrupt();
  Slab slab = MakeSlab();
  slab.Rebuild(KeepIntact, this);
  SLUICE_FAULT_POINT("repair.slab");
  RelinkLocked(slab);
  SortRecentByAgeLocked();
  arena_.clear_corrupt();
  Bump(shard_->repairs);
  SLUICE_FAULT_POINT("repair.end");
  shard_->change = Shard::kNone;
  SLUICE_FAULT_POINT("repair.ended");
}

void ShardView::EndFutureLocked(int64_t now_ms) {
  Slab slab = MakeSlab();
  char* chunk;
  size_t size;
  for (SlabCursor cursor = {0, 0}; slab.Next(&cursor, slab.page_count(), &chunk, &size);) {
    LimitReqNode* node = reinterpret_cast<LimitReqNode*>(chunk);
    const uint16_t code = node->rate_code();
    const bool is_window = node->head.kind == ZoneNode::kWindow;
    if (!is_window && node->head.kind != ZoneNode::kBucket) continue;
    const int64_t latest_ms = is_window ? now_ms + LengthAtMost(code) : now_ms;
    if (node->time() > latest_ms) StorePair(node, MakeStamp(latest_ms, code), node->excess);
  }
}

bool ShardView::KeepIntact(void* view, char* chunk, size_t size) {
  NodeCopy copy;
  return static_cast<const ShardView*>(view)->IsIntact(reinterpret_cast<const LimitReqNode*>(chunk), size, &copy);
}

// What is judged is what is copied: another process may scribble over the node meanwhile.
bool ShardView::IsIntact(const LimitReqNode* node, size_t chunk_size, NodeCopy* copy) const {
  if (chunk_size < NodeSize(1)) return false;
  const uint8_t kind = __atomic_load_n(&node->head.kind, __ATOMIC_RELAXED);
  if (kind != ZoneNode::kBucket && kind != ZoneNode::kWindow && kind != ZoneNode::kLimitName) return false;
  const size_t length = __atomic_load_n(&node->head.key_length, __ATOMIC_RELAXED);
  const size_t size = NodeSize(length);
  if (length == 0 || size > chunk_size || Slab::FitOf(size) != Slab::FitOf(chunk_size)) return false;
  *copy = {static_cast<ZoneNode::Kind>(kind), __atomic_load_n(&node->head.hash, __ATOMIC_RELAXED),
           std::string_view(node->key(), length), __atomic_load_n(&node->stamp, __ATOMIC_RELAXED),
           __atomic_load_n(&node->excess, __ATOMIC_RELAXED)};
  // No burst is larger.
  if (copy->amount < 0 || copy->amount > kMaxTicks) return false;
  return Crc32(copy->key) == copy->hash && zone_->geometry().ShardOf(copy->hash) == index_;
}

// Hangs every node into the tree, and those that can be evicted into the queue, in any order.
void ShardView::RelinkLocked(Slab& slab) {
  hints_.Clear();
  shard_->root = kNil<ZoneNode>;
  shard_->recent.Clear();
  shard_->in_debt.Clear();
  uint64_t nodes = 0;
  char* chunk;
  size_t size;
  for (SlabCursor cursor = {0, 0}; slab.Next(&cursor, slab.page_count(), &chunk, &size);) {
    LimitReqNode* node = reinterpret_cast<LimitReqNode*>(chunk);
    const size_t length = node->head.key_length;
    // Scribbled over since it was found to be whole.
    if (NodeSize(length) > size) continue;
    const auto kind = static_cast<ZoneNode::Kind>(node->head.kind);
    const Place place = DescendLocked(kind, node->head.hash, std::string_view(node->key(), length));
    if (place.node != nullptr) {
      // Twice the same key can only be somebody's scribbling. The larger amount stays: when in doubt nobody gets more.
      if (node->excess > place.node->excess) StorePair(place.node, node->stamp, node->excess);
      node->head.kind = ZoneNode::kDead;
      slab.Free(chunk);
      continue;
    }
    const NodePtr link = LinkTo(node);
    node->head.flags = 0;
    node->head.queue_mark = shard_->inserted;
    RbInsert(arena_, &shard_->root, place.parent, place.side, link);
    if (IsQueued(node)) {
      shard_->recent.PushNewest(arena_, link);
      ++nodes;
    }
    SLUICE_FAULT_POINT("repair.linked");
  }
  shard_->nodes.store(nodes, std::memory_order_relaxed);
}

// The order of use is lost with the links; the time of the last charge, or of a window's end, is the next
// best. Merge sort on `older`, with
// the usual bins of 2^i nodes; `newer` is set at the end.
void ShardView::SortRecentByAgeLocked() {
  NodePtr bins[32] = {};
  const auto merge = [this](NodePtr a, NodePtr b) {
    NodePtr first = kNil<ZoneNode>;
    NodePtr* tail = &first;
    while (a && b) {
      NodePtr& newer = At(a)->stamp >= At(b)->stamp ? a : b;
      *tail = newer;
      tail = &At(newer)->head.older;
      newer = *tail;
      SLUICE_FAULT_POINT("repair.sort");
    }
    *tail = a ? a : b;
    return first;
  };

  for (NodePtr link = shard_->recent.newest; link;) {
    NodePtr carry = link;
    link = At(carry)->head.older;
    At(carry)->head.older = kNil<ZoneNode>;
    int bin = 0;
    for (; bin < 31 && bins[bin]; ++bin) {
      carry = merge(bins[bin], carry);
      bins[bin] = kNil<ZoneNode>;
    }
    bins[bin] = bins[bin] ? merge(bins[bin], carry) : carry;
  }
  NodePtr sorted = kNil<ZoneNode>;
  for (const NodePtr bin : bins) sorted = merge(bin, sorted);

  shard_->recent.newest = sorted;
  NodePtr newer = kNil<ZoneNode>;
  for (NodePtr link = sorted; link; link = At(link)->head.older) {
    At(link)->head.newer = newer;
    newer = link;
  }
  shard_->recent.oldest = newer;
}

}  // namespace sluice
