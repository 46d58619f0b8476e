// Who uses a zone's memory, and what they know of its successor. Whoever maps a zone has an open file description of
// its own, with a lock of fcntl(2) on one byte of it, which means nothing but this:
//
//   byte 0      uses the zone as it is
//   byte mark   knows the successor of this mark (SuccessorMark) and will go on there
//
// The kernel keeps the lock for as long as a descriptor or a mapping of that description is left, however its process
// ends: nobody has to be asked, watched or believed. A zone may be moved to a successor once all who use it know that
// one; whoever moves it takes all other bytes for itself, so that nobody comes while it does.
//
// The functions return the errors of fcntl and open; EAGAIN where a lock is held by others.

#ifndef SLUICE_OS_ZONE_USE_H_
#define SLUICE_OS_ZONE_USE_H_

#include <cstdint>

#include "os/os_error.h"

namespace sluice {

// An open file description of its own for the memory behind `fd` (with the lock of a zone file, os/zone_file.h, as it
// has one), in use as `mark` says.
OsError OpenZoneUse(int fd, uint32_t mark, int* use);

// Changes what the description of `fd` says.
OsError SetZoneUse(int fd, uint32_t mark);

// Whether all others who use the memory know the successor of this mark; if so, nobody who does not can come until the
// claim is given up, or `fd` closed.
OsError ClaimZone(int fd, uint32_t mark, bool* claimed);
OsError GiveUpClaim(int fd, uint32_t mark);

}  // namespace sluice

#endif  // SLUICE_OS_ZONE_USE_H_
