// Whether the devices of a group exchange through NCCL. Each rank says in the store what it can,
// all read what all say, and so decide alike: all by NCCL, or all by Gloo.
#pragma once

#include <c10/core/Device.h>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "communicator.h"

namespace anneal {

struct GroupDevices {
  std::unique_ptr<Communicator> communicator; // null: by Gloo
  std::string version;                        // of NCCL
  std::string why_not;                        // a sentence, where it is Gloo
};

struct AskedDevices {
  c10::intrusive_ptr<c10d::Store> store; // of the group
  int rank;
  int size;
  c10::Device device; // on which this rank computes
  bool wanted;        // false: this rank is told not to use NCCL
  std::chrono::milliseconds limit;
  std::function<void()> on_failure; // of the communicator
};

// Returns when all ranks have decided. A rank on a processor says so, and waits for no one.
GroupDevices agree_on_devices(const AskedDevices& asked);

} // namespace anneal
