// A mutex in shared memory, with the operations of nginx's ngx_shmtx_t. Not recursive, not fair; held for microseconds.
//
//   word, high half:  pid namespace tag (10 bits) | process id of the owner (22)      never touched by the kernel
//   word, low half:   FUTEX_WAITERS (1) | FUTEX_OWNER_DIED (1) | thread id (30)       the futex; 0 thread id = free
//
// Both halves change in one 64-bit compare-and-swap, so who owns the lock is known at every instruction. When the owner
// dies the kernel clears its thread id and sets FUTEX_OWNER_DIED (robust_list.h); the process id stays and tells who it
// was. Locking says nothing about the state of what the lock guards: an owner that was inside a change leaves its mark
// there (Shard::change), and whoever locks next looks at that mark.

#ifndef SLUICE_CORE_SHMTX_H_
#define SLUICE_CORE_SHMTX_H_

#include <linux/futex.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "core/robust_list.h"

namespace sluice {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the futex is the first half of the word");
static_assert(std::atomic<uint64_t>::is_always_lock_free, "the word is shared between processes");

constexpr uint32_t kLockPidBits = 22;  // Linux's pids stay below 2^22

constexpr uint64_t LockOwner(uint32_t tid, uint32_t pid, uint32_t namespace_tag) {
  return uint64_t{namespace_tag << kLockPidBits | pid} << 32 | tid;
}
constexpr uint32_t LockTid(uint64_t word) { return static_cast<uint32_t>(word) & FUTEX_TID_MASK; }
constexpr uint32_t LockPid(uint64_t word) { return static_cast<uint32_t>(word >> 32) & ((1u << kLockPidBits) - 1); }
constexpr uint32_t LockNamespace(uint64_t word) { return static_cast<uint32_t>(word >> (32 + kLockPidBits)); }

class Shmtx {
 public:
  // Makes it free, whatever the memory held.
  void Create();
  // nginx's counterpart of Create. There is nothing to give back.
  void Destroy() {}

  bool TryLock() { return TryLock(RobustList::Current()); }
  void Lock() { Lock(RobustList::Current()); }
  void Unlock() { Unlock(RobustList::Current()); }

  // The same with the thread's list at hand, to look it up once for several operations.
  bool TryLock(RobustList& self) {
    self.SetPending(&word_);
    uint64_t free = 0;
    // acquire: pairs with the release in Unlock, so that all that the previous owner wrote is visible here.
    if (__builtin_expect(!word_.compare_exchange_strong(free, self.owner(), std::memory_order_acquire), 0)) {
      self.SetPending(nullptr);
      return LockTid(free) == 0 && TryAcquire(self, free, 0);
    }
    self.Push(&word_);
    return true;
  }
  void Lock(RobustList& self) {
    if (__builtin_expect(!TryLock(self), 0)) LockSlow(self);
  }
  void Unlock(RobustList& self) {
    self.SetPending(&word_);
    self.Remove(&word_);
    uint64_t mine = self.owner();
    if (__builtin_expect(!word_.compare_exchange_strong(mine, 0, std::memory_order_release), 0)) UnlockSlow(self, mine);
    self.SetPending(nullptr);
  }

  // If a dead process `pid` of this namespace holds the lock, takes it over: the caller owns it and must Unlock after
  // repairing. REQUIRES: the process is dead.
  bool TakeOver(pid_t pid);
  // nginx's force_unlock, for a lock that guards nothing to repair. True if `pid` held it.
  bool ForceUnlock(pid_t pid);
  // True once if a waiter took the lock over from dead process `pid` before anybody asked.
  bool ForgetRecovered(pid_t pid);
  // Makes the caller its owner whoever seems to be. Only for a caller that is alone (see
  // LimitReqZone::RecoverExclusive).
  void Seize();
  // Wakes one waiter, if any: for the caller that has freed the lock by other means.
  void Wakeup();

  uint64_t spins() const { return spins_.load(std::memory_order_relaxed); }
  uint64_t sleeps() const { return sleeps_.load(std::memory_order_relaxed); }
  std::atomic<uint64_t>& word_for_test() { return word_; }

 private:
  // One attempt on a word seen free or orphaned. `waiters`: FUTEX_WAITERS if others may sleep that nobody else
  // remembers.
  bool TryAcquire(RobustList& self, uint64_t seen, uint32_t waiters);
  __attribute__((noinline, cold)) void LockSlow(RobustList& self);
  __attribute__((noinline, cold)) void UnlockSlow(RobustList& self, uint64_t seen);
  bool OwnerIsGone(const RobustList& self, uint64_t seen) const;
  static bool CanJudge(const RobustList& self, uint64_t seen);
  uint32_t* futex() { return reinterpret_cast<uint32_t*>(&word_); }

  std::atomic<uint64_t> word_;
  std::atomic<uint64_t> spins_;   // waits that ended while spinning; written by owners only
  std::atomic<uint64_t> sleeps_;  // waits in the kernel
  char robust_entry_[16];         // of the owner, somewhere from byte 24 to 40: the place depends on its C library
  std::atomic<uint32_t> recovered_pid_;
  uint32_t reserved_;
};
static_assert(sizeof(Shmtx) == 48, "part of the layout");

}  // namespace sluice

#endif  // SLUICE_CORE_SHMTX_H_
