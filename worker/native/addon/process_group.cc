// Groups of processes that exchange tensors: gloo on the processor. A group is made under a name in
// a store that its first rank serves; after a failure it is of no use any more, and a new one is
// made under another name.
//
// Tensors of a device travel through memory of the host: copied there before a collective begins,
// and back when it is waited for.
//
// Collectives run on threads of the group. The caller's thread goes on until it waits, so that
// communication hides behind arithmetic. All ranks must begin the same collectives in the same
// order.

#include <ATen/core/Tensor.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <c10/util/Logging.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>

#include "device.h"
#include "exports.h"

namespace anneal {

namespace {

using std::chrono::milliseconds;

struct Group {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
  int rank;
  int size;
  // Of the exchanges between two ranks: the same for all of a collective.
  int next_tag = 0;
};

struct Running {
  std::vector<c10::intrusive_ptr<c10d::Work>> works;
  // Held until the work is done, whatever JavaScript does with its handles.
  std::vector<at::Tensor> tensors;
  // What is left to do when everything has come; may be empty.
  std::function<void()> finish;
};

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

c10d::ProcessGroupGloo& connected(int32_t number) {
  const Group& group = group_at(number);
  TORCH_CHECK(group.gloo, "the group ", number, " has failed");
  return *group.gloo;
}

napi_value started(Call& call, Running work) {
  const int32_t number = next_number();
  running().emplace(number, std::move(work));
  return call.number(number);
}

napi_value started(Call& call, c10::intrusive_ptr<c10d::Work> work, std::vector<at::Tensor> tensors,
                   std::function<void()> finish = {}) {
  return started(call, Running{{std::move(work)}, std::move(tensors), std::move(finish)});
}

// The values in memory of the host: the tensor itself where it is there already.
at::Tensor on_host(const at::Tensor& tensor) {
  if (tensor.is_cpu())
    return tensor;
  const at::Tensor host = pinned_like(tensor);
  host.copy_(tensor);
  return host;
}

// Room on the host for the values that `tensor` will get; `brings_back` copies them there.
at::Tensor room_on_host(const at::Tensor& tensor) {
  return tensor.is_cpu() ? tensor : pinned_like(tensor);
}

std::function<void()> brings_back(const at::Tensor& tensor, const at::Tensor& host) {
  if (tensor.is_cpu())
    return {};
  return [tensor, host] { tensor.copy_(host); };
}

// The same memory apart from autograd: tapes hold on to weights that are gathered a second time.
at::Tensor values_of(const at::Tensor& tensor) { return tensor.variable_data(); }

// A line cut into one part of `count` values for each rank.
std::vector<at::Tensor> parts_of(const at::Tensor& line, int64_t count, int ranks) {
  TORCH_CHECK(line.is_contiguous() && line.numel() == count * ranks, "a line of ", line.numel(),
              " values is not ", ranks, " parts of ", count);
  std::vector<at::Tensor> parts;
  for (int rank = 0; rank < ranks; rank++)
    parts.push_back(line.view(-1).narrow(0, rank * count, count));
  return parts;
}

// Every rank sends to each other one part and receives one, all at the same time: `sent(peer)` and
// `received(peer)` say which.
template <class Sent, class Received>
void exchange(Group& group, Running& work, Sent sent, Received received) {
  TORCH_CHECK(group.gloo, "the group has failed");
  const int tag = group.next_tag;
  group.next_tag = (group.next_tag + 1) & 0x3fffffff;
  for (int step = 1; step < group.size; step++) {
    const int to = (group.rank + step) % group.size;
    const int from = (group.rank - step + group.size) % group.size;
    std::vector<at::Tensor> incoming{received(from)}, outgoing{sent(to)};
    work.works.push_back(group.gloo->recv(incoming, from, tag));
    work.works.push_back(group.gloo->send(outgoing, to, tag));
    work.tensors.push_back(incoming[0]);
    work.tensors.push_back(outgoing[0]);
  }
}

// libtorch tells of each lost connection by itself, with a C++ stack; what is said of it is ours to
// say. Whoever wants to see it sets the variable to WARNING.
void quieten() {
  setenv("TORCH_CPP_LOG_LEVEL", "ERROR", 0);
  c10::initLogging();
}

std::string present_key(int rank) { return "present/" + std::to_string(rank); }

} // namespace

// groupJoin(name, rank, size, host, port, timeoutMs, address) → group. Rank 0 serves the store at
// the port of `host`; `address` is one of this machine's, at which the others reach it. Returns
// when all ranks are connected; throws after the timeout.
napi_value group_join(Call& call) {
  const std::string name = call.text(0), host = call.text(3), address = call.text(6);
  const int rank = call.integer(1), size = call.integer(2), port = call.integer(4);
  const milliseconds timeout(call.integer64(5));
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
  const int32_t number = next_number();
  groups().emplace(number, Group{store, gloo, rank, size, 0});
  return call.number(number);
}

// groupAllReduce(group, tensor) → work: the sum over all ranks, in place.
napi_value group_all_reduce(Call& call) {
  const at::Tensor tensor = values_of(call.tensor(1));
  std::vector<at::Tensor> tensors{on_host(tensor)};
  auto work = connected(call.integer(0)).allreduce(tensors);
  return started(call, work, tensors, brings_back(tensor, tensors[0]));
}

// groupAllGather(group, output, input) → work: the inputs of all ranks, one after the other. Each
// comes straight to its place; libtorch's own goes through a tensor as long as the output.
napi_value group_all_gather(Call& call) {
  Group& group = group_at(call.integer(0));
  const at::Tensor whole = values_of(call.tensor(1)), input = on_host(values_of(call.tensor(2)));
  const at::Tensor output = room_on_host(whole);
  const std::vector<at::Tensor> parts = parts_of(output, input.numel(), group.size);
  Running work;
  exchange(
      group, work, [&](int) { return input; },
      [&](int from) { return parts[static_cast<size_t>(from)]; });
  at::Tensor own = parts[static_cast<size_t>(group.rank)];
  own.copy_(input.view(-1));
  work.finish = brings_back(whole, output);
  return started(call, std::move(work));
}

// groupReduceScatter(group, output, input) → work: of the sum of all inputs, this rank's part. The
// sum is in the order of the ranks, and each value is sent once; libtorch's own sends twice as
// much.
napi_value group_reduce_scatter(Call& call) {
  Group& group = group_at(call.integer(0));
  const at::Tensor shard = values_of(call.tensor(1)), input = on_host(values_of(call.tensor(2)));
  const at::Tensor output = room_on_host(shard);
  const std::vector<at::Tensor> parts = parts_of(input, output.numel(), group.size);
  const at::Tensor own = parts[static_cast<size_t>(group.rank)];
  const at::Tensor others = at::empty({std::max(0, group.size - 1), output.numel()}, output.options());
  const auto part_from = [others, own, rank = group.rank](int from) {
    return from == rank ? own : others.select(0, from < rank ? from : from - 1);
  };
  Running work;
  exchange(
      group, work, [&](int to) { return parts[static_cast<size_t>(to)]; }, part_from);
  work.tensors.push_back(input);
  const auto bring_back = brings_back(shard, output);
  work.finish = [output, part_from, bring_back, size = group.size] {
    at::Tensor sum = output.view(-1);
    sum.copy_(part_from(0));
    for (int rank = 1; rank < size; rank++)
      sum.add_(part_from(rank));
    if (bring_back)
      bring_back();
  };
  return started(call, std::move(work));
}

// groupBroadcast(group, tensor, root) → work.
napi_value group_broadcast(Call& call) {
  const at::Tensor tensor = values_of(call.tensor(1));
  std::vector<at::Tensor> tensors{on_host(tensor)};
  c10d::BroadcastOptions options;
  options.rootRank = call.integer(2);
  auto work = connected(call.integer(0)).broadcast(tensors, options);
  return started(call, work, tensors, brings_back(tensor, tensors[0]));
}

// groupBarrier(group) → work.
napi_value group_barrier(Call& call) {
  return started(call, connected(call.integer(0)).barrier(), std::vector<at::Tensor>{});
}

// workWait(work): blocks until it is done; throws what it threw.
napi_value work_wait(Call& call) {
  const auto found = running().find(call.integer(0));
  TORCH_CHECK(found != running().end(), "this work was waited for");
  // The table forgets it whether it throws or not.
  const Running taken = std::move(found->second);
  running().erase(found);
  for (const auto& work : taken.works)
    work->wait();
  if (taken.finish)
    taken.finish();
  return call.undefined();
}

// groupMissing(group, waitMs) → after a failure, the ranks that do not say within that time that
// they have seen it too. Closes the connections first, so that a rank that waits for this one sees
// the failure at once. Throws when the store is gone, that is, rank 0.
napi_value group_missing(Call& call) {
  Group& group = group_at(call.integer(0));
  const milliseconds wait(call.integer64(1));
  group.store->set(present_key(group.rank), std::vector<uint8_t>{1});
  group.gloo.reset();
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
  groups().erase(found);
  return call.undefined();
}

} // namespace anneal
