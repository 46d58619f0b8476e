// Allocation and freeing; see slab.h. Rebuilding and checking are in slab_rebuild.cc.

#include "core/slab.h"

#include <cstring>

#include "core/fault_point.h"

namespace sluice {
namespace {

constexpr size_t kMaxChunk = size_t{1} << kSlabMaxShift;
constexpr uint32_t kWordBits = 64;

uint32_t ShiftOf(size_t size) {
  uint32_t shift = kSlabMinShift;
  while ((size_t{1} << shift) < size) ++shift;
  return shift;
}

void ClearMark(char* chunk) {
  const uint64_t none = 0;
  memcpy(chunk, &none, sizeof(none));
}

}  // namespace

uint32_t Slab::FitOf(size_t size) { return size > kMaxChunk ? kPageShift + PagesFor(size) : ShiftOf(size); }

uint32_t Slab::PagesFor(size_t size) {
  return size > kMaxChunk ? static_cast<uint32_t>((size + kPageSize - 1) >> kPageShift) : 1;
}

bool Slab::HasPartial(const SlabPool& pool, size_t size) {
  return size <= kMaxChunk && pool.partial[ShiftOf(size) - kSlabMinShift] != 0;
}

uint32_t Slab::ChunksPerPage(size_t size) {
  if (size > kMaxChunk) return 0;
  const uint32_t shift = ShiftOf(size);
  return static_cast<uint32_t>(kPageSize >> shift) - MapChunks(shift);
}

uint32_t Slab::MapChunks(uint32_t shift) {
  const uint32_t bits = static_cast<uint32_t>(kPageSize >> shift);
  const uint32_t chunk_bits = 8u << shift;
  return bits <= kWordBits ? 0 : (bits + chunk_bits - 1) / chunk_bits;
}

Slab::Map Slab::MapOf(uint32_t page, uint32_t shift) const {
  const uint32_t bits = static_cast<uint32_t>(kPageSize >> shift);
  if (bits <= kWordBits) return {&table_[page].map, bits, 0};
  return {reinterpret_cast<uint64_t*>(PageAddress(page)), bits, MapChunks(shift)};
}

bool Slab::IsFull(const Map& map) const {
  if (map.bits < kWordBits) return map.words[0] == (uint64_t{1} << map.bits) - 1;
  for (uint32_t i = 0; i < map.bits / kWordBits; ++i) {
    if (map.words[i] != ~uint64_t{0}) return false;
  }
  return true;
}

bool Slab::IsEmpty(const Map& map) const {
  if (map.words[0] != (uint64_t{1} << map.reserved) - 1) return false;
  for (uint32_t i = 1; i < map.bits / kWordBits; ++i) {
    if (map.words[i] != 0) return false;
  }
  return true;
}

uint32_t Slab::Follow(uint32_t link) {
  if (link - 1 < page_count_) return link - 1;
  corrupt_ = true;
  return page_count_;
}

void Slab::PushFront(uint32_t* head, uint32_t page) {
  table_[page].next = *head;
  table_[page].prev = 0;
  if (*head != 0) {
    const uint32_t first = Follow(*head);
    if (first == page_count_) return;
    table_[first].prev = page + 1;
  }
  SLUICE_FAULT_POINT("slab.push");
  *head = page + 1;
}

void Slab::Unlink(uint32_t* head, uint32_t page) {
  const uint32_t next = table_[page].next;
  const uint32_t prev = table_[page].prev;
  if (next != 0) {
    const uint32_t n = Follow(next);
    if (n != page_count_) table_[n].prev = prev;
  }
  SLUICE_FAULT_POINT("slab.unlink");
  if (prev != 0) {
    const uint32_t p = Follow(prev);
    if (p != page_count_) table_[p].next = next;
  } else {
    *head = next;
  }
  table_[page].next = table_[page].prev = 0;
}

// Marks [page, page + count) as a free run; not yet in the list.
void Slab::SetFreeRun(uint32_t page, uint32_t count) {
  table_[page].map = count;
  table_[page].kind_and_shift = SlabPage::kFreeHead;
  if (count > 1) {
    SlabPage& last = table_[page + count - 1];
    last.kind_and_shift = SlabPage::kFreeBody;
    last.map = page;
  }
}

char* Slab::Alloc(size_t size) {
  if (size <= kMaxChunk) {
    const uint32_t shift = ShiftOf(size);
    SlabPool::ClassStats& stats = pool_->stats[shift - kSlabMinShift];
    ++stats.requests;
    char* chunk = AllocChunk(shift);
    if (chunk == nullptr) ++stats.failures;
    return chunk;
  }
  const uint32_t count = PagesFor(size);
  uint32_t page;
  if (!AllocPages(count, &page)) return nullptr;
  ClearMark(PageAddress(page));
  for (uint32_t i = 1; i < count; ++i) table_[page + i].kind_and_shift = SlabPage::kRunBody;
  table_[page].map = count;
  SLUICE_FAULT_POINT("slab.run");
  table_[page].kind_and_shift = SlabPage::kRunHead;
  return PageAddress(page);
}

char* Slab::AllocChunk(uint32_t shift) {
  uint32_t* list = &pool_->partial[shift - kSlabMinShift];
  SlabPool::ClassStats& stats = pool_->stats[shift - kSlabMinShift];
  uint32_t page;
  if (*list != 0) {
    page = Follow(*list);
    if (page == page_count_) return nullptr;
    if (table_[page].kind() != SlabPage::kChunks || table_[page].shift() != shift) {
      corrupt_ = true;
      return nullptr;
    }
  } else {
    if (!AllocPages(1, &page)) return nullptr;
    const Map fresh = MapOf(page, shift);
    fresh.words[0] = (uint64_t{1} << fresh.reserved) - 1;
    for (uint32_t i = 1; i < fresh.bits / kWordBits; ++i) fresh.words[i] = 0;
    SLUICE_FAULT_POINT("slab.page");
    table_[page].kind_and_shift = static_cast<uint16_t>(SlabPage::kChunks | shift << 8);
    SLUICE_FAULT_POINT("slab.page.kind");
    stats.total += fresh.bits - fresh.reserved;
    PushFront(list, page);
  }

  const Map map = MapOf(page, shift);
  uint32_t word = 0;
  while (word + 1 < map.bits / kWordBits && map.words[word] == ~uint64_t{0}) ++word;
  const uint64_t room = ~map.words[word];
  const uint32_t index = word * kWordBits + (room == 0 ? kWordBits : static_cast<uint32_t>(__builtin_ctzll(room)));
  if (index >= map.bits || index < map.reserved) {
    corrupt_ = true;  // a full page, or a torn map, in the list of pages with room
    return nullptr;
  }
  char* chunk = PageAddress(page) + (size_t{index} << shift);
  ClearMark(chunk);
  SLUICE_FAULT_POINT("slab.chunk");
  map.words[word] |= uint64_t{1} << (index % kWordBits);
  SLUICE_FAULT_POINT("slab.chunk.used");
  ++stats.used;
  if (IsFull(map)) Unlink(list, page);
  return chunk;
}

// First fit. The front part of a run is taken, the rest keeps its place in the list.
bool Slab::AllocPages(uint32_t count, uint32_t* page) {
  uint32_t link = pool_->free_runs;
  for (uint32_t guard = 0; link != 0; ++guard) {
    const uint32_t head = Follow(link);
    if (head == page_count_) return false;
    SlabPage& run = table_[head];
    if (run.kind() != SlabPage::kFreeHead || run.map == 0 || run.map > page_count_ - head || guard > page_count_) {
      corrupt_ = true;
      return false;
    }
    const uint32_t length = static_cast<uint32_t>(run.map);
    if (length < count) {
      link = run.next;
      continue;
    }
    if (length > count) {
      const uint32_t rest = head + count;
      SetFreeRun(rest, length - count);
      table_[rest].next = run.next;
      table_[rest].prev = run.prev;
      SLUICE_FAULT_POINT("slab.split");
      if (run.next != 0) {
        const uint32_t next = Follow(run.next);
        if (next == page_count_) return false;
        table_[next].prev = rest + 1;
      }
      if (run.prev != 0) {
        const uint32_t prev = Follow(run.prev);
        if (prev == page_count_) return false;
        table_[prev].next = rest + 1;
      } else {
        pool_->free_runs = rest + 1;
      }
      run.next = run.prev = 0;
    } else {
      Unlink(&pool_->free_runs, head);
    }
    SLUICE_FAULT_POINT("slab.taken");
    // Belongs to nobody until the caller says what it is: a death before that leaves a free page for Rebuild to find.
    run.kind_and_shift = SlabPage::kFreeBody;
    pool_->free_pages -= count;
    *page = head;
    return true;
  }
  return false;
}

void Slab::FreePages(uint32_t page, uint32_t count) {
  // One store frees the run for Rebuild; bodies without a head are free.
  table_[page].kind_and_shift = SlabPage::kFreeBody;
  SLUICE_FAULT_POINT("slab.freeing");
  for (uint32_t i = 1; i < count; ++i) table_[page + i].kind_and_shift = SlabPage::kFreeBody;
  pool_->free_pages += count;

  uint32_t first = page;
  uint32_t length = count;
  const uint32_t behind = page + count;
  if (behind < page_count_ && table_[behind].kind() == SlabPage::kFreeHead) {
    if (table_[behind].map > page_count_ - behind) {
      corrupt_ = true;
      return;
    }
    length += static_cast<uint32_t>(table_[behind].map);
    Unlink(&pool_->free_runs, behind);
    table_[behind].kind_and_shift = SlabPage::kFreeBody;
  }
  SLUICE_FAULT_POINT("slab.merge");
  if (page > 0 && (table_[page - 1].kind() == SlabPage::kFreeHead || table_[page - 1].kind() == SlabPage::kFreeBody)) {
    const SlabPage& last = table_[page - 1];
    const uint64_t head = last.kind() == SlabPage::kFreeHead ? page - 1 : last.map;
    if (head >= page || table_[head].kind() != SlabPage::kFreeHead || table_[head].map != page - head) {
      corrupt_ = true;
      return;
    }
    first = static_cast<uint32_t>(head);
    length += page - first;
    Unlink(&pool_->free_runs, first);
  }
  SetFreeRun(first, length);
  PushFront(&pool_->free_runs, first);
}

SlabFree Slab::Free(char* chunk) {
  const size_t distance = static_cast<size_t>(chunk - pages_);
  if (chunk < pages_ || distance >= size_t{page_count_} << kPageShift) return SlabFree::kOutside;
  const uint32_t page = PageOf(chunk);
  const size_t inside = distance & (kPageSize - 1);
  switch (table_[page].kind()) {
    case SlabPage::kChunks: {
      const uint32_t shift = table_[page].shift();
      if (shift < kSlabMinShift || shift > kSlabMaxShift || (inside & ((size_t{1} << shift) - 1)) != 0) {
        return SlabFree::kWrongChunk;
      }
      const Map map = MapOf(page, shift);
      const uint32_t index = static_cast<uint32_t>(inside >> shift);
      if (index < map.reserved) return SlabFree::kWrongChunk;
      uint64_t& word = map.words[index / kWordBits];
      const uint64_t bit = uint64_t{1} << (index % kWordBits);
      if ((word & bit) == 0) return SlabFree::kAlreadyFree;
      const bool was_full = IsFull(map);
      word &= ~bit;
      SLUICE_FAULT_POINT("slab.freed");
      SlabPool::ClassStats& stats = pool_->stats[shift - kSlabMinShift];
      --stats.used;
      uint32_t* list = &pool_->partial[shift - kSlabMinShift];
      if (was_full) PushFront(list, page);
      if (IsEmpty(map)) {
        Unlink(list, page);
        stats.total -= map.bits - map.reserved;
        FreePages(page, 1);
      }
      return SlabFree::kOk;
    }
    case SlabPage::kRunHead:
      if (inside != 0 || table_[page].map == 0 || table_[page].map > page_count_ - page) return SlabFree::kWrongChunk;
      FreePages(page, static_cast<uint32_t>(table_[page].map));
      return SlabFree::kOk;
    case SlabPage::kRunBody:
      return SlabFree::kWrongChunk;
    default:
      return SlabFree::kAlreadyFree;
  }
}

bool Slab::IsUsed(const char* chunk, size_t size) const {
  const size_t distance = static_cast<size_t>(chunk - pages_);
  if (size > kMaxChunk || chunk < pages_ || distance >= size_t{page_count_} << kPageShift) return false;
  const uint32_t shift = ShiftOf(size);
  const SlabPage& entry = table_[distance >> kPageShift];
  const size_t inside = distance & (kPageSize - 1);
  if (entry.kind() != SlabPage::kChunks || entry.shift() != shift || inside % (size_t{1} << shift) != 0) return false;
  const size_t index = inside >> shift;
  const Map map = MapOf(PageOf(chunk), shift);
  return index >= map.reserved && (map.words[index / kWordBits] >> (index % kWordBits) & 1) != 0;
}

bool Slab::Next(SlabCursor* cursor, uint32_t end_page, char** chunk, size_t* size) {
  while (cursor->page < end_page && cursor->page < page_count_) {
    const uint32_t page = cursor->page;
    const SlabPage& entry = table_[page];
    const uint32_t shift = entry.shift();
    if (entry.kind() == SlabPage::kChunks && shift >= kSlabMinShift && shift <= kSlabMaxShift) {
      const Map map = MapOf(page, shift);
      for (uint32_t i = cursor->chunk < map.reserved ? map.reserved : cursor->chunk; i < map.bits; ++i) {
        if ((map.words[i / kWordBits] >> (i % kWordBits) & 1) == 0) continue;
        cursor->chunk = i + 1;
        *chunk = PageAddress(page) + (size_t{i} << shift);
        *size = size_t{1} << shift;
        return true;
      }
    } else if (entry.kind() == SlabPage::kRunHead && cursor->chunk == 0 && entry.map > 0 &&
               entry.map <= page_count_ - page) {
      cursor->chunk = 1;
      *chunk = PageAddress(page);
      *size = static_cast<size_t>(entry.map) << kPageShift;
      return true;
    }
    ++cursor->page;
    cursor->chunk = 0;
  }
  return false;
}

}  // namespace sluice
