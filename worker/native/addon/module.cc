// Entry of anneal.node.

#include <ATen/core/grad_mode.h>

#include "exports.h"
#include "memory.h"

namespace anneal {

namespace {

struct Export {
  const char* name;
  napi_callback callback;
};

constexpr Export kExports[] = {
    {"op", entry<op>},
    {"call", entry<invoke>},
    {"schema", entry<schema>},
    {"schemas", entry<schemas>},
    {"loadLibrary", entry<load_library>},
    {"scopeBegin", entry<scope_begin>},
    {"scopeEnd", entry<scope_end>},
    {"keep", entry<keep>},
    {"release", entry<release>},
    {"live", entry<live>},
    {"grad", entry<grad>},
    {"setGrad", entry<set_grad>},
    {"leaf", entry<leaf>},
    {"describe", entry<describe>},
    {"fromBytes", entry<from_bytes>},
    {"toBytes", entry<to_bytes>},
    {"item", entry<item>},
    {"map", entry<map>},
    {"releasePages", entry<release_pages>},
    {"writeValues", entry<write_values>},
    {"readValues", entry<read_values>},
    {"memory", entry<memory>},
    {"resetPeak", entry<reset_peak>},
    {"trim", entry<trim>},
    {"resizeStorage", entry<resize_storage>},
    {"moveStorage", entry<move_storage>},
    {"deviceCount", entry<device_count>},
    {"deviceMemory", entry<device_memory>},
    {"resetDevicePeak", entry<reset_device_peak>},
    {"requireDeterministicOperators", entry<require_deterministic_operators>},
    {"roundProducts", entry<round_products>},
    {"toDevice", entry<to_device>},
    {"offload", entry<offload>},
    {"fetch", entry<fetch>},
    {"joinCopies", entry<join_copies>},
    {"threads", entry<threads>},
    {"setThreads", entry<set_threads>},
    {"onError", entry<on_error>},
    {"groupJoin", entry<group_join>},
    {"groupAllReduce", entry<group_all_reduce>},
    {"groupAllGather", entry<group_all_gather>},
    {"groupReduceScatter", entry<group_reduce_scatter>},
    {"groupBroadcast", entry<group_broadcast>},
    {"groupBarrier", entry<group_barrier>},
    {"workWait", entry<work_wait>},
    {"groupMissing", entry<group_missing>},
    {"groupLeave", entry<group_leave>},
};

void destroy(napi_env, void* data, void*) {
  delete static_cast<Environment*>(data);
}

napi_value start(napi_env env, napi_value exports) {
  prepare_memory();
  at::GradMode::set_enabled(false); // this thread's; withTape turns it on for a while
  auto* environment = new Environment;
  napi_set_instance_data(env, environment, destroy, nullptr);
  for (const Export& item : kExports) {
    napi_value function;
    napi_create_function(env, item.name, NAPI_AUTO_LENGTH, item.callback, environment, &function);
    napi_set_named_property(env, exports, item.name, function);
  }
  return exports;
}

} // namespace

} // namespace anneal

NAPI_MODULE_INIT() {
  return anneal::start(env, exports);
}
