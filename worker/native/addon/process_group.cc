// Groups of processes that exchange tensors. A group is made under a name in a store that its first
// rank serves; after a failure it is of no use any more, and a new one is made under another name.
//
// Tensors of the host travel by Gloo, and those of a device by NCCL, where all ranks have it
// (group_devices.h). Without it they travel through memory of the host: copied there before a
// collective begins, and back when it is waited for. Sums are made by each rank of what came to it,
// in the order of the ranks, so they have the same bits either way.
//
// Collectives run beside the caller's thread, which goes on until it waits, so that communication
// hides behind arithmetic; for NCCL it is the device that waits. All ranks must begin the same
// collectives, and wait for them, in the same order.

#include <ATen/core/Tensor.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <c10/util/Logging.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>

#include "device.h"
#include "exchange.h"
#include "exports.h"
#include "group_devices.h"

namespace anneal {

namespace {

using std::chrono::milliseconds;

// Groups and work are the process's, not an environment's: sockets and threads do not belong to one
// thread.
std::map<int32_t, Group>& groups() {
  static auto* const all = new std::map<int32_t, Group>;
  return *all;
}

std::map<int32_t, Running>& running() {
  static auto* const all = new std::map<int32_t, Running>;
  return *all;
}

int32_t next_number() {
  static int32_t last = 0;
  return ++last;
}

Group& group_at(int32_t number) {
  const auto found = groups().find(number);
  TORCH_CHECK(found != groups().end(), "the group ", number, " was left");
  return found->second;
}

napi_value started(Call& call, Running work) {
  const int32_t number = next_number();
  running().emplace(number, std::move(work));
  return call.number(number);
}

// Of a collective that Gloo makes by itself.
napi_value started(Call& call, const Group& group, c10::intrusive_ptr<c10d::Work> work,
                   std::vector<at::Tensor> tensors, std::function<void()> finish = {}) {
  Running running;
  running.works = {std::move(work)};
  running.devices = group.devices;
  running.tensors = std::move(tensors);
  running.finish = std::move(finish);
  return started(call, std::move(running));
}

// The values where the group exchanges them: the tensor itself, or a copy in memory of the host.
at::Tensor to_exchange(const Group& group, const at::Tensor& tensor) {
  if (group.exchanges(tensor))
    return tensor.contiguous();
  const at::Tensor host = pinned_like(tensor);
  host.copy_(tensor);
  return host;
}

// Room there for the values that `tensor` will get; `brings_back` copies them to it.
at::Tensor room_for(const Group& group, const at::Tensor& tensor) {
  return group.exchanges(tensor) ? tensor : pinned_like(tensor);
}

std::function<void()> brings_back(const at::Tensor& tensor, const at::Tensor& room) {
  if (tensor.is_same(room))
    return {};
  return [tensor, room] { tensor.copy_(room); };
}

// The same memory apart from autograd: tapes hold on to weights that are gathered a second time.
at::Tensor values_of(const at::Tensor& tensor) { return tensor.variable_data(); }

// A line cut into one part of `count` values for each rank; the last ones are shorter where the
// line is.
std::vector<at::Tensor> cut(const at::Tensor& line, int64_t count, int ranks) {
  TORCH_CHECK(line.is_contiguous(), "a line of ", line.sizes(), " does not lie in one piece");
  const at::Tensor flat = line.view(-1);
  std::vector<at::Tensor> parts;
  for (int rank = 0; rank < ranks; rank++) {
    const int64_t begin = std::min(rank * count, flat.numel());
    parts.push_back(flat.narrow(0, begin, std::min(count, flat.numel() - begin)));
  }
  return parts;
}

std::vector<at::Tensor> parts_of(const at::Tensor& line, int64_t count, int ranks) {
  TORCH_CHECK(line.numel() == count * ranks, "a line of ", line.numel(), " values is not ", ranks,
              " parts of ", count);
  return cut(line, count, ranks);
}

Parts each_of(std::vector<at::Tensor> parts) {
  return [parts = std::move(parts)](int rank) { return parts[static_cast<size_t>(rank)]; };
}

// Begins to exchange the parts of each rank's `line` that are this rank's; the answer adds them up
// in the order of the ranks, once they have come.
std::function<void(at::Tensor sum)> begin_sum(Group& group, Running& work, const std::vector<at::Tensor>& parts) {
  const at::Tensor own = parts[static_cast<size_t>(group.rank)];
  const at::Tensor others = at::empty({std::max(0, group.size - 1), own.numel()}, own.options());
  const Parts part_from = [others, own, rank = group.rank](int from) {
    return from == rank ? own : others.select(0, from < rank ? from : from - 1);
  };
  exchange(group, work, each_of(parts), part_from);
  return [part_from, size = group.size](at::Tensor sum) {
    sum.copy_(part_from(0));
    for (int rank = 1; rank < size; rank++)
      sum.add_(part_from(rank));
  };
}

// libtorch tells of each lost connection by itself, with a C++ stack; what is said of it is ours to
// say. Whoever wants to see it sets the variable to WARNING.
void quieten() {
  setenv("TORCH_CPP_LOG_LEVEL", "ERROR", 0);
  c10::initLogging();
}

std::string present_key(int rank) { return "present/" + std::to_string(rank); }

} // namespace

// groupJoin(name, rank, size, host, port, timeoutMs, address, device, wantsNccl) → {group, nccl,
// whyNot}. Rank 0 serves the store at the port of `host`; `address` is one of this machine's, at
// which the others reach it; `device` is where this rank computes. Returns when all ranks are
// connected and have decided how devices exchange: `nccl` is its version, or empty where `whyNot`
// says why they do not use it. Throws after the timeout.
napi_value group_join(Call& call) {
  const std::string name = call.text(0), host = call.text(3), address = call.text(6);
  const int rank = call.integer(1), size = call.integer(2), port = call.integer(4);
  const milliseconds timeout(call.integer64(5));
  const c10::Device device(call.text(7));
  quieten();
  TORCH_CHECK(size >= 1 && rank >= 0 && rank < size, "rank ", rank, " of ", size);
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(port);
  options.isServer = rank == 0;
  options.waitWorkers = false;
  options.timeout = timeout;
  // A later group of the same processes finds the store of the earlier one.
  options.multiTenant = true;
  auto store = c10::make_intrusive<c10d::PrefixStore>(
      name, c10::make_intrusive<c10d::TCPStore>(host, options));
  auto settings = c10d::ProcessGroupGloo::Options::create(timeout);
  settings->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
  auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, settings);
  // The others look for it where they ask who is left: a rank whose host waits for its device
  // cannot say it.
  const auto seen = [store, rank] {
    try {
      store->set(present_key(rank), std::vector<uint8_t>{1});
    } catch (const std::exception&) {
      // The store is gone, and those who ask see that.
    }
  };
  GroupDevices agreed =
      agree_on_devices({store, rank, size, device, call.boolean(8), timeout, seen});
  Group group{store, gloo, rank, size};
  if (agreed.communicator) {
    group.devices = std::move(agreed.communicator);
    group.lost = std::make_unique<LostRanks>(
        *gloo, rank, size, [devices = group.devices](int peer) { devices->lost(peer); });
  }
  const int32_t number = next_number();
  groups().emplace(number, std::move(group));
  napi_value joined;
  check(napi_create_object(call.env, &joined), "an object");
  call.set_number(joined, "group", number);
  napi_set_named_property(call.env, joined, "nccl", call.string(agreed.version));
  napi_set_named_property(call.env, joined, "whyNot", call.string(agreed.why_not));
  return joined;
}

