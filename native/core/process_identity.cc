// Asking the system about processes; see process_identity.h.

#include "core/process_identity.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/shmtx.h"

namespace sluice {
namespace {

// Fields 3 and 22 of /proc/PID/stat. They stand behind the program's name, which is in parentheses and may hold
// anything.
struct Stat {
  char state = 0;
  uint64_t start_ticks = 0;
};

bool ReadStat(uint32_t pid, Stat* stat) {
  char path[32];
  snprintf(path, sizeof(path), "/proc/%u/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[1024];
  const ssize_t length = read(fd, text, sizeof(text) - 1);
  close(fd);
  if (length <= 0) return false;
  text[length] = '\0';
  const char* field = strrchr(text, ')');
  if (field == nullptr || field[1] != ' ') return false;
  field += 2;
  stat->state = *field;
  for (int i = 3; i < 22; ++i) {
    field = strchr(field, ' ');
    if (field == nullptr) return false;
    ++field;
  }
  stat->start_ticks = strtoull(field, nullptr, 10);
  return true;
}

}  // namespace

const ProcessIdentity& ProcessIdentity::Current(const RobustList& self) {
  static thread_local ProcessIdentity current;
  const uint32_t pid = LockPid(self.owner());
  if (__builtin_expect(current.pid != pid, 0)) {
    Stat stat;
    current.start_ticks = ReadStat(pid, &stat) ? stat.start_ticks : 0;
    current.pid_namespace = LockNamespace(self.owner());
    current.pid = pid;
  }
  return current;
}

bool ProcessIdentity::IsGone(const RobustList& self) const {
  if (pid_namespace == 0 || pid_namespace != LockNamespace(self.owner())) return false;
  Stat stat;
  if (!ReadStat(pid, &stat)) return kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
  if (stat.state == 'Z' || stat.state == 'X') return true;
  return start_ticks != 0 && stat.start_ticks != start_ticks;
}

}  // namespace sluice
