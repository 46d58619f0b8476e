// The shared mutex: exclusion between threads and between processes, and every way in which an owner can be gone.

#include "core/shmtx.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "child_process.h"
#include "test.h"
#include "zone_fixture.h"

namespace sluice {
namespace test {
namespace {

struct Guarded {
  alignas(64) Shmtx mutex;
  alignas(64) uint64_t counter;
  uint64_t shadow;
  std::atomic<int> ready;
};

struct SharedGuarded {
  SharedGuarded() : bytes(kPageSize), at(reinterpret_cast<Guarded*>(bytes.base())) { at->mutex.Create(); }
  SharedBytes bytes;
  Guarded* at;
  Guarded* operator->() { return at; }
};

void Increment(Guarded* guarded, int times) {
  for (int i = 0; i < times; ++i) {
    guarded->mutex.Lock();
    ++guarded->counter;
    ++guarded->shadow;
    guarded->mutex.Unlock();
  }
}

constexpr uint64_t kFree = 0;

TEST("shmtx: threads exclude each other") {
  SharedGuarded shared;
  std::vector<std::thread> threads;
  const int times = 100000 / Slowdown();
  for (int i = 0; i < 4; ++i) threads.emplace_back(Increment, shared.at, times);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shared->counter, 4u * static_cast<unsigned>(times));
  EXPECT_EQ(shared->mutex.word_for_test().load(), kFree);
}

TEST("shmtx: processes exclude each other") {
  SharedGuarded shared;
  const int times = 100000 / Slowdown();
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(Fork([&] {
      Increment(shared.at, times);
      return 0;
    }));
  }
  for (const pid_t child : children) EXPECT(EndedWell(Wait(child)));
  EXPECT_EQ(shared->counter, 4u * static_cast<unsigned>(times));
  EXPECT_EQ(shared->shadow, shared->counter);
  EXPECT_EQ(shared->mutex.word_for_test().load(), kFree);
}

TEST("shmtx: trylock succeeds on a free lock only") {
  SharedGuarded shared;
  EXPECT(shared->mutex.TryLock());
  EXPECT(!shared->mutex.TryLock());
  std::thread([&] { EXPECT(!shared->mutex.TryLock()); }).join();
  shared->mutex.Unlock();
  EXPECT(shared->mutex.TryLock());
  shared->mutex.Unlock();
}

TEST("shmtx: the word names thread and process of the owner") {
  SharedGuarded shared;
  shared->mutex.Lock();
  const uint64_t word = shared->mutex.word_for_test().load();
  EXPECT_EQ(LockTid(word), static_cast<uint32_t>(syscall(SYS_gettid)));
  EXPECT_EQ(LockPid(word), static_cast<uint32_t>(getpid()));
  EXPECT(LockNamespace(word) != 0);
  shared->mutex.Unlock();
  std::thread([&] {
    EXPECT(RobustList::Current().registered_for_test());
    shared->mutex.Lock();
    const uint64_t other = shared->mutex.word_for_test().load();
    EXPECT(LockTid(other) != static_cast<uint32_t>(getpid()));
    EXPECT_EQ(LockPid(other), static_cast<uint32_t>(getpid()));
    shared->mutex.Unlock();
  }).join();
}

// Forks a child that locks, tells so, and then does `then` (which may never return).
template <class Then>
pid_t ForkOwner(Guarded* guarded, Then then) {
  guarded->ready = 0;
  const pid_t child = Fork([&] {
    guarded->mutex.Lock();
    guarded->ready = 1;
    then();
    return 0;
  });
  EXPECT(WaitFor([&] { return guarded->ready == 1; }));
  return child;
}

TEST("shmtx: a killed owner's lock goes to the next one that asks") {
  SharedGuarded shared;
  const pid_t child = ForkOwner(shared.at, [] { pause(); });
  EXPECT(!shared->mutex.TryLock());
  kill(child, SIGKILL);
  Wait(child);
  EXPECT((shared->mutex.word_for_test().load() & FUTEX_OWNER_DIED) != 0);
  EXPECT(shared->mutex.TryLock());
  shared->mutex.Unlock();
  EXPECT_EQ(shared->mutex.word_for_test().load(), kFree);
}

TEST("shmtx: a sleeping waiter is woken by the owner's death") {
  SharedGuarded shared;
  const pid_t child = ForkOwner(shared.at, [] { pause(); });
  std::atomic<bool> locked{false};
  std::thread waiter([&] {
    shared->mutex.Lock();
    locked = true;
    shared->mutex.Unlock();
  });
  EXPECT(WaitFor([&] { return (shared->mutex.word_for_test().load() & FUTEX_WAITERS) != 0; }));
  EXPECT(!locked);
  kill(child, SIGKILL);
  waiter.join();
  EXPECT(locked);
  EXPECT(shared->mutex.sleeps() > 0);
  Wait(child);
}

TEST("shmtx: unlocking wakes sleeping waiters at once, not when they look again by themselves") {
  SharedGuarded shared;
  constexpr int kRounds = 20;
  const int64_t begin = NowMs();
  for (int round = 0; round < kRounds; ++round) {
    shared->mutex.Lock();
    std::atomic<int> started{0};
    const auto wait = [&] {
      ++started;
      shared->mutex.Lock();
      shared->mutex.Unlock();
    };
    std::thread first(wait), second(wait);
    EXPECT(WaitFor([&] { return started == 2 && (shared->mutex.word_for_test().load() & FUTEX_WAITERS) != 0; }));
    SleepMs(2);  // most likely both sleep now; the one that is woken must wake the other
    shared->mutex.Unlock();
    first.join();
    second.join();
  }
  // Waiters look again every 100 ms; without a wake-up the rounds would take 2 s.
  EXPECT(NowMs() - begin < kRounds * 60);
}

TEST("shmtx: exec, exit and the end of a thread free the locks that were held") {
  SharedGuarded shared;
  const pid_t execs = ForkOwner(shared.at, [] { execl("/bin/sleep", "sleep", "20", static_cast<char*>(nullptr)); });
  EXPECT(WaitFor([&] { return shared->mutex.TryLock(); }));
  EXPECT(kill(execs, 0) == 0);  // it lives, as another program
  shared->mutex.Unlock();
  kill(execs, SIGKILL);
  Wait(execs);

  Wait(ForkOwner(shared.at, [] { _exit(0); }));
  EXPECT(shared->mutex.TryLock());
  shared->mutex.Unlock();

  std::thread([&] { shared->mutex.Lock(); }).join();
  EXPECT(WaitFor([&] { return shared->mutex.TryLock(); }));
  shared->mutex.Unlock();
}

TEST("shmtx: all of several locks held at once are freed, in whatever order some were unlocked") {
  SharedBytes bytes(kPageSize);
  Guarded* guarded = reinterpret_cast<Guarded*>(bytes.base());
  constexpr int kLocks = 8;
  for (int i = 0; i < kLocks; ++i) guarded[i].mutex.Create();
  const pid_t child = Fork([&] {
    for (int i = 0; i < kLocks; ++i) guarded[i].mutex.Lock();
    for (const int i : {3, 0, 7}) guarded[i].mutex.Unlock();
    guarded[0].mutex.Lock();
    kill(getpid(), SIGKILL);
    return 0;
  });
  EXPECT(WasKilled(Wait(child)));
  for (int i = 0; i < kLocks; ++i) {
    const uint64_t word = guarded[i].mutex.word_for_test().load();
    EXPECT_EQ(i == 3 || i == 7 ? word == 0 : (word & FUTEX_OWNER_DIED) != 0, true);
    EXPECT(guarded[i].mutex.TryLock());
  }
  for (const int i : {5, 0, 7, 2, 1, 6, 4, 3}) guarded[i].mutex.Unlock();
  for (int i = 0; i < kLocks; ++i) EXPECT_EQ(guarded[i].mutex.word_for_test().load(), kFree);
}

TEST("shmtx: the C library's own robust mutexes keep working in a thread that uses ours") {
  SharedGuarded shared;
  pthread_mutex_t* theirs = reinterpret_cast<pthread_mutex_t*>(shared.bytes.base() + 1024);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(theirs, &attributes);
  const pid_t child = Fork([&] {
    pthread_mutex_lock(theirs);
    shared->mutex.Lock();
    shared->mutex.Unlock();
    shared->mutex.Lock();
    kill(getpid(), SIGKILL);
    return 0;
  });
  Wait(child);
  EXPECT_EQ(pthread_mutex_lock(theirs), EOWNERDEAD);
  pthread_mutex_consistent(theirs);
  pthread_mutex_unlock(theirs);
  EXPECT(shared->mutex.TryLock());
  shared->mutex.Unlock();
}

TEST("shmtx: force_unlock frees what a dead process held and nothing else") {
  SharedGuarded shared;
  EXPECT(!shared->mutex.ForceUnlock(getpid()));
  shared->mutex.Lock();
  EXPECT(!shared->mutex.ForceUnlock(1));
  shared->mutex.Unlock();
  const pid_t child = ForkOwner(shared.at, [] { pause(); });
  kill(child, SIGKILL);
  Wait(child);
  EXPECT(!shared->mutex.ForceUnlock(child + 1));
  EXPECT(shared->mutex.ForceUnlock(child));
  EXPECT_EQ(shared->mutex.word_for_test().load(), kFree);
  EXPECT(!shared->mutex.ForceUnlock(child));
}

TEST("shmtx: force_unlock recognizes a thread of the dead process") {
  SharedGuarded shared;
  const pid_t child = Fork([&] {
    std::thread([&] {
      shared->mutex.Lock();
      kill(getpid(), SIGKILL);
      pause();
    }).join();
    return 0;
  });
  Wait(child);
  EXPECT(shared->mutex.ForceUnlock(child));
}

TEST("shmtx: force_unlock still reports a lock that a waiter has recovered in the meantime") {
  SharedGuarded shared;
  const pid_t child = ForkOwner(shared.at, [] { pause(); });
  kill(child, SIGKILL);
  Wait(child);
  shared->mutex.Lock();
  shared->mutex.Unlock();
  EXPECT(shared->mutex.ForceUnlock(child));
  EXPECT(!shared->mutex.ForceUnlock(child));
}

// Where the kernel could not mark the word (no robust list, a file from before a reboot, scribbling).
TEST("shmtx: a waiter recovers from an owner that does not exist, without the kernel's mark") {
  SharedGuarded shared;
  const pid_t child = Fork([] { return 0; });
  Wait(child);
  const uint64_t own = RobustList::Current().owner();
  const uint32_t dead = static_cast<uint32_t>(child);
  const uint64_t words[] = {
      LockOwner(dead, dead, LockNamespace(own)),                             // a dead process of this namespace
      LockOwner(dead, static_cast<uint32_t>(getpid()), LockNamespace(own)),  // a dead thread of a living process
      LockOwner(12345, 0, 0),                                                // no owner writes that
      own,                                                                   // our own ids, of an earlier process
  };
  for (const uint64_t word : words) {
    shared->mutex.word_for_test() = word;
    shared->mutex.Lock();
    EXPECT_EQ(LockPid(shared->mutex.word_for_test().load()), static_cast<uint32_t>(getpid()));
    shared->mutex.Unlock();
    EXPECT_EQ(shared->mutex.word_for_test().load(), kFree);
  }
}

TEST("shmtx: a waiter does not judge an owner of another pid namespace") {
  SharedGuarded shared;
  const pid_t child = Fork([] { return 0; });
  Wait(child);
  const uint32_t dead = static_cast<uint32_t>(child);
  const uint32_t other_namespace = LockNamespace(RobustList::Current().owner()) % 1023 + 1;
  const uint64_t theirs = LockOwner(dead, dead, other_namespace);
  shared->mutex.word_for_test() = theirs;
  std::atomic<bool> locked{false};
  std::thread waiter([&] {
    shared->mutex.Lock();
    locked = true;
    shared->mutex.Unlock();
  });
  // Time is the subject: longer than two looks at the owner.
  SleepMs(300);
  EXPECT(!locked);
  EXPECT(!shared->mutex.ForceUnlock(child));
  shared->mutex.word_for_test() = FUTEX_OWNER_DIED | (theirs >> 32 << 32);  // as their kernel will do
  waiter.join();
  EXPECT(locked);
}

TEST("shmtx: an owner of another pid namespace that does not move for seconds is nobody") {
  SharedGuarded shared;
  const uint32_t other_namespace = LockNamespace(RobustList::Current().owner()) % 1023 + 1;
  shared->mutex.word_for_test() = LockOwner(7, 7, other_namespace);
  shared->mutex.Lock();
  EXPECT_EQ(LockPid(shared->mutex.word_for_test().load()), static_cast<uint32_t>(getpid()));
  shared->mutex.Unlock();
}

TEST("shmtx: an owner that was robbed does not free the robber's lock") {
  SharedGuarded shared;
  shared->mutex.Lock();
  std::atomic<int> step{0};
  std::thread robber([&] {
    shared->mutex.Seize();
    step = 1;
    while (step != 2) SleepMs(1);
    shared->mutex.Unlock();
  });
  while (step != 1) SleepMs(1);
  shared->mutex.Unlock();
  EXPECT(!shared->mutex.TryLock());
  step = 2;
  robber.join();
  EXPECT(shared->mutex.TryLock());
  shared->mutex.Unlock();
}

TEST("shmtx: processes that are killed at random while they contend never wedge the others") {
  SharedGuarded shared;
  Random random(11);
  constexpr int kChildren = 3;
  pid_t children[kChildren] = {};
  const auto hammer = [&] {
    for (;;) {
      shared->mutex.Lock();
      ++shared->counter;
      shared->mutex.Unlock();
    }
    return 0;
  };
  for (pid_t& child : children) child = Fork(hammer);
  for (int round = 0; round < 150 / Slowdown(); ++round) {
    pid_t& victim = children[random.Below(kChildren)];
    SleepMs(static_cast<int>(random.Below(4)));
    kill(victim, SIGKILL);
    Wait(victim);
    shared->mutex.ForceUnlock(victim);
    victim = Fork(hammer);
    shared->mutex.Lock();
    const uint64_t before = shared->counter;
    shared->mutex.Unlock();
    EXPECT(WaitFor([&] {
      shared->mutex.Lock();
      const bool moved = shared->counter != before;
      shared->mutex.Unlock();
      return moved;
    }));
  }
  for (const pid_t child : children) {
    kill(child, SIGKILL);
    Wait(child);
  }
  EXPECT(shared->mutex.TryLock() || shared->mutex.ForceUnlock(children[0]));
}

}  // namespace
}  // namespace test
}  // namespace sluice