// groupAllReduce(group, tensor) → work: the sum over all ranks, in place.
napi_value group_all_reduce(Call& call) {
  const int32_t number = call.integer(0);
  Group& group = group_at(number);
  const at::Tensor tensor = values_of(call.tensor(1));
  if (tensor.is_cpu()) {
    std::vector<at::Tensor> tensors{tensor};
    auto& gloo = group.connected();
    return started(call, group, gloo.allreduce(tensors), tensors);
  }
  // Each rank adds up its part for all, in the order of the ranks.
  const at::Tensor whole = to_exchange(group, tensor);
  const std::vector<at::Tensor> parts =
      cut(whole, (whole.numel() + group.size - 1) / group.size, group.size);
  Running work;
  const auto add_up = begin_sum(group, work, parts);
  const auto bring_back = brings_back(tensor, whole);
  work.tensors.push_back(whole);
  work.finish = [number, parts, add_up, bring_back] {
    Group& again = group_at(number);
    const at::Tensor own = parts[static_cast<size_t>(again.rank)];
    const at::Tensor sum = at::empty_like(own);
    add_up(sum);
    own.copy_(sum);
    Running gathered;
    exchange(again, gathered, [&](int) { return own; }, each_of(parts));
    gathered.wait();
    if (bring_back)
      bring_back();
  };
  return started(call, std::move(work));
}

