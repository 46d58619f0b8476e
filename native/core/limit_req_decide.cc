// The decision: nginx's ngx_http_limit_req_handler in one critical section. All limits are looked at before any is
// charged, under the locks of all shards concerned, so either all are charged or none is and nothing stays pinned in
// between. What nginx's two passes compute is kept to the bit, including which limit is reported:
//   refused    the first limit in the list whose excess is above its burst;
//   accepted   charged from the last limit to the first; the longest delay counts, of equal ones that of the later
//   limit;
//              if the last limit's key was skipped, the start is "no delay, excess 0, last limit".
// A process that dies between two charges leaves some limits charged for a request that was never answered; nobody gets
// more than its share.

#include <algorithm>

#include "core/crc32.h"
#include "core/limit_req_shard.h"

namespace sluice {
namespace {

bool IsUsable(std::string_view key) { return key.size() - 1 < kMaxKeyLength; }

void CountPassed(Shard* shard, const LimitSpec& limit, int64_t delay_ms) {
  if (delay_ms == 0) {
    Bump(shard->passed);
  } else {
    Bump(limit.dry_run ? shard->delayed_dry_run : shard->delayed);
  }
}

void CountRejected(Shard* shard, const LimitSpec& limit) {
  Bump(limit.dry_run ? shard->rejected_dry_run : shard->rejected);
}

// Accepted: as ngx_http_limit_req_account does it. The time of a charge in the same millisecond stays as it is.
int64_t Charge(LimitReqNode* node, const LimitSpec& limit, int64_t now_ms) {
  const int64_t ms = ElapsedMs(now_ms, node->last);
  const int64_t excess = NextExcess(node->excess, limit.rate, ms);
  StoreBucket(node, ms != 0 ? now_ms : node->last, excess);
  return excess;
}

int64_t DecideOneLocked(ShardView& view, const LimitSpec& limit, uint32_t hash, std::string_view key, int64_t now_ms,
                        int64_t* excess) {
  LimitReqNode* node = view.FindLocked(hash, key).node;
  if (node == nullptr) {
    *excess = 0;
    if (view.InsertLocked(hash, key, limit.rate, now_ms, nullptr, 0) == nullptr) return kNoMemory;
    Bump(view.shard()->passed);
    return 0;
  }
  view.TouchLocked(node);
  const int64_t ms = ElapsedMs(now_ms, node->last);
  const int64_t next = NextExcess(node->excess, limit.rate, ms);
  *excess = next;
  if (next > limit.burst) {
    CountRejected(view.shard(), limit);
    return kRejected;
  }
  StoreBucket(node, ms != 0 ? now_ms : node->last, next);
  SLUICE_FAULT_POINT("decide.charged");
  const int64_t delay_ms = DelayMs(next, limit.delay, limit.rate);
  CountPassed(view.shard(), limit, delay_ms);
  return delay_ms;
}

int64_t DecideOne(const LimitSpec& limit, std::string_view key, int64_t now_ms, Decision* decision) {
  const uint32_t hash = Crc32(key);
  ShardView view(limit.zone, limit.zone->geometry().ShardOf(hash));
  view.Prefetch(hash);
  RobustList& self = RobustList::Current();
  view.Lock(self);
  const int64_t result = DecideOneLocked(view, limit, hash, key, limit.zone->TimeOf(now_ms), &decision->excess);
  view.Unlock(self);
  decision->index = 0;
  return result;
}

// One limit of several, while they are decided together.
struct Entry {
  int index;  // in the list
  uint32_t hash;
  int lock;            // in SeveralLimits::views_
  LimitReqNode* node;  // nullptr until inserted
  bool fresh;          // inserted by this decision, and thereby charged
};

class SeveralLimits {
 public:
  SeveralLimits(const LimitSpec* limits, const std::string_view* keys, int n, int64_t now_ms)
      : limits_(limits), keys_(keys), n_(n), now_ms_(now_ms) {}

  int64_t Decide(Decision* decision) {
    for (int i = 0; i < n_; ++i) {
      if (IsUsable(keys_[i])) entries_[count_++] = {i, Crc32(keys_[i]), 0, nullptr, false};
    }
    if (count_ == 0) return kNotAccounted;
    RobustList& self = RobustList::Current();
    LockAll(self);
    const int64_t result = DecideLocked(decision);
    for (int i = lock_count_; i-- > 0;) View(i).Unlock(self);
    return result;
  }

 private:
  // The locks of all shards concerned, each once, in the one order that all processes use: by zone, then by shard.
  struct Lock {
    uint64_t zone_uid;
    uint32_t shard;
    alignas(ShardView) unsigned char view[sizeof(ShardView)];
  };

  // In the time of the limit's zone.
  int64_t Now(const LimitSpec& limit) const { return limit.zone->TimeOf(now_ms_); }
  ShardView& View(int lock) { return *reinterpret_cast<ShardView*>(locks_[lock].view); }
  ShardView& View(const Entry& entry) { return View(entry.lock); }

