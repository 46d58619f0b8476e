// The decision: nginx's ngx_http_limit_req_handler in one critical section. All limits are looked at before any is
// charged, under the locks of all shards concerned, so either all are charged or none is and nothing stays pinned in
// between. What nginx's two passes compute is kept to the bit, including which limit is reported:
//   refused    the first limit in the list whose excess is above its burst;
//   accepted   charged from the last limit to the first; the longest delay counts, of equal ones the later limit's;
//              if the last limit's key was skipped, the start is "no delay, excess 0, last limit"
// One limit is decided here, several in limit_req_decide_several.cc; both by the steps of limit_req_bucket.h.
// What nginx does not know: a cost other than 1, which is the same as so many requests in one millisecond; and the same
// key twice in one zone.
// A process that dies between two charges leaves some limits charged for a request that was never answered; nobody gets
// more than its share.

#include <algorithm>

#include "core/crc32.h"
#include "core/limit_req_bucket.h"

namespace sluice {
namespace {

int64_t DecideOneLocked(ShardView& view, const LimitSpec& limit, uint32_t hash, std::string_view key, int64_t now_ms,
                        Decision* decision) {
  LimitReqNode* node = view.FindLocked(ZoneNode::kBucket, hash, key).node;
  if (node != nullptr) view.TouchLocked(node);
  const Look look = LookAt(node, limit, now_ms);
  const int64_t owed = look.owed + limit.cost;
  if (IsRefused(limit, owed)) {
    FillRefused(node, limit, look, 0, now_ms, decision);
    CountRejected(view.shard(), limit);
    return kRejected;
  }
  decision->owed = owed;
  decision->excess = Excess(owed);
  if (limit.cost > 0) {
    if (node != nullptr) {
      Charge(node, limit, look, now_ms);
    } else if (view.InsertLocked(ZoneNode::kBucket, hash, key, StampOf(limit, now_ms), owed, now_ms, nullptr, 0) ==
               nullptr) {
      decision->owed = look.owed;
      return kNoMemory;
    }
    SLUICE_FAULT_POINT("decide.charged");
  }
  const int64_t delay_ms = Delay(limit, owed);
  CountPassed(view.shard(), limit, delay_ms);
  return delay_ms;
}

int64_t DecideOne(const LimitSpec& limit, std::string_view key, Moment moment, Decision* decision) {
  const uint32_t hash = Crc32(key);
  ShardView view(limit.zone, hash, ShardView::kByHash);
  view.Prefetch(hash);
  RobustList& self = RobustList::Current();
  const int64_t now_ms = moment.Ms();
  view.LockShardOf(hash, self);
  const int64_t result = DecideOneLocked(view, limit, hash, key, view.zone()->TimeOf(now_ms), decision);
  view.Unlock(self);
  decision->index = 0;
  return result;
}

}  // namespace

int64_t Decide(const LimitSpec* limits, const std::string_view* keys, int n, Moment moment, Decision* decision) {
  if (n == 1) return IsUsable(keys[0]) ? DecideOne(limits[0], keys[0], moment, decision) : kNotAccounted;
  if (n <= 0 || n > kMaxLimits) return kNotAccounted;
  return DecideSeveral(limits, keys, n, moment, decision);
}

int64_t Peek(const LimitSpec& limit, std::string_view key, int64_t now_ms, Decision* decision) {
  if (!IsUsable(key)) return kNotAccounted;
  const uint32_t hash = Crc32(key);
  ShardView view(limit.zone, hash, ShardView::kByHash);
  RobustList& self = RobustList::Current();
  view.LockShardOf(hash, self);
  const LimitReqNode* node = view.FindLocked(ZoneNode::kBucket, hash, key).node;
  now_ms = view.zone()->TimeOf(now_ms);
  const Look look = LookAt(node, limit, now_ms);
  const int64_t owed = look.owed + limit.cost;
  const bool refused = IsRefused(limit, owed);
  if (refused) FillRefused(node, limit, look, 0, now_ms, decision);
  view.Unlock(self);
  decision->index = 0;
  if (refused) return kRejected;
  decision->owed = owed;
  decision->excess = Excess(owed);
  return Delay(limit, owed);
}

int64_t RetryAfterMs(const LimitSpec& limit, const Decision& decision) {
  if (decision.wanted - kRequestTicks > limit.burst) return -1;
  const int64_t too_many = decision.charged + decision.wanted - limit.burst;
  // The first millisecond after the last charge at which so much has drained: rounded up.
  int64_t ms = MulDiv(too_many, limit.period_ms, limit.rate);
  // Ages; the sums below must not overflow.
  constexpr int64_t kLongestMs = int64_t{1} << 62;
  if (ms >= kLongestMs) return kLongestMs;
  if (Drained(limit.rate, limit.period_ms, ms) < too_many) ++ms;
  return std::max(int64_t{1}, ms - decision.elapsed_ms);
}

}  // namespace sluice
