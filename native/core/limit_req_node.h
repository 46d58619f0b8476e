// A key's bucket in a limit_req zone, and its arithmetic: nginx's to the bit. Thousandths of a request ("ticks"), whole
// milliseconds, truncating division. A node with a key of up to 16 bytes is one cache line.

#ifndef SLUICE_CORE_LIMIT_REQ_NODE_H_
#define SLUICE_CORE_LIMIT_REQ_NODE_H_

#include <cstddef>
#include <cstdint>

#include "core/zone_node.h"

namespace sluice {

struct LimitReqNode {
  ZoneNode head;
  int64_t last;    // ms of the last charge
  int64_t excess;  // ticks above the rate after the last charge

  char* key() { return reinterpret_cast<char*>(this + 1); }
  const char* key() const { return reinterpret_cast<const char*>(this + 1); }
};
static_assert(sizeof(LimitReqNode) == 48, "part of the layout");
static_assert(offsetof(LimitReqNode, last) % 16 == 0, "last and excess change in one store");

constexpr size_t NodeSize(size_t key_length) { return sizeof(LimitReqNode) + key_length; }

// Writes both fields by a single store instruction, so that a process which dies leaves the old pair or the new one.
// (Nothing but a death can come between: readers hold the lock.)
inline void StoreBucket(LimitReqNode* node, int64_t last, int64_t excess) {
  typedef int64_t Pair __attribute__((vector_size(16), may_alias));
  *reinterpret_cast<Pair*>(&node->last) = Pair{last, excess};
}

// Milliseconds that count as passed since `last`. A small step back is another worker's slightly older clock; a large
// one is a clock that was set, and time begins anew.
inline int64_t ElapsedMs(int64_t now_ms, int64_t last) {
  const int64_t ms = static_cast<int64_t>(static_cast<uint64_t>(now_ms) - static_cast<uint64_t>(last));
  if (__builtin_expect(ms >= 0, 1)) return ms;
  return ms < -60000 ? 1 : 0;
}

// Ticks that drain in `ms` (>= 0).
inline int64_t Drained(int64_t rate, int64_t ms) {
  int64_t product;
  if (__builtin_expect(__builtin_mul_overflow(rate, ms, &product), 0)) return INT64_MAX;
  return static_cast<int64_t>(static_cast<uint64_t>(product) / 1000);
}

// The excess that a bucket would have with one more request.
inline int64_t NextExcess(int64_t excess, int64_t rate, int64_t elapsed_ms) {
  // What lies in shared memory is bounded before it is used: no arithmetic here may overflow.
  constexpr int64_t kBound = int64_t{1} << 62;
  if (__builtin_expect(static_cast<uint64_t>(excess) > static_cast<uint64_t>(kBound), 0))
    excess = excess < 0 ? 0 : kBound;
  const int64_t next = excess - Drained(rate, elapsed_ms) + 1000;
  return next < 0 ? 0 : next;
}

// How long an accepted request waits.
inline int64_t DelayMs(int64_t excess, int64_t delay, int64_t rate) {
  if (excess <= delay) return 0;
  int64_t product;
  if (__builtin_expect(__builtin_mul_overflow(excess - delay, int64_t{1000}, &product), 0)) product = INT64_MAX;
  return product / rate;
}

constexpr int64_t kExpireMs = 60000;

// Removing such a node changes no later decision: its next request would find the bucket empty anyway. nginx is content
// with a debt of nothing and so forgives up to one request of a slow rate; then decisions would depend on who else
// comes.
inline bool IsExpired(const LimitReqNode* node, int64_t rate, int64_t now_ms) {
  const int64_t ms = ElapsedMs(now_ms, node->last);
  return ms >= kExpireMs && NextExcess(node->excess, rate, ms) == 0;
}

// Removing such a node forgives requests above the rate.
inline bool IsInDebt(const LimitReqNode* node, int64_t rate, int64_t now_ms) {
  return NextExcess(node->excess, rate, ElapsedMs(now_ms, node->last)) > 1000;
}

}  // namespace sluice

#endif  // SLUICE_CORE_LIMIT_REQ_NODE_H_
