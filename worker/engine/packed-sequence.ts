// A packed sequence on the device: the documents of a micro-batch back to back, and what blocks
// need to keep them apart. Built once a step, used by all blocks in forward and backward.
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { Model } from './model.ts';
import type { SequenceInputs } from './network.ts';

/** Values that each document of a sequence has beside its tokens, such as those of its picture. */
export interface HostValues {
  /** Of one document after the other, `documents * product(shape)` values. */
  readonly values: Float32Array;
  /** Of one document; all of a sequence have the same. */
  readonly shape: readonly number[];
}

/** Texts that pictures are compared with, back to back. */
export interface HostTexts {
  readonly ids: Int32Array;
  /** `texts + 1` values, the last one the number of ids. */
  readonly offsets: Int32Array;
  /**
   * Those that labels name by their numbers, one for each picture; or one for each class, of which
   * one sequence of a step and rank has all, and the others need none.
   */
  readonly of: 'Pictures' | 'Classes';
}

/** A packed sequence from the loader: `T` tokens of one or more complete documents. */
export interface HostSequence {
  readonly ids: Int32Array;
  /**
   * Token to predict at each position, or at the first position of each document its class; -100
   * for positions without a loss.
   */
  readonly labels: Int32Array;
  /** Position within its document. */
  readonly positions: Int32Array;
  /** Of pairs of texts: 1 for tokens of the second one. @default 0 for all */
  readonly segments?: Uint8Array;
  /** Document offsets, `documents + 1` values, the last one `T`. */
  readonly offsets: Int32Array;
  /** By what they are to the network, such as `pixels`; padding has none. @default none */
  readonly values?: Readonly<Record<string, HostValues>>;
  /** Where documents are pictures that are compared with texts. @default they are not */
  readonly texts?: HostTexts;
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

/** The documents of a sequence in one stage. */
interface StageDocuments {
  readonly tokens: number;
  readonly offsets: Tensor;
}

export interface PackedSequence extends StageDocuments {
  /** In the stages before the last, whose tokens are not those of `ids`. */
  readonly before: readonly StageDocuments[];
  readonly ids: Tensor;
  /** Indices of the rows with a label, and their labels. */
  readonly rows: Tensor;
  readonly labels: Tensor;
  readonly targetCount: number;
  /** What the network reads of its positions. */
  readonly inputs: SequenceInputs;
  readonly key: number;
  readonly texts?: HostTexts;
  /** Where the job distills. */
  readonly teacher?: TeacherRows;
}

/** Puts a sequence on the device, in the type of the model. */
export function toSequence(
  { network, dtype }: Pick<Model, 'network' | 'dtype'>,
  host: HostSequence,
): PackedSequence {
  const rows: number[] = [];
  const labels: number[] = [];
  for (const [row, label] of host.labels.entries()) {
    if (label < 0) continue;
    rows.push(row);
    labels.push(label);
  }
  const documents = (offsets: Int32Array): StageDocuments => ({
    tokens: offsets.at(-1) ?? 0,
    offsets: tensor(offsets, [offsets.length], 'int32'),
  });
  return {
    before: network.offsetsBefore(host).map(documents),
    tokens: host.ids.length,
    ids: tensor(host.ids, [host.ids.length], 'int64'),
    rows: tensor(rows, [rows.length], 'int64'),
    labels: tensor(labels, [labels.length], 'int64'),
    targetCount: rows.length,
    offsets: tensor(host.offsets, [host.offsets.length], 'int32'),
    inputs: network.inputs(host, dtype),
    key: host.key,
    ...(host.texts && { texts: host.texts }),
  };
}

/** Those of a stage, by its number. */
export function documentsAt(sequence: PackedSequence, stage: number): StageDocuments {
  return sequence.before[stage] ?? sequence;
}

/** Called with queries and keys before they meet. */
export type SeeAttention = (layer: number, q: Tensor, k: Tensor) => void;
