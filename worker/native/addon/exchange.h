// The exchange of parts between all ranks of a group: through NCCL where they lie on devices that
// have it, else through Gloo in memory of the host. It moves bytes; sums are made of what came.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <functional>
#include <memory>
#include <vector>

#include "communicator.h"
#include "lost_ranks.h"

namespace anneal {

struct Group {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo; // null once the group has failed
  int rank;
  int size;
  std::shared_ptr<Communicator> devices = nullptr; // null: tensors of a device go by Gloo
  std::unique_ptr<LostRanks> lost = nullptr;
  // Of the exchanges between two ranks: the same for all of a collective.
  int next_tag = 0;

  // The group's Gloo; throws where the group has failed.
  c10d::ProcessGroupGloo& connected() const;
  // Closes all connections: what is under way ends with an error, here and at other ranks.
  void disconnect();
  // Whether a tensor is exchanged where it lies.
  bool exchanges(const at::Tensor& tensor) const { return tensor.is_cpu() || devices; }
};

struct Running {
  std::vector<c10::intrusive_ptr<c10d::Work>> works;
  std::shared_ptr<Communicator> devices;
  std::shared_ptr<Communicator::Flight> flight;
  // Held until the work is done, whatever JavaScript does with its handles.
  std::vector<at::Tensor> tensors;
  // What is left to do when everything has come; may be empty.
  std::function<void()> finish;

  // Blocks until it is done, or, for what lies on a device, until the current stream waits for it.
  void wait();
};

// The part for a rank, or from it; one without values is not sent.
using Parts = std::function<at::Tensor(int rank)>;

// Begins to send to each other rank one part, and to receive one, all at the same time. All parts
// lie on the same side, where the group exchanges them.
void exchange(Group& group, Running& work, const Parts& sent, const Parts& received);

} // namespace anneal
