// The object of a submission as numbers, with what its checks ask.
import { UserError } from '../../crds/failures/errors.ts';
import type { RoundSubmit } from '../../crds/wire/federation.ts';
import { objectPath } from '../checkpoint/objects.ts';
import { openSafetensors, type SafetensorsFile } from '../files/safetensors.ts';
import { scope } from '../tensor/scope.ts';
import { toArray } from '../tensor/tensor.ts';
import type { Tensors } from './aggregate.ts';
import { type Matrix, matrix } from './matrix.ts';
import { normOfUpdate } from './mean.ts';
import { type Submitted, tensorsOf } from './submission.ts';

/** Of an object whose bytes are not those that were named, no tensor is read. */
export function readSubmission(
  root: string,
  sent: RoundSubmit,
  found: string | null,
  beginning: Tensors,
): Submitted & { readonly matrices: Tensors } {
  const { client, round, epoch, base, state, object, samples } = sent;
  const { digest } = object;
  const named = { client, round, epoch, base, state, digest, found, samples };
  const none = { ...named, tensors: new Map(), norm: 0, matrices: new Map() };
  if (found !== digest) return none;
  const opened = openOrSay(objectPath(root, digest));
  if (typeof opened === 'string') return { ...none, unreadable: opened };
  using file = opened;
  const matrices = matricesIn(file);
  const areFinite = (name: string) => matrices.get(name)?.values.every(Number.isFinite) ?? true;
  const tensors = tensorsOf(file.header, areFinite);
  // Shapes are checked before the norm is looked at; of other ones it says nothing.
  const alike = [...matrices].every(([name, one]) => isAlike(one, beginning.get(name)));
  return { ...named, tensors, matrices, norm: alike ? normOfUpdate(matrices, beginning) : 0 };
}

/** The file, or why it is none: what one client sent ends no round of the others. */
function openOrSay(path: string): SafetensorsFile | string {
  try {
    return openSafetensors(path);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** Its matrices in float32, by name: others are refused without their values. */
export function matricesIn(file: SafetensorsFile): Tensors {
  return new Map(
    [...file.header.tensors].flatMap(([name, { shape, type }]) => {
      const [rows, columns] = shape;
      if (type !== 'F32' || shape.length !== 2 || rows === undefined || columns === undefined)
        return [];
      return [[name, scope(() => matrix(rows, columns, toArray(file.load(name))))] as const];
    }),
  );
}

function isAlike(one: Matrix, other: Matrix | undefined): boolean {
  return other === undefined || (one.rows === other.rows && one.columns === other.columns);
}
