// NCCL between emulated devices of several processes of a machine: the functions that the product
// uses, by the names and numbers of nccl.h. The library of the emulator is opened under the name
// libnccl.so.2 where a test wants one (test/gpu/emulated-nccl.ts).
//
// What is sent is read when the exchange is launched, and must be the same when the stream gets to
// it; what is received is written as late as the stream lets it (streams.h). A launch has happened
// only when ncclCommGetAsyncError says so. A peer that is gone is not noticed.
//
// ANNEAL_NCCL_FAULT=KIND:RANK:N makes the N-th exchange of a rank fail: `hang`, or `error`, which
// NCCL meets beside its calls. `init:RANK` refuses to make the communicator.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "../memory.h"
#include "../streams.h"
#include "links.h"

#define NCCL_API extern "C" __attribute__((visibility("default")))

namespace {

enum Result { kSuccess = 0, kSystemError = 2, kInvalidArgument = 4, kInvalidUsage = 5, kInProgress = 7 };

struct Id {
  char internal[128];
};

struct Op {
  bool sends;
  char* data;
  size_t bytes;
  int peer;
};

struct Exchange {
  std::vector<Op> ops;
  c10::StreamId stream = 0;
  std::string fault; // hang, error, or nothing
  // Of what is sent, in the order of the ops.
  std::vector<emulator::Bytes> sent;
};

// What the stream of a device knows of a communicator: it may end later than that.
struct Shared {
  std::shared_ptr<emulator::Links> links;
  int device;
  std::mutex mutex;
  Result error = kSuccess;
  std::string note;

  void fail(Result result, const std::string& why) {
    const std::lock_guard lock(mutex);
    error = result;
    note = why;
    std::fprintf(stderr, "emulated NCCL: %s\n", why.c_str());
  }
};

struct Fault {
  std::string kind;
  int at = 0; // which exchange
};

Fault fault_of(int rank) {
  const char* const text = std::getenv("ANNEAL_NCCL_FAULT");
  char kind[16] = "";
  int which = -1, at = 0;
  if (text == nullptr || std::sscanf(text, "%15[a-z]:%d:%d", kind, &which, &at) < 2 || which != rank) return {};
  return {kind, at};
}

// On the stream, when all before it is done.
void perform(Shared& shared, const Exchange& exchange) {
  if (!exchange.fault.empty()) return shared.links->wait_for_end();
  size_t sends = 0;
  for (const Op& op : exchange.ops) {
    if (op.sends) {
      const emulator::Access access(shared.device);
      if (std::memcmp(op.data, exchange.sent[sends++].data(), op.bytes) != 0)
        shared.fail(kInvalidUsage, "memory was changed before it was sent");
      continue;
    }
    emulator::Bytes bytes;
    if (!shared.links->take(op.peer, bytes)) return;
    if (bytes.size() != op.bytes) {
      shared.fail(kInvalidUsage, "received " + std::to_string(bytes.size()) + " bytes in the place of " +
                                     std::to_string(op.bytes));
      return shared.links->wait_for_end();
    }
    const emulator::Access access(shared.device);
    std::memcpy(op.data, bytes.data(), op.bytes);
  }
}

bool would_not_block(const Shared& shared, const Exchange& exchange) {
  if (shared.links->has_ended()) return true;
  if (!exchange.fault.empty()) return false;
  for (const Op& op : exchange.ops) {
    size_t needed = 0;
    for (const Op& other : exchange.ops) needed += !other.sends && other.peer == op.peer;
    if (shared.links->received(op.peer) < needed) return false;
  }
  return true;
}

void launch(const std::shared_ptr<Shared>& shared, const std::shared_ptr<Exchange>& exchange) {
  for (const Op& op : exchange->ops) {
    if (!op.sends) continue;
    const emulator::Access access(shared->device);
    exchange->sent.emplace_back(op.data, op.data + op.bytes);
    if (exchange->fault.empty()) shared->links->send(op.peer, exchange->sent.back());
  }
  if (exchange->fault == "error") shared->fail(kSystemError, "a test said so");
  emulator::run_later(
      exchange->stream, [shared, exchange] { return would_not_block(*shared, *exchange); },
      [shared, exchange] { perform(*shared, *exchange); });
}

} // namespace

struct ncclComm {
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  Fault fault;
  int exchanges = 0;
  std::shared_ptr<Exchange> launching;
  int polls = 0; // until it is launched
};

