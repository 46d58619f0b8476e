// The slab against a byte map: random sequences of allocations and frees, with every byte that is handed out owned by
// one allocation only; capacities of nginx's page design; rebuilding.

#include "core/slab.h"

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "test.h"
#include "zone_fixture.h"

namespace sluice {
namespace test {
namespace {

struct TestSlab {
  explicit TestSlab(uint32_t pages)
      : memory(pages * kPageSize), table(pages), slab(&pool, table.data(), memory.base(), pages) {
    memset(memory.base(), 0xA5, memory.size());
    memset(table.data(), 0xA5, table.size() * sizeof(SlabPage));
    slab.Format();
  }
  void ExpectWhole() {
    const char* broken = slab.Check();
    EXPECT_EQ(std::string(broken == nullptr ? "" : broken), "");
    EXPECT(!slab.corrupt());
  }
  SharedBytes memory;
  SlabPool pool;
  std::vector<SlabPage> table;
  Slab slab;
};

bool KeepAll(void*, char*, size_t) { return true; }

TEST("slab: a page holds as many chunks of each class as nginx's") {
  const std::map<size_t, uint32_t> expected = {{8, 504},  {16, 254}, {32, 127}, {64, 64}, {128, 32},
                                               {256, 16}, {512, 8},  {1024, 4}, {2048, 2}};
  for (const auto& [size, chunks] : expected) {
    EXPECT_EQ(Slab::ChunksPerPage(size), chunks);
    TestSlab t(1);
    for (uint32_t i = 0; i < chunks; ++i) EXPECT(t.slab.Alloc(size) != nullptr);
    t.ExpectWhole();
    EXPECT(t.slab.Alloc(size) == nullptr);
    EXPECT_EQ(t.pool.stats[Slab::FitOf(size) - kSlabMinShift].failures, 1u);
  }
}

TEST("slab: sizes are rounded up to a power of two, and above half a page to pages") {
  EXPECT_EQ(Slab::FitOf(1), Slab::FitOf(8));
  EXPECT_EQ(Slab::FitOf(33), Slab::FitOf(64));
  EXPECT(Slab::FitOf(64) != Slab::FitOf(65));
  EXPECT(Slab::FitOf(2048) != Slab::FitOf(2049));
  EXPECT_EQ(Slab::FitOf(2049), Slab::FitOf(4096));
  EXPECT_EQ(Slab::PagesFor(4097), 2u);
}

TEST("slab: IsUsed tells the start of a chunk in use from everything else") {
  TestSlab t(3);
  for (const size_t size : {size_t{8}, size_t{64}, size_t{2048}}) {
    char* chunk = t.slab.Alloc(size);
    char* behind = t.slab.Alloc(size);
    EXPECT(t.slab.IsUsed(chunk, size));
    EXPECT(t.slab.IsUsed(behind, size));
    EXPECT(!t.slab.IsUsed(chunk + 4, size));
    EXPECT(!t.slab.IsUsed(chunk, size * 2));
    t.slab.Free(behind);
    EXPECT(!t.slab.IsUsed(behind, size));
    t.slab.Free(chunk);
    EXPECT(!t.slab.IsUsed(chunk, size));
  }
  char* run = t.slab.Alloc(2 * kPageSize);
  EXPECT(!t.slab.IsUsed(run, 64));
  EXPECT(!t.slab.IsUsed(t.memory.base() - 64, 64));
  EXPECT(!t.slab.IsUsed(t.memory.base() + t.memory.size(), 64));
  EXPECT(!t.slab.IsUsed(nullptr, 64));
}

TEST("slab: freed runs are merged with both neighbours") {
  TestSlab t(8);
  char* runs[4];
  for (char*& run : runs) run = t.slab.Alloc(2 * kPageSize);
  EXPECT(t.slab.Alloc(1) == nullptr);
  for (const int i : {0, 2, 1, 3}) {
    EXPECT(t.slab.Free(runs[i]) == SlabFree::kOk);
    t.ExpectWhole();
  }
  EXPECT(t.slab.Alloc(8 * kPageSize) != nullptr);
}

TEST("slab: wrong frees are refused and change nothing") {
  TestSlab t(4);
  char* small = t.slab.Alloc(8);
  char* chunk = t.slab.Alloc(100);
  char* run = t.slab.Alloc(2 * kPageSize);
  EXPECT(t.slab.Free(t.memory.base() - 1) == SlabFree::kOutside);
  EXPECT(t.slab.Free(t.memory.base() + t.memory.size()) == SlabFree::kOutside);
  EXPECT(t.slab.Free(chunk + 1) == SlabFree::kWrongChunk);
  EXPECT(t.slab.Free(chunk + 128) == SlabFree::kAlreadyFree);
  EXPECT(t.slab.Free(small - 8) == SlabFree::kWrongChunk);  // part of the page's map
  EXPECT(t.slab.Free(run + 1) == SlabFree::kWrongChunk);
  EXPECT(t.slab.Free(run + kPageSize) == SlabFree::kWrongChunk);
  t.ExpectWhole();
  EXPECT(t.slab.Free(run) == SlabFree::kOk);
  EXPECT(t.slab.Free(run) == SlabFree::kAlreadyFree);
  EXPECT(t.slab.Free(chunk) == SlabFree::kOk);
  EXPECT(t.slab.Free(small) == SlabFree::kOk);
  t.ExpectWhole();
  EXPECT_EQ(t.pool.free_pages, 4u);
}

TEST("slab: random allocations never overlap and the whole memory comes back") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    const uint32_t pages = 1 + static_cast<uint32_t>(random.Below(24));
    TestSlab t(pages);
    std::vector<int> owner(pages * kPageSize, 0);  // the byte map
    struct Held {
      char* at;
      size_t size;
      int id;
    };
    std::vector<Held> held;
    int id = 0;
    const auto put = [&](const Held& h, int expected, int value) {
      const size_t from = static_cast<size_t>(h.at - t.memory.base());
      for (size_t i = 0; i < h.size; ++i) {
        if (owner[from + i] != expected) {
          Fail(__FILE__, __LINE__, "a byte has two owners, seed " + std::to_string(seed));
          return;
        }
        owner[from + i] = value;
      }
    };
    for (int step = 0; step < 3000 / Slowdown(); ++step) {
      if (!held.empty() && random.Below(100) < (step / 500 % 2 == 0 ? 40u : 60u)) {
        const size_t at = random.Below(held.size());
        for (size_t i = 0; i < held[at].size; ++i) {
          if (held[at].at[i] != static_cast<char>(held[at].id)) Fail(__FILE__, __LINE__, "contents were changed");
        }
        put(held[at], held[at].id, 0);
        EXPECT(t.slab.Free(held[at].at) == SlabFree::kOk);
        held[at] = held.back();
        held.pop_back();
      } else {
        const size_t size = random.Below(8) == 0 ? 1 + random.Below(4 * kPageSize) : 1 + random.Below(300);
        char* at = t.slab.Alloc(size);
        if (at == nullptr) continue;
        uint64_t mark;
        memcpy(&mark, at, sizeof(mark));
        EXPECT_EQ(mark, 0u);
        held.push_back({at, size, ++id});
        put(held.back(), 0, id);
        memset(at, static_cast<char>(id), size);
      }
      if (step % 64 == 0) t.ExpectWhole();
      if (step % 500 == 499) {
        t.slab.Rebuild(KeepAll, nullptr);
        t.ExpectWhole();
      }
    }
    for (const Held& h : held) EXPECT(t.slab.Free(h.at) == SlabFree::kOk);
    t.ExpectWhole();
    EXPECT_EQ(t.pool.free_pages, pages);
  }
}

TEST("slab: rebuilding keeps what is wanted and gives back the rest") {
  TestSlab t(16);
  std::vector<char*> chunks;
  for (int i = 0; i < 200; ++i) chunks.push_back(t.slab.Alloc(64));
  char* run = t.slab.Alloc(3 * kPageSize);
  for (size_t i = 0; i < chunks.size(); ++i) *chunks[i] = i % 3 == 0 ? 'k' : 'd';
  *run = 'k';
  t.pool.free_runs = 0xfffffff0;
  for (uint32_t& list : t.pool.partial) list = 77777;
  t.slab.Rebuild([](void*, char* chunk, size_t) { return *chunk == 'k'; }, nullptr);
  t.ExpectWhole();
  for (size_t i = 0; i < chunks.size(); ++i) {
    EXPECT(t.slab.Free(chunks[i]) == (i % 3 == 0 ? SlabFree::kOk : SlabFree::kAlreadyFree));
  }
  EXPECT(t.slab.Free(run) == SlabFree::kOk);
  EXPECT_EQ(t.pool.free_pages, 16u);
}

TEST("slab: page numbers that lead nowhere fail the operation and nothing else") {
  for (uint64_t seed = 1; seed <= 2000u / static_cast<unsigned>(Slowdown()); ++seed) {
    Random random(seed);
    TestSlab t(8);
    std::vector<char*> held;
    for (int i = 0; i < 60; ++i) held.push_back(t.slab.Alloc(random.Below(300) + 1));
    for (int i = 0; i < 20; ++i) t.slab.Free(held[random.Below(held.size())]);
    // Scribble over the table and the roots; afterwards nothing may leave the memory (guard pages watch).
    char* target = random.Below(2) == 0 ? reinterpret_cast<char*>(t.table.data()) : reinterpret_cast<char*>(&t.pool);
    const size_t size =
        target == reinterpret_cast<char*>(&t.pool) ? sizeof(SlabPool) : t.table.size() * sizeof(SlabPage);
    for (int i = 0; i < 4; ++i) target[random.Below(size)] = static_cast<char>(random.Next() >> 20);
    for (int i = 0; i < 100; ++i) {
      if (random.Below(2) == 0) {
        t.slab.Alloc(random.Below(5000) + 1);
      } else if (char* chunk = held[random.Below(held.size())]; chunk != nullptr) {
        t.slab.Free(chunk);
      }
    }
    t.slab.Check();
    t.slab.Rebuild(KeepAll, nullptr);
    t.ExpectWhole();
  }
}

}  // namespace
}  // namespace test
}  // namespace sluice
