// Which tensors a checkpoint holds: the value of every trained parameter under its own name, and its
// optimizer state under `<name>#<suffix>`. A frozen base is not among them: the manifest names it by
// its digest. A rank of a world keeps a piece of each.
import { type KeptTensor, keptState, type Piece } from '../engine/pieces.ts';
import type { OptimizerState } from '../optimizers/optimizer.ts';

export interface TrainedTensors {
  readonly pieces: readonly Piece[];
  readonly states: ReadonlyMap<string, OptimizerState>;
}

/** All tensors of the state, by name, in the order in which they are written. */
export function stateTensors({ pieces, states }: TrainedTensors): ReadonlyMap<string, KeptTensor> {
  const all = new Map<string, KeptTensor>();
  for (const piece of pieces) {
    const { parameter, start, whole } = piece;
    const { name, value } = parameter;
    all.set(name, { tensor: value, start, whole });
    for (const [suffix, tensor] of Object.entries(states.get(name) ?? {})) {
      all.set(`${name}#${suffix}`, keptState(piece, tensor));
    }
  }
  return all;
}
