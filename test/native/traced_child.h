// A child that runs one machine instruction at a time: what lies in shared memory after each is what a death at that
// point would leave.

#ifndef SLUICE_TEST_NATIVE_TRACED_CHILD_H_
#define SLUICE_TEST_NATIVE_TRACED_CHILD_H_

#include <sys/ptrace.h>

#include <atomic>
#include <cstdio>

#include "child_process.h"
#include "core/process_identity.h"
#include "core/robust_list.h"
#include "core/shmtx.h"

namespace sluice {
namespace test {

// A child that is stopped at the first instruction of `change`, after `before`; 0 where tracing is not permitted.
template <class Before, class Change>
pid_t ForkTraced(Before before, Change change) {
  const pid_t child = Fork([&] {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return 77;
    // Their setup makes many system calls and is not the subject.
    ProcessIdentity::Current(RobustList::Current());
    before();
    raise(SIGTRAP);
    change();
    return 0;
  });
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSTOPPED(status)) return child;
  printf("     (tracing is not permitted here: skipped)\n");
  return 0;
}

// One instruction further; false if the child has ended.
inline bool Step(pid_t child, int* status) {
  if (ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) return false;
  waitpid(child, status, 0);
  return WIFSTOPPED(*status);
}

// What the kernel does to a lock of a dead thread.
inline void MarkDead(Shmtx& mutex, uint32_t tid) {
  std::atomic<uint64_t>& word = mutex.word_for_test();
  const uint64_t seen = word.load();
  if (LockTid(seen) == tid) word = (seen & ~uint64_t{FUTEX_TID_MASK}) | FUTEX_OWNER_DIED;
}

}  // namespace test
}  // namespace sluice

#endif  // SLUICE_TEST_NATIVE_TRACED_CHILD_H_
