// What the tower of texts computes beside its blocks: what precedes them, and the state of a text.
//
// Shapes: T tokens of all texts of a sequence · C texts · H hidden size
import { encoderBlock } from '../encoder/block.ts';
import type { EncoderConfig } from '../encoder/config.ts';
import { inletNorm, inletRows, tablesOf as tablesOfBert } from '../encoder/inlet.ts';
import { inletNames } from '../encoder/names.ts';
import type { SequenceInputs } from '../engine/network.ts';
import type { HostTexts } from '../engine/packed-sequence.ts';
import type { BlockTensors } from '../nn/block-tensors.ts';
import { layerNormAt } from '../nn/layer-norm.ts';
import type { Attend } from '../nn/self-attention.ts';
import * as ops from '../tensor/ops.generated.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { clipBlock } from './block.ts';
import type { ClipConfig, TextTower } from './config.ts';
import { poolerPath, textNames } from './names.ts';

type Value = (name: string) => Tensor;

interface TextTowerParts {
  readonly isCausal: boolean;
  /** Rows of the tables, `[T]` int64, and of each text the row of its state, `[C]`. */
  inputs(texts: HostTexts): SequenceInputs;
  readonly tableNames: readonly string[];
  /** The tables by name, each with its rows of a sequence. */
  tables(inputs: SequenceInputs): readonly (readonly [name: string, rows: Tensor])[];
  /** Of the sum of rows `[T, H]`, the stream before the first block; null: the sum itself. */
  readonly normed: ((e: Tensor, value: Value) => Tensor) | null;
  block(layer: number, tensors: BlockTensors, x: Tensor, attend: Attend): Tensor;
  /** `x [C, H]`, the stream at the rows of states, to what is projected: `[C, H]`. */
  pooled(x: Tensor, value: Value): Tensor;
}

export function textTower({ text }: Pick<ClipConfig, 'text'>): TextTowerParts {
  return text.kind === 'clip' ? ofClip(text) : ofBert(text);
}

function ofClip(tower: Extract<TextTower, { kind: 'clip' }>): TextTowerParts {
  return {
    isCausal: true,
    tableNames: [textNames.tokens, textNames.positions],
    inputs: (texts) => ({
      ...idsOf(texts),
      positions: rowsOf(positionsIn(texts).map((row) => Math.min(row, tower.positions - 1))),
      ends: rowsOf(endsOf(texts, tower.endId)),
    }),
    tables: ({ ids, positions }) => [
      ...(ids ? ([[textNames.tokens, ids]] as const) : []),
      ...(positions ? ([[textNames.positions, positions]] as const) : []),
    ],
    normed: null,
    block: (layer, tensors, x, attend) => clipBlock(tower, layer, tensors, x, attend),
    pooled: (x, value) => layerNormAt(textNames.norm, tower.normEps, value, x),
  };
}

function ofBert(tower: EncoderConfig): TextTowerParts {
  const { words, segments, positions } = inletNames(tower);
  return {
    isCausal: false,
    tableNames: [words, segments, positions],
    inputs: (texts) => ({
      ...idsOf(texts),
      ...inletRows(tower, { positions: positionsIn(texts) }),
      ends: rowsOf(texts.offsets.subarray(0, -1)),
    }),
    tables: ({ ids, ...inputs }) => (ids ? tablesOfBert(tower, { ids, inputs }) : []),
    normed: (e, value) => inletNorm(tower, e, value),
    block: (layer, tensors, x, attend) => encoderBlock(tower, layer, tensors, x, attend),
    pooled: (x, value) =>
      ops.tanh(ops.linear(x, value(`${poolerPath}.weight`), value(`${poolerPath}.bias`))),
  };
}

function idsOf({ ids }: HostTexts): { readonly ids: Tensor } {
  return { ids: tensor(ids, [ids.length], 'int64') };
}

function rowsOf(rows: Int32Array): Tensor {
  return tensor(rows, [rows.length], 'int64');
}

function positionsIn({ ids, offsets }: HostTexts): Int32Array {
  const positions = new Int32Array(ids.length);
  for (const [text, first] of offsets.subarray(0, -1).entries()) {
    for (let at = first; at < (offsets[text + 1] ?? first); at += 1) positions[at] = at - first;
  }
  return positions;
}

/** Of each text the first row with its end, or with its largest id; the first without one. */
function endsOf({ ids, offsets }: HostTexts, endId: number | null): Int32Array {
  return offsets.subarray(0, -1).map((first, text) => {
    const own = ids.subarray(first, offsets[text + 1]);
    return first + Math.max(0, own.indexOf(endId ?? Math.max(...own)));
  });
}
