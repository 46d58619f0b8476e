// The handler runs in whatever thread the kernel chooses, between any two instructions: it only loads an atomic, writes
// to a pipe, and leaves errno as it was.

#include "os/signal_watch.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace sluice {
namespace {

constexpr int kSignalCount = 65;  // Linux: 1..64

// Pipe end per signal, plus one, so that zero-initialised means "not watched".
std::atomic<int> g_write_fd_plus_one[kSignalCount];

// Handlers now running, in all threads. Stop() waits for zero after it took the pipe out of the table. Sequentially
// consistent with that table: a handler that still saw the pipe is visible here.
std::atomic<int> g_handlers_running{0};

static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

bool CarriesSender(int code) { return code == SI_USER || code == SI_QUEUE || code == SI_TKILL; }

void Handle(int signal, siginfo_t* info, void* /*context*/) {
  const int saved_errno = errno;
  g_handlers_running.fetch_add(1);
  const int fd = g_write_fd_plus_one[signal].load() - 1;
  if (fd >= 0) {
    const SignalRecord record = {signal, CarriesSender(info->si_code) ? info->si_pid : 0};
    // A full pipe holds thousands of records that nobody has read: one more would tell nothing new.
    const ssize_t ignored = write(fd, &record, sizeof record);
    (void)ignored;
  }
  g_handlers_running.fetch_sub(1);
  errno = saved_errno;
}

}  // namespace

OsError SignalWatch::Start(const std::vector<int>& signals) {
  int ends[2];
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) return LastError("pipe2");
  read_fd_ = ends[0];
  write_fd_ = ends[1];

  sigset_t unblock;
  sigemptyset(&unblock);
  for (const int signal : signals) {
    if (OsError error = Install(signal); !error.ok()) {
      Stop();
      return error;
    }
    sigaddset(&unblock, signal);
  }
  if (const int code = pthread_sigmask(SIG_UNBLOCK, &unblock, nullptr); code != 0) {
    Stop();
    return {code, "pthread_sigmask"};
  }
  return {};
}

OsError SignalWatch::Install(int signal) {
  if (signal <= 0 || signal >= kSignalCount) return {EINVAL, "sigaction"};

  int unwatched = 0;
  if (!g_write_fd_plus_one[signal].compare_exchange_strong(unwatched, write_fd_ + 1)) return {EBUSY, "sigaction"};

  struct sigaction action = {};
  action.sa_sigaction = Handle;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigfillset(&action.sa_mask);
  Installed installed = {signal, {}};
  if (sigaction(signal, &action, &installed.previous) < 0) {
    const OsError error = LastError("sigaction");
    g_write_fd_plus_one[signal].store(0);
    return error;
  }
  installed_.push_back(installed);
  return {};
}

void SignalWatch::Stop() {
  if (read_fd_ < 0) return;
  for (const Installed& installed : installed_) {
    sigaction(installed.signal, &installed.previous, nullptr);
    g_write_fd_plus_one[installed.signal].store(0);
  }
  installed_.clear();
  while (g_handlers_running.load() != 0) sched_yield();
  close(read_fd_);
  close(write_fd_);
  read_fd_ = write_fd_ = -1;
}

bool SignalWatch::Read(SignalRecord* record) const {
  ssize_t got;
  do {
    got = read(read_fd_, record, sizeof *record);
  } while (got < 0 && errno == EINTR);
  return got == static_cast<ssize_t>(sizeof *record);
}

}  // namespace sluice
