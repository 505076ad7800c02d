// CPU entry of attention: checks, the list of tasks, threads. The arithmetic is in
// attention_tiles.h.
//
// Tasks are taken from one counter, largest first, because the causal triangle makes them unequal.
// Backward tasks of one kv head add to the same dq and wait for their turn; as every task waits
// only for tasks that were taken earlier, the first unfinished one never waits.

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "../isa.h"
#include "attention.h"
#include "tiles.h"

namespace anneal::attention {

namespace {

using at::Tensor;

Element element_of(const Tensor& q) {
  switch (q.scalar_type()) {
  case at::kDouble:
    return Element::kFloat64;
  case at::kFloat:
    return Element::kFloat32;
  case at::kBFloat16:
    return Element::kBFloat16;
  default:
    TORCH_CHECK(false, "q has the dtype ", q.scalar_type(),
                "; it must be float64, float32 or bfloat16");
  }
}

at::ScalarType arithmetic_of(const Tensor& q) {
  return q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

Tensor dense_last(const Tensor& x) {
  return x.stride(2) == 1 || x.size(2) == 1 ? x : x.contiguous();
}

View view_of(const Tensor& x) {
  return {x.const_data_ptr(), x.stride(0), x.stride(1)};
}

// [from, to) of every document, checked.
std::vector<std::pair<int, int>> documents_of(const Tensor& cu, int64_t tokens) {
  TORCH_CHECK(cu.dim() == 1 && cu.scalar_type() == at::kInt && cu.is_contiguous() && cu.is_cpu(),
              "cu is ", cu.scalar_type(), " ", cu.sizes(),
              "; it must be int32 [documents + 1] on the CPU");
  const int32_t* offset = cu.const_data_ptr<int32_t>();
  std::vector<std::pair<int, int>> documents;
  for (int64_t i = 0; i + 1 < cu.numel(); ++i) {
    TORCH_CHECK(offset[i] >= 0 && offset[i] <= offset[i + 1] && offset[i + 1] <= tokens, "cu[", i,
                "] is ", offset[i], " and cu[", i + 1, "] is ", offset[i + 1],
                "; offsets must ascend from 0 to at most the ", tokens, " tokens");
    documents.emplace_back(offset[i], offset[i + 1]);
  }
  return documents;
}

void check(const Tensor& q, const Tensor& k, const Tensor& v, int64_t window, double cap) {
  TORCH_CHECK(q.dim() == 3, "q has the shape ", q.sizes(), "; it must be [tokens, heads, size]");
  TORCH_CHECK(k.dim() == 3 && k.size(0) == q.size(0) && k.size(2) == q.size(2), "k has the shape ",
              k.sizes(), "; it must be [", q.size(0), ", kv heads, ", q.size(2), "]");
  TORCH_CHECK(v.sizes() == k.sizes(), "v has the shape ", v.sizes(), "; it must be k's, ",
              k.sizes());
  TORCH_CHECK(k.scalar_type() == q.scalar_type() && v.scalar_type() == q.scalar_type(),
              "q, k and v are ", q.scalar_type(), ", ", k.scalar_type(), " and ", v.scalar_type(),
              "; they must be alike");
  TORCH_CHECK(k.size(1) > 0 && q.size(1) % k.size(1) == 0, "q has ", q.size(1), " heads and k has ",
              k.size(1), "; the first must be a multiple of the second");
  TORCH_CHECK(q.size(2) >= 1 && q.size(2) <= 512, "the head size is ", q.size(2),
              "; it must be 1 to 512");
  TORCH_CHECK(window >= 0, "window is ", window, "; it must be positive, or 0 for none");
  TORCH_CHECK(cap >= 0, "cap is ", cap, "; it must be positive, or 0 for none");
}

Problem problem_of(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& out,
                   const Tensor& lse, double scale, int64_t window, double cap) {
  Problem p{};
  p.q = view_of(q);
  p.k = view_of(k);
  p.v = view_of(v);
  p.heads = static_cast<int>(q.size(1));
  p.kv_heads = static_cast<int>(k.size(1));
  p.size = static_cast<int>(q.size(2));
  p.scale = scale;
  p.window = static_cast<int>(std::min<int64_t>(window, q.size(0)));
  p.cap = cap;
  p.block = p.size <= 128 ? 64 : 32; // tiles of a task stay inside a 512 KiB cache
  p.out = out.data_ptr();
  p.lse = lse.data_ptr();
  return p;
}

// Tokens outside of all documents.
void clear_rest(const std::vector<std::pair<int, int>>& documents,
                std::initializer_list<Tensor> tensors) {
  for (const Tensor& tensor : tensors) {
    int64_t covered = 0;
    const auto clear = [&](int64_t to) {
      if (covered < to)
        tensor.slice(0, covered, to).zero_();
    };
    for (const auto& [from, to] : documents) {
      clear(from);
      covered = to;
    }
    clear(tensor.size(0));
  }
}

// Runs all tasks, largest first, on all threads.
template <class Run> void run_all(std::vector<Task>& tasks, int64_t scratch_bytes, Run run) {
  if (tasks.empty())
    return;
  std::stable_sort(tasks.begin(), tasks.end(),
                   [](const Task& a, const Task& b) { return a.work > b.work; });
  const int64_t threads =
      std::min<int64_t>(at::get_num_threads(), static_cast<int64_t>(tasks.size()));
  const int64_t stride = (scratch_bytes + 127) / 64 * 64;
  const Tensor scratch = at::empty({threads * stride}, at::kByte);
  char* memory = static_cast<char*>(scratch.mutable_data_ptr());
  std::atomic<size_t> next{0};
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t) {
    for (size_t i = next.fetch_add(1); i < tasks.size(); i = next.fetch_add(1))
      run(tasks[i], memory + begin * stride);
  });
}

std::tuple<Tensor, Tensor> forward(const Tensor& q_in, const Tensor& k_in, const Tensor& v_in,
                                   const Tensor& cu, double scale, int64_t window, double cap) {
  check(q_in, k_in, v_in, window, cap);
  const Tensor q = dense_last(q_in), k = dense_last(k_in), v = dense_last(v_in);
  const auto documents = documents_of(cu, q.size(0));
  const Tensor out = at::empty(q.sizes(), q.options());
  const Tensor lse = at::empty({q.size(0), q.size(1)}, q.options().dtype(arithmetic_of(q)));
  clear_rest(documents, {out, lse});
  const Problem p = problem_of(q, k, v, out, lse, scale, window, cap);
  // Heads of one group share converted keys and values; more than 256 columns of them would leave
  // the cache.
  const int group = p.heads / p.kv_heads;
  const int together = std::max(1, std::min(group, 256 / p.size));
  std::vector<Task> tasks;
  for (const auto& [from, to] : documents) {
    for (int block = 0; block * p.block < to - from; ++block) {
      const int keys = block + 1 - first_key_block(p, block);
      for (int first = 0; first < p.heads; first += group)
        for (int h = 0; h < group; h += together) {
          const int heads = std::min(together, group - h);
          tasks.push_back(
              {from, to - from, block, first + h, heads, 0, static_cast<int64_t>(keys) * heads});
        }
    }
  }
  const Tiles& tiles = ANNEAL_CHOOSE(tiles)(element_of(q));
  run_all(tasks, tiles.forward_scratch(p, together),
          [&](const Task& task, void* memory) { tiles.forward(p, task, memory); });
  return {out, lse};
}

std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& grad_in, const Tensor& q_in,
                                            const Tensor& k_in, const Tensor& v_in,
                                            const Tensor& out, const Tensor& lse, const Tensor& cu,
                                            double scale, int64_t window, double cap) {
  check(q_in, k_in, v_in, window, cap);
  const Tensor q = dense_last(q_in), k = dense_last(k_in), v = dense_last(v_in);
  const Tensor grad = grad_in.contiguous();
  const auto documents = documents_of(cu, q.size(0));
  const Tiles& tiles = ANNEAL_CHOOSE(tiles)(element_of(q));
  const auto sums = q.options().dtype(arithmetic_of(q));
  const Tensor delta = at::empty(lse.sizes(), sums);
  const Tensor dq = at::empty(q.sizes(), q.options());
  const Tensor dk = at::empty(k.sizes(), k.options());
  const Tensor dv = at::empty(v.sizes(), v.options());
  clear_rest(documents, {dq, dk, dv});

  Backward p{problem_of(q, k, v, out, lse, scale, window, cap), {}, {}, {}, {}, {}, {}, {}};
  p.dq_size = (p.size + tiles.panel - 1) / tiles.panel * tiles.panel;
  const bool in_place = p.dq_size == p.size && dq.scalar_type() == sums.dtype().toScalarType();
  const Tensor dq_sums = in_place ? dq : at::empty({q.size(0), q.size(1), p.dq_size}, sums);
  p.grad = grad.const_data_ptr();
  p.delta = delta.const_data_ptr();
  p.dq = dq_sums.mutable_data_ptr();
  p.dk = dk.mutable_data_ptr();
  p.dv = dv.mutable_data_ptr();
  std::vector<Task> tasks;
  int counters = 0;
  for (const auto& [from, to] : documents) {
    const int blocks = (to - from + p.block - 1) / p.block;
    for (int block = 0; block < blocks; ++block)
      for (int head = 0; head < p.kv_heads; ++head)
        tasks.push_back({from, to - from, block, head, 1, counters,
                         end_query_block(p, block, to - from) - static_cast<int64_t>(block)});
    counters += blocks * p.kv_heads;
  }
  std::vector<int> done(static_cast<size_t>(counters), 0);
  p.done = done.data();

  const int64_t rows = q.size(0) * q.size(1);
  const int64_t grain = 1 + 16384 / p.size;
  at::parallel_for(0, rows, grain, [&](int64_t begin, int64_t end) {
    tiles.row_dots(grad.const_data_ptr(), out.const_data_ptr(), delta.mutable_data_ptr(), p.size,
                   begin, end);
  });
  run_all(tasks, tiles.backward_scratch(p),
          [&](const Task& task, void* memory) { tiles.backward(p, task, memory); });
  if (!in_place) {
    for (const auto& [from, to] : documents)
      at::parallel_for(from * q.size(1), to * q.size(1), grain, [&](int64_t begin, int64_t end) {
        tiles.convert_rows(p.dq, p.dq_size, dq.mutable_data_ptr(), p.size, begin, end);
      });
  }
  return {dq, dk, dv};
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("_attention_forward", TORCH_FN(forward));
  m.impl("_attention_backward", TORCH_FN(backward));
}

} // namespace anneal::attention
