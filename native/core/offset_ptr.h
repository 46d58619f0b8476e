// Links between nodes in shared memory. Every process maps a zone at another address, so a link is a distance from the
// zone's start, in units of 64 bytes (no node's chunk is smaller); 0 is "none", the zone's header lies there.
// Another process may have scribbled over a link. Following one therefore always goes through an Arena, which knows
// where this shard's nodes may lie; a link that leads elsewhere is answered with a private scratch object and noted in
// corrupt().

#ifndef SLUICE_CORE_OFFSET_PTR_H_
#define SLUICE_CORE_OFFSET_PTR_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice {

constexpr size_t kLinkShift = 6;
constexpr size_t kLinkUnit = size_t{1} << kLinkShift;

template <class T>
struct OffsetPtr {
  uint32_t units;

  explicit operator bool() const { return units != 0; }
  bool operator==(OffsetPtr other) const { return units == other.units; }
  bool operator!=(OffsetPtr other) const { return units != other.units; }
};

template <class T>
constexpr OffsetPtr<T> kNil{0};

// The part of a zone, [first, end) in bytes from `base`, that holds objects of type T. Process-local and cheap to make.
template <class T>
class Arena {
 public:
  // `first` and `end` are multiples of kLinkUnit; sizeof(T) <= kLinkUnit, so whatever starts inside also ends inside.
  Arena(char* base, size_t first, size_t end)
      : base_(base),
        first_(static_cast<uint32_t>(first >> kLinkShift)),
        count_(static_cast<uint32_t>((end - first) >> kLinkShift)) {
    static_assert(sizeof(T) <= kLinkUnit, "an object would reach beyond the end of the arena");
  }

  // The object, or scratch memory if the link leads out of the arena (`kNil` does, too). Never returns nullptr.
  T* Get(OffsetPtr<T> link) {
    if (__builtin_expect(!Contains(link), 0)) return Scratch();
    return reinterpret_cast<T*>(base_ + (size_t{link.units} << kLinkShift));
  }

  bool Contains(OffsetPtr<T> link) const { return link.units - first_ < count_; }

  OffsetPtr<T> LinkTo(const T* object) const {
    return {static_cast<uint32_t>(static_cast<size_t>(reinterpret_cast<const char*>(object) - base_) >> kLinkShift)};
  }

  // Bytes from `object` to the end of the arena.
  size_t BytesFrom(const T* object) const {
    const size_t end = (size_t{first_} + count_) << kLinkShift;
    return end - static_cast<size_t>(reinterpret_cast<const char*>(object) - base_);
  }

  uint32_t first() const { return first_; }
  uint32_t count() const { return count_; }  // no walk can be longer

  bool corrupt() const { return corrupt_; }
  void set_corrupt() { corrupt_ = true; }
  void clear_corrupt() { corrupt_ = false; }

 private:
  __attribute__((noinline, cold)) T* Scratch() {
    alignas(kLinkUnit) static thread_local unsigned char scratch[kLinkUnit];
    corrupt_ = true;
    memset(scratch, 0, sizeof(scratch));
    return reinterpret_cast<T*>(scratch);
  }

  char* base_;
  uint32_t first_;
  uint32_t count_;
  bool corrupt_ = false;
};

}  // namespace sluice

#endif  // SLUICE_CORE_OFFSET_PTR_H_
