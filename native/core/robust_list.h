// This thread's list of locks that the kernel frees when the thread ends, however it ends (set_robust_list(2)): at
// exit, kill or exec the kernel walks the list and marks every lock word that holds the thread's id with
// FUTEX_OWNER_DIED.
//
// The C library has registered a list head for each thread already, and other code may rely on it (LMDB's robust
// mutexes do). So we push our entries in front of the library's and pop them before anybody else of this thread looks;
// only where that does not fit is a head of our own registered. Entries lie in shared memory beside their lock word,
// since the kernel finds the word at a fixed distance from the entry. They hold addresses of this process; we write
// them for the kernel and never read them back: what is held is known from `held_`, which is private.
//
// REQUIRES: between Push and Remove the thread locks no robust mutex of the C library (critical sections are short and
// call nothing).

#ifndef SLUICE_CORE_ROBUST_LIST_H_
#define SLUICE_CORE_ROBUST_LIST_H_

#include <linux/futex.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sluice {

class RobustList {
 public:
  // The entry lies kEntryMin..kEntryMax bytes behind the lock word: 32 with glibc, 28 with musl.
  static constexpr size_t kEntryMin = 24;
  static constexpr size_t kEntryMax = 32;
  static constexpr int kMaxHeld = 64;

  // The calling thread's list, set up on its first use in this thread (and once more after a fork).
  static RobustList& Current() {
    RobustList* list = &current_;
    // The compiler takes the address of a thread's variable for a constant and would ask for it again, by a call each
    // time, wherever the list is used. What an asm yields it must keep.
    asm("" : "+r"(list));
    if (__builtin_expect(list->head_ == nullptr, 0)) list->Init();
    return *list;
  }

  // What this thread writes into a lock that it owns: kernel thread id in the low half (as the kernel demands), process
  // id and a tag of the pid namespace in the high half. See shmtx.h.
  uint64_t owner() const { return owner_; }

  // From now on the kernel looks at this lock, too, if the thread dies; covers the steps between the lock word and the
  // list.
  void SetPending(void* word) {
    head_->list_op_pending = word == nullptr ? nullptr : EntryOf(word);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }

  // REQUIRES: the lock at `word` is owned and pending; fewer than kMaxHeld are held.
  void Push(void* word) {
    robust_list* entry = EntryOf(word);
    if (held_count_ == 0) below_ = head_->list.next;
    Link(entry, held_count_ == 0 ? below_ : EntryOf(held_[held_count_ - 1]));
    std::atomic_signal_fence(std::memory_order_seq_cst);
    head_->list.next = entry;
    held_[held_count_++] = word;
    SetPending(nullptr);
  }

  // REQUIRES: the lock at `word` was pushed, is still owned, and is pending again.
  void Remove(void* word) {
    if (__builtin_expect(held_count_ == 1 && held_[0] == word, 1)) {
      head_->list.next = below_;
      std::atomic_signal_fence(std::memory_order_seq_cst);
      held_count_ = 0;
    } else {
      RemoveFromSeveral(word);
    }
  }

  bool Holds(const void* word) const {
    for (int i = 0; i < held_count_; ++i) {
      if (held_[i] == word) return true;
    }
    return false;
  }

  // For tests: whether the kernel knows this thread's list.
  bool registered_for_test() const { return registered_; }

 private:
  void Init();
  void RemoveFromSeveral(void* word);
  static void ForgetAfterFork();

  robust_list* EntryOf(void* word) const {
    return reinterpret_cast<robust_list*>(static_cast<char*>(word) - head_->futex_offset);
  }
  // The entry may be aligned to 4 only (musl).
  static void Link(robust_list* entry, robust_list* next) { __builtin_memcpy(entry, &next, sizeof(next)); }

  // __thread, not thread_local: no initializer to ask for at each access.
  static __thread RobustList current_;

  robust_list_head* head_ = nullptr;
  uint64_t owner_ = 0;
  robust_list* below_ = nullptr;  // the library's first entry, behind ours
  int held_count_ = 0;
  bool registered_ = false;
  void* held_[kMaxHeld] = {};  // lock words, oldest first; the list runs from the newest to the oldest
  robust_list_head own_head_ = {};
};

}  // namespace sluice

#endif  // SLUICE_CORE_ROBUST_LIST_H_
