// The slab allocator of a shard: nginx's size classes and page design, on page numbers instead of pointers.
// A request of up to half a page takes a chunk of a power of two (8 bytes at least) from a page of that class; a larger
// one takes a run of whole pages. Free runs are merged with their neighbours; there is no compaction and no growth.
//
//   SlabPage.kind   map                            next/prev
//   kFreeBody       (last of a run: its head)      -                 zeroed memory is this
//   kFreeHead       length of the free run         list of free runs
//   kRunHead        length of the allocated run    -
//   kRunBody        -                              -
//   kChunks         one bit a chunk, 1 = used      list of this class's pages with a free chunk
//                   (classes below 64 bytes need more than 64 bits: theirs lie in the page's first chunks)
//
// Crash safety. An allocation is one bit (or one kind) that becomes set in one store, and before that the chunk's first
// 8 bytes are cleared; so "used" chunks always begin with what their owner wrote, or with 0. Everything else (lists,
// free runs, counts) may be torn by a death and is recomputed by Rebuild. Page numbers read from shared memory are
// checked before use; a bad one sets corrupt() and the operation fails.

#ifndef SLUICE_CORE_SLAB_H_
#define SLUICE_CORE_SLAB_H_

#include <cstddef>
#include <cstdint>

#include "core/zone_layout.h"

namespace sluice {

constexpr uint32_t kSlabMinShift = 3;
constexpr uint32_t kSlabMaxShift = kPageShift - 1;
constexpr uint32_t kSlabClasses = kSlabMaxShift - kSlabMinShift + 1;

struct SlabPage {
  enum Kind : uint8_t { kFreeBody = 0, kFreeHead = 1, kRunHead = 2, kRunBody = 3, kChunks = 4 };

  uint64_t map;
  uint32_t next;  // page number + 1; 0 = end of list
  uint32_t prev;
  uint16_t kind_and_shift;  // kind | shift << 8, changed in one store
  uint16_t reserved[3];

  uint8_t kind() const { return static_cast<uint8_t>(kind_and_shift); }
  uint32_t shift() const { return kind_and_shift >> 8; }
};
static_assert(sizeof(SlabPage) == 24, "part of the layout");

// The allocator's roots, in the shard's header.
struct SlabPool {
  struct ClassStats {
    uint32_t total;  // chunks in pages of this class, without those that hold the map
    uint32_t used;
    uint32_t requests;
    uint32_t failures;
  };
  uint32_t free_runs;   // list head
  uint32_t free_pages;  // in all free runs
  uint32_t partial[kSlabClasses];
  uint32_t reserved;
  ClassStats stats[kSlabClasses];
};

enum class SlabFree { kOk, kOutside, kWrongChunk, kAlreadyFree };

// Where an iteration over used chunks stands; see Slab::Next.
struct SlabCursor {
  uint32_t page;
  uint32_t chunk;
};

// One process's view of a shard's slab; cheap to make. REQUIRES for all functions: the shard's lock is held.
class Slab {
 public:
  Slab(SlabPool* pool, SlabPage* table, char* pages, uint32_t page_count)
      : pool_(pool), table_(table), pages_(pages), page_count_(page_count) {}

  // Everything free.
  void Format();

  // nullptr when nothing fits. The first 8 bytes are 0, the others are whatever they were.
  char* Alloc(size_t size);
  SlabFree Free(char* chunk);

  // Walks the used chunks and runs of pages [cursor.page, end_page) in order of address; begin with {first_page, 0}.
  // False at the end. What was returned last may be freed before the next call.
  bool Next(SlabCursor* cursor, uint32_t end_page, char** chunk, size_t* size);

  // Whether `chunk` is the start of a chunk in use of the class of `size` (at most half a page). Whatever the table
  // says, this follows no link.
  bool IsUsed(const char* chunk, size_t size) const;

  // Recomputes everything from the used chunks and runs themselves, of which it keeps those that `keep` wants. May be
  // interrupted by a death at any instruction and then be done again.
  void Rebuild(bool (*keep)(void* context, char* chunk, size_t size), void* context);

  // The text of the first broken invariant, or nullptr.
  const char* Check();

  // The class (or number of pages) that a size falls into: two sizes with the same one can reuse each other's memory.
  static uint32_t FitOf(size_t size);
  // Pages that must be free in a row for `size` if its class has no chunk left.
  static uint32_t PagesFor(size_t size);
  // Chunks of the class of `size` in one page; 0 for sizes that take whole pages.
  static uint32_t ChunksPerPage(size_t size);

  uint32_t PageOf(const char* chunk) const {
    return static_cast<uint32_t>(static_cast<size_t>(chunk - pages_) >> kPageShift);
  }
  uint32_t page_count() const { return page_count_; }
  // Whether a page of the class of `size` has a chunk left.
  static bool HasPartial(const SlabPool& pool, size_t size);
  const SlabPool& pool() const { return *pool_; }
  bool corrupt() const { return corrupt_; }
  void clear_corrupt() { corrupt_ = false; }

 private:
  struct Map {
    uint64_t* words;
    uint32_t bits;      // chunks in the page
    uint32_t reserved;  // first chunks, that hold the map itself
  };

  char* PageAddress(uint32_t page) const { return pages_ + (size_t{page} << kPageShift); }
  Map MapOf(uint32_t page, uint32_t shift) const;
  // Chunks of a page that hold its own map; 0 where the map is in the page table.
  static uint32_t MapChunks(uint32_t shift);
  bool IsFull(const Map& map) const;
  bool IsEmpty(const Map& map) const;
  // Page number of a list link, or page_count_ (and corrupt) if it leads nowhere.
  uint32_t Follow(uint32_t link);

  char* AllocChunk(uint32_t shift);
  bool AllocPages(uint32_t count, uint32_t* page);
  void FreePages(uint32_t page, uint32_t count);
  void Unlink(uint32_t* head, uint32_t page);
  void PushFront(uint32_t* head, uint32_t page);
  void SetFreeRun(uint32_t page, uint32_t count);

  SlabPool* pool_;
  SlabPage* table_;
  char* pages_;
  uint32_t page_count_;
  bool corrupt_ = false;
};

}  // namespace sluice

#endif  // SLUICE_CORE_SLAB_H_
