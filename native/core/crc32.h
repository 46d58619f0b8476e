// CRC-32 (IEEE 802.3, reflected): the hash of keys, as in nginx. Eight bytes a step by eight tables (8 kB).
// Most keys are one or two steps long, so their ends count: what is left behind the whole steps is one step more,
// however long it is. A loop over single bytes would make the CPU guess their number, and every other address has
// another one.

#ifndef SLUICE_CORE_CRC32_H_
#define SLUICE_CORE_CRC32_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice {

struct Crc32Tables {
  // of[t][b]: what byte b does to the sum when t bytes follow it in its step.
  uint32_t of[8][256];

  constexpr Crc32Tables() : of() {
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
      of[0][i] = c;
    }
    for (int t = 1; t < 8; ++t) {
      for (uint32_t i = 0; i < 256; ++i) of[t][i] = (of[t - 1][i] >> 8) ^ of[0][of[t - 1][i] & 0xff];
    }
  }

  // One step over eight bytes. They are loaded one by one: whoever has just copied a key of 9 to 15 bytes did it by two
  // stores that overlap, and a longer load across both has to wait until they have left the store buffer.
  uint32_t Step(const unsigned char* bytes, uint32_t sum) const {
    return of[7][bytes[0] ^ (sum & 0xff)] ^ of[6][bytes[1] ^ (sum >> 8 & 0xff)] ^ of[5][bytes[2] ^ (sum >> 16 & 0xff)] ^
           of[4][bytes[3] ^ sum >> 24] ^ of[3][bytes[4]] ^ of[2][bytes[5]] ^ of[1][bytes[6]] ^ of[0][bytes[7]];
  }

  // One step: eight bytes, the first one lowest, with the sum so far xored into the first four. Zeros at their front
  // add nothing.
  uint32_t Step(uint64_t bytes) const {
    return of[7][bytes & 0xff] ^ of[6][bytes >> 8 & 0xff] ^ of[5][bytes >> 16 & 0xff] ^ of[4][bytes >> 24 & 0xff] ^
           of[3][bytes >> 32 & 0xff] ^ of[2][bytes >> 40 & 0xff] ^ of[1][bytes >> 48 & 0xff] ^ of[0][bytes >> 56];
  }
};

inline constexpr Crc32Tables kCrc32;

// The last `left` (< 8) of the `size` bytes that end at `end`, the first one lowest. Reads within the bytes only.
inline uint64_t LastBytes(const char* end, size_t size, size_t left) {
  if (__builtin_expect(size >= 8, 1)) {
    uint64_t word;
    memcpy(&word, end - 8, 8);  // little-endian, as shmtx.h asserts
    return word >> 8 * (7 - left) >> 8;
  }
  if (left >= 4) {
    uint32_t low;
    uint32_t high;
    memcpy(&low, end - left, 4);
    memcpy(&high, end - 4, 4);
    return uint64_t{high} << 8 * (left - 4) | low;
  }
  uint64_t bytes = 0;
  for (size_t i = 1; i <= left; ++i) bytes = bytes << 8 | static_cast<unsigned char>(*(end - i));
  return bytes;
}

inline uint32_t Crc32(std::string_view bytes) {
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  uint32_t c = 0xffffffff;
  for (; end - p >= 8; p += 8) c = kCrc32.Step(reinterpret_cast<const unsigned char*>(p), c);
  const size_t left = bytes.size() % 8;
  const uint64_t rest = LastBytes(end, bytes.size(), left) ^ c;
  // Of a rest that is shorter than the sum, the sum's other bytes have no bytes to meet.
  return kCrc32.Step(rest << 8 * (7 - left) << 8) ^ static_cast<uint32_t>(uint64_t{c} >> 8 * left) ^ 0xffffffff;
}

}  // namespace sluice

#endif  // SLUICE_CORE_CRC32_H_
