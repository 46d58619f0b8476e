// A mapped limit_req zone as JavaScript holds it.

#ifndef SLUICE_BINDING_LIMIT_REQ_ZONE_BINDING_H_
#define SLUICE_BINDING_LIMIT_REQ_ZONE_BINDING_H_

#include <node_api.h>

#include "binding/mapped_zone.h"
#include "core/limit_req_zone.h"

namespace sluice {

template <>
struct ZoneKind<LimitReqZone> {
  static constexpr napi_type_tag kTag = {0x8f5c1a0be47d4f21, 0x9d3e6c7720b1485a};
  static constexpr const char* kName = "a limit_req zone";
};

using MappedReqZone = MappedZone<LimitReqZone>;

}  // namespace sluice

#endif  // SLUICE_BINDING_LIMIT_REQ_ZONE_BINDING_H_
