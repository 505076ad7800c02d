#include "exchange.h"

#include <c10/util/Exception.h>

namespace anneal {

namespace {

bool has_values(const at::Tensor& part) { return part.defined() && part.numel() > 0; }

} // namespace

c10d::ProcessGroupGloo& Group::connected() const {
  TORCH_CHECK(gloo, "the group has failed");
  // A rank whose device computes with what never came must not agree on anything.
  if (devices)
    devices->check();
  return *gloo;
}

void Group::disconnect() {
  if (devices)
    devices->abort("the group was left");
  devices.reset();
  lost.reset();
  gloo.reset();
}

void Running::wait() {
  for (const auto& work : works)
    work->wait();
  if (flight)
    devices->wait(*flight);
  else if (devices)
    devices->check();
  if (finish)
    finish();
}

void exchange(Group& group, Running& work, const Parts& sent, const Parts& received) {
  c10d::ProcessGroupGloo& gloo = group.connected();
  const int tag = group.next_tag;
  group.next_tag = (group.next_tag + 1) & 0x3fffffff;
  std::vector<Communicator::Part> outgoing, incoming;
  for (int step = 1; step < group.size; step++) {
    const int to = (group.rank + step) % group.size;
    const int from = (group.rank - step + group.size) % group.size;
    if (const at::Tensor part = received(from); has_values(part))
      incoming.push_back({from, part});
    if (const at::Tensor part = sent(to); has_values(part))
      outgoing.push_back({to, part});
  }
  for (const auto* parts : {&incoming, &outgoing})
    for (const auto& part : *parts)
      work.tensors.push_back(part.tensor);
  work.devices = group.devices;
  if (work.tensors.empty())
    return;
  if (!work.tensors[0].is_cpu()) {
    work.flight = group.devices->exchange(outgoing, incoming);
    return;
  }
  for (const auto& [from, part] : incoming) {
    std::vector<at::Tensor> tensors{part};
    work.works.push_back(gloo.recv(tensors, from, tag));
  }
  for (const auto& [to, part] : outgoing) {
    std::vector<at::Tensor> tensors{part};
    work.works.push_back(gloo.send(tensors, to, tag));
  }
}

} // namespace anneal
