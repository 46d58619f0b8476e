// The decision about several limits of a location: all of them under the locks of all shards concerned. See
// limit_req_decide.cc for what it decides.

#include <cstdint>
#include <string_view>

#include "core/crc32.h"
#include "core/limit_req_bucket.h"

namespace sluice {
namespace {

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

  int64_t Decide(Moment moment, Decision* decision) {
    for (int i = 0; i < n_; ++i) {
      if (IsUsable(keys_[i])) entries_[count_++] = {i, Crc32(keys_[i]), limits_[i].zone, 0, nullptr, false, 0, 0};
    }
    if (count_ == 0) return kNotAccounted;
    RobustList& self = RobustList::Current();
    do {
      FindLocks();
      now_ms_ = moment.Ms();
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

}  // namespace

int64_t DecideSeveral(const LimitSpec* limits, const std::string_view* keys, int n, Moment moment, Decision* decision) {
  return SeveralLimits(limits, keys, n).Decide(moment, decision);
}

}  // namespace sluice
