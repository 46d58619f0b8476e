// CRC-32 (IEEE 802.3, reflected): the hash of keys, as in nginx. Four bytes a step by four tables (4 kB).

#ifndef SLUICE_CORE_CRC32_H_
#define SLUICE_CORE_CRC32_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice {

struct Crc32Tables {
  uint32_t of[4][256];

  constexpr Crc32Tables() : of() {
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
      of[0][i] = c;
    }
    for (int t = 1; t < 4; ++t) {
      for (uint32_t i = 0; i < 256; ++i) of[t][i] = (of[t - 1][i] >> 8) ^ of[0][of[t - 1][i] & 0xff];
    }
  }
};

inline constexpr Crc32Tables kCrc32;

inline uint32_t Crc32(std::string_view bytes) {
  const char* p = bytes.data();
  size_t left = bytes.size();
  uint32_t c = 0xffffffff;
  for (; left >= 4; left -= 4, p += 4) {
    uint32_t word;
    memcpy(&word, p, 4);
    c ^= word;  // little-endian, as shmtx.h asserts
    c = kCrc32.of[3][c & 0xff] ^ kCrc32.of[2][(c >> 8) & 0xff] ^ kCrc32.of[1][(c >> 16) & 0xff] ^ kCrc32.of[0][c >> 24];
  }
  for (; left > 0; --left, ++p) c = (c >> 8) ^ kCrc32.of[0][(c ^ static_cast<unsigned char>(*p)) & 0xff];
  return c ^ 0xffffffff;
}

}  // namespace sluice

#endif  // SLUICE_CORE_CRC32_H_
