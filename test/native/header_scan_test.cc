// The scanner on heads of random bytes: it stays within them, its offsets are in order, and how the bytes were cut
// makes no difference. What it says of particular lines is tested through HeaderFields
// (test/unit/net/header_fields.test.ts).

#include "core/header_scan.h"

#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "test.h"

namespace sluice {
namespace {

const HeaderNames& Names() {
  static const auto* names = new HeaderNames({"", "host", "cookie", "content-length"});
  return *names;
}

// A copy of exactly the bytes, so that a sanitizer sees whoever looks behind them.
struct Exact {
  std::vector<char> bytes;
  explicit Exact(const std::string& text) : bytes(text.begin(), text.end()) { bytes.shrink_to_fit(); }
};

std::string RandomHead(test::Random* random) {
  static const char* const kPieces[] = {"Host",  "cookie", "X-A",  ":",  ": ",
                                        " ",     "\r\n",   "\r\n", "\n", "\r\r\n",
                                        "value", "a_b",    "\r",   "!",  "Content-Length: 5\r\n"};
  std::string text;
  for (uint64_t left = random->Below(12); left > 0; left--) text += kPieces[random->Below(std::size(kPieces))];
  if (random->Below(4) == 0) text += static_cast<char>(random->Below(256));
  return text + (random->Below(2) == 0 ? "\r\n\r\n" : "");
}

}  // namespace

TEST("header_scan: lines of random heads are within them, in order, and the same however the head is cut") {
  for (uint64_t seed = 1; seed <= 20'000; seed++) {
    test::Random random(seed);
    const std::string text = RandomHead(&random);
    const Exact whole(text);
    HeaderLine lines[16];
    const HeaderScanResult result = ScanHeaderLines(Names(), whole.bytes.data(), 0, text.size(), 0, lines, 16);
    int32_t at = 0;
    for (int32_t i = 0; i < result.count; i++) {
      const HeaderLine& line = lines[i];
      EXPECT(line.start == at && line.start < line.name_end && line.name_end <= line.value_start &&
             line.value_start <= line.value_end && line.value_end < line.end);
      at = line.end;
    }
    EXPECT(at == result.next && result.next <= result.end && static_cast<size_t>(result.end) <= text.size());

    const size_t cut = random.Below(text.size() + 1);
    const Exact part(text.substr(0, cut));
    HeaderLine again[16];
    HeaderScanResult first = ScanHeaderLines(Names(), part.bytes.data(), 0, cut, 0, again, 16);
    if (first.code == HeaderScan::kMore) {
      const HeaderScanResult rest = ScanHeaderLines(Names(), whole.bytes.data(), static_cast<size_t>(first.next),
                                                    text.size(), 0, again + first.count, 16);
      first = {rest.code, rest.end, rest.next, first.count + rest.count};
    }
    const bool is_same = first.code == result.code && first.next == result.next && first.count == result.count &&
                         std::memcmp(lines, again, sizeof(HeaderLine) * static_cast<size_t>(result.count)) == 0;
    if (!is_same) {
      test::Fail(__FILE__, __LINE__, "seed " + std::to_string(seed));
      return;
    }
  }
}

TEST("header_scan: a full table is told, and where to go on") {
  const std::string text = "A: 1\r\nHost: 2\r\nB: 3\r\n\r\n";
  HeaderLine lines[2];
  HeaderScanResult result = ScanHeaderLines(Names(), text.data(), 0, text.size(), 0, lines, 2);
  EXPECT(result.code == HeaderScan::kFull);
  EXPECT_EQ(result.count, 2);
  EXPECT_EQ(lines[1].id & 0xff, 1);
  result = ScanHeaderLines(Names(), text.data(), static_cast<size_t>(result.next), text.size(), 0, lines, 2);
  EXPECT(result.code == HeaderScan::kEnd);
  EXPECT_EQ(result.count, 1);
  EXPECT_EQ(static_cast<size_t>(result.end), text.size());
}

}  // namespace sluice
