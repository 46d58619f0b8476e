// What a resize needs of the system, for JavaScript: who uses a zone (os/zone_use.h), and a file that gets its name
// when it is time.

#include <node_api.h>

#include <cerrno>
#include <string>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "os/zone_file.h"
#include "os/zone_use.h"

namespace sluice {
namespace {

bool ReadUse(const Arguments& args, int* fd, uint32_t* mark) {
  int64_t number;
  if (!args.Fd(0, "fd", fd) || !args.Integer(1, "mark", 0, UINT32_MAX, &number)) return false;
  *mark = static_cast<uint32_t>(number);
  return true;
}

// `openZoneUse(fd, mark)`
napi_value JsOpenZoneUse(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "openZoneUse");
  int fd;
  uint32_t mark;
  if (!ReadUse(args, &fd, &mark)) return nullptr;
  int use;
  if (OsError error = OpenZoneUse(fd, mark, &use); !error.ok()) return ThrowOsError(env, error);
  return MakeNumber(env, use);
}

// `setZoneUse(fd, mark)`
napi_value JsSetZoneUse(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "setZoneUse");
  int fd;
  uint32_t mark;
  return ReadUse(args, &fd, &mark) ? UndefinedOrThrow(env, SetZoneUse(fd, mark)) : nullptr;
}

// `claimZone(fd, mark)`
napi_value JsClaimZone(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "claimZone");
  int fd;
  uint32_t mark;
  if (!ReadUse(args, &fd, &mark)) return nullptr;
  bool claimed;
  if (OsError error = ClaimZone(fd, mark, &claimed); !error.ok()) return ThrowOsError(env, error);
  return MakeBoolean(env, claimed);
}

// `giveUpClaim(fd, mark)`
napi_value JsGiveUpClaim(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "giveUpClaim");
  int fd;
  uint32_t mark;
  return ReadUse(args, &fd, &mark) ? UndefinedOrThrow(env, GiveUpClaim(fd, mark)) : nullptr;
}

// `createZoneFile(path, sizeBytes)`
napi_value JsCreateZoneFile(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "createZoneFile");
  std::string path;
  size_t size;
  if (!args.Text(0, "path", &path) || !args.Size(1, "sizeBytes", &size)) return nullptr;
  ZoneFile file(path);
  if (OsError error = file.Create(size); !error.ok()) return ThrowOsError(env, error);
  // Its name is another file's still, and so Share complains; it is ours to give it the name later.
  if (OsError error = file.Share(); !error.ok() && error.code != ESTALE) return ThrowOsError(env, error);
  std::string temporary;
  const int fd = file.ReleaseUnnamed(&temporary);
  napi_value result = nullptr;
  napi_create_object(env, &result);
  SetProperty(env, result, "fd", MakeNumber(env, fd));
  SetProperty(env, result, "temporary", MakeText(env, temporary));
  return result;
}

// `(path, fd, temporary)`
napi_value GiveName(napi_env env, napi_callback_info info, const char* function, OsError (ZoneFile::*give_name)()) {
  const Arguments args(env, info, function);
  std::string path;
  std::string temporary;
  int fd;
  if (!args.Text(0, "path", &path) || !args.Fd(1, "fd", &fd) || !args.Text(2, "temporary", &temporary)) {
    return nullptr;
  }
  ZoneFile file(path);
  file.Adopt(fd, temporary);
  const OsError error = (file.*give_name)();
  file.Release();
  return UndefinedOrThrow(env, error);
}

napi_value JsReplaceZoneFile(napi_env env, napi_callback_info info) {
  return GiveName(env, info, "replaceZoneFile", &ZoneFile::Replace);
}

napi_value JsPublishZoneFile(napi_env env, napi_callback_info info) {
  return GiveName(env, info, "publishZoneFile", &ZoneFile::Publish);
}

}  // namespace

void ExportZoneUse(napi_env env, napi_value exports) {
  SetFunction(env, exports, "openZoneUse", JsOpenZoneUse, nullptr);
  SetFunction(env, exports, "setZoneUse", JsSetZoneUse, nullptr);
  SetFunction(env, exports, "claimZone", JsClaimZone, nullptr);
  SetFunction(env, exports, "giveUpClaim", JsGiveUpClaim, nullptr);
  SetFunction(env, exports, "createZoneFile", JsCreateZoneFile, nullptr);
  SetFunction(env, exports, "replaceZoneFile", JsReplaceZoneFile, nullptr);
  SetFunction(env, exports, "publishZoneFile", JsPublishZoneFile, nullptr);
}

}  // namespace sluice
