// The paths of the shared mutex that are not taken when nobody else wants it; see shmtx.h.

#include "core/shmtx.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace sluice {
namespace {

// Pauses of a spin grow 1, 2, 4 ... up to this, some microseconds in all: a sleep and a wake-up cost more than that.
constexpr int kMaxPauses = 64;
// The owner is looked at this often. Only needed where the kernel could not mark the word; see OwnerIsGone.
constexpr long kRecheckNanoseconds = 100 * 1000 * 1000;
// Who cannot be judged, being of another pid namespace, is believed for so many looks in a row that find the same word:
// some five seconds. The lock is held for microseconds, and where it goes from hand to hand a waiter is woken; so the
// word is damage, or its owner stands still (a frozen container). If that one goes on one day, it finds that the lock
// is not its own any more (UnlockSlow), and what it has written meanwhile is damage as any other.
constexpr int kMostLooks = 50;

bool SeveralCpus() {
  static const bool several = sysconf(_SC_NPROCESSORS_ONLN) > 1;
  return several;
}

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

long Futex(uint32_t* word, int operation, uint32_t value, const timespec* timeout) {
  return syscall(SYS_futex, word, operation, value, timeout, nullptr, 0);
}

// Written by the owner of the lock only, so no read-modify-write is needed.
void Bump(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

void Shmtx::Create() {
  word_.store(0, std::memory_order_relaxed);
  spins_.store(0, std::memory_order_relaxed);
  sleeps_.store(0, std::memory_order_relaxed);
  recovered_pid_.store(0, std::memory_order_relaxed);
}

bool Shmtx::TryAcquire(RobustList& self, uint64_t seen, uint32_t waiters) {
  const uint64_t mine = self.owner() | waiters | (seen & FUTEX_WAITERS);
  self.SetPending(&word_);
  const uint64_t before = seen;
  if (!word_.compare_exchange_strong(seen, mine, std::memory_order_acquire)) {
    self.SetPending(nullptr);
    return false;
  }
  self.Push(&word_);
  const bool orphaned = (before & FUTEX_OWNER_DIED) != 0 || LockTid(before) != 0;
  if (orphaned) recovered_pid_.store(LockPid(before), std::memory_order_relaxed);
  return true;
}

void Shmtx::LockSlow(RobustList& self) {
  if (SeveralCpus()) {
    for (int pauses = 1; pauses <= kMaxPauses; pauses *= 2) {
      for (int i = 0; i < pauses; ++i) Pause();
      const uint64_t seen = word_.load(std::memory_order_relaxed);
      if (LockTid(seen) == 0 && TryAcquire(self, seen, 0)) {
        Bump(spins_);
        return;
      }
    }
  }
  uint32_t waiters = 0;
  uint64_t slept = 0;
  uint64_t looked_at = 0;
  int looks = 0;
  for (;;) {
    uint64_t seen = word_.load(std::memory_order_relaxed);
    if (LockTid(seen) == 0) {
      // Having slept we may have taken the wake-up of a lock that had more waiters: keep the mark for them.
      if (TryAcquire(self, seen, waiters)) break;
      continue;
    }
    if ((seen & FUTEX_WAITERS) == 0 &&
        !word_.compare_exchange_weak(seen, seen | FUTEX_WAITERS, std::memory_order_relaxed)) {
      continue;
    }
    seen |= FUTEX_WAITERS;
    const timespec timeout = {0, kRecheckNanoseconds};
    const long result = Futex(futex(), FUTEX_WAIT, static_cast<uint32_t>(seen), &timeout);
    waiters = FUTEX_WAITERS;
    ++slept;
    if (result == 0 || errno != ETIMEDOUT) {
      looks = 0;
      continue;
    }
    looks = seen == looked_at ? looks + 1 : 1;
    looked_at = seen;
    const bool is_gone = OwnerIsGone(self, seen) || (looks >= kMostLooks && !CanJudge(self, seen));
    if (is_gone && TryAcquire(self, seen, waiters)) break;
  }
  sleeps_.store(sleeps_.load(std::memory_order_relaxed) + slept, std::memory_order_relaxed);
}

void Shmtx::UnlockSlow(RobustList& self, uint64_t seen) {
  // Waiters have marked the word. Anything else means that the lock was taken away from us (Seize, or TakeOver by a
  // caller that was wrong about our death): then it is not ours to free.
  while (seen == (self.owner() | FUTEX_WAITERS)) {
    if (word_.compare_exchange_weak(seen, 0, std::memory_order_release)) {
      Wakeup();
      return;
    }
  }
}

// A fallback: the kernel marks the word of a thread that ended unless the robust list was not available, or the word is
// from before a reboot, or somebody scribbled on it.
bool Shmtx::OwnerIsGone(const RobustList& self, uint64_t seen) const {
  if (word_.load(std::memory_order_relaxed) != seen) return false;
  if (LockPid(seen) == 0) return true;  // no owner writes that
  if (!CanJudge(self, seen)) return false;
  if ((seen & ~uint64_t{FUTEX_WAITERS}) == self.owner()) return !self.Holds(&word_);  // our ids, of a previous life
  return syscall(SYS_tgkill, LockPid(seen), LockTid(seen), 0) != 0 && errno == ESRCH;
}

// Ids of another pid namespace mean nothing here.
bool Shmtx::CanJudge(const RobustList& self, uint64_t seen) {
  return LockNamespace(seen) != 0 && LockNamespace(seen) == LockNamespace(self.owner());
}

bool Shmtx::TakeOver(pid_t pid) {
  RobustList& self = RobustList::Current();
  for (;;) {
    const uint64_t seen = word_.load(std::memory_order_relaxed);
    const bool held = LockTid(seen) != 0 || (seen & FUTEX_OWNER_DIED) != 0;
    if (!held || LockPid(seen) != static_cast<uint32_t>(pid) || LockNamespace(seen) != LockNamespace(self.owner())) {
      return false;
    }
    if (TryAcquire(self, seen, 0)) {
      recovered_pid_.store(0, std::memory_order_relaxed);
      return true;
    }
  }
}

bool Shmtx::ForceUnlock(pid_t pid) {
  if (!TakeOver(pid)) return ForgetRecovered(pid);
  Unlock();
  return true;
}

bool Shmtx::ForgetRecovered(pid_t pid) {
  uint32_t expected = static_cast<uint32_t>(pid);
  return expected != 0 && recovered_pid_.compare_exchange_strong(expected, 0, std::memory_order_relaxed);
}

void Shmtx::Seize() {
  RobustList& self = RobustList::Current();
  while (!TryAcquire(self, word_.load(std::memory_order_relaxed), 0)) {
  }
}

void Shmtx::Wakeup() { Futex(futex(), FUTEX_WAKE, 1, nullptr); }

}  // namespace sluice
