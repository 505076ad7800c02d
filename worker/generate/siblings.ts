// Adapters of sibling jobs: one base, the same layers, one rank. What differs is refused, with the
// folder that differs.
import { join } from 'node:path';
import { UserError } from '../../crds/failures/errors.ts';
import { lastPart } from '../../crds/methods/linears.ts';
import type { VectorForm } from '../../crds/wire/generator.ts';
import { linearLayers } from '../engine/adapted-layers.ts';
import type { ModelConfig } from '../families/family.ts';
import { sha256OfFile } from '../files/file-digest.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { tensorFile } from '../publish/peft-files.ts';
import { type AdapterFile, nameOf, openAdapter } from '../serve/adapter-files.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor, toFloats } from '../tensor/tensor.ts';
import { canonical } from './canonical.ts';

export type SiblingForm = Pick<VectorForm, 'rank' | 'targets' | 'layers'>;

interface Base {
  readonly config: ModelConfig;
  readonly digest: string;
}

interface Sibling {
  readonly form: SiblingForm;
  /** Canonical factors, in the order of slotsOf. */
  readonly vector: Float32Array;
  readonly sha256: string;
  readonly bytes: number;
}

/** `like`: what the adapters before have; null for the first one. */
export async function readSibling(
  folder: string,
  { config, digest }: Base,
  like: SiblingForm | null,
): Promise<Sibling> {
  using opened = await openAdapter(folder, linearLayers(config));
  requireBase(folder, opened, digest);
  const form = formOf(folder, opened, config);
  if (like !== null) requireAlike(folder, form, like);
  const path = join(folder, tensorFile);
  return {
    ...{ form, vector: vectorOf(opened), sha256: await sha256OfFile(path) },
    bytes: [...opened.file.header.tensors.values()].reduce(
      (sum, one) => sum + one.end - one.begin,
      0,
    ),
  };
}

function requireBase(folder: string, { baseDigest }: AdapterFile, digest: string): void {
  if (baseDigest === digest) return;
  const message =
    baseDigest === undefined
      ? `the adapter in ${folder} does not say which base it was trained on`
      : `the adapter in ${folder} was trained on the base ${baseDigest}; spec.model has the digest ${digest}`;
  throw new UserError({
    code: 'E_DIGEST_MISMATCH',
    message,
    hint: 'a generator learns from adapters of one base, published by this version',
  });
}

function formOf(folder: string, { layers, file }: AdapterFile, config: ModelConfig): SiblingForm {
  const ranks = new Set(layers.map(({ path }) => rankIn(file.header.tensors, path)));
  const [rank = 0, other] = ranks;
  if (other !== undefined) {
    throw refused(folder, `has layers of rank ${rank} and of rank ${other}; all must have one`);
  }
  const byName = Map.groupBy(layers, ({ path }) => lastPart(path));
  for (const [name, own] of byName) {
    if (own.length === config.L) continue;
    throw refused(
      folder,
      `has ${name} in ${own.length} of ${config.L} blocks; it must be in all of them, or in none`,
    );
  }
  return {
    rank,
    targets: [...byName.keys()].sort(),
    layers: layers.map(({ path, in: inputs, out }) => ({ path, in: inputs, out })),
  };
}

function rankIn(tensors: AdapterFile['file']['header']['tensors'], path: string): number {
  return tensors.get(nameOf(path, 'A'))?.shape[0] ?? 0;
}

function requireAlike(folder: string, own: SiblingForm, like: SiblingForm): void {
  if (own.rank !== like.rank) {
    throw refused(folder, `has the rank ${own.rank}, and those before it ${like.rank}`);
  }
  const [names, wanted] = [own.targets.join(', '), like.targets.join(', ')];
  if (names !== wanted) throw refused(folder, `is on ${names}, and those before it on ${wanted}`);
}

function refused(folder: string, what: string): UserError {
  return new UserError({
    code: 'E_INVALID_MODEL',
    message: `the adapter in ${folder} ${what}`,
    hint: 'a generator learns from adapters of one form: the same layers, one rank',
  });
}

function vectorOf({ layers, file, scaleOf }: AdapterFile): Float32Array {
  const parts = layers.flatMap((layer: LinearLayer) =>
    scope(() => {
      const load = (factor: 'A' | 'B'): Tensor => {
        const name = nameOf(layer.path, factor);
        const values = file.load(name, { dtype: 'float64' });
        if (item(ops.all(ops.isfinite(values))) === 0) {
          throw refused(file.path, `has values that are not finite in ${name}`);
        }
        return values;
      };
      const { A, B } = canonical({ A: load('A'), B: load('B') }, scaleOf(layer));
      return [toFloats(A), toFloats(B)];
    }, 'cpu'),
  );
  const vector = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    vector.set(part, at);
    at += part.length;
  }
  if (!vector.every(Number.isFinite)) throw refused(file.path, 'has a change beyond float32');
  return vector;
}
