// See mapped_zone.h.

#include "binding/mapped_zone.h"

namespace sluice {

napi_value ThrowZoneStatus(napi_env env, const char* function, const std::string& zone, ZoneStatus status) {
  const std::string text = std::string(function) + ": shared memory zone \"" + zone + "\": " + ZoneStatusText(status);
  napi_throw_error(env, "ERR_ZONE", text.c_str());
  return nullptr;
}

}  // namespace sluice
