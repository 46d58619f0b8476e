// Signals as records in a pipe, with the pid of their sender, which libuv's own handlers do not keep. Dispositions
// belong to the process: a signal has one watch at most, and the watch replaces whatever handler was there until it is
// stopped.

#ifndef SLUICE_OS_SIGNAL_WATCH_H_
#define SLUICE_OS_SIGNAL_WATCH_H_

#include <csignal>
#include <cstdint>
#include <vector>

#include "os/os_error.h"

namespace sluice {

struct SignalRecord {
  int32_t signal;
  int32_t sender_pid;  // 0 = unknown: sent by the kernel, or from outside our pid namespace
};

class SignalWatch {
 public:
  SignalWatch() = default;
  ~SignalWatch() { Stop(); }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  // Installs the handlers, all of them or none, and unblocks the signals in the calling thread. EBUSY if one of the
  // signals is watched already. To be called once.
  OsError Start(const std::vector<int>& signals);

  // Puts the former dispositions back and closes the pipe. No handler uses it any more when this returns.
  void Stop();

  // Readable, non-blocking end of the pipe; to be polled.
  int fd() const { return read_fd_; }

  // Takes the oldest record. False when there is none.
  bool Read(SignalRecord* record) const;

 private:
  struct Installed {
    int signal;
    struct sigaction previous;
  };

  OsError Install(int signal);

  int read_fd_ = -1;
  int write_fd_ = -1;
  std::vector<Installed> installed_;
};

}  // namespace sluice

#endif  // SLUICE_OS_SIGNAL_WATCH_H_
