// Repairing a slab after a death inside a change, and checking one; see slab.h.

#include <cstring>

#include "core/fault_point.h"
#include "core/slab.h"

namespace sluice {
namespace {
constexpr uint32_t kWordBits = 64;
}  // namespace

void Slab::Format() {
  memset(table_, 0, sizeof(SlabPage) * page_count_);
  *pool_ = {};
  pool_->free_pages = page_count_;
  SetFreeRun(0, page_count_);
  PushFront(&pool_->free_runs, 0);
}

void Slab::Rebuild(bool (*keep)(void* context, char* chunk, size_t size), void* context) {
  pool_->free_runs = pool_->free_pages = 0;
  for (uint32_t i = 0; i < kSlabClasses; ++i) pool_->partial[i] = pool_->stats[i].used = pool_->stats[i].total = 0;
  SLUICE_FAULT_POINT("rebuild.begun");

  uint32_t owned_until = 0;  // the pages before this one belong to a run that is kept
  // First pass: decide what each page is. A page becomes kFreeBody if nothing in it is kept.
  for (uint32_t page = 0; page < page_count_; ++page) {
    SlabPage& entry = table_[page];
    entry.next = entry.prev = 0;
    if (page < owned_until) {
      entry.kind_and_shift = SlabPage::kRunBody;
      continue;
    }
    bool kept = false;
    if (entry.kind() == SlabPage::kRunHead && entry.map > 0 && entry.map <= page_count_ - page) {
      kept = keep(context, PageAddress(page), static_cast<size_t>(entry.map) << kPageShift);
      if (kept) owned_until = page + static_cast<uint32_t>(entry.map);
    } else if (entry.kind() == SlabPage::kChunks && entry.shift() >= kSlabMinShift && entry.shift() <= kSlabMaxShift) {
      const Map map = MapOf(page, entry.shift());
      SlabPool::ClassStats& stats = pool_->stats[entry.shift() - kSlabMinShift];
      map.words[0] |= (uint64_t{1} << map.reserved) - 1;
      if (map.bits < kWordBits) map.words[0] &= (uint64_t{1} << map.bits) - 1;
      uint32_t used = 0;
      for (uint32_t i = map.reserved; i < map.bits; ++i) {
        uint64_t& word = map.words[i / kWordBits];
        const uint64_t bit = uint64_t{1} << (i % kWordBits);
        if ((word & bit) == 0) continue;
        if (keep(context, PageAddress(page) + (size_t{i} << entry.shift()), size_t{1} << entry.shift())) {
          ++used;
        } else {
          word &= ~bit;
          SLUICE_FAULT_POINT("rebuild.dropped");
        }
      }
      kept = used > 0;
      if (kept) {
        stats.used += used;
        stats.total += map.bits - map.reserved;
      }
    }
    if (!kept) entry.kind_and_shift = SlabPage::kFreeBody;
    SLUICE_FAULT_POINT("rebuild.page");
  }
  // Second pass: the lists. From the last page to the first, so that they come out in order of address.
  uint32_t free_length = 0;
  for (uint32_t page = page_count_; page-- > 0;) {
    SlabPage& entry = table_[page];
    if (entry.kind() == SlabPage::kFreeBody) {
      ++free_length;
      const bool first = page == 0 || table_[page - 1].kind() != SlabPage::kFreeBody;
      if (!first) continue;
      SetFreeRun(page, free_length);
      PushFront(&pool_->free_runs, page);
      pool_->free_pages += free_length;
      free_length = 0;
    } else if (entry.kind() == SlabPage::kChunks && !IsFull(MapOf(page, entry.shift()))) {
      PushFront(&pool_->partial[entry.shift() - kSlabMinShift], page);
    }
    SLUICE_FAULT_POINT("rebuild.list");
  }
  corrupt_ = false;
}

const char* Slab::Check() {
  uint32_t used[kSlabClasses] = {};
  uint32_t total[kSlabClasses] = {};
  uint32_t with_room[kSlabClasses] = {};
  uint32_t free_pages = 0;
  uint32_t free_runs = 0;
  bool after_free = false;
  for (uint32_t page = 0; page < page_count_;) {
    const SlabPage& entry = table_[page];
    const bool is_free = entry.kind() == SlabPage::kFreeHead;
    if (is_free && after_free) return "slab: two free runs are not merged";
    after_free = is_free;
    if (is_free || entry.kind() == SlabPage::kRunHead) {
      if (entry.map == 0 || entry.map > page_count_ - page) return "slab: a run is longer than the zone";
      const uint32_t length = static_cast<uint32_t>(entry.map);
      const uint8_t body = is_free ? SlabPage::kFreeBody : SlabPage::kRunBody;
      for (uint32_t i = 1; i < length; ++i) {
        if (table_[page + i].kind() != body) return "slab: a page inside a run is something else";
      }
      if (is_free && length > 1 && table_[page + length - 1].map != page) {
        return "slab: the last page of a free run does not know its head";
      }
      if (is_free) {
        free_pages += length;
        ++free_runs;
      }
      page += length;
      continue;
    }
    if (entry.kind() != SlabPage::kChunks) return "slab: a page belongs to no run";
    const uint32_t shift = entry.shift();
    if (shift < kSlabMinShift || shift > kSlabMaxShift) return "slab: a page has no such class";
    const Map map = MapOf(page, shift);
    const uint32_t slot = shift - kSlabMinShift;
    for (uint32_t i = 0; i < map.reserved; ++i) {
      if ((map.words[0] >> i & 1) == 0) return "slab: the chunks of a map count as free";
    }
    if (map.bits < kWordBits && map.words[0] >> map.bits != 0) return "slab: a map has more bits than chunks";
    for (uint32_t i = map.reserved; i < map.bits; ++i) {
      used[slot] += static_cast<uint32_t>(map.words[i / kWordBits] >> (i % kWordBits) & 1);
    }
    total[slot] += map.bits - map.reserved;
    if (IsEmpty(map)) return "slab: an empty page was not given back";
    if (!IsFull(map)) ++with_room[slot];
    ++page;
  }
  if (free_pages != pool_->free_pages) return "slab: the number of free pages is wrong";
  for (uint32_t slot = 0; slot < kSlabClasses; ++slot) {
    if (pool_->stats[slot].used != used[slot] || pool_->stats[slot].total != total[slot]) {
      return "slab: the counts of a class are wrong";
    }
  }
  // Lists: every link leads to a page of the right kind and back, and the lengths agree.
  for (uint32_t list = 0; list <= kSlabClasses; ++list) {
    const bool runs = list == kSlabClasses;
    uint32_t length = 0;
    uint32_t back = 0;
    for (uint32_t link = runs ? pool_->free_runs : pool_->partial[list]; link != 0; link = table_[link - 1].next) {
      if (link > page_count_) return "slab: a list leads out of the zone";
      const SlabPage& entry = table_[link - 1];
      const bool fits = runs ? entry.kind() == SlabPage::kFreeHead
                             : entry.kind() == SlabPage::kChunks && entry.shift() == list + kSlabMinShift;
      if (!fits) return "slab: a page is in the wrong list";
      if (entry.prev != back) return "slab: a list is not linked back";
      back = link;
      if (++length > page_count_) return "slab: a list runs in a circle";
    }
    if (length != (runs ? free_runs : with_room[list])) return "slab: a list has the wrong length";
  }
  return nullptr;
}

}  // namespace sluice
