// The object of a submission to a federation: its header is refused in a sentence, or has what the
// round asked for and nothing else.
import { refusalOf, tensorsOf } from '../../../worker/federate/submission.ts';
import { parseSafetensorsHeader } from '../../../worker/files/safetensors-header.ts';
import type { Target } from '../target.ts';
import { target as headers } from './safetensors-header.ts';

const shapes = new Map([
  ['a', [2, 1]],
  ['b', [1, 2]],
]);
const round = { round: 1, epoch: 1, base: 'base', state: 'state' };
const sent = { ...round, client: 'north', digest: 'd', found: 'd', samples: 4, norm: 0 };

function file(header: unknown): Uint8Array {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(16)]);
}

export const target: Target = {
  ...headers,
  seeds: [
    file({
      a: { dtype: 'F32', shape: [2, 1], data_offsets: [0, 8] },
      b: { dtype: 'F32', shape: [1, 2], data_offsets: [8, 16] },
    }),
  ],
  run(bytes) {
    const header = parseSafetensorsHeader(bytes, bytes.length, 'object');
    const tensors = tensorsOf(header, () => true);
    const refused = refusalOf({ ...sent, tensors }, { ...round, shapes, maxNorm: undefined });
    if (refused !== null) return;
    const found = [...header.tensors].map(([name, { type, shape }]) => `${name} ${type} ${shape}`);
    if (found.toSorted().join() === 'a F32 2,1,b F32 1,2') return;
    throw new Error(`${found.join()} is used`);
  },
};
