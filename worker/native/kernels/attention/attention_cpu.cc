// CPU entry of attention: checks, the list of tasks, threads. The arithmetic is in
// attention_tiles.h.
//
// Tasks are taken from one counter, largest first, because the causal triangle makes them unequal.
// Backward tasks of one kv head add to the same dq and wait for their turn; as every task waits
// only for tasks that were taken earlier, the first unfinished one never waits. Tasks of equal work
// keep their order, that of key blocks.

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

struct Range {
  int from;
  int to;
  int length() const { return to - from; }
};

// Every document's tokens, checked.
std::vector<Range> ranges_of(const Tensor& cu, const char* name, int64_t tokens) {
  const int32_t* offset = cu.const_data_ptr<int32_t>();
  std::vector<Range> ranges;
  for (int64_t i = 0; i + 1 < cu.numel(); ++i) {
    TORCH_CHECK(offset[i] >= 0 && offset[i] <= offset[i + 1] && offset[i + 1] <= tokens, name, "[", i,
                "] is ", offset[i], " and ", name, "[", i + 1, "] is ", offset[i + 1],
                "; offsets must ascend from 0 to at most the ", tokens, " tokens");
    ranges.push_back({offset[i], offset[i + 1]});
  }
  return ranges;
}

struct Document {
  Range queries;
  Range keys;
};

// Those that have tokens on both sides.
std::vector<Document> documents_of(const Arguments& a) {
  const auto queries = ranges_of(a.cu, "cu", a.q.size(0));
  const auto keys = ranges_of(a.cu_k, "cu_k", a.k.size(0));
  std::vector<Document> documents;
  for (size_t i = 0; i < queries.size(); ++i)
    if (queries[i].length() > 0 && keys[i].length() > 0)
      documents.push_back({queries[i], keys[i]});
  return documents;
}

// Tiles of a task stay inside a second-level cache of 512 KiB.
int block_of(const Tensor& q) { return q.size(2) <= 128 ? 64 : 32; }

// Tokens outside of all documents.
void clear_rest(const std::vector<Document>& documents, Range Document::* side,
                std::initializer_list<Tensor> tensors) {
  for (const Tensor& tensor : tensors) {
    int64_t covered = 0;
    const auto clear = [&](int64_t to) {
      if (covered < to)
        tensor.slice(0, covered, to).zero_();
    };
    for (const Document& document : documents) {
      clear((document.*side).from);
      covered = (document.*side).to;
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
                                   const Tensor& cu, const std::optional<Tensor>& cu_k, double scale,
                                   int64_t window, double cap, bool causal) {
  const Arguments a = checked(q_in, k_in, v_in, cu, cu_k, scale, window, cap, causal);
  const Tensor& q = a.q;
  const auto documents = documents_of(a);
  const Tensor out = at::empty(q.sizes(), q.options());
  const Tensor lse = at::empty({q.size(0), q.size(1)}, q.options().dtype(rows::arithmetic_of(q)));
  clear_rest(documents, &Document::queries, {out, lse});
  Problem p = problem_of(a, out, lse);
  p.block = block_of(q);
  // Heads of one group share converted keys and values; more than 256 columns of them would leave
  // the cache.
  const int group = p.heads / p.kv_heads;
  const int together = std::max(1, std::min(group, 256 / p.size));
  std::vector<Task> tasks;
  for (const auto& [queries, keys] : documents) {
    for (int block = 0; block * p.block < queries.length(); ++block) {
      const int blocks = end_key_block(p, block, keys.length()) - first_key_block(p, block);
      for (int first = 0; first < p.heads; first += group)
        for (int h = 0; h < group; h += together) {
          const int heads = std::min(together, group - h);
          tasks.push_back({queries.from, queries.length(), keys.from, keys.length(), block, first + h,
                           heads, 0, static_cast<int64_t>(blocks) * heads});
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
                                            const std::optional<Tensor>& cu_k, double scale,
                                            int64_t window, double cap, bool causal) {
  const Arguments a = checked(q_in, k_in, v_in, cu, cu_k, scale, window, cap, causal);
  const Tensor& q = a.q;
  const Tensor grad = grad_in.contiguous();
  const auto documents = documents_of(a);
  const Tiles& tiles = ANNEAL_CHOOSE(tiles)(rows::element_of(q, "q"));
  const auto sums = q.options().dtype(rows::arithmetic_of(q));
  const Tensor delta = at::empty(lse.sizes(), sums);
  const Tensor dq = at::empty(q.sizes(), q.options());
  const Tensor dk = at::empty(a.k.sizes(), q.options());
  const Tensor dv = at::empty(a.v.sizes(), q.options());
  clear_rest(documents, &Document::queries, {dq});
  clear_rest(documents, &Document::keys, {dk, dv});

  Backward p{problem_of(a, out, lse), {}, {}, {}, {}, {}, {}, {}};
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
  for (const auto& [queries, keys] : documents) {
    for (int block = 0; block < blocks_of(p, keys.length()); ++block) {
      const int64_t work = end_query_block(p, block, queries.length()) - first_query_block(p, block);
      for (int head = 0; head < p.kv_heads; ++head)
        tasks.push_back({queries.from, queries.length(), keys.from, keys.length(), block, head, 1,
                         counters, work});
    }
    counters += blocks_of(p, queries.length()) * p.kv_heads;
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
    for (const auto& [queries, keys] : documents)
      at::parallel_for(queries.from * q.size(1), queries.to * q.size(1), grain,
                       [&](int64_t begin, int64_t end) {
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
