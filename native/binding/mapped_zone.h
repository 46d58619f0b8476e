// A mapped zone of either kind as JavaScript holds it. Counted: the JS object holds one reference and so does whatever
// may still use the mapping (compiled limits, held connections). One thread only, as everything of one napi_env.

#ifndef SLUICE_BINDING_MAPPED_ZONE_H_
#define SLUICE_BINDING_MAPPED_ZONE_H_

#include <node_api.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "binding/arguments.h"
#include "binding/values.h"
#include "core/zone_header.h"
#include "os/shared_memory.h"

namespace sluice {

// For each kind of zone: `kTag` tells its objects from any other that JavaScript may pass, `kName` is for errors.
template <class Zone>
struct ZoneKind;

napi_value ThrowZoneStatus(napi_env env, const char* function, const std::string& zone, ZoneStatus status);

template <class Zone>
class MappedZone {
 public:
  // Takes the mapping over. Starts with one reference.
  MappedZone(void* address, size_t size) : place_(this, new Mapping(address, size)) {}
  MappedZone(const MappedZone&) = delete;
  MappedZone& operator=(const MappedZone&) = delete;

  Zone& zone() { return zone_; }
  MappedZone* successor() const { return successor_.get(); }
  void Ref() { references_++; }
  void Unref() {
    if (--references_ == 0) delete this;
  }

  // The zone behind a JS value; nullptr after throwing a TypeError.
  static MappedZone* Of(const Arguments& args, napi_value value, const char* name) {
    napi_valuetype type = napi_undefined;
    napi_typeof(args.env(), value, &type);
    bool is_zone = false;
    // For anything but an object Node-API would throw an error of its own.
    if (type == napi_object) napi_check_object_type_tag(args.env(), value, &ZoneKind<Zone>::kTag, &is_zone);
    void* mapped = nullptr;
    if (!is_zone || napi_unwrap(args.env(), value, &mapped) != napi_ok) {
      args.Refuse(name, ZoneKind<Zone>::kName);
      return nullptr;
    }
    return static_cast<MappedZone*>(mapped);
  }

  // `create...Zone(fd, sizeBytes, name, keyText, older?)`
  static napi_value Create(napi_env env, napi_callback_info info, const char* function) {
    const Arguments args(env, info, function);
    int fd;
    size_t size;
    std::string name;
    std::string key_text;
    if (!args.Fd(0, "fd", &fd) || !args.Size(1, "sizeBytes", &size) || !args.Text(2, "name", &name) ||
        !args.Text(3, "keyText", &key_text)) {
      return nullptr;
    }
    napi_valuetype type = napi_undefined;
    napi_typeof(env, args[4], &type);
    MappedZone* older = type == napi_undefined ? nullptr : Of(args, args[4], "older");
    if (older == nullptr && type != napi_undefined) return nullptr;
    return Map(args, fd, size, function, name, [&](Zone& zone, void* address) {
      return older == nullptr ? zone.Format(address, size, name, key_text)
                              : zone.FormatSuccessor(address, size, older->zone());
    });
  }

  // `set...Successor(zone, successor)`
  static napi_value SetSuccessor(napi_env env, napi_callback_info info, const char* function) {
    const Arguments args(env, info, function);
    MappedZone* mapped = Of(args, args[0], "zone");
    MappedZone* successor = mapped == nullptr ? nullptr : Of(args, args[1], "successor");
    if (successor == nullptr) return nullptr;
    for (MappedZone* handle : mapped->place_.mapping()->handles) {
      if (!handle->zone_.SetSuccessor(&successor->zone_)) {
        args.Refuse("successor", "a zone that was made to succeed the other");
        return nullptr;
      }
      handle->successor_.Set(successor);
    }
    return MakeUndefined(env);
  }

  // `follow...Zone(zone)`
  static napi_value Follow(napi_env env, napi_callback_info info, const char* function) {
    const Arguments args(env, info, function);
    MappedZone* mapped = Of(args, args[0], "zone");
    return mapped == nullptr ? nullptr : MakeBoolean(env, mapped->FollowNow());
  }

  // `release...Zone(zone)`
  static napi_value Release(napi_env env, napi_callback_info info, const char* function) {
    const Arguments args(env, info, function);
    MappedZone* mapped = Of(args, args[0], "zone");
    if (mapped == nullptr) return nullptr;
    EmptyMapping(mapped->place_.mapping()->address, mapped->place_.mapping()->size);
    return MakeUndefined(env);
  }

  // `...ZoneMark(zone)`
  static napi_value Mark(napi_env env, napi_callback_info info, const char* function) {
    const Arguments args(env, info, function);
    MappedZone* mapped = Of(args, args[0], "zone");
    return mapped == nullptr ? nullptr : MakeNumber(env, SuccessorMark(mapped->zone().uid()));
  }

  // `attach...Zone(fd, sizeBytes, name)`
  static napi_value Attach(napi_env env, napi_callback_info info, const char* function) {
    const Arguments args(env, info, function);
    int fd;
    size_t size;
    std::string name;
    if (!args.Fd(0, "fd", &fd) || !args.Size(1, "sizeBytes", &size) || !args.Text(2, "name", &name)) return nullptr;
    return Map(args, fd, size, function, name,
               [&](Zone& zone, void* address) { return zone.Attach(address, size, name); });
  }

