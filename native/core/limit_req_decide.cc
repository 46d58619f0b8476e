// The decision: nginx's ngx_http_limit_req_handler in one critical section. All limits are looked at before any is
// charged, under the locks of all shards concerned, so either all are charged or none is and nothing stays pinned in
// between. What nginx's two passes compute is kept to the bit, including which limit is reported:
//   refused    the first limit in the list whose excess is above its burst;
//   accepted   charged from the last limit to the first; the longest delay counts, of equal ones that of the later
//   limit;
//              if the last limit's key was skipped, the start is "no delay, excess 0, last limit".
// What nginx does not know: a cost other than 1, which is the same as so many requests in one millisecond; and the same
// key twice in one zone.
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

// What a request finds in its bucket.
struct Look {
  int64_t elapsed_ms;
  int64_t owed;  // ticks, before it is charged
};

Look LookAt(const LimitReqNode* node, const LimitSpec& limit, int64_t now_ms) {
  if (node == nullptr) return {0, -kRequestTicks};
  const int64_t ms = ElapsedMs(now_ms, node->time());
  return {ms, Owed(node->excess, Drained(limit.rate, limit.period_ms, ms))};
}

// nginx's figure: less than nothing is nothing.
int64_t Excess(int64_t owed) { return owed < 0 ? 0 : owed; }

// A request that costs nothing is no request: it passes even where others left more than this limit's burst.
bool IsRefused(const LimitSpec& limit, int64_t owed_after) { return owed_after > limit.burst && limit.cost > 0; }

int64_t StampOf(const LimitSpec& limit, int64_t ms) { return MakeStamp(ms, RateCode(limit.rate, limit.period_ms)); }

// The time of a charge in the same millisecond stays as it is.
void Charge(LimitReqNode* node, const LimitSpec& limit, const Look& look, int64_t now_ms) {
  StorePair(node, StampOf(limit, look.elapsed_ms != 0 ? now_ms : node->time()), look.owed + limit.cost);
}

int64_t Delay(const LimitSpec& limit, int64_t excess) {
  return DelayMs(excess, limit.delay, limit.rate, limit.period_ms);
}

// `pending` ticks of the same decision are in `look` already.
void FillRefused(const LimitReqNode* node, const LimitSpec& limit, const Look& look, int64_t pending, int64_t now_ms,
                 Decision* decision) {
  decision->excess = Excess(look.owed + limit.cost);
  decision->owed = look.owed;
  decision->charged = node == nullptr ? -kRequestTicks : BoundedAmount(node->excess);
  decision->elapsed_ms = node == nullptr || look.elapsed_ms > 0 ? look.elapsed_ms : now_ms - node->time();
  decision->wanted = pending + limit.cost;
}

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

template <class Clock>
int64_t DecideOne(const LimitSpec& limit, std::string_view key, Clock clock_ms, Decision* decision) {
  const uint32_t hash = Crc32(key);
  ShardView view(limit.zone, hash, ShardView::kByHash);
  view.Prefetch(hash);
  RobustList& self = RobustList::Current();
  const int64_t now_ms = clock_ms();
  view.LockShardOf(hash, self);
  const int64_t result = DecideOneLocked(view, limit, hash, key, view.zone()->TimeOf(now_ms), decision);
  view.Unlock(self);
  decision->index = 0;
  return result;
}

// One limit of several, while they are decided together.
struct Entry {
  int index;  // in the list
  uint32_t hash;
  LimitReqZone* zone;  // the limit's, or its successor that has the key by now
  int lock;            // in SeveralLimits::locks_
  LimitReqNode* node;  // nullptr until inserted
  bool fresh;          // inserted by this decision, and thereby charged
  int64_t pending;     // ticks of entries before this one with the same bucket
  int64_t owed;        // by the bucket when this one and those before it are charged
};

class SeveralLimits {
 public:
  SeveralLimits(const LimitSpec* limits, const std::string_view* keys, int n) : limits_(limits), keys_(keys), n_(n) {}