namespace {
struct Open {
  int depth = 0;
  ncclComm* comm = nullptr;
  std::shared_ptr<Exchange> exchange;
};
thread_local Open open_group;
thread_local std::string last_note;

Result add(Op op, int type, ncclComm* comm, void* stream) {
  if (open_group.depth == 0 || type != 1 || op.data == nullptr) return kInvalidArgument;
  if (!open_group.exchange) open_group.exchange = std::make_shared<Exchange>();
  open_group.comm = comm;
  open_group.exchange->stream = reinterpret_cast<c10::StreamId>(stream);
  open_group.exchange->ops.push_back(op);
  return kSuccess;
}
} // namespace

NCCL_API const char* anneal_emulated_nccl() { return "NCCL version 2.30.7+emulated"; }

NCCL_API Result ncclGetVersion(int* version) {
  *version = 23007;
  return kSuccess;
}

NCCL_API Result ncclGetUniqueId(Id* id) {
  std::random_device random;
  std::snprintf(id->internal, sizeof id->internal, "anneal-nccl-%d-%08x%08x", getpid(), random(), random());
  return kSuccess;
}

NCCL_API Result ncclCommInitRankConfig(ncclComm** comm, int ranks, Id id, int rank, const int* config) {
  // size, magic, version, blocking, as nccl.h of 2.14 and newer has them.
  if (config == nullptr || static_cast<unsigned>(config[2]) != 0xcafebeef || config[4] != 0) return kInvalidArgument;
  const Fault fault = fault_of(rank);
  if (fault.kind == "init") {
    last_note = "a test said so";
    return kSystemError;
  }
  auto* const made = new ncclComm;
  made->fault = fault;
  made->shared->device = emulator::current_device();
  made->shared->links = std::make_shared<emulator::Links>(rank, ranks);
  made->shared->links->begin(id.internal);
  *comm = made;
  return kInProgress;
}

NCCL_API Result ncclCommGetAsyncError(ncclComm* comm, Result* state) {
  {
    const std::lock_guard lock(comm->shared->mutex);
    *state = comm->shared->error;
  }
  if (*state != kSuccess) return kSuccess;
  if (!comm->shared->links->are_connected()) {
    *state = kInProgress;
  } else if (comm->launching && --comm->polls > 0) {
    *state = kInProgress;
  } else if (comm->launching) {
    launch(comm->shared, std::exchange(comm->launching, nullptr));
  }
  return kSuccess;
}

NCCL_API Result ncclCommAbort(ncclComm* comm) {
  comm->shared->links->end();
  delete comm;
  return kSuccess;
}

NCCL_API Result ncclGroupStart() {
  ++open_group.depth;
  return kSuccess;
}

NCCL_API Result ncclSend(const void* data, size_t count, int type, int peer, ncclComm* comm, void* stream) {
  return add({true, static_cast<char*>(const_cast<void*>(data)), count, peer}, type, comm, stream);
}

NCCL_API Result ncclRecv(void* data, size_t count, int type, int peer, ncclComm* comm, void* stream) {
  return add({false, static_cast<char*>(data), count, peer}, type, comm, stream);
}

NCCL_API Result ncclGroupEnd() {
  if (open_group.depth == 0) return kInvalidUsage;
  if (--open_group.depth > 0 || !open_group.exchange) return kSuccess;
  const Open group = std::exchange(open_group, {});
  ncclComm& comm = *group.comm;
  if (comm.launching) return kInvalidUsage;
  if (++comm.exchanges >= comm.fault.at && comm.fault.at > 0) group.exchange->fault = comm.fault.kind;
  comm.launching = group.exchange;
  comm.polls = 2;
  return kInProgress;
}

NCCL_API const char* ncclGetErrorString(Result result) {
  return result == kSystemError ? "unhandled system error" : result == kSuccess ? "no error" : "invalid usage";
}

NCCL_API const char* ncclGetLastError(ncclComm* comm) {
  if (comm != nullptr) {
    const std::lock_guard lock(comm->shared->mutex);
    last_note = comm->shared->note;
  }
  return last_note.c_str();
}

// The part of the driver that tells which device is which: opened as libcuda.so.1. Devices of one
// number are one device in all processes, unless ANNEAL_EMULATED_UUID differs.
NCCL_API int cuInit(unsigned) { return 0; }

NCCL_API int cuDeviceGet(int* device, int number) {
  *device = number;
  return 0;
}

NCCL_API int cuDeviceGetUuid_v2(char* uuid, int device) {
  const char* const machine = std::getenv("ANNEAL_EMULATED_UUID");
  std::memset(uuid, 0, 16);
  if (machine != nullptr) std::memcpy(uuid, machine, strnlen(machine, 15));
  uuid[15] = static_cast<char>(device);
  return 0;
}
