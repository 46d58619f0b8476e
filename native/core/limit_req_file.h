// Opening a limit_req zone that lies in a file: attaching to it, putting it in order when nobody else uses it, or
// making it. Several processes may do so at the same time and end up with the same zone. What is found in a file is
// never trusted:
//
//   refused          what is not ours to overwrite (no zone at all, another zone's name or key, not a private regular
//                    file; another layout, if so wanted), and what others are using in another way
//   started empty    what was a zone and is none any more: of another layout, truncated, or with a damaged header
//   repaired         everything else: locks are freed, links made anew from the nodes that are whole
//                    (limit_req_repair.cc)
// The descriptor says that the zone is in use as it is (os/zone_use.h): nobody moves it to another file meanwhile.

#ifndef SLUICE_CORE_LIMIT_REQ_FILE_H_
#define SLUICE_CORE_LIMIT_REQ_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "core/limit_req_zone.h"
#include "os/clock.h"
#include "os/os_error.h"

namespace sluice {

struct ZoneFileRequest {
  std::string path;
  size_t size_bytes = 0;
  std::string_view name;
  std::string_view key_text;
  bool keep_other_layout = false;  // is an error, even if nobody uses it
  bool resize = false;             // a file of another size that nobody uses is resized, and not refused
};

enum class ZoneFileOrigin {
  kCreated,    // there was none
  kShared,     // in use by others, who keep it in order
  kRecovered,  // nobody used it; put in order
  kReplaced,   // not usable any more: a new, empty one took its name
  kResized,    // nobody used it, and it had another size: a new one took its name, and what it kept as far as it fits
};

struct OpenedZoneFile {
  int fd = -1;              // to be kept open as long as the zone is used: with it goes the lock that tells others so
  void* address = nullptr;  // the mapping, of the requested size
  ZoneFileOrigin origin = ZoneFileOrigin::kCreated;
  std::string problem;  // of kReplaced: what was wrong with the old one
};

// Why there is no zone: the system's error, or (with os.ok()) a text about the file, such as `"/x" is not a zone`.
struct [[nodiscard]] ZoneFileError {
  OsError os;
  std::string text;
  bool ok() const { return os.ok() && text.empty(); }
};

// On success the caller owns descriptor and mapping, and may bind a LimitReqZone to it by Attach.
ZoneFileError OpenLimitReqZoneFile(const ZoneFileRequest& request, const ClockReading& now, OpenedZoneFile* opened);

}  // namespace sluice

#endif  // SLUICE_CORE_LIMIT_REQ_FILE_H_
