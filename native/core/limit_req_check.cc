// The checker: walks everything that a shard links and counts, and names the first thing that does not agree.
// For tests, the fuzzer and support; it holds the shard's lock for as long as it walks.

#include "core/limit_req_shard.h"
#include "core/rbtree_check.h"

namespace sluice {
namespace {

int CompareNodes(NodeArena& arena, const ZoneNode* a, const ZoneNode* b) {
  if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
  if (a->key_length != b->key_length) return a->key_length < b->key_length ? -1 : 1;
  if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
  const size_t size = NodeSize(a->key_length);
  if (size > arena.BytesFrom(a) || size > arena.BytesFrom(b)) return 0;  // damage: found to be out of order
  return memcmp(reinterpret_cast<const LimitReqNode*>(a)->key(), reinterpret_cast<const LimitReqNode*>(b)->key(),
                a->key_length);
}

const char* CheckQueue(NodeArena& arena, const LruQueue& queue, bool in_debt, uint64_t* count) {
  NodePtr newer = kNil<ZoneNode>;
  for (NodePtr link = queue.newest; link; link = arena.Get(link)->older) {
    if (!arena.Contains(link)) return "queue: a link leads out of the shard";
    const ZoneNode* node = arena.Get(link);
    if (node->newer != newer) return "queue: a node is not linked back";
    if (((node->flags & ZoneNode::kInDebtQueue) != 0) != in_debt) return "queue: a node is in the wrong queue";
    newer = link;
    if (++*count > arena.count()) return "queue: runs in a circle";
  }
  return queue.oldest == newer ? nullptr : "queue: the oldest node is another one";
}

}  // namespace

const char* ShardView::CheckLocked() {
  if (shard_->change != Shard::kNone) return "shard: a change is under way";
  uint64_t in_tree = 0;
  if (const char* broken = RbCheck(arena_, shard_->root, CompareNodes, &in_tree)) return broken;

  uint64_t queued = 0;
  if (const char* broken = CheckQueue(arena_, shard_->recent, false, &queued)) return broken;
  if (const char* broken = CheckQueue(arena_, shard_->in_debt, true, &queued)) return broken;
  if (shard_->nodes.load(std::memory_order_relaxed) != queued) return "shard: the number of nodes is wrong";

  Slab slab = MakeSlab();
  if (const char* broken = slab.Check()) return broken;
  if (const char* broken = hints_.Check(arena_)) return broken;
  uint64_t used = 0;
  uint64_t names = 0;
  char* chunk;
  size_t size;
  for (SlabCursor cursor = {0, 0}; slab.Next(&cursor, slab.page_count(), &chunk, &size); ++used) {
    const LimitReqNode* node = reinterpret_cast<const LimitReqNode*>(chunk);
    NodeCopy copy;
    if (!IsIntact(node, size, &copy)) return "slab: a used chunk is no node";
    if (DescendLocked(copy.kind, copy.hash, copy.key).node != node) return "tree: a node is not found under its key";
    if (!IsQueued(node)) ++names;
  }
  if (used != in_tree) return "slab: a node was lost or leaked";
  return queued + names == in_tree ? nullptr : "queue: tree and queues hold different numbers of nodes";
}

}  // namespace sluice
