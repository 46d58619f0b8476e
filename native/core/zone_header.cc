// See zone_header.h.

#include "core/zone_header.h"

#include <sys/random.h>
#include <unistd.h>

#include <cstring>

#include "core/crc32.h"

namespace sluice {
namespace {

// Two bits are left free, and a successor takes 40 bits at most: no zone is resized often enough to run out of numbers.
uint64_t NewUid(const ZoneBinding* older) {
  uint64_t random = 0;
  if (getrandom(&random, sizeof(random), 0) != sizeof(random)) random = static_cast<uint64_t>(getpid()) << 24;
  return older == nullptr ? random >> 2 : older->uid + 1 + (random >> 24);
}

// The clock has checks of its own.
uint32_t CheckOf(ZoneHeader header, std::string_view texts) {
  header.magic = 0;
  header.check = 0;
  header.clock = ZoneClock{};
  return Crc32(std::string_view(reinterpret_cast<const char*>(&header), sizeof(header))) ^ (Crc32(texts) * 31);
}

bool IsPageAligned(const void* base) { return (reinterpret_cast<uintptr_t>(base) & (kPageSize - 1)) == 0; }

}  // namespace

ZoneStatus BeginZone(const ZoneFormat& format, void* base, size_t size, std::string_view name,
                     std::string_view key_text, const ZoneBinding* older, ZoneBinding* zone) {
  if (base == nullptr || !IsPageAligned(base)) return ZoneStatus::kBadAddress;
  ZoneGeometry geometry;
  const ZoneStatus status = ComputeGeometry(format, size, name.size(), key_text.size(), &geometry);
  if (status != ZoneStatus::kOk) return status;

  ZoneHeader* header = static_cast<ZoneHeader*>(base);
  __atomic_store_n(&header->magic, 0, __ATOMIC_RELAXED);
  // A successor goes on in the older one's time.
  const ZoneClock clock = older == nullptr ? ZoneClock{} : reinterpret_cast<const ZoneHeader*>(older->base)->clock;
  const int64_t offset_ms = older == nullptr ? 0 : older->clock_offset_ms;
  *zone = {static_cast<char*>(base), geometry, NewUid(older), offset_ms};
  header->layout_version = kLayoutVersion;
  header->shard_count = geometry.shard_count;
  header->size = size;
  header->uid = zone->uid;
  header->name_length = static_cast<uint32_t>(name.size());
  header->key_text_length = static_cast<uint32_t>(key_text.size());
  header->pages_offset = geometry.pages_offset;
  header->page_count = geometry.page_count;
  header->reserved = 0;
  header->clock = clock;
  header->clock.offset_ms = offset_ms;
  char* text = zone->base + sizeof(ZoneHeader);
  memcpy(text, name.data(), name.size());
  memcpy(text + name.size(), key_text.data(), key_text.size());
  header->check = CheckOf(*header, std::string_view(text, name.size() + key_text.size()));
  memset(zone->base + geometry.shards_offset, 0, geometry.shard_size * geometry.shard_count);
  return ZoneStatus::kOk;
}

void PublishZone(const ZoneFormat& format, const ZoneBinding& zone) {
  // release: whoever sees the magic sees all the rest.
  __atomic_store_n(&reinterpret_cast<ZoneHeader*>(zone.base)->magic, format.magic, __ATOMIC_RELEASE);
}

ZoneStatus OpenZone(const ZoneFormat& format, void* base, size_t size, std::string_view name, ZoneBinding* zone) {
  if (base == nullptr || !IsPageAligned(base)) return ZoneStatus::kBadAddress;
  if (size < sizeof(ZoneHeader)) return ZoneStatus::kTooSmall;
  // acquire: pairs with the release in PublishZone.
  const ZoneHeader* shared = static_cast<const ZoneHeader*>(base);
  if (__atomic_load_n(&shared->magic, __ATOMIC_ACQUIRE) != format.magic) return ZoneStatus::kBadMagic;
  // A copy: what is checked here is what is used, whatever another process does to the memory meanwhile.
  ZoneHeader header;
  memcpy(&header, shared, sizeof(header));
  if (header.layout_version != kLayoutVersion) return ZoneStatus::kBadVersion;
  if (header.size != size) return ZoneStatus::kBadSize;
  ZoneGeometry geometry;
  if (ComputeGeometry(format, size, header.name_length, header.key_text_length, &geometry) != ZoneStatus::kOk ||
      header.shard_count != geometry.shard_count || header.pages_offset != geometry.pages_offset ||
      header.page_count != geometry.page_count || !header.clock.IsPlausible()) {
    return ZoneStatus::kBadHeader;
  }
  const ZoneBinding found = {static_cast<char*>(base), geometry, header.uid, header.clock.offset_ms};
  const size_t texts = geometry.name_length + geometry.key_text_length;
  if (CheckOf(header, std::string_view(found.name().data(), texts)) != header.check) return ZoneStatus::kBadHeader;
  if (found.name() != name) return ZoneStatus::kBadName;
  *zone = found;
  return ZoneStatus::kOk;
}

}  // namespace sluice