// groupAllGather(group, output, input) → work: the inputs of all ranks, one after the other. Each
// comes straight to its place; libtorch's own goes through a tensor as long as the output.
napi_value group_all_gather(Call& call) {
  Group& group = group_at(call.integer(0));
  const at::Tensor whole = values_of(call.tensor(1));
  const at::Tensor input = to_exchange(group, values_of(call.tensor(2)));
  const at::Tensor output = room_for(group, whole);
  const std::vector<at::Tensor> parts = parts_of(output, input.numel(), group.size);
  Running work;
  exchange(group, work, [&](int) { return input; }, each_of(parts));
  at::Tensor own = parts[static_cast<size_t>(group.rank)];
  own.copy_(input.view(-1));
  work.finish = brings_back(whole, output);
  return started(call, std::move(work));
}

// groupReduceScatter(group, output, input) → work: of the sum of all inputs, this rank's part. Each
// value is sent once; libtorch's own sends twice as much.
napi_value group_reduce_scatter(Call& call) {
  Group& group = group_at(call.integer(0));
  const at::Tensor shard = values_of(call.tensor(1));
  const at::Tensor input = to_exchange(group, values_of(call.tensor(2)));
  const at::Tensor output = room_for(group, shard);
  Running work;
  const auto add_up = begin_sum(group, work, parts_of(input, output.numel(), group.size));
  const auto bring_back = brings_back(shard, output);
  work.tensors.push_back(input);
  work.finish = [output, add_up, bring_back] {
    add_up(output.view(-1));
    if (bring_back)
      bring_back();
  };
  return started(call, std::move(work));
}

// groupBroadcast(group, tensor, root) → work.
napi_value group_broadcast(Call& call) {
  Group& group = group_at(call.integer(0));
  const at::Tensor tensor = values_of(call.tensor(1));
  const int root = call.integer(2);
  const at::Tensor values = group.rank == root ? to_exchange(group, tensor) : room_for(group, tensor);
  if (values.is_cpu()) {
    std::vector<at::Tensor> tensors{values};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    auto& gloo = group.connected();
    return started(call, group, gloo.broadcast(tensors, options), tensors, brings_back(tensor, values));
  }
  TORCH_CHECK(values.is_contiguous(), "a tensor of ", values.sizes(), " does not lie in one piece");
  Running work;
  exchange(
      group, work, [&](int) { return group.rank == root ? values : at::Tensor(); },
      [&](int from) { return from == root ? values : at::Tensor(); });
  return started(call, std::move(work));
}

// groupBarrier(group) → work.
napi_value group_barrier(Call& call) {
  Group& group = group_at(call.integer(0));
  auto& gloo = group.connected();
  return started(call, group, gloo.barrier(), std::vector<at::Tensor>{});
}

// workWait(work): blocks until it is done, and on a device only what is computed from here on;
// throws what it threw.
napi_value work_wait(Call& call) {
  const auto found = running().find(call.integer(0));
  TORCH_CHECK(found != running().end(), "this work was waited for");
  // The table forgets it whether it throws or not.
  Running taken = std::move(found->second);
  running().erase(found);
  taken.wait();
  return call.undefined();
}

// groupMissing(group, waitMs) → after a failure, the ranks that do not say within that time that
// they have seen it too. Closes the connections first, so that a rank that waits for this one sees
// the failure at once. Throws when the store is gone, that is, rank 0.
napi_value group_missing(Call& call) {
  Group& group = group_at(call.integer(0));
  const milliseconds wait(call.integer64(1));
  group.store->set(present_key(group.rank), std::vector<uint8_t>{1});
  group.disconnect();
  std::vector<std::string> keys;
  for (int rank = 0; rank < group.size; rank++)
    keys.push_back(present_key(rank));
  try {
    group.store->wait(keys, wait);
  } catch (const c10::Error&) {
    // Some are not there; which ones is asked next.
  }
  napi_value missing;
  check(napi_create_array(call.env, &missing), "a list");
  uint32_t count = 0;
  for (int rank = 0; rank < group.size; rank++)
    if (!group.store->check({keys[static_cast<size_t>(rank)]}))
      napi_set_element(call.env, missing, count++, call.number(rank));
  return missing;
}

// groupLeave(group): what is under way ends with an error; connections are closed.
napi_value group_leave(Call& call) {
  const auto found = groups().find(call.integer(0));
  if (found == groups().end())
    return call.undefined();
  found->second.disconnect();
  groups().erase(found);
  return call.undefined();
}

} // namespace anneal
