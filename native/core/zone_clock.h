// The time in a zone. What lies in a zone (a bucket's last charge, for example) is in the zone's own milliseconds:
//
//   zone time = CLOCK_MONOTONIC + offset        offset is 0 until the zone's file has seen a reboot
//   wall time = zone time + wall_offset         noted now and then, since the wall clock may be set
//
// The monotonic clock begins anew with each boot. Who opens the zone's file first afterwards asks the wall clock how
// much time has gone by, and chooses `offset` so that zone time goes on from there. Zone time never runs backwards:
// where the wall clock says so, it goes on from the latest time that was noted (a machine without a battery starts in
// 1970). Where the note itself is damaged it goes on from the latest charge in the zone: nothing has drained meanwhile,
// and nobody gets more than his share.

#ifndef SLUICE_CORE_ZONE_CLOCK_H_
#define SLUICE_CORE_ZONE_CLOCK_H_

#include <cstdint>

#include "os/clock.h"

namespace sluice {

struct ZoneClock {
  // Change only while nobody else uses the zone.
  uint64_t boot[2];  // of `offset_ms`; 0 in zones that no file keeps
  int64_t offset_ms;
  uint64_t boot_check;
  // Noted.
  int64_t wall_offset_ms;
  int64_t noted_ms;  // zone time when the wall clock was last noted
  uint64_t note_check;
  uint64_t reserved;

  // What anybody may have written into the header must not overflow in a sum.
  bool IsPlausible() const {
    constexpr int64_t kBound = int64_t{1} << 53;
    const auto is_bounded = [](int64_t ms) { return -kBound <= ms && ms <= kBound; };
    return is_bounded(offset_ms) && is_bounded(wall_offset_ms) && is_bounded(noted_ms);
  }
  // False for another boot's, and for a damaged or half-written one.
  bool IsOfBoot(const ClockReading& now) const {
    return boot[0] == now.boot[0] && boot[1] == now.boot[1] && boot_check == BootCheck();
  }
  // Whether the note is as it was written. Not so after a death in the middle of one, or two at the same time.
  bool IsNoteWhole() const { return note_check == NoteCheck(); }

  // Of a new zone.
  void Begin(const ClockReading& now) {
    *this = ZoneClock{};
    SetBoot(now);
    Note(now);
  }

  // Sets the offset of this boot. REQUIRES: nobody uses the zone yet, and the note is whole. Safe to be begun again
  // after a death in between.
  void Continue(const ClockReading& now) {
    const int64_t zone_ms = now.wall_ms - wall_offset_ms;
    ContinueFrom(zone_ms > noted_ms ? zone_ms : noted_ms, now);
  }
  // The same where the note is lost: from a time of the zone that is known otherwise.
  void ContinueFrom(int64_t zone_ms, const ClockReading& now) {
    offset_ms = zone_ms - now.monotonic_ms;
    SetBoot(now);
  }

  // Notes what the wall clock says. From any process that uses the zone, at any time; of the stores of several any may
  // win.
  void Note(const ClockReading& now) {
    const int64_t zone_ms = now.monotonic_ms + offset_ms;
    __atomic_store_n(&wall_offset_ms, now.wall_ms - zone_ms, __ATOMIC_RELAXED);
    __atomic_store_n(&noted_ms, zone_ms, __ATOMIC_RELAXED);
    __atomic_store_n(&note_check, NoteCheck(), __ATOMIC_RELAXED);
  }

  // The same for a zone that may not have had a file when it was made.
  void NoteOfBoot(const ClockReading& now) {
    if (!IsOfBoot(now)) SetBoot(now);
    Note(now);
  }

 private:
  void SetBoot(const ClockReading& now) {
    boot[0] = now.boot[0];
    boot[1] = now.boot[1];
    boot_check = BootCheck();
  }
  static uint64_t Mix(uint64_t sum, uint64_t next) {
    sum = (sum ^ next) * 0x9E3779B97F4A7C15;
    return sum ^ sum >> 32;
  }
  uint64_t BootCheck() const { return Mix(Mix(Mix(1, boot[0]), boot[1]), static_cast<uint64_t>(offset_ms)); }
  uint64_t NoteCheck() const {
    const auto load = [](const int64_t& ms) { return static_cast<uint64_t>(__atomic_load_n(&ms, __ATOMIC_RELAXED)); };
    return Mix(Mix(2, load(wall_offset_ms)), load(noted_ms));
  }
};
static_assert(sizeof(ZoneClock) == 64, "part of the layout");

}  // namespace sluice

#endif  // SLUICE_CORE_ZONE_CLOCK_H_
