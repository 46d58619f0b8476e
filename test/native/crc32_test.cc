// The hash of keys against its definition, bit by bit.

#include "core/crc32.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "test.h"

namespace sluice {
namespace test {
namespace {

uint32_t BitByBit(std::string_view bytes) {
  uint32_t c = 0xffffffff;
  for (const char byte : bytes) {
    c ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
  }
  return c ^ 0xffffffff;
}

TEST("crc32: the check value of the standard") {
  EXPECT_EQ(Crc32("123456789"), 0xCBF43926u);
  EXPECT_EQ(Crc32(""), 0u);
}

TEST("crc32: every length, at every place of a word, with every bit that may be set") {
  uint64_t random = 1;
  std::string text;
  for (int i = 0; i < 80; ++i) {
    random = random * 6364136223846793005 + 1442695040888963407;
    text.push_back(static_cast<char>(random >> 56));
  }
  for (size_t start = 0; start < 8; ++start) {
    for (size_t length = 0; length <= 64; ++length) {
      // A copy of exactly this size: the sanitizer sees a read beyond its ends.
      const std::string key(text, start, length);
      const std::string exact(key.data(), key.size());
      EXPECT_EQ(Crc32(exact), BitByBit(exact));
      for (size_t bit = 0; bit < 8 * length; ++bit) {
        std::string other = exact;
        other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
        EXPECT_EQ(Crc32(other), BitByBit(other));
      }
    }
  }
}

}  // namespace
}  // namespace test
}  // namespace sluice
