// Which tensors a checkpoint holds: the value of every trained parameter under its own name, and the
// optimizer state that lives under `<name>#<suffix>`. A frozen base is not among them: the manifest names it by
// its digest. A rank of a world keeps a piece of each.

import type { OptimizerStates } from '../sharding/optimizer-states.ts';
import { type KeptTensor, keptState, keptWhole, type Piece } from '../sharding/shards.ts';

export interface TrainedTensors {
  readonly pieces: readonly Piece[];
  readonly states: OptimizerStates;
}

/** What was trained, by name: values, or codes with what makes numbers of them, `#scales` and the like. */
export function valueTensors(pieces: readonly Piece[]): ReadonlyMap<string, KeptTensor> {
  return new Map(
    pieces.flatMap(({ parameter: { name, value, coded }, start, whole }) => [
      [name, { tensor: value, start, whole }] as const,
      // Codes are never cut.
      ...Object.entries(coded?.parts ?? {}).map(
        ([suffix, each]) => [`${name}#${suffix}`, keptWhole(each)] as const,
      ),
    ]),
  );
}

/** All tensors of the state, by name, in the order in which they are written. */
export function stateTensors({ pieces, states }: TrainedTensors): ReadonlyMap<string, KeptTensor> {
  const all = new Map<string, KeptTensor>(valueTensors(pieces));
  for (const piece of pieces) {
    const { name } = piece.parameter;
    for (const [suffix, tensor] of Object.entries(states.byName.get(name) ?? {})) {
      all.set(`${name}#${suffix}`, keptState(piece, tensor));
    }
  }
  return all;
}
