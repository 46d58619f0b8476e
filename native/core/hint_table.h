// A small cache of a shard's tree: for a hash, the node that was last found under it. Saves the descent, which in a
// large zone is a dozen of cache misses. The tree stays the truth: an entry is a guess that the caller verifies by the
// key, and may be missing.
//
//   entry (32 bits)   low bits of the hash | number of the node in the arena + 1        0 = empty
//   set               4 entries beside each other; the hash's bits below those that chose the shard choose the set
//
// Invariant: an entry leads to a living node with such a hash, so it must be removed before the node's memory is
// reused. REQUIRES for all functions but Guess: the shard's lock is held. Guess without it is good for prefetching
// only.

#ifndef SLUICE_CORE_HINT_TABLE_H_
#define SLUICE_CORE_HINT_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/zone_node.h"

namespace sluice {

class HintTable {
 public:
  using Entry = std::atomic<uint32_t>;
  static constexpr uint32_t kWays = 4;

  // `first` and `count` are those of the arena, in link units; `shard_bits` top bits of a hash are the same in this
  // shard.
  HintTable(Entry* entries, uint32_t sets, uint32_t shard_bits, uint32_t first, uint32_t count)
      : entries_(entries), sets_(sets), shard_bits_(shard_bits), first_(first), count_(count) {
    node_bits_ = 32 - static_cast<uint32_t>(__builtin_clz(count));
  }

  // kNil or a link inside the arena.
  NodePtr Guess(uint32_t hash) const {
    const Entry* set = SetOf(hash);
    const uint32_t tag = TagOf(hash);
    for (uint32_t way = 0; way < kWays; ++way) {
      // A tag that differs leaves high bits behind; an empty entry leaves a tag, or 0.
      const uint32_t number = set[way].load(std::memory_order_relaxed) ^ tag;
      if (number - 1 < count_) return {first_ + number - 1};
    }
    return kNil<ZoneNode>;
  }

  // `chance` chooses whom to replace in a full set.
  void Put(uint32_t hash, NodePtr node, uint64_t chance) {
    Entry* set = SetOf(hash);
    const uint32_t tag = TagOf(hash);
    uint32_t way = static_cast<uint32_t>(chance) % kWays;
    for (uint32_t i = 0; i < kWays; ++i) {
      const uint32_t entry = set[i].load(std::memory_order_relaxed);
      if (entry == 0) way = i;
      if ((entry ^ tag) - 1 < count_) {  // one with this tag would be found first: take its place
        way = i;
        break;
      }
    }
    set[way].store(tag | (node.units - first_ + 1), std::memory_order_relaxed);
  }

  void Remove(uint32_t hash, NodePtr node) {
    Entry* set = SetOf(hash);
    const uint32_t mine = TagOf(hash) | (node.units - first_ + 1);
    for (uint32_t way = 0; way < kWays; ++way) {
      if (set[way].load(std::memory_order_relaxed) == mine) set[way].store(0, std::memory_order_relaxed);
    }
  }

  void Clear() {
    for (uint32_t i = 0; i < sets_ * kWays; ++i) entries_[i].store(0, std::memory_order_relaxed);
  }

  // For the checker: the text of the first broken invariant, or nullptr.
  const char* Check(NodeArena& arena) const {
    const uint32_t tag_mask = node_bits_ == 32 ? 0 : ~uint32_t{0} << node_bits_;
    for (uint32_t i = 0; i < sets_ * kWays; ++i) {
      const uint32_t entry = entries_[i].load(std::memory_order_relaxed);
      if (entry == 0) continue;
      const uint32_t number = entry & ~tag_mask;
      if (number - 1 >= count_) return "hints: one leads out of the shard";
      const ZoneNode* node = arena.Get({first_ + number - 1});
      if (node->kind == ZoneNode::kDead || TagOf(node->hash) != (entry & tag_mask) ||
          SetOf(node->hash) != entries_ + i / kWays * kWays) {
        return "hints: one leads to a wrong node";
      }
    }
    return nullptr;
  }

 private:
  uint32_t TagOf(uint32_t hash) const { return node_bits_ == 32 ? 0 : hash << node_bits_; }
  Entry* SetOf(uint32_t hash) const { return entries_ + (uint64_t{hash << shard_bits_} * sets_ >> 32) * kWays; }

  Entry* entries_;
  uint32_t sets_;
  uint32_t shard_bits_;
  uint32_t first_;
  uint32_t count_;
  uint32_t node_bits_;
};

}  // namespace sluice

#endif  // SLUICE_CORE_HINT_TABLE_H_
