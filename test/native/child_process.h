// Forked children of tests: run a function in a child, kill it, wait for it with a deadline.

#ifndef SLUICE_TEST_NATIVE_CHILD_PROCESS_H_
#define SLUICE_TEST_NATIVE_CHILD_PROCESS_H_

#include <signal.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>

namespace sluice {
namespace test {

// Runs `body` in a child, which ends with what it returns as its exit code, and which does not outlive this process.
template <class Body>
pid_t Fork(Body body) {
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(body());
  }
  return pid;
}

// The wait status.
inline int Wait(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
  }
  return status;
}
inline bool WasKilled(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }
inline bool EndedWell(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }

inline int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

inline void SleepMs(int ms) {
  const timespec time = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&time, nullptr);
}

// Polls until `condition` holds; false after the deadline.
template <class Condition>
bool WaitFor(Condition condition, int deadline_ms = 10000) {
  for (const int64_t until = NowMs() + deadline_ms; NowMs() < until; SleepMs(1)) {
    if (condition()) return true;
  }
  return condition();
}

}  // namespace test
}  // namespace sluice

#endif  // SLUICE_TEST_NATIVE_CHILD_PROCESS_H_
