// The red-black tree and the LRU queue against sorted arrays, with all invariants checked on the way.

#include "core/rbtree.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/lru_queue.h"
#include "test.h"
#include "zone_fixture.h"

namespace sluice {
namespace test {
namespace {

constexpr uint32_t kNodes = 500;

// Nodes in consecutive cells, keyed by `hash`.
struct Cells {
  Cells() : bytes((kNodes + 64) * kLinkUnit), arena(bytes.base(), kLinkUnit, (kNodes + 1) * kLinkUnit) {}
  ZoneNode* At(NodePtr link) { return arena.Get(link); }
  static NodePtr Link(uint32_t i) { return {i + 1}; }

  SharedBytes bytes;
  NodeArena arena;
  NodePtr root = kNil<ZoneNode>;

  void Insert(NodePtr link, uint32_t key) {
    At(link)->hash = key;
    NodePtr parent = kNil<ZoneNode>;
    int side = 0;
    for (NodePtr at = root; at; at = At(at)->child[side]) {
      parent = at;
      side = key > At(at)->hash;
    }
    RbInsert(arena, &root, parent, side, link);
  }

  // Black height, or -1 and a message.
  int Verify(NodePtr link, NodePtr parent, bool parent_red) {
    if (!link) return 0;
    const ZoneNode* node = At(link);
    if (node->parent != parent) return Bad("wrong parent");
    if (parent_red && node->red()) return Bad("red below red");
    const int left = Verify(node->child[0], link, node->red());
    const int right = Verify(node->child[1], link, node->red());
    if (left < 0 || right < 0) return -1;
    if (left != right) return Bad("unequal black height");
    return left + (node->red() ? 0 : 1);
  }
  int Bad(const char* what) {
    Fail(__FILE__, __LINE__, what);
    return -1;
  }
  std::vector<uint32_t> InOrder() {
    std::vector<uint32_t> keys;
    for (NodePtr at = RbFirst(arena, root); at; at = RbNext(arena, at)) keys.push_back(At(at)->hash);
    return keys;
  }
};

TEST("rbtree: random insertions and deletions keep order and balance") {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Random random(seed);
    Cells cells;
    std::vector<uint32_t> model;  // sorted keys
    std::vector<NodePtr> unused, used;
    for (uint32_t i = 0; i < kNodes; ++i) unused.push_back(Cells::Link(i));
    for (int step = 0; step < 3000 / Slowdown(); ++step) {
      const bool grow = random.Below(100) < (step / 600 % 2 == 0 ? 65u : 35u);
      if ((grow || used.empty()) && !unused.empty()) {
        const uint32_t key = static_cast<uint32_t>(random.Below(seed % 3 == 0 ? 1u << 31 : 100000u));
        if (std::binary_search(model.begin(), model.end(), key)) continue;
        model.insert(std::upper_bound(model.begin(), model.end(), key), key);
        cells.Insert(unused.back(), key);
        used.push_back(unused.back());
        unused.pop_back();
      } else if (!used.empty()) {
        const size_t at = random.Below(used.size());
        const NodePtr link = used[at];
        model.erase(std::lower_bound(model.begin(), model.end(), cells.At(link)->hash));
        RbErase(cells.arena, &cells.root, link);
        used[at] = used.back();
        used.pop_back();
        unused.push_back(link);
      }
      if (step % 16 == 0) {
        EXPECT(cells.InOrder() == model);
        EXPECT(!cells.root || !cells.At(cells.root)->red());
        cells.Verify(cells.root, kNil<ZoneNode>, false);
      }
    }
    while (!used.empty()) {
      RbErase(cells.arena, &cells.root, used.back());
      used.pop_back();
    }
    EXPECT(!cells.root);
    EXPECT(!cells.arena.corrupt());
  }
}

TEST("rbtree: keys in ascending order give a tree of logarithmic height") {
  Cells cells;
  for (uint32_t i = 0; i < kNodes; ++i) cells.Insert(Cells::Link(i), i);
  int height = 0;
  for (NodePtr at = cells.root; at; at = cells.At(at)->child[1]) ++height;
  EXPECT(height <= 18);  // 2 log2(501)
  EXPECT_EQ(RbFirst(cells.arena, cells.root).units, 1u);
}

TEST("rbtree: on scribbled links every operation ends, stays inside and says that the tree is damaged") {
  int noticed = 0;
  for (uint64_t seed = 1; seed <= 3000u / static_cast<unsigned>(Slowdown()); ++seed) {
    Random random(seed);
    Cells cells;
    for (uint32_t i = 0; i < 100; ++i)
      cells.Insert(Cells::Link(i), static_cast<uint32_t>(random.Below(1000000)) * 128 + i);
    for (int i = 0; i < 5; ++i) {
      ZoneNode* node = cells.At(Cells::Link(static_cast<uint32_t>(random.Below(100))));
      const NodePtr wild = {static_cast<uint32_t>(random.Below(2) == 0 ? random.Next() : random.Below(kNodes))};
      switch (random.Below(4)) {
        case 0:
          node->parent = wild;
          break;
        case 1:
          node->flags = static_cast<uint8_t>(random.Next() >> 30);
          break;
        default:
          node->child[random.Below(2)] = wild;
      }
    }
    for (uint32_t i = 0; i < 60; ++i) RbErase(cells.arena, &cells.root, Cells::Link(i));
    NodePtr at = RbFirst(cells.arena, cells.root);
    for (int i = 0; at && i < 1000; ++i) at = RbNext(cells.arena, at);
    noticed += cells.arena.corrupt() ? 1 : 0;
  }
  EXPECT(noticed > 0);
}

TEST("lru queue: random pushes and removals keep the order") {
  Random random(7);
  Cells cells;
  LruQueue queue = {kNil<ZoneNode>, kNil<ZoneNode>};
  std::vector<uint32_t> model;  // oldest first
  for (int step = 0; step < 4000; ++step) {
    const uint32_t i = static_cast<uint32_t>(random.Below(50));
    const auto found = std::find(model.begin(), model.end(), i);
    if (found != model.end()) {
      queue.Remove(cells.arena, Cells::Link(i));
      model.erase(found);
    }
    if (random.Below(3) > 0) {
      queue.PushNewest(cells.arena, Cells::Link(i));
      model.push_back(i);
    }
    std::vector<uint32_t> forward, backward;
    for (NodePtr at = queue.oldest; at; at = cells.At(at)->newer) forward.push_back(at.units - 1);
    for (NodePtr at = queue.newest; at; at = cells.At(at)->older) backward.push_back(at.units - 1);
    std::reverse(backward.begin(), backward.end());
    EXPECT(forward == model);
    EXPECT(backward == model);
  }
}

}  // namespace
}  // namespace test
}  // namespace sluice
