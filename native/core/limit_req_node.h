// A key's record in a limit_req zone: a bucket, a window, or the name of a limit; and the arithmetic of buckets, which
// is nginx's to the bit: thousandths of a request ("ticks"), whole milliseconds, truncating division. A node with a key
// of up to 16 bytes is one cache line.
//
//               stamp                                        the other field
//   bucket      ms of the last charge << 16 | rate's code    excess: ticks above the rate after the last charge
//   window      ms of its end << 16 | its length's code      hits: until now, in this window
//   limit name  algorithm (limit_keys.h) << 16               -

#ifndef SLUICE_CORE_LIMIT_REQ_NODE_H_
#define SLUICE_CORE_LIMIT_REQ_NODE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/zone_node.h"

namespace sluice {

constexpr int64_t kRequestTicks = 1000;
constexpr int kRateCodeBits = 16;

struct LimitReqNode {
  ZoneNode head;
  int64_t stamp;
  union {
    int64_t excess;
    int64_t hits;
  };

  int64_t time() const { return stamp >> kRateCodeBits; }
  uint16_t rate_code() const { return static_cast<uint16_t>(stamp); }

  char* key() { return reinterpret_cast<char*>(this + 1); }
  const char* key() const { return reinterpret_cast<const char*>(this + 1); }
};
static_assert(sizeof(LimitReqNode) == 48, "part of the layout");
static_assert(offsetof(LimitReqNode, stamp) % 16 == 0, "stamp and excess change in one store");

constexpr size_t NodeSize(size_t key_length) { return sizeof(LimitReqNode) + key_length; }

// A time takes 48 bits: some 4,000 years on both sides of 0.
constexpr int64_t MakeStamp(int64_t time_ms, uint16_t rate_code) {
  return static_cast<int64_t>(static_cast<uint64_t>(time_ms) << kRateCodeBits | rate_code);
}

// Writes both fields by a single store instruction, so that a process which dies leaves the old pair or the new one.
// (Nothing but a death can come between: readers hold the lock.)
inline void StorePair(LimitReqNode* node, int64_t stamp, int64_t amount) {
  typedef int64_t Pair __attribute__((vector_size(16), may_alias));
  *reinterpret_cast<Pair*>(&node->stamp) = Pair{stamp, amount};
}

// Limits of one zone have rates of their own, so each bucket says how fast it drains: a number with nine significant
// bits (the top of a double's fraction, and an exponent from -128 to 127), rounded down. Only eviction and statistics
// use it; whoever decides brings the exact rate.
constexpr int kRateCodeShift = 44;
constexpr uint64_t kRateCodeBase = uint64_t{1023 - 128} << 8;

// `ticks` and `period_ms` are at least 1, and at most kMaxTicks and kMaxPeriodMs. The quotient is rounded to 53 bits,
// but cannot thereby reach the next number of nine bits: a fraction with such a divisor is further away from it.
inline uint16_t RateCode(int64_t ticks, int64_t period_ms) {
  const double per_ms = static_cast<double>(ticks) / static_cast<double>(period_ms);
  uint64_t bits;
  memcpy(&bits, &per_ms, sizeof(bits));
  return static_cast<uint16_t>((bits >> kRateCodeShift) - kRateCodeBase);
}

inline double TicksPerMs(uint16_t rate_code) {
  const uint64_t bits = (rate_code + kRateCodeBase) << kRateCodeShift;
  double per_ms;
  memcpy(&per_ms, &bits, sizeof(per_ms));
  return per_ms;
}

// A window says how long it is, rounded up by 0.4% at most: no window ends later from now, unless it is damaged.
inline uint16_t LengthCode(int64_t length_ms) { return static_cast<uint16_t>(RateCode(length_ms, 1) + 1); }
inline int64_t LengthAtMost(uint16_t code) {
  constexpr double kAll = static_cast<double>(int64_t{1} << 44);
  const double length_ms = TicksPerMs(code);
  return length_ms < kAll ? static_cast<int64_t>(length_ms) : int64_t{1} << 44;
}

// Milliseconds that count as passed since `last`. A small step back is another worker's slightly older clock; a large
// one is a clock that was set, and time begins anew.
inline int64_t ElapsedMs(int64_t now_ms, int64_t last) {
  const int64_t ms = static_cast<int64_t>(static_cast<uint64_t>(now_ms) - static_cast<uint64_t>(last));
  if (__builtin_expect(ms >= 0, 1)) return ms;
  return ms < -60000 ? 1 : 0;
}

// floor(a * b / c) for a, b >= 0 and c > 0; INT64_MAX where that is too large.
inline int64_t MulDiv(int64_t a, int64_t b, int64_t c) {
  int64_t product;
  if (__builtin_expect(!__builtin_mul_overflow(a, b, &product), 1)) return product / c;
  const unsigned __int128 wide = static_cast<unsigned __int128>(a) * static_cast<unsigned __int128>(b);
  const unsigned __int128 quotient = wide / static_cast<unsigned __int128>(c);
  return quotient > INT64_MAX ? INT64_MAX : static_cast<int64_t>(quotient);
}

// Ticks that drain in `ms` (>= 0) at `rate` ticks in `period_ms`.
inline int64_t Drained(int64_t rate, int64_t period_ms, int64_t ms) {
  int64_t product;
  if (__builtin_expect(period_ms != 1000 || __builtin_mul_overflow(rate, ms, &product), 0)) {
    return MulDiv(rate, ms, period_ms);
  }
  return static_cast<int64_t>(static_cast<uint64_t>(product) / 1000);
}

// What lies in shared memory is bounded before it is used: no arithmetic may overflow.
inline int64_t BoundedAmount(int64_t amount) {
  constexpr int64_t kBound = int64_t{1} << 62;
  if (__builtin_expect(static_cast<uint64_t>(amount) > static_cast<uint64_t>(kBound), 0))
    return amount < 0 ? 0 : kBound;
  return amount;
}

// What a bucket owes after `drained` ticks: from -kRequestTicks (as good as new: the next request is free) up.
inline int64_t Owed(int64_t excess, int64_t drained) {
  const int64_t owed = BoundedAmount(excess) - drained;
  return owed < -kRequestTicks ? -kRequestTicks : owed;
}

// How long an accepted request waits.
inline int64_t DelayMs(int64_t excess, int64_t delay, int64_t rate, int64_t period_ms) {
  return excess <= delay ? 0 : MulDiv(excess - delay, period_ms, rate);
}

// How far one decision's clock may be behind another's: a process may be stopped between reading the clock and taking
// the lock. The same minute within which nginx takes a step back for another worker's clock (ElapsedMs).
constexpr int64_t kClockLagMs = 60000;

// At least what the bucket owes.
inline int64_t OwedAtMost(const LimitReqNode* node, int64_t now_ms) {
  constexpr double kAll = static_cast<double>(int64_t{1} << 62);
  const double drained = TicksPerMs(node->rate_code()) * static_cast<double>(ElapsedMs(now_ms, node->time()));
  return Owed(node->excess, drained < kAll ? static_cast<int64_t>(drained) : int64_t{1} << 62);
}

// Removing such a node changes no later decision of anybody whose clock is less than kClockLagMs behind: its next
// request would find the bucket empty, or the window ended, anyway. nginx is content with 60 s of silence and a debt of
// nothing at this moment; so it forgives up to one request of a slow rate, and rate x lag to an older clock. Then
// decisions would depend on who else comes.
inline bool IsExpired(const LimitReqNode* node, int64_t now_ms) {
  if (node->head.kind == ZoneNode::kWindow) return now_ms - kClockLagMs >= node->time();
  return ElapsedMs(now_ms, node->time()) >= kClockLagMs && OwedAtMost(node, now_ms - kClockLagMs) == -kRequestTicks;
}

// Removing such a node forgives requests above the rate, or more than one hit.
inline bool IsInDebt(const LimitReqNode* node, int64_t now_ms) {
  if (node->head.kind == ZoneNode::kWindow) return node->hits > 1 && now_ms < node->time();
  return OwedAtMost(node, now_ms) > 0;
}

}  // namespace sluice

#endif  // SLUICE_CORE_LIMIT_REQ_NODE_H_