  void LockAll(RobustList& self) {
    for (int i = 0; i < count_; ++i) {
      LimitReqZone* zone = limits_[entries_[i].index].zone;
      const uint64_t uid = zone->uid();
      const uint32_t shard = zone->geometry().ShardOf(entries_[i].hash);
      int at = 0;
      while (at < lock_count_ && Before(locks_[at], uid, shard)) ++at;
      if (at < lock_count_ && locks_[at].zone_uid == uid && locks_[at].shard == shard) continue;
      for (int j = lock_count_; j > at; --j) locks_[j] = locks_[j - 1];
      locks_[at].zone_uid = uid;
      locks_[at].shard = shard;
      new (locks_[at].view) ShardView(zone, shard);
      ++lock_count_;
    }
    for (int i = 0; i < count_; ++i) {
      const LimitReqZone* zone = limits_[entries_[i].index].zone;
      const uint32_t shard = zone->geometry().ShardOf(entries_[i].hash);
      while (Before(locks_[entries_[i].lock], zone->uid(), shard)) ++entries_[i].lock;
    }
    for (int i = 0; i < count_; ++i) View(entries_[i]).Prefetch(entries_[i].hash);
    for (int i = 0; i < lock_count_; ++i) View(i).Lock(self);
  }

  static bool Before(const Lock& lock, uint64_t uid, uint32_t shard) {
    return lock.zone_uid != uid ? lock.zone_uid < uid : lock.shard < shard;
  }

  int64_t DecideLocked(Decision* decision) {
    // First look at all.
    for (int i = 0; i < count_; ++i) {
      Entry& entry = entries_[i];
      const LimitSpec& limit = limits_[entry.index];
      entry.node = View(entry).FindLocked(entry.hash, keys_[entry.index]).node;
      if (entry.node == nullptr) continue;
      View(entry).TouchLocked(entry.node);
      const int64_t excess = NextExcess(entry.node->excess, limit.rate, ElapsedMs(Now(limit), entry.node->last));
      if (excess > limit.burst) {
        CountRejected(View(entry).shard(), limit);
        *decision = {excess, entry.index};
        return kRejected;
      }
    }
    // Then find room for new keys; still nothing is charged for good.
    for (int i = 0; i < count_; ++i) {
      if (entries_[i].node == nullptr && !Insert(i)) {
        *decision = {0, entries_[i].index};
        return kNoMemory;
      }
    }
    // Then charge.
    int64_t longest_ms = 0;
    *decision = {0, n_ - 1};
    for (int i = count_; i-- > 0;) {
      Entry& entry = entries_[i];
      const LimitSpec& limit = limits_[entry.index];
      const int64_t excess = entry.fresh ? 0 : Charge(entry.node, limit, Now(limit));
      SLUICE_FAULT_POINT("decide.charged_one");
      const int64_t delay_ms = DelayMs(excess, limit.delay, limit.rate);
      CountPassed(View(entry).shard(), limit, delay_ms);
      if (entry.index == n_ - 1 || delay_ms > longest_ms) {
        longest_ms = delay_ms;
        *decision = {excess, entry.index};
      }
    }
    return longest_ms;
  }

  bool Insert(int at) {
    Entry& entry = entries_[at];
    const std::string_view key = keys_[entry.index];
    // The same key may stand twice in the list.
    entry.node = View(entry).FindLocked(entry.hash, key).node;
    if (entry.node != nullptr) return true;
    const LimitReqNode* pinned[kMaxLimits];
    int pinned_count = 0;
    for (int i = 0; i < count_; ++i) {
      if (entries_[i].lock == entry.lock && entries_[i].node != nullptr) pinned[pinned_count++] = entries_[i].node;
    }
    const LimitSpec& limit = limits_[entry.index];
    entry.node = View(entry).InsertLocked(entry.hash, key, limit.rate, Now(limit), pinned, pinned_count);
    entry.fresh = entry.node != nullptr;
    if (entry.fresh) return true;
    for (int i = 0; i < at; ++i) {
      if (entries_[i].fresh) View(entries_[i]).RemoveLocked(entries_[i].node);
    }
    return false;
  }

  const LimitSpec* limits_;
  const std::string_view* keys_;
  int n_;
  int64_t now_ms_;
  int count_ = 0;
  int lock_count_ = 0;
  Entry entries_[kMaxLimits];
  Lock locks_[kMaxLimits];
};

}  // namespace

int64_t Decide(const LimitSpec* limits, const std::string_view* keys, int n, int64_t now_ms, Decision* decision) {
  if (n == 1) return IsUsable(keys[0]) ? DecideOne(limits[0], keys[0], now_ms, decision) : kNotAccounted;
  if (n <= 0 || n > kMaxLimits) return kNotAccounted;
  return SeveralLimits(limits, keys, n, now_ms).Decide(decision);
}

}  // namespace sluice
