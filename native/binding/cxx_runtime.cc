// All that the addon would need of libstdc++ at run time. Without it one binary serves every distribution, whatever its
// libstdc++ and whether it has one: exceptions and RTTI are off, templates are compiled in anyway, and these few
// functions remain. exports.map keeps them inside.

#include <sched.h>

#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

// The one template that the headers expect to be in the library.
template class std::basic_string<char>;

// Out of memory ends the process, as it does with Node itself.
void* operator new(size_t size) {
  void* memory = malloc(size != 0 ? size : 1);
  if (memory == nullptr) abort();
  return memory;
}
void* operator new[](size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete[](void* memory, size_t) noexcept { free(memory); }

// What containers do about a broken precondition.
namespace std {
void __throw_bad_alloc() { abort(); }
void __throw_bad_array_new_length() { abort(); }
void __throw_length_error(const char*) { abort(); }
void __throw_logic_error(const char*) { abort(); }
void __throw_out_of_range_fmt(const char*, ...) { abort(); }
}  // namespace std

// Initialization of a function's static variable, once for all threads. The Itanium C++ ABI reserves the guard's first
// byte for "is initialized", which compiled code looks at before it calls; the second is ours: somebody is at it.
extern "C" {

int __cxa_guard_acquire(uint8_t* guard) {
  for (;;) {
    if (__atomic_load_n(&guard[0], __ATOMIC_ACQUIRE) != 0) return 0;
    if (__atomic_exchange_n(&guard[1], uint8_t{1}, __ATOMIC_ACQUIRE) == 0) {
      // Whoever was at it may have finished in between.
      if (__atomic_load_n(&guard[0], __ATOMIC_ACQUIRE) == 0) return 1;
      __atomic_store_n(&guard[1], uint8_t{0}, __ATOMIC_RELEASE);
      return 0;
    }
    sched_yield();
  }
}

// Pairs with the acquiring loads above and in compiled code.
void __cxa_guard_release(uint8_t* guard) {
  __atomic_store_n(&guard[0], uint8_t{1}, __ATOMIC_RELEASE);
  __atomic_store_n(&guard[1], uint8_t{0}, __ATOMIC_RELEASE);
}

void __cxa_guard_abort(uint8_t* guard) { __atomic_store_n(&guard[1], uint8_t{0}, __ATOMIC_RELEASE); }

}  // extern "C"
