// A packed sequence on the device: the documents of a micro-batch back to back, and what blocks
// need to keep them apart. Built once a step, used by all blocks in forward and backward.
import type { DecoderConfig } from '../decoder/config.ts';
import type { RopeFrequencies } from '../decoder/rope.ts';
import type { BlockContext } from '../nn/block.ts';
import { ropeTable } from '../nn/rope.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';

/** A packed sequence from the loader: `T` tokens of one or more complete documents. */
export interface HostSequence {
  readonly ids: Int32Array;
  /** Token to predict at each position; -100 for positions without a loss. */
  readonly labels: Int32Array;
  /** Position within its document. */
  readonly positions: Int32Array;
  /** Document offsets, `documents + 1` values, the last one `T`. */
  readonly offsets: Int32Array;
  /** Positions with a label. */
  readonly targetCount: number;
  /** Names the random streams: a sequence gets the same dropout in a world of any size. */
  readonly key: number;
  /** Numbers of the documents in their store; absent where they are of none. */
  readonly documents?: readonly number[];
}

/** What a teacher says of the target rows: ids of tokens, logs of their probabilities. */
export interface TeacherRows {
  /** `[rows, count]`, int32. */
  readonly ids: Tensor;
  /** `[rows, count + 1]`: the last column is the probability of all others. */
  readonly logQ: Tensor;
}

export interface PackedSequence {
  readonly tokens: number;
  readonly ids: Tensor;
  /** Indices of the rows with a label, and their labels. */
  readonly rows: Tensor;
  readonly labels: Tensor;
  readonly targetCount: number;
  readonly offsets: Tensor;
  readonly rope: BlockContext['rope'];
  readonly key: number;
  /** Where the job distills. */
  readonly teacher?: TeacherRows;
}

/** Frequencies of the run: longrope depends on the configured length, not on a sequence's. */
export interface SequenceRope {
  readonly full: RopeFrequencies;
  readonly sliding: RopeFrequencies | null;
}

/** Puts a sequence on the device, in the type of the model. */
export function toSequence(rope: SequenceRope, host: HostSequence, dtype: DType): PackedSequence {
  const rows: number[] = [];
  const labels: number[] = [];
  for (const [row, label] of host.labels.entries()) {
    if (label < 0) continue;
    rows.push(row);
    labels.push(label);
  }
  const full = ropeTable(rope.full, host.positions, dtype);
  const sliding = rope.sliding === null ? full : ropeTable(rope.sliding, host.positions, dtype);
  return {
    tokens: host.ids.length,
    ids: tensor(host.ids, [host.ids.length], 'int64'),
    rows: tensor(rows, [rows.length], 'int64'),
    labels: tensor(labels, [labels.length], 'int64'),
    targetCount: rows.length,
    offsets: tensor(host.offsets, [host.offsets.length], 'int32'),
    rope: { full, sliding },
    key: host.key,
  };
}

/** Called with queries and keys before they meet. */
export type SeeAttention = (layer: number, q: Tensor, k: Tensor) => void;

/** Attention context: causal within each document, none across documents. */
export function sequenceContext(
  config: DecoderConfig,
  sequence: PackedSequence,
  see?: SeeAttention,
): BlockContext {
  return {
    rope: sequence.rope,
    attend: (layer, q, k, v) => {
      see?.(layer, q, k);
      return ops.attention(
        q,
        k,
        v,
        sequence.offsets,
        config.attentionScale,
        config.layers[layer]?.attention === 'sliding' ? (config.window ?? 0) : 0,
        config.attentionCap ?? 0,
      );
    },
  };
}