  // An object for a zone that is in order already; takes the mapping over.
  static napi_value Bind(napi_env env, void* address, size_t size, const char* function, const std::string& name) {
    auto* mapped = new MappedZone(address, size);
    const ZoneStatus status = mapped->zone_.Attach(address, size, name);
    if (status == ZoneStatus::kOk) return MakeObject(env, mapped);
    mapped->Unref();
    return ThrowZoneStatus(env, function, name, status);
  }

  // `forceUnlock...Zone(zone, pid)`
  static napi_value ForceUnlock(napi_env env, napi_callback_info info, const char* function) {
    const Arguments args(env, info, function);
    MappedZone* mapped = Of(args, args[0], "zone");
    int32_t pid;
    if (mapped == nullptr || !args.Int32(1, "pid", 1, INT32_MAX, &pid)) return nullptr;
    return MakeBoolean(env, mapped->zone().ForceUnlock(pid));
  }

  // `check...Zone(zone)`
  static napi_value Check(napi_env env, napi_callback_info info, const char* function) {
    const Arguments args(env, info, function);
    MappedZone* mapped = Of(args, args[0], "zone");
    if (mapped == nullptr) return nullptr;
    const std::string broken = mapped->zone().Check();
    return broken.empty() ? MakeUndefined(env) : MakeText(env, broken);
  }

 private:
  // The memory, and the handles on it: one for the object that mapped it, and those of zones that it has succeeded.
  // They go over to the next successor together, since nobody knows when an object that has become garbage is
  // collected.
  struct Mapping {
    Mapping(void* mapped, size_t bytes) : address(mapped), size(bytes) {}
    ~Mapping() { UnmapSharedMemory(address, size); }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    void* address;
    size_t size;
    std::vector<MappedZone*> handles;
  };

  // Which mapping a handle is on.
  class Place {
   public:
    Place(MappedZone* handle, Mapping* mapping) : handle_(handle) { Enter(mapping); }
    ~Place() { Leave(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    void Move(Mapping* to) {
      Leave();
      Enter(to);
    }
    Mapping* mapping() const { return mapping_; }

   private:
    void Enter(Mapping* mapping) {
      mapping_ = mapping;
      mapping_->handles.push_back(handle_);
    }
    void Leave() {
      std::vector<MappedZone*>& handles = mapping_->handles;
      handles.erase(std::find(handles.begin(), handles.end(), handle_));
      if (handles.empty()) delete mapping_;
    }

    MappedZone* const handle_;
    Mapping* mapping_;
  };

  // A counted reference, or none.
  class Reference {
   public:
    Reference() = default;
    ~Reference() { Set(nullptr); }
    Reference(const Reference&) = delete;
    Reference& operator=(const Reference&) = delete;
    void Set(MappedZone* to) {
      if (to != nullptr) to->Ref();
      if (to_ != nullptr) to_->Unref();
      to_ = to;
    }
    MappedZone* get() const { return to_; }

   private:
    MappedZone* to_ = nullptr;
  };

  ~MappedZone() = default;

  bool FollowNow() {
    const Mapping* left = place_.mapping();
    // A copy: they leave.
    const std::vector<MappedZone*> handles = left->handles;
    for (MappedZone* handle : handles) handle->FollowAlone();
    return place_.mapping() != left;
  }

  void FollowAlone() {
    if (!zone_.Follow()) return;
    place_.Move(successor_.get()->place_.mapping());
    successor_.Set(successor_.get()->successor());
  }

  template <class Bind>
  static napi_value Map(const Arguments& args, int fd, size_t size, const char* function, const std::string& name,
                        Bind bind) {
    napi_env env = args.env();
    void* address;
    if (OsError error = MapSharedMemory(fd, size, &address); !error.ok()) return ThrowOsError(env, error);
    auto* mapped = new MappedZone(address, size);
    const ZoneStatus status = bind(mapped->zone_, address);
    if (status == ZoneStatus::kOk) return MakeObject(env, mapped);
    mapped->Unref();
    return ThrowZoneStatus(env, function, name, status);
  }

  static napi_value MakeObject(napi_env env, MappedZone* mapped) {
    const auto release = [](napi_env /*env*/, void* data, void* /*hint*/) { static_cast<MappedZone*>(data)->Unref(); };
    napi_value object = nullptr;
    napi_create_object(env, &object);
    if (napi_wrap(env, object, mapped, release, nullptr, nullptr) != napi_ok) {
      mapped->Unref();
      return nullptr;
    }
    napi_type_tag_object(env, object, &ZoneKind<Zone>::kTag);
    return object;
  }

  // In this order: a zone that goes may still have something to write into its memory.
  Place place_;
  Reference successor_;  // the zone's, as JavaScript sees it
  Zone zone_;
  int references_ = 1;
};

}  // namespace sluice

#endif  // SLUICE_BINDING_MAPPED_ZONE_H_
