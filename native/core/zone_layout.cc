// The arithmetic of a zone's layout; see zone_layout.h.

#include "core/zone_layout.h"

#include <algorithm>

#include "core/slab.h"

namespace sluice {
namespace {

constexpr size_t kLine = 64;

constexpr size_t RoundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

const char* ZoneStatusText(ZoneStatus status) {
  switch (status) {
    case ZoneStatus::kOk:
      return "ok";
    case ZoneStatus::kTooSmall:
      return "too small for even one key";
    case ZoneStatus::kTooLarge:
      return "too large";
    case ZoneStatus::kBadAddress:
      return "not mapped at a page boundary";
    case ZoneStatus::kBadMagic:
      return "not a zone";
    case ZoneStatus::kBadVersion:
      return "another layout version";
    case ZoneStatus::kBadSize:
      return "another size";
    case ZoneStatus::kBadName:
      return "another name";
    case ZoneStatus::kBadHeader:
      return "damaged header";
  }
  return "unknown";
}

// One cache line between two shards' tables, so that their owners do not disturb each other.
size_t ZoneGeometry::TableOffset(uint32_t i) const {
  return tables_offset + FirstPage(i) * sizeof(SlabPage) + kLine * i;
}

ZoneStatus ComputeGeometry(const ZoneFormat& format, size_t size, size_t name_length, size_t key_text_length,
                           ZoneGeometry* geometry) {
  if (size > kMaxZoneSize) return ZoneStatus::kTooLarge;
  if (name_length > size || key_text_length > size) return ZoneStatus::kTooSmall;
  ZoneGeometry g;
  g.size = size;
  g.shard_size = format.shard_size;
  g.name_length = name_length;
  g.key_text_length = key_text_length;
  g.shard_count = 1;
  while (g.shard_count < format.max_shards && (size >> kPageShift) / (g.shard_count * 2) >= kMinShardPages) {
    g.shard_count *= 2;
    ++g.shard_bits;
  }
  g.shards_offset = RoundUp(sizeof(ZoneHeader) + name_length + key_text_length, kLine);
  g.hints_offset = g.shards_offset + g.shard_size * g.shard_count;
  if (format.has_hints) {
    const size_t pages_at_most =
        (size - std::min(size, g.hints_offset)) / (kPageSize + kHintSetSize * kHintSetsPerPage);
    g.hint_sets = static_cast<uint32_t>(std::max(size_t{1}, pages_at_most / g.shard_count) * kHintSetsPerPage);
  }
  g.tables_offset = RoundUp(g.HintsOffset(g.shard_count), kLine);
  const size_t fixed = g.tables_offset + kLine * g.shard_count;
  if (fixed >= size) return ZoneStatus::kTooSmall;
  g.page_count = (size - fixed) / (kPageSize + sizeof(SlabPage));
  for (;; --g.page_count) {
    if (g.page_count < g.shard_count) return ZoneStatus::kTooSmall;
    g.pages_offset = RoundUp(fixed + g.page_count * sizeof(SlabPage), kPageSize);
    if (g.pages_offset + g.page_count * kPageSize <= size) break;
  }
  *geometry = g;
  return ZoneStatus::kOk;
}

}  // namespace sluice
