// CPU entry of attention: checks, the list of tasks, threads. The arithmetic is in
// attention_tiles.h.
//
// Tasks are taken from one counter, largest first, because the causal triangle makes them unequal.
// Backward tasks of one kv head add to the same dq and wait for their turn; as every task waits
// only for tasks that were taken earlier, the first unfinished one never waits.

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "../isa.h"
#include "attention_arguments.h"

namespace anneal::attention {

namespace {

using at::Tensor;

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

// Tiles of a task stay inside a second-level cache of 512 KiB.
int block_of(const Tensor& q) { return q.size(2) <= 128 ? 64 : 32; }

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
  const Tensor lse = at::empty({q.size(0), q.size(1)}, q.options().dtype(rows::arithmetic_of(q)));
  clear_rest(documents, {out, lse});
  Problem p = problem_of(q, k, v, out, lse, scale, window, cap);
  p.block = block_of(q);
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
  const Tiles& tiles = ANNEAL_CHOOSE(tiles)(rows::element_of(q, "q"));
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
  const Tiles& tiles = ANNEAL_CHOOSE(tiles)(rows::element_of(q, "q"));
  const auto sums = q.options().dtype(rows::arithmetic_of(q));
  const Tensor delta = at::empty(lse.sizes(), sums);
  const Tensor dq = at::empty(q.sizes(), q.options());
  const Tensor dk = at::empty(k.sizes(), k.options());
  const Tensor dv = at::empty(v.sizes(), v.options());
  clear_rest(documents, {dq, dk, dv});

  Backward p{problem_of(q, k, v, out, lse, scale, window, cap), {}, {}, {}, {}, {}, {}, {}};
  p.block = block_of(q);
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
