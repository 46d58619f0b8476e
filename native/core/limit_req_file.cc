// See limit_req_file.h.

#include "core/limit_req_file.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include <utility>

#include "core/limit_req_move.h"
#include "core/limit_req_shard.h"
#include "os/shared_memory.h"
#include "os/zone_file.h"
#include "os/zone_use.h"

namespace sluice {
namespace {

// How often a file may change under our hands before we give up; each time somebody else has got on.
constexpr int kMaxTries = 1000;

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

// A mapping that is undone unless it is handed on.
class Mapping {
 public:
  ~Mapping() { Unmap(); }
  OsError Map(int fd, size_t size) {
    Unmap();
    if (OsError error = MapSharedMemory(fd, size, &address_); !error.ok()) return error;
    size_ = size;
    return {};
  }
  void Swap(Mapping* other) {
    std::swap(address_, other->address_);
    std::swap(size_, other->size_);
  }
  void* address() const { return address_; }
  void* Release() {
    void* address = address_;
    address_ = nullptr;
    return address;
  }

 private:
  void Unmap() {
    if (address_ != nullptr) UnmapSharedMemory(address_, size_);
    address_ = nullptr;
  }
  void* address_ = nullptr;
  size_t size_ = 0;
};

class Opening {
 public:
  Opening(const ZoneFileRequest& request, const ClockReading& now, OpenedZoneFile* opened)
      : request_(request), now_(now), opened_(opened), file_(request.path) {}

  ZoneFileError Run() {
    for (int tries = 0; tries < kMaxTries; ++tries) {
      opened_->problem.clear();
      OsError error = file_.Open();
      const bool is_missing = error.code == ENOENT && error.call != kUnfit;
      if (!error.ok() && !is_missing) return Refuse(error);
      ZoneFileError refused = is_missing ? Create(ZoneFileOrigin::kCreated) : Use();
      if (!refused.ok()) return refused;
      if (state_ == kDone) {
        opened_->address = mapping_.Release();
        opened_->fd = file_.Release();
        return {};
      }
      // Somebody else was faster. Where that one has to finish first, give it a moment.
      if (state_ == kNotReady) Pause();
    }
    return Text("is being changed by others all the time");
  }

 private:
  enum State { kDone, kAgain, kNotReady };

  // Makes a new zone, for a name that means no file, or one that we hold exclusively and still hold until it is
  // replaced.
  ZoneFileError Create(ZoneFileOrigin origin) {
    ZoneFile file(request_.path);
    LimitReqZone zone;
    if (ZoneFileError refused = Make(&file, &mapping_, nullptr, &zone); !refused.ok()) return refused;
    zone.clock().Begin(now_);
    const OsError error = origin == ZoneFileOrigin::kReplaced ? file.Replace() : file.Publish();
    if (error.code == EEXIST) {
      state_ = kAgain;
      return {};
    }
    if (!error.ok()) return Refuse(error);
    file_.Swap(&file);
    return Finish(origin);
  }

  // A file without a name, with an empty zone in it.
  ZoneFileError Make(ZoneFile* file, Mapping* mapping, const LimitReqZone* older, LimitReqZone* zone) {
    if (OsError error = file->Create(request_.size_bytes); !error.ok()) return Refuse(error);
    if (OsError error = mapping->Map(file->fd(), request_.size_bytes); !error.ok()) return Refuse(error);
    void* address = mapping->address();
    const ZoneStatus status = older == nullptr
                                  ? zone->Format(address, request_.size_bytes, request_.name, request_.key_text)
                                  : zone->FormatSuccessor(address, request_.size_bytes, *older);
    if (status != ZoneStatus::kOk) return Text(std::string("cannot be made: ") + ZoneStatusText(status));
    return {};
  }

