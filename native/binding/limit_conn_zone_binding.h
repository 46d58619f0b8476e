// A mapped limit_conn zone as JavaScript holds it. What was acquired through it is returned when the last reference
// goes.

#ifndef SLUICE_BINDING_LIMIT_CONN_ZONE_BINDING_H_
#define SLUICE_BINDING_LIMIT_CONN_ZONE_BINDING_H_

#include <node_api.h>

#include "binding/mapped_zone.h"
#include "core/limit_conn_zone.h"

namespace sluice {

template <>
struct ZoneKind<LimitConnZone> {
  static constexpr napi_type_tag kTag = {0x3b7e90d2c5a84d16, 0xa1f40c6e8b2d4793};
  static constexpr const char* kName = "a limit_conn zone";
};

using MappedConnZone = MappedZone<LimitConnZone>;

}  // namespace sluice

#endif  // SLUICE_BINDING_LIMIT_CONN_ZONE_BINDING_H_
