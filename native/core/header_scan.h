// Splits header lines: where name and value of each begin and end, and which of the names that the program knows it is.
// Looks at bytes only; what a line is worth is decided by its reader (src/net/header_fields.ts).

#ifndef SLUICE_CORE_HEADER_SCAN_H_
#define SLUICE_CORE_HEADER_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

// Offsets are relative to the head's first byte. The layout is known to header_fields.ts.
struct HeaderLine {
  int32_t start;
  int32_t name_end;
  int32_t value_start;
  int32_t value_end;
  int32_t end;   // behind the LF
  int32_t hash;  // of the name in lower case, 30 bits
  int32_t id;    // of the name, 0 = not known; with kCanonicalLine, and the kind of the name << kKindShift
};
// The line is exactly `Name: value CRLF`: it can be copied as it is.
inline constexpr int32_t kIdMask = 0xff;
inline constexpr int32_t kCanonicalLine = 0x100;
inline constexpr int kKindShift = 9;
// Kinds of names: letters, digits and dashes; with underscores; with other bytes, which the grammar has no room for.
inline constexpr int32_t kPlainName = 1;
inline constexpr int32_t kUnderscoreName = 2;
inline constexpr int32_t kOddName = 3;

// Names by hash. Ids are positions in the list that it is made of; 0 is none.
class HeaderNames {
 public:
  static constexpr size_t kMaxNames = 64;

  // kMaxNames at most, of letters, digits and dashes.
  explicit HeaderNames(std::vector<std::string> lower_names);
  // `name` as it came, in any case, with its hash.
  int32_t Find(uint32_t hash, const char* name, size_t length) const;

 private:
  static constexpr size_t kPlaces = 1024;

  std::vector<std::string> names_;
  std::vector<uint32_t> hashes_;
  std::vector<uint16_t> by_place_;
};

enum class HeaderScan : int32_t {
  kFull = 0,      // no room for more lines: go on at `next`
  kMore = -1,     // the line at `next` is not complete
  kEnd = -2,      // the empty line; `end` is behind it
  kInvalid = -3,  // `end` is a byte that the line at `next` must not contain
};

struct HeaderScanResult {
  HeaderScan code;
  int32_t end;
  int32_t next;  // behind the last complete line
  int32_t count;
};

// Scans lines from bytes[from] up to the empty line, to `limit`, or until there are `capacity`. A line without colon
// has an empty value, as in nginx.
HeaderScanResult ScanHeaderLines(const HeaderNames& names, const char* bytes, size_t from, size_t limit, size_t base,
                                 HeaderLine* lines, size_t capacity);

// The fields of one head, as numbers that JavaScript shares (src/net/header_fields.ts). The lines follow the struct.
struct HeaderTable {
  // Of the last scan, see HeaderScanResult.
  int32_t code;
  int32_t end;
  int32_t next;
  int32_t count;                          // lines so far; whoever sets it to 0 begins a new head
  int32_t oddest;                         // kind of the names
  int32_t repeats;                        // 1: some known name occurs more than once
  int32_t first[HeaderNames::kMaxNames];  // index of the first line with that id, or -1

  HeaderLine* lines() { return reinterpret_cast<HeaderLine*>(this + 1); }
};

// Scans as ScanHeaderLines does, and adds what it finds to the table, which has room for `capacity` lines. False: the
// table does not hold what this function has left there.
bool ScanIntoTable(const HeaderNames& names, const char* bytes, size_t from, size_t limit, size_t base,
                   HeaderTable* table, size_t capacity);

}  // namespace sluice

#endif  // SLUICE_CORE_HEADER_SCAN_H_
