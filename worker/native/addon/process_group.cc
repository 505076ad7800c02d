// Groups of processes that exchange tensors: gloo on the processor. A group is made under a name in a store that its first rank serves;
// after a failure it is of no use any more, and a new one is made under another name.
//
// Collectives run on threads of the group. The caller's thread goes on until it waits, so that communication hides behind arithmetic.
// All ranks must begin the same collectives in the same order.

#include <ATen/core/Tensor.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <c10/util/Logging.h>

#include <cstdlib>
#include <map>
#include <memory>

#include "exports.h"

namespace anneal {

namespace {

using std::chrono::milliseconds;

struct Group {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
  int rank;
  int size;
};

struct Running {
  c10::intrusive_ptr<c10d::Work> work;
  // Held until the work is done, whatever JavaScript does with its handles.
  std::vector<at::Tensor> tensors;
};

// Groups and work are the process's, not an environment's: sockets and threads do not belong to one thread.
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

napi_value started(Call& call, c10::intrusive_ptr<c10d::Work> work, std::vector<at::Tensor> tensors) {
  const int32_t number = next_number();
  running().emplace(number, Running{std::move(work), std::move(tensors)});
  return call.number(number);
}

// libtorch tells of each lost connection by itself, with a C++ stack; what is said of it is ours to say. Whoever wants to see it sets the
// variable to WARNING.
void quieten() {
  setenv("TORCH_CPP_LOG_LEVEL", "ERROR", 0);
  c10::initLogging();
}

std::string present_key(int rank) { return "present/" + std::to_string(rank); }

} // namespace

// groupJoin(name, rank, size, host, port, timeoutMs, address) → group. Rank 0 serves the store at the port of `host`; `address` is one of this
// machine's, at which the others reach it. Returns when all ranks are connected; throws after the timeout.
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
  groups().emplace(number, Group{store, gloo, rank, size});
  return call.number(number);
}

// groupAllReduce(group, tensor) → work: the sum over all ranks, in place.
napi_value group_all_reduce(Call& call) {
  std::vector<at::Tensor> tensors{call.tensor(1)};
  auto work = connected(call.integer(0)).allreduce(tensors);
  return started(call, work, tensors);
}

// groupAllGather(group, output, input) → work: the inputs of all ranks, one after the other.
napi_value group_all_gather(Call& call) {
  at::Tensor output = call.tensor(1), input = call.tensor(2);
  auto work = connected(call.integer(0))._allgather_base(output, input);
  return started(call, work, {output, input});
}

// groupReduceScatter(group, output, input) → work: of the sum of all inputs, this rank's part.
napi_value group_reduce_scatter(Call& call) {
  at::Tensor output = call.tensor(1), input = call.tensor(2);
  auto work = connected(call.integer(0))._reduce_scatter_base(output, input);
  return started(call, work, {output, input});
}

// groupBroadcast(group, tensor, root) → work.
napi_value group_broadcast(Call& call) {
  std::vector<at::Tensor> tensors{call.tensor(1)};
  c10d::BroadcastOptions options;
  options.rootRank = call.integer(2);
  auto work = connected(call.integer(0)).broadcast(tensors, options);
  return started(call, work, tensors);
}

// groupSend(group, tensor, to, tag) → work: to the rank that receives with this tag.
napi_value group_send(Call& call) {
  std::vector<at::Tensor> tensors{call.tensor(1)};
  auto work = connected(call.integer(0)).send(tensors, call.integer(2), call.integer(3));
  return started(call, work, tensors);
}

// groupReceive(group, tensor, from, tag) → work.
napi_value group_receive(Call& call) {
  std::vector<at::Tensor> tensors{call.tensor(1)};
  auto work = connected(call.integer(0)).recv(tensors, call.integer(2), call.integer(3));
  return started(call, work, tensors);
}

// groupBarrier(group) → work.
napi_value group_barrier(Call& call) {
  return started(call, connected(call.integer(0)).barrier(), {});
}

// workWait(work): blocks until it is done; throws what it threw.
napi_value work_wait(Call& call) {
  const auto found = running().find(call.integer(0));
  TORCH_CHECK(found != running().end(), "this work was waited for");
  // The table forgets it whether it throws or not.
  const Running taken = std::move(found->second);
  running().erase(found);
  taken.work->wait();
  return call.undefined();
}

// groupMissing(group, waitMs) → after a failure, the ranks that do not say within that time that they have seen it too. Closes the
// connections first, so that a rank that waits for this one sees the failure at once. Throws when the store is gone, that is, rank 0.
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
