// NCCL, opened while the program runs: the addon is built and runs without it. What is used of it
// is declared by hand, as nccl.h of 2.18 and of all newer versions has it.
#pragma once

#include <climits>
#include <cstddef>
#include <string>

namespace anneal::nccl {

// Passed by value to NCCL, as its ncclUniqueId.
struct Id {
  char internal[128];
};

enum class Result : int {
  kSuccess = 0,
  kUnhandledCudaError = 1,
  kSystemError = 2,
  kInternalError = 3,
  kInvalidArgument = 4,
  kInvalidUsage = 5,
  kRemoteError = 6,
  kInProgress = 7,
};

// The only type: bytes are moved, and never added.
enum class Type : int { kUint8 = 1 };

struct Comm; // ncclComm
using Stream = void*; // cudaStream_t

constexpr int kOldest = 21800; // 2.18.0

// The fields of 2.18. Newer versions have more behind them, and take the version that is said here
// for what is missing.
struct Config {
  size_t size = sizeof(Config);
  unsigned magic = 0xcafebeef;
  unsigned version = kOldest;
  int blocking = INT_MIN; // INT_MIN and null: NCCL chooses
  int cga_cluster_size = INT_MIN;
  int min_ctas = INT_MIN;
  int max_ctas = INT_MIN;
  const char* net_name = nullptr;
  int split_share = INT_MIN;
};

// The functions that are used, by their names in nccl.h.
struct Library {
  Result (*GetVersion)(int* version);
  Result (*GetUniqueId)(Id* id);
  Result (*CommInitRankConfig)(Comm** comm, int ranks, Id id, int rank, Config* config);
  Result (*CommGetAsyncError)(Comm* comm, Result* state);
  Result (*CommAbort)(Comm* comm);
  Result (*GroupStart)();
  Result (*GroupEnd)();
  Result (*Send)(const void* data, size_t count, Type type, int peer, Comm* comm, Stream stream);
  Result (*Recv)(void* data, size_t count, Type type, int peer, Comm* comm, Stream stream);
  const char* (*GetErrorString)(Result result);
  const char* (*GetLastError)(Comm* comm);
  std::string version; // 2.30.7
};

// Opened by the first call. Throws with a sentence where it cannot be used.
const Library& library();

// "NCCL 2.30.7: unhandled cuda error (what NCCL noted last)".
std::string said(Result result, Comm* comm);

} // namespace anneal::nccl
