// What a request finds in a bucket and what a charge makes of it: the steps of a decision, whether it is about one
// limit or several (limit_req_decide.cc). What takes a node or a shard REQUIRES the lock of that shard.

#ifndef SLUICE_CORE_LIMIT_REQ_BUCKET_H_
#define SLUICE_CORE_LIMIT_REQ_BUCKET_H_

#include <cstdint>
#include <string_view>

#include "core/limit_req_shard.h"

namespace sluice {

// An empty key, or one above kMaxKeyLength, skips its limit.
inline bool IsUsable(std::string_view key) { return key.size() - 1 < kMaxKeyLength; }

inline void CountPassed(Shard* shard, const LimitSpec& limit, int64_t delay_ms) {
  if (delay_ms == 0) {
    Bump(shard->passed);
  } else {
    Bump(limit.dry_run ? shard->delayed_dry_run : shard->delayed);
  }
}

inline void CountRejected(Shard* shard, const LimitSpec& limit) {
  Bump(limit.dry_run ? shard->rejected_dry_run : shard->rejected);
}

// What a request finds in its bucket.
struct Look {
  int64_t elapsed_ms;
  int64_t owed;  // ticks, before it is charged
};

inline Look LookAt(const LimitReqNode* node, const LimitSpec& limit, int64_t now_ms) {
  if (node == nullptr) return {0, -kRequestTicks};
  const int64_t ms = ElapsedMs(now_ms, node->time());
  return {ms, Owed(node->excess, Drained(limit.rate, limit.period_ms, ms))};
}

// nginx's figure: less than nothing is nothing.
inline int64_t Excess(int64_t owed) { return owed < 0 ? 0 : owed; }

// A request that costs nothing is no request: it passes even where others left more than this limit's burst.
inline bool IsRefused(const LimitSpec& limit, int64_t owed_after) { return owed_after > limit.burst && limit.cost > 0; }

inline int64_t StampOf(const LimitSpec& limit, int64_t ms) {
  return MakeStamp(ms, RateCode(limit.rate, limit.period_ms));
}

// The time of a charge in the same millisecond stays as it is.
inline void Charge(LimitReqNode* node, const LimitSpec& limit, const Look& look, int64_t now_ms) {
  StorePair(node, StampOf(limit, look.elapsed_ms != 0 ? now_ms : node->time()), look.owed + limit.cost);
}

inline int64_t Delay(const LimitSpec& limit, int64_t excess) {
  return DelayMs(excess, limit.delay, limit.rate, limit.period_ms);
}

// `pending` ticks of the same decision are in `look` already.
inline void FillRefused(const LimitReqNode* node, const LimitSpec& limit, const Look& look, int64_t pending,
                        int64_t now_ms, Decision* decision) {
  decision->excess = Excess(look.owed + limit.cost);
  decision->owed = look.owed;
  decision->charged = node == nullptr ? -kRequestTicks : BoundedAmount(node->excess);
  decision->elapsed_ms = node == nullptr || look.elapsed_ms > 0 ? look.elapsed_ms : now_ms - node->time();
  decision->wanted = pending + limit.cost;
}

// Decide() for more than one limit.
int64_t DecideSeveral(const LimitSpec* limits, const std::string_view* keys, int n, Moment moment, Decision* decision);

}  // namespace sluice

#endif  // SLUICE_CORE_LIMIT_REQ_BUCKET_H_