  template <class Clock>
  int64_t Decide(Clock clock_ms, Decision* decision) {
    for (int i = 0; i < n_; ++i) {
      if (IsUsable(keys_[i])) entries_[count_++] = {i, Crc32(keys_[i]), limits_[i].zone, 0, nullptr, false, 0, 0};
    }
    if (count_ == 0) return kNotAccounted;
    RobustList& self = RobustList::Current();
    do {
      FindLocks();
      now_ms_ = clock_ms();
    } while (__builtin_expect(!LockAll(self), 0));
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

  // In the time of the zone.
  int64_t Now(const Entry& entry) const { return entry.zone->TimeOf(now_ms_); }
  ShardView& View(int lock) { return *reinterpret_cast<ShardView*>(locks_[lock].view); }
  ShardView& View(const Entry& entry) { return View(entry.lock); }

  // False, and nothing is locked, if some keys have moved to another zone meanwhile: their entries name it now.
  bool LockAll(RobustList& self) {
    for (int i = 0; i < lock_count_; ++i) {
      if (__builtin_expect(View(i).Lock(self), 1)) continue;
      for (int j = 0; j < count_; ++j) {
        if (entries_[j].lock == i) entries_[j].zone = entries_[j].zone->successor();
      }
      while (i-- > 0) View(i).Unlock(self);
      return false;
    }
    return true;
  }

  void FindLocks() {
    lock_count_ = 0;
    for (int i = 0; i < count_; ++i) {
      LimitReqZone* zone = entries_[i].zone;
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
      const LimitReqZone* zone = entries_[i].zone;
      const uint32_t shard = zone->geometry().ShardOf(entries_[i].hash);
      entries_[i].lock = 0;
      while (Before(locks_[entries_[i].lock], zone->uid(), shard)) ++entries_[i].lock;
    }
    for (int i = 0; i < count_; ++i) View(entries_[i]).Prefetch(entries_[i].hash);
  }

  static bool Before(const Lock& lock, uint64_t uid, uint32_t shard) {
    return lock.zone_uid != uid ? lock.zone_uid < uid : lock.shard < shard;
  }

  int64_t DecideLocked(Decision* decision) {
    // First look at all.
    for (int i = 0; i < count_; ++i) {
      Entry& entry = entries_[i];
      const LimitSpec& limit = limits_[entry.index];
      entry.node = View(entry).FindLocked(ZoneNode::kBucket, entry.hash, keys_[entry.index]).node;
      if (entry.node != nullptr) View(entry).TouchLocked(entry.node);
      entry.pending = PendingBefore(i);
      Look look = LookAt(entry.node, limit, Now(entry));
      look.owed += entry.pending;
      entry.owed = look.owed + limit.cost;
      if (IsRefused(limit, entry.owed)) {
        CountRejected(View(entry).shard(), limit);
        FillRefused(entry.node, limit, look, entry.pending, Now(entry), decision);
        decision->index = entry.index;
        return kRejected;
      }
    }
    // Then find room for new keys; still nothing is charged for good.
    for (int i = 0; i < count_; ++i) {
      if (entries_[i].node == nullptr && limits_[entries_[i].index].cost > 0 && !Insert(i)) {
        *decision = Decision();
        decision->index = entries_[i].index;
        decision->owed = -kRequestTicks;
        return kNoMemory;
      }
    }
    // Then charge.
    int64_t longest_ms = 0;
    *decision = Decision();
    decision->index = n_ - 1;
    decision->owed = -kRequestTicks;
    for (int i = count_; i-- > 0;) {
      Entry& entry = entries_[i];
      const LimitSpec& limit = limits_[entry.index];
      ChargeLocked(entry, limit);
      SLUICE_FAULT_POINT("decide.charged_one");
      const int64_t delay_ms = Delay(limit, entry.owed);
      CountPassed(View(entry).shard(), limit, delay_ms);
      if (entry.index == n_ - 1 || delay_ms > longest_ms) {
        longest_ms = delay_ms;
        decision->excess = Excess(entry.owed);
        decision->owed = entry.owed;
        decision->index = entry.index;
      }
    }
    return longest_ms;
  }

  void ChargeLocked(const Entry& entry, const LimitSpec& limit) {
    if (entry.fresh || limit.cost == 0) return;
    Charge(entry.node, limit, LookAt(entry.node, limit, Now(entry)), Now(entry));
  }

  // The same key twice under limits of one zone is one bucket, and must have room for both.
  int64_t PendingBefore(int at) const {
    const Entry& entry = entries_[at];
    int64_t pending = 0;
    for (int i = 0; i < at; ++i) {
      if (entries_[i].hash == entry.hash && entries_[i].lock == entry.lock &&
          keys_[entries_[i].index] == keys_[entry.index]) {
        pending += limits_[entries_[i].index].cost;
      }
    }
    return pending;
  }

  bool Insert(int at) {
    Entry& entry = entries_[at];
    const std::string_view key = keys_[entry.index];
    // The same key may stand twice in the list.
    entry.node = View(entry).FindLocked(ZoneNode::kBucket, entry.hash, key).node;
    if (entry.node != nullptr) return true;
    const LimitReqNode* pinned[kMaxLimits];
    int pinned_count = 0;
    for (int i = 0; i < count_; ++i) {
      if (entries_[i].lock == entry.lock && entries_[i].node != nullptr) pinned[pinned_count++] = entries_[i].node;
    }
    const LimitSpec& limit = limits_[entry.index];
    entry.node = View(entry).InsertLocked(ZoneNode::kBucket, entry.hash, key, StampOf(limit, Now(entry)),
                                          limit.cost - kRequestTicks, Now(entry), pinned, pinned_count);
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
  int64_t now_ms_ = 0;
  int count_ = 0;
  int lock_count_ = 0;
  Entry entries_[kMaxLimits];
  Lock locks_[kMaxLimits];
};

template <class Clock>
int64_t DecideAll(const LimitSpec* limits, const std::string_view* keys, int n, Clock clock_ms, Decision* decision) {
  if (n == 1) return IsUsable(keys[0]) ? DecideOne(limits[0], keys[0], clock_ms, decision) : kNotAccounted;
  if (n <= 0 || n > kMaxLimits) return kNotAccounted;
  return SeveralLimits(limits, keys, n).Decide(clock_ms, decision);
}

}  // namespace

int64_t Decide(const LimitSpec* limits, const std::string_view* keys, int n, int64_t now_ms, Decision* decision) {
  return DecideAll(
      limits, keys, n, [now_ms] { return now_ms; }, decision);
}

int64_t DecideNow(const LimitSpec* limits, const std::string_view* keys, int n, int64_t (*clock_ms)(),
                  Decision* decision) {
  return DecideAll(limits, keys, n, clock_ms, decision);
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
  if (Drained(limit.rate, limit.period_ms, ms) < too_many) ++ms;
  return std::max(int64_t{1}, ms - decision.elapsed_ms);
}

}  // namespace sluice
