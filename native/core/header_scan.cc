// See header_scan.h.

#include "core/header_scan.h"

#include <cstring>
#include <utility>

namespace sluice {
namespace {

constexpr uint32_t kHashMask = 0x3fffffff;

// Of a byte in a name: 0 = it ends the name.
struct NameKinds {
  uint8_t of[256];

  constexpr NameKinds() : of() {
    for (int c = 0; c < 256; c++) of[c] = Kind(c);
  }
  static constexpr uint8_t Kind(int c) {
    if (c <= 0x20 || c == 0x7f || c == ':') return 0;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-') return kPlainName;
    return c == '_' ? kUnderscoreName : kOddName;
  }
};
constexpr NameKinds kNameKinds;

// The mask may come last: what is above it never reaches what is below.
constexpr uint32_t AddToHash(uint32_t hash, uint8_t c) { return hash * 31 + (c | 0x20u); }

uint64_t LoadWord(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// The first CR, LF or NUL from `i` on, or `limit`. Eight bytes at a time, since values are most of a head: a byte below
// 14 is one of those three, or one that hardly anybody sends.
size_t EndOfValue(const char* bytes, size_t i, size_t limit) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighs = 0x8080808080808080;
  while (i < limit) {
    for (; i + 8 <= limit; i += 8) {
      const uint64_t word = LoadWord(bytes + i);
      if (((word - kOnes * 14) & ~word & kHighs) != 0) break;
    }
    const size_t stop = i + 8 < limit ? i + 8 : limit;
    for (; i < stop; i++) {
      if (bytes[i] == '\r' || bytes[i] == '\n' || bytes[i] == '\0') return i;
    }
  }
  return limit;
}

constexpr size_t PlaceOf(uint32_t hash, size_t places) { return (hash ^ (hash >> 12)) & (places - 1); }

// Is `name`, in any case, `lower`? Of the bytes that a name may have only letters become what a known name consists of
// (letters, digits, dashes) when bit 5 is set.
bool IsName(const char* name, const char* lower, size_t length) {
  constexpr uint64_t kBits5 = 0x2020202020202020;
  if (length < 8) {
    for (size_t i = 0; i < length; i++) {
      if ((name[i] | 0x20) != lower[i]) return false;
    }
    return true;
  }
  // The last word may overlap the one before.
  for (size_t i = 0; i + 8 < length; i += 8) {
    if ((LoadWord(name + i) | kBits5) != LoadWord(lower + i)) return false;
  }
  return (LoadWord(name + length - 8) | kBits5) == LoadWord(lower + length - 8);
}

enum class Line { kComplete, kMore, kEmpty, kInvalid };

// One line from `*at` on, which is then behind it, or at the byte that is wrong.
Line ScanLine(const HeaderNames& names, const char* bytes, size_t* at, size_t limit, size_t base, HeaderLine* line) {
  const size_t start = *at;
  size_t i = start;
  const auto offset = [base](size_t place) { return static_cast<int32_t>(place - base); };
  const auto invalid = [at](size_t place) {
    *at = place;
    return Line::kInvalid;
  };
  if (i >= limit) return Line::kMore;
  if (bytes[i] == '\r' && i + 1 >= limit) return Line::kMore;
  if (bytes[i] == '\r' && bytes[i + 1] != '\n') return invalid(i);
  if (bytes[i] == '\r' || bytes[i] == '\n') {
    *at = i + (bytes[i] == '\r' ? 2 : 1);
    return Line::kEmpty;
  }

  uint32_t hash = 0;
  int32_t kind = kPlainName;
  for (;; i++) {
    if (i >= limit) return Line::kMore;
    const auto c = static_cast<uint8_t>(bytes[i]);
    const int32_t found = kNameKinds.of[c];
    if (found == 0) break;
    if (found > kind) kind = found;
    hash = AddToHash(hash, c);
  }
  hash &= kHashMask;
  const size_t name_end = i;
  size_t value_start = i;
  size_t value_end = i;
  bool is_canonical = false;
  if (name_end == start) return invalid(i);
  if (bytes[i] == ':') {
    i++;
    while (i < limit && bytes[i] == ' ') i++;
    value_start = i;
    i = EndOfValue(bytes, i, limit);
    if (i >= limit) return Line::kMore;
    if (bytes[i] == '\0') return invalid(i);
    value_end = i;
    while (value_end > value_start && bytes[value_end - 1] == ' ') value_end--;
    is_canonical = value_start == name_end + 2 && value_end == i && bytes[i] == '\r';
  } else if (bytes[i] != '\r' && bytes[i] != '\n') {
    return invalid(i);
  }
  // The end of the line: any number of CR, then LF.
  const size_t value_ended = i;
  while (i < limit && bytes[i] == '\r') i++;
  if (i >= limit) return Line::kMore;
  if (bytes[i] != '\n') return invalid(i);
  if (i - value_ended > 1) is_canonical = false;
  *at = i + 1;

  const int32_t id = names.Find(hash, bytes + start, name_end - start);
  *line = {offset(start),
           offset(name_end),
           offset(value_start),
           offset(value_end),
           offset(i + 1),
           static_cast<int32_t>(hash),
           id | (is_canonical ? kCanonicalLine : 0) | (kind << kKindShift)};
  return Line::kComplete;
}

}  // namespace

HeaderNames::HeaderNames(std::vector<std::string> lower_names)
    : names_(std::move(lower_names)), hashes_(names_.size()), by_place_(kPlaces) {
  for (size_t id = 1; id < names_.size(); id++) {
    uint32_t hash = 0;
    for (const char c : names_[id]) hash = AddToHash(hash, static_cast<uint8_t>(c));
    hash &= kHashMask;
    hashes_[id] = hash;
    by_place_[PlaceOf(hash, kPlaces)] = static_cast<uint16_t>(id);
  }
}

int32_t HeaderNames::Find(uint32_t hash, const char* name, size_t length) const {
  const size_t id = by_place_[PlaceOf(hash, kPlaces)];
  if (id == 0 || hashes_[id] != hash || names_[id].size() != length) return 0;
  return IsName(name, names_[id].data(), length) ? static_cast<int32_t>(id) : 0;
}

HeaderScanResult ScanHeaderLines(const HeaderNames& names, const char* bytes, size_t from, size_t limit, size_t base,
                                 HeaderLine* lines, size_t capacity) {
  size_t at = from;
  size_t next = from;
  size_t count = 0;
  HeaderScan code = HeaderScan::kFull;
  while (count < capacity) {
    const Line line = ScanLine(names, bytes, &at, limit, base, &lines[count]);
    if (line == Line::kComplete) {
      count++;
      next = at;
      continue;
    }
    code = line == Line::kEmpty ? HeaderScan::kEnd : line == Line::kInvalid ? HeaderScan::kInvalid : HeaderScan::kMore;
    break;
  }
  return {code, static_cast<int32_t>(at - base), static_cast<int32_t>(next - base), static_cast<int32_t>(count)};
}

bool ScanIntoTable(const HeaderNames& names, const char* bytes, size_t from, size_t limit, size_t base,
                   HeaderTable* table, size_t capacity) {
  const int32_t before = table->count;
  if (before < 0 || static_cast<size_t>(before) > capacity) return false;
  if (before == 0) {
    table->oddest = kPlainName;
    table->repeats = 0;
    for (int32_t& index : table->first) index = -1;
  }
  HeaderLine* const lines = table->lines();
  const HeaderScanResult result =
      ScanHeaderLines(names, bytes, from, limit, base, lines + before, capacity - static_cast<size_t>(before));
  table->code = static_cast<int32_t>(result.code);
  table->end = result.end;
  table->next = result.next;
  table->count = before + result.count;
  for (int32_t i = before; i < table->count; i++) {
    const int32_t kind = lines[i].id >> kKindShift;
    if (kind > table->oddest) table->oddest = kind;
    const int32_t id = lines[i].id & kIdMask;
    if (id == 0) continue;
    if (table->first[id] < 0) {
      table->first[id] = i;
    } else {
      table->repeats = 1;
    }
  }
  return true;
}

}  // namespace sluice
