// What the tiles of attention compute, without torch: the border between attention_cpu.cc, which
// plans and schedules, and attention_tiles.h, which is compiled once an instruction set.
#pragma once

#include <stdint.h>

#include "../rows/rows.h"

namespace anneal::attention {

// Strided view of [tokens, heads, size]; the last dimension is dense.
struct View {
  const void* data;
  int64_t token;
  int64_t head;
};

struct Problem {
  View q, k, v;
  int heads;    // query heads
  int kv_heads; // heads / kv_heads query heads share one
  int size;     // of a head
  double scale;
  bool causal;
  int window; // 0: none; with causal only
  double cap; // 0: none
  int block;  // query rows of a tile, and keys
  void* out;  // [tokens, heads, size], element type
  void* lse;  // [tokens, heads], arithmetic type: natural log of the sum of exp
};

struct Backward : Problem {
  const void* grad;  // [tokens, heads, size], element type
  const void* delta; // [tokens, heads], arithmetic type: sum over size of grad * out
  void* dq;          // [tokens, heads, dq_size], arithmetic type
  int dq_size;       // size rounded up to whole panels
  void* dk;          // [tokens, kv_heads, size], element type
  void* dv;
  int* done; // key blocks that have added to dq, by kv head and query block
};

// One unit of work. Forward: `block` is a query block and `head` the first of `heads` query heads.
// Backward: `block` is a key block, `head` a kv head.
struct Task {
  int begin;  // first query of the document
  int length; // of the document, in queries
  int key_begin;
  int key_length;
  int block;
  int head;
  int heads;
  int done; // backward: index of the document's first counter in Backward::done
  int64_t work;
};

struct Tiles {
  int panel;                                             // columns that products are padded to
  int64_t (*forward_scratch)(const Problem&, int heads); // bytes
  void (*forward)(const Problem&, const Task&, void* scratch);
  int64_t (*backward_scratch)(const Problem&);
  void (*backward)(const Backward&, const Task&, void* scratch);
  // delta for token rows [from, to) of [tokens * heads, size]
  void (*row_dots)(const void* a, const void* b, void* out, int size, int64_t from, int64_t to);
  // rows of the accumulator → element type, same rows
  void (*convert_rows)(const void* from, int from_size, void* to, int size, int64_t first,
                       int64_t last);
};

static inline int blocks_of(const Problem& p, int length) {
  return (length + p.block - 1) / p.block;
}
// Key blocks that query block `i` sees: [first_key_block, end_key_block).
static inline int first_key_block(const Problem& p, int i) {
  if (p.window == 0)
    return 0;
  const int first = i * p.block - p.window + 1;
  return first <= 0 ? 0 : first / p.block;
}
static inline int end_key_block(const Problem& p, int i, int key_length) {
  return p.causal ? i + 1 : blocks_of(p, key_length);
}
// Query blocks that see key block `j` of a document: [first_query_block, end_query_block).
static inline int first_query_block(const Problem& p, int j) {
  return p.causal ? j : 0;
}
static inline int end_query_block(const Problem& p, int j, int length) {
  const int blocks = blocks_of(p, length);
  if (p.window == 0)
    return blocks;
  // The last key of the block is seen up to window - 1 tokens later.
  const int64_t last = static_cast<int64_t>(j + 1) * p.block - 1 + p.window - 1;
  const int64_t end = last / p.block + 1;
  return end < blocks ? static_cast<int>(end) : blocks;
}

namespace portable {
const Tiles& tiles(rows::Element element);
}
namespace avx2 {
const Tiles& tiles(rows::Element element);
}
namespace avx512 {
const Tiles& tiles(rows::Element element);
}

} // namespace anneal::attention
