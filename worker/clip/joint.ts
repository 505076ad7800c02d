// Texts and pictures in the joint space: rows of length 1, in float32 (float64 for a float64
// model).
//
// Shapes: N target pictures of a sequence · C texts of a sequence · P values of a row
import { Bug } from '../../crds/failures/errors.ts';
import type { Model } from '../engine/model.ts';
import type { LossSums, Sides } from '../engine/network.ts';
import type { HostSequence, HostTexts, PackedSequence } from '../engine/packed-sequence.ts';
import { asType } from '../tensor/as-type.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type ClipConfig, clipConfig } from './config.ts';
import { ofClasses, ofPairs, unit } from './contrast.ts';
import { names } from './names.ts';
import { textTower } from './text-tower.ts';
import { visionTower } from './vision-tower.ts';

type Value = (name: string) => Tensor;

const none: HostTexts = { ids: new Int32Array(), offsets: Int32Array.of(0), of: 'Classes' };

export function textsIn({ texts }: Pick<HostSequence, 'texts'>): HostTexts {
  return texts ?? none;
}

/** Rows of the tables of texts, added up: `[T, H]` in the model's type. */
export function textRows(model: Model, { inputs }: PackedSequence): Tensor {
  const { parameters, dtype, config } = model;
  return scope(() =>
    textTower(clipConfig(config))
      .tables(inputs)
      .map(([name, rows]) => asType(ops.indexSelect(parameters.value(name), 0, rows), dtype))
      .reduce((sum, rows) => ops.add(sum, rows)),
  );
}

/** The stream before the first block of texts, `[T, H]`. */
export function enteredTexts(model: Model, sequence: PackedSequence): Tensor {
  const { normed } = textTower(clipConfig(model.config));
  const rows = textRows(model, sequence);
  return normed === null ? rows : scope(() => normed(rows, (name) => model.parameters.value(name)));
}

/** `[C, P]` of `x [T, H]`, the stream after the last block of texts. */
export function textUnits(
  config: ClipConfig,
  x: Tensor,
  { inputs: { ends } }: PackedSequence,
  value: Value,
): Tensor {
  if (ends === undefined) throw new Bug('a sequence has no rows of texts');
  const states = textTower(config).pooled(ops.indexSelect(x, 0, ends), value);
  return projected(states, value(names.textProjection));
}

/** `[N, P]` of `x [T, H]`, the stream after the last block of pictures. */
export function pictureUnits(
  config: ClipConfig,
  x: Tensor,
  { rows }: PackedSequence,
  value: Value,
): Tensor {
  const states = visionTower(config).pooled(ops.indexSelect(x, 0, rows), value);
  return projected(states, value(names.visualProjection));
}

function projected(states: Tensor, matrix: Tensor): Tensor {
  const type = exactType(states.dtype);
  return unit(ops.linear(asType(states, type), asType(matrix, type)));
}

/** The texts that the target pictures are compared with: those of pictures in their order. */
export function targetTexts(sequence: PackedSequence, { texts }: Sides): Tensor {
  if (texts === undefined) throw new Bug('pictures have no texts');
  return sequence.texts?.of === 'Pictures' ? ops.indexSelect(texts, 0, sequence.labels) : texts;
}

/** Loss and gradient of logits of all that a picture is compared with. */
export function foundOf(
  logits: Tensor,
  { texts, labels }: Pick<PackedSequence, 'texts' | 'labels'>,
) {
  return texts?.of === 'Pictures' ? ofPairs(logits) : ofClasses(logits, labels);
}

/** Sums over pictures. */
export function lossSums({ rows, right }: { readonly rows: Tensor; readonly right: Tensor }) {
  const total = (values: Tensor): Tensor => ops.sum(ops.to(values, 'float64'));
  return { loss: total(rows), correct: total(right) } satisfies LossSums;
}
