// Lifetimes as JavaScript asks for them.

#include <c10/core/Device.h>

#include <optional>

#include "exports.h"
#include "memory.h"

namespace anneal {

// scopeBegin(device?: 'cpu' | 'cuda:N')
napi_value scope_begin(Call& call) {
  std::optional<c10::Device> device;
  if (call.count > 0 && !call.is_nullish(0))
    device = c10::Device(call.text(0));
  call.environment.handles.begin_scope(device);
  return call.undefined();
}

// scopeEnd(kept?: handle[])
napi_value scope_end(Call& call) {
  HandleTable& handles = call.environment.handles;
  handles.end_scope(call.is_nullish(0) ? std::vector<Handle>{} : call.handle_list(0));
  if (handles.open_scopes() == 0)
    report_to_collector(call);
  return call.undefined();
}

napi_value keep(Call& call) {
  call.environment.handles.keep(call.integer(0));
  return call.undefined();
}

napi_value release(Call& call) {
  call.environment.handles.release(call.integer(0));
  return call.undefined();
}

napi_value live(Call& call) {
  return call.number(call.environment.handles.live());
}

} // namespace anneal