  // Binds to the file that was opened, or says why not.
  ZoneFileError Use() {
    ZoneHeader header = {};
    const ssize_t length = pread(file_.fd(), &header, sizeof(header), 0);
    if (length < 0) return Refuse(LastError("pread"));
    if (header.magic != kLimitReqFormat.magic) return Text("is not a limit_req zone");
    if (header.layout_version != kLayoutVersion) {
      const char* const problem = "was made by a version with another layout";
      return request_.keep_other_layout ? Text(problem) : StartEmpty(problem);
    }
    if (header.size != file_.size_bytes()) {
      return StartEmpty("has " + std::to_string(file_.size_bytes()) + " bytes instead of " +
                        std::to_string(header.size));
    }
    const bool other_size = header.size != request_.size_bytes;
    if (other_size && !(request_.resize && file_.is_exclusive())) {
      return Text("has the size " + std::to_string(header.size) + " and not " + std::to_string(request_.size_bytes));
    }
    if (OsError error = file_.Reserve(); !error.ok()) return Refuse(error);
    if (OsError error = mapping_.Map(file_.fd(), file_.size_bytes()); !error.ok()) return Refuse(error);
    LimitReqZone zone;
    const ZoneStatus status = zone.Attach(mapping_.address(), file_.size_bytes(), request_.name);
    if (status == ZoneStatus::kBadName) return Text("is a zone of another name");
    if (status != ZoneStatus::kOk) return StartEmpty(std::string("is damaged: ") + ZoneStatusText(status));
    if (zone.key_text() != request_.key_text) {
      return {{},
              "limit_req " + Quoted(request_.name) + " uses the " + Quoted(request_.key_text) +
                  " key while previously it used the " + Quoted(zone.key_text()) + " key"};
    }
    if (!file_.is_exclusive()) return Join(zone);
    return Recover(zone, other_size);
  }

  ZoneFileError Join(const LimitReqZone& zone) {
    opened_->origin = ZoneFileOrigin::kShared;
    // Whoever held it exclusively has died before it was in order.
    state_ = zone.clock().IsOfBoot(now_) ? kDone : kNotReady;
    return BeginUse();
  }

  ZoneFileError Recover(const LimitReqZone& found, bool other_size) {
    ZoneClock& clock = found.clock();
    if (!clock.IsOfBoot(now_)) {
      if (clock.IsNoteWhole()) {
        clock.Continue(now_);
      } else {
        clock.ContinueFrom(found.LatestMs(), now_);
      }
    }
    LimitReqZone zone;
    // Anew, for the offset of the clock.
    const ZoneStatus status = zone.Attach(mapping_.address(), file_.size_bytes(), request_.name);
    if (status != ZoneStatus::kOk) return StartEmpty(std::string("is damaged: ") + ZoneStatusText(status));
    zone.RecoverExclusive(now_.monotonic_ms);
    zone.clock().Note(now_);
    return other_size ? Resize(zone) : Finish(ZoneFileOrigin::kRecovered);
  }

  // Until the new file has the name the old one is as it was.
  ZoneFileError Resize(LimitReqZone& old) {
    ZoneFile file(request_.path);
    Mapping mapping;
    LimitReqZone zone;
    if (ZoneFileError refused = Make(&file, &mapping, &old, &zone); !refused.ok()) return refused;
    old.SetSuccessor(&zone);
    MoveToSuccessor(&old, now_.monotonic_ms);
    if (OsError error = file.Replace(); !error.ok()) return Refuse(error);
    file_.Swap(&file);
    mapping_.Swap(&mapping);
    return Finish(ZoneFileOrigin::kResized);
  }

  ZoneFileError StartEmpty(const std::string& problem) {
    if (!file_.is_exclusive()) return Text(problem + ", and is in use");
    opened_->problem = Quoted(request_.path) + " " + problem;
    return Create(ZoneFileOrigin::kReplaced);
  }

  // From now on others may use it, too.
  ZoneFileError Finish(ZoneFileOrigin origin) {
    const OsError error = file_.Share();
    state_ = error.code == ESTALE ? kAgain : kDone;
    if (!error.ok() && state_ == kDone) return Refuse(error);
    opened_->origin = origin;
    return state_ == kDone ? BeginUse() : ZoneFileError{};
  }

  // Somebody may be moving the zone to a file of another size: that one will have the name soon.
  ZoneFileError BeginUse() {
    const OsError error = SetZoneUse(file_.fd(), 0);
    if (error.code == EAGAIN || error.code == EACCES) {
      state_ = kNotReady;
    } else if (!error.ok()) {
      return Refuse(error);
    } else if (!file_.HasName()) {
      state_ = kAgain;
    }
    return {};
  }

  ZoneFileError Text(const std::string& problem) const { return {{}, Quoted(request_.path) + " " + problem}; }
  ZoneFileError Refuse(const OsError& error) const {
    if (error.call == kUnfit) return Text(UnfitText(error));
    return {error, {}};
  }

  static void Pause() {
    const timespec time = {0, 10 * 1000 * 1000};
    nanosleep(&time, nullptr);
  }

  const ZoneFileRequest& request_;
  const ClockReading now_;
  OpenedZoneFile* opened_;
  ZoneFile file_;
  Mapping mapping_;
  State state_ = kAgain;
};

}  // namespace

ZoneFileError OpenLimitReqZoneFile(const ZoneFileRequest& request, const ClockReading& now, OpenedZoneFile* opened) {
  return Opening(request, now, opened).Run();
}

}  // namespace sluice
