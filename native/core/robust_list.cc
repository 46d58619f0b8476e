// Setting up a thread's robust list; see robust_list.h.

#include "core/robust_list.h"

#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/shmtx.h"

namespace sluice {

__thread RobustList RobustList::current_;

namespace {

// 1..1023 for the pid namespace of this process, 0 when /proc does not tell. Threads ids of another namespace mean
// nothing here, not even whether they exist.
uint32_t NamespaceTag() {
  struct stat info;
  if (stat("/proc/self/ns/pid", &info) != 0) return 0;
  const uint64_t mixed = static_cast<uint64_t>(info.st_ino) * 0x9E3779B97F4A7C15;
  return static_cast<uint32_t>(mixed >> 32) % 1023 + 1;
}

}  // namespace

void RobustList::Init() {
  // Only the thread that called fork goes on in the child, with another id, and the kernel has dropped its list.
  static const int registered = pthread_atfork(nullptr, nullptr, ForgetAfterFork);
  static_cast<void>(registered);

  owner_ = LockOwner(static_cast<uint32_t>(syscall(SYS_gettid)), static_cast<uint32_t>(getpid()), NamespaceTag());
  held_count_ = 0;
  robust_list_head* head = nullptr;
  size_t length = 0;
  const bool known = syscall(SYS_get_robust_list, 0, &head, &length) == 0;
  if (known && head != nullptr && length == sizeof(*head) && -head->futex_offset >= static_cast<long>(kEntryMin) &&
      -head->futex_offset <= static_cast<long>(kEntryMax)) {
    registered_ = true;
    head_ = head;
    return;
  }
  own_head_.list.next = &own_head_.list;
  own_head_.futex_offset = -static_cast<long>(kEntryMax);
  own_head_.list_op_pending = nullptr;
  // May fail under a strict sandbox. Then waiters find a dead owner by its id (Shmtx::LockSlow) and the master by its
  // pid.
  registered_ = syscall(SYS_set_robust_list, &own_head_, sizeof(own_head_)) == 0;
  head_ = &own_head_;
}

void RobustList::ForgetAfterFork() {
  current_.head_ = nullptr;
  current_.held_count_ = 0;
}

void RobustList::RemoveFromSeveral(void* word) {
  int at = held_count_ - 1;
  while (at >= 0 && held_[at] != word) --at;
  if (at < 0) return;
  robust_list* next = at == 0 ? below_ : EntryOf(held_[at - 1]);
  if (at == held_count_ - 1) {
    head_->list.next = next;
  } else {
    Link(EntryOf(held_[at + 1]), next);
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  for (int i = at + 1; i < held_count_; ++i) held_[i - 1] = held_[i];
  --held_count_;
}

}  // namespace sluice
