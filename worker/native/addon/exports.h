// What the addon exports, by file.
#pragma once

#include "call.h"

namespace anneal {

// operators.cc
napi_value op(Call& call);
napi_value invoke(Call& call);
napi_value schema(Call& call);
napi_value schemas(Call& call);
napi_value load_library(Call& call);

// scopes.cc
napi_value scope_begin(Call& call);
napi_value scope_end(Call& call);
napi_value keep(Call& call);
napi_value release(Call& call);
napi_value live(Call& call);

// autograd.cc
napi_value grad(Call& call);
napi_value set_grad(Call& call);
napi_value leaf(Call& call);

// host.cc
napi_value describe(Call& call);
napi_value from_bytes(Call& call);
napi_value to_bytes(Call& call);
napi_value item(Call& call);

// mapped_file.cc
napi_value map(Call& call);
napi_value release_pages(Call& call);

// tensor_file.cc
napi_value write_values(Call& call);
napi_value read_values(Call& call);

// memory.cc
napi_value memory(Call& call);
napi_value reset_peak(Call& call);
napi_value trim(Call& call);
napi_value resize_storage(Call& call);
napi_value move_storage(Call& call);

// device.cc
napi_value device_count(Call& call);
napi_value device_memory(Call& call);
napi_value reset_device_peak(Call& call);
napi_value require_deterministic_operators(Call& call);
napi_value round_products(Call& call);
napi_value to_device(Call& call);
napi_value offload(Call& call);
napi_value fetch(Call& call);
napi_value join_copies(Call& call);

// process_group.cc
napi_value group_join(Call& call);
napi_value group_all_reduce(Call& call);
napi_value group_all_gather(Call& call);
napi_value group_reduce_scatter(Call& call);
napi_value group_broadcast(Call& call);
napi_value group_barrier(Call& call);
napi_value work_wait(Call& call);
napi_value group_missing(Call& call);
napi_value group_leave(Call& call);

// process.cc
napi_value threads(Call& call);
napi_value set_threads(Call& call);
napi_value on_error(Call& call);

} // namespace anneal
