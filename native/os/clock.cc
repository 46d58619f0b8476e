// Reading the clocks together with the id of this boot; see clock.h.

#include "os/clock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cctype>

namespace sluice {
namespace {

// A UUID as text: 32 hexadecimal digits, with hyphens in between.
void ReadBootId(uint64_t boot[2]) {
  char text[64];
  const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t length = read(fd, text, sizeof(text));
  close(fd);
  int digits = 0;
  for (ssize_t i = 0; i < length && digits < 32; ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (!isxdigit(c)) continue;
    const unsigned digit = c <= '9' ? c - '0' : (c | 0x20u) - 'a' + 10u;
    boot[digits / 16] = boot[digits / 16] << 4 | digit;
    ++digits;
  }
}

}  // namespace

ClockReading ReadClocks() {
  ClockReading now;
  ReadBootId(now.boot);
  now.monotonic_ms = MonotonicMs();
  now.wall_ms = ClockMs(CLOCK_REALTIME);
  return now;
}

}  // namespace sluice
