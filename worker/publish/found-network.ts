// Beside a network that was searched: what was found. `genotype.json` says which operation and
// width each place has, and `found` is the network of these, with the weights of the search: the
// model of a job that trains it.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Model } from '../engine/model.ts';
import { type WritableTensor, writeSafetensors } from '../files/safetensors.ts';
import { foundConfig, foundJson, type SupernetConfig } from '../quantnas/config.ts';
import { type Genotype, genotypeOf } from '../quantnas/genotype.ts';
import { fittedSteps } from '../quantnas/learned-step.ts';
import { alphas, placePath, quantNasTensors } from '../quantnas/names.ts';
import { kernelsOf } from '../quantnas/space.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, toArray } from '../tensor/tensor.ts';
import { writeJson } from './write-json.ts';

const foundFolder = 'found';
const genotypeFile = 'genotype.json';

function genotypeIn({ parameters }: Pick<Model, 'parameters'>, config: SupernetConfig): Genotype {
  return genotypeOf(config, (layer, place) =>
    scope(() => toArray(parameters.value(`${placePath(layer, place)}.${alphas}`))),
  );
}

/** Returns the bytes of the tensors. */
export async function writeFound(
  folder: string,
  model: Pick<Model, 'parameters' | 'dtype'>,
  config: SupernetConfig,
): Promise<number> {
  const found = genotypeIn(model, config);
  await writeJson(join(folder, genotypeFile), found);
  const own = join(folder, foundFolder);
  await mkdir(own);
  const { dtype } = model;
  const sources = sourcesOf(found.genotype);
  const tensors = quantNasTensors(foundConfig(config, found.genotype)).map(
    ({ name, shape }): [string, WritableTensor] => {
      const make = () => ops.view(tensorOf(model, name, sources), shape);
      return [name, { shape, dtype, make: () => scope(make) }];
    },
  );
  const file = join(own, 'model.safetensors');
  const { bytes } = await writeSafetensors(file, new Map(tensors), { format: 'pt' });
  await writeJson(join(own, 'config.json'), foundJson(config, found.genotype));
  return bytes;
}

interface Source {
  readonly weight: string;
  readonly bits: Genotype['genotype'][number][number]['bits'];
}

/** By the path of a convolution that was found: where the search has its weight. */
function sourcesOf(genotype: Genotype['genotype']): ReadonlyMap<string, Source> {
  const all = genotype.flatMap((cell, layer) =>
    cell.flatMap(({ operation, bits }, place) => {
      const path = placePath(layer, place);
      return kernelsOf(operation).map((_, i): [string, Source] => [
        `${path}.${i}`,
        { weight: `${path}.${operation}.${i}.weight`, bits },
      ]);
    }),
  );
  return new Map(all);
}

function tensorOf(
  { parameters }: Pick<Model, 'parameters'>,
  name: string,
  sources: ReadonlyMap<string, Source>,
): Tensor {
  const at = name.lastIndexOf('.');
  const [path, suffix] = [name.slice(0, at), name.slice(at + 1)];
  const source = sources.get(path);
  if (source === undefined) return parameters.value(name);
  const weight = parameters.value(source.weight);
  return suffix === 'weight' ? weight : ops.log(fittedSteps(weight, source.bits));
}
