// Where things lie in a zone's memory. A zone is one mapping, seen at another address by each process: offsets only, no
// pointers, no vtables, no std containers. What is written here once by Format() is never changed afterwards, but for
// the clock.
//
//   | ZoneHeader | name | key text | shards 0..n-1 | hints 0..n-1 | page tables 0..n-1 | (page-aligned) page 0 | ...
//                                                                        shard 0 owns the first pages, shard 1 the next
//                                                                        ...
//
// The geometry follows from the kind of zone, size, name and key text alone, so whoever attaches computes it and
// compares. limit_req zones have up to kMaxShards shards and hints, limit_conn zones one shard and no hints.

#ifndef SLUICE_CORE_ZONE_LAYOUT_H_
#define SLUICE_CORE_ZONE_LAYOUT_H_

#include <cstddef>
#include <cstdint>

#include "core/zone_clock.h"

namespace sluice {

// Grows with every change of any structure that lies in a zone.
constexpr uint32_t kLayoutVersion = 5;

constexpr size_t kPageShift = 12;
constexpr size_t kPageSize = size_t{1} << kPageShift;
constexpr uint32_t kMaxShards = 64;
// A shard gets at least this many pages, so that the longest key (17 pages) always finds room in a zone of several.
constexpr size_t kMinShardPages = 64;
// What a 32-bit link in units of 64 bytes reaches (offset_ptr.h).
constexpr size_t kMaxZoneSize = size_t{1} << 38;

// Four entries of 32 bits (hint_table.h), and so many sets for each page: one entry for each node of the smallest size.
constexpr size_t kHintSetSize = 16;
constexpr size_t kHintSetsPerPage = 16;

enum class ZoneStatus {
  kOk,
  kTooSmall,    // not even one page for nodes
  kTooLarge,    // above kMaxZoneSize
  kBadAddress,  // the mapping is not page-aligned
  kBadMagic,    // not a zone, or not formatted to the end
  kBadVersion,  // formatted by a build with another layout
  kBadSize,     // the zone says it has another size
  kBadName,     // the zone has another name
  kBadHeader,   // lengths or geometry do not fit each other
};

// A short English text for messages, such as "another layout version".
const char* ZoneStatusText(ZoneStatus status);

struct ZoneHeader {
  uint64_t magic;  // written last by Format
  uint32_t layout_version;
  uint32_t shard_count;
  uint64_t size;
  uint64_t uid;
  uint32_t name_length;
  uint32_t key_text_length;
  uint64_t pages_offset;
  uint64_t page_count;
  uint32_t check;  // of all above, the name and the key text
  uint32_t reserved;
  ZoneClock clock;
};
static_assert(sizeof(ZoneHeader) == 128, "part of the layout");

// What tells one kind of zone from another.
struct ZoneFormat {
  uint64_t magic;
  size_t shard_size;    // of the shard's header, a multiple of 64
  uint32_t max_shards;  // a power of two
  bool has_hints;
};

// Computed by every process for itself; offsets in bytes from the zone's start.
struct ZoneGeometry {
  size_t size = 0;
  size_t shard_size = 0;
  uint32_t shard_count = 0;
  uint32_t shard_bits = 0;  // shard_count == 1 << shard_bits
  size_t name_length = 0;
  size_t key_text_length = 0;
  size_t shards_offset = 0;
  size_t hints_offset = 0;
  uint32_t hint_sets = 0;  // of each shard; 0 where there are none
  size_t tables_offset = 0;
  size_t pages_offset = 0;
  size_t page_count = 0;  // of the whole zone

  // The pages of shard `i`: [FirstPage(i), FirstPage(i + 1)).
  size_t FirstPage(uint32_t i) const { return page_count * i >> shard_bits; }
  size_t ShardOffset(uint32_t i) const { return shards_offset + shard_size * i; }
  size_t HintsOffset(uint32_t i) const { return hints_offset + kHintSetSize * hint_sets * i; }
  // The page table of shard `i`.
  size_t TableOffset(uint32_t i) const;
  // The shard of a key by the top bits of its hash.
  uint32_t ShardOf(uint32_t hash) const { return shard_bits == 0 ? 0 : hash >> (32 - shard_bits); }
};

ZoneStatus ComputeGeometry(const ZoneFormat& format, size_t size, size_t name_length, size_t key_text_length,
                           ZoneGeometry* geometry);

}  // namespace sluice

#endif  // SLUICE_CORE_ZONE_LAYOUT_H_
