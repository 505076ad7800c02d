// Toys of networks that are searched or were found, in memory or as a folder.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelSource } from '../../worker/engine/build-model.ts';
import type { ReadOptions, TensorSpec } from '../../worker/families/family.ts';
import { type Fields, toySource, toyTensors, writeTensors } from './weights.ts';

/** Vectors are factors of a cell, and logs of steps that cut some of the weights. */
const rule = (kind: TensorSpec['kind'], u: number, inputs: number): number => {
  if (kind === 'vector') return u - 1.5;
  if (kind === 'norm') return 1 + 0.4 * u;
  if (kind === 'choice') return 2 * u;
  return kind === 'bias' ? 0.4 * u : (3 * u) / Math.sqrt(inputs);
};

export function quantNasSource(json: Fields, options: ReadOptions = {}): ModelSource {
  return toySource(json, { rule, ...options });
}

/** Returns the folder. */
export async function makeQuantNas(folder: string, json: Fields): Promise<string> {
  await writeTensors(folder, toyTensors(json, { rule }), 'float32');
  await writeFile(join(folder, 'config.json'), `${JSON.stringify(json, null, 2)}\n`);
  return folder;
}
