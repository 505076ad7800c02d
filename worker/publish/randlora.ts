// RandLoRA in PEFT's format of it: `adapter_model.safetensors` and `adapter_config.json` of the
// type RANDLORA, with the matrices that all layers share, so that nobody has to draw them again.
// PEFT makes these as large as the largest sides of all layers ask for, of which layers read parts:
// what none reads is zeros here. PEFT itself writes them once for each layer as well, and reads
// them from one.
import { join } from 'node:path';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { multiplyOut } from '../engine/multiplied-out.ts';
import type { Parameters } from '../engine/parameters.ts';
import { openSafetensors, type WritableTensor } from '../files/safetensors.ts';
import { basisA, basisB, lambda } from '../methods/adapters/randlora.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { commonConfig, prefix, tensorFile, writeAdapter } from './peft-files.ts';
import { sharedBase } from './read-adapter.ts';
import { roundingOf } from './written-adapter.ts';

export function randLoraArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { model } = facts;
  return {
    format: 'PEFTAdapter',
    folder: resultFolder.PEFTAdapter,
    ...roundingOf(model),
    write: (folder) => writeAdapter(folder, tensorsOf(facts), configOf(facts), facts),
    async reload(folder) {
      using file = openSafetensors(join(folder, tensorFile));
      const parameters = sharedBase(model);
      for (const parameter of ofAdapter(model.parameters)) {
        const read = () => asKept(file.load(nameOf(parameter.name)), parameter.value);
        parameters.add({ ...parameter, value: keep(scope(read)) });
      }
      const copy = { ...model, parameters };
      multiplyOut(copy);
      return copy;
    },
  };
}

function ofAdapter(parameters: Parameters) {
  return parameters.all().filter(({ role }) => role !== 'frozen');
}

function nameOf(name: string): string {
  return name === basisA || name === basisB ? `base_model.${name}` : `${prefix}${name}`;
}

/** Tensors of the file, by PEFT's names. */
function tensorsOf({ model }: ArtifactFacts): ReadonlyMap<string, WritableTensor> {
  const shapes = basisShapes([...model.adapted.values()], rankOf(model.parameters));
  return new Map(
    ofAdapter(model.parameters).map(({ name, value }): [string, WritableTensor] => {
      const { shape: own, dtype } = value;
      const { [name]: shape = own } = shapes;
      // What is written is disposed then.
      const make = () => (shape === own ? ops.detach(value) : filledUp(value, shape));
      return [nameOf(name), { shape, dtype, make }];
    }),
  );
}

interface Sides {
  readonly in: number;
  readonly out: number;
}

/** Shapes of the shared matrices in PEFT: sides are counted apart, whichever layers they are of. */
function basisShapes(layers: readonly Sides[], rank: number): Readonly<Record<string, number[]>> {
  const [inputs, outputs] = [
    Math.max(...layers.map((layer) => layer.in)),
    Math.max(...layers.map((layer) => layer.out)),
  ];
  const smaller = Math.min(inputs, outputs);
  return {
    [basisA]: [rank, 1, smaller],
    [basisB]: [Math.max(inputs, outputs), Math.ceil(smaller / rank), rank],
  };
}

/** A matrix in the first rows and columns of zeros. */
function filledUp(value: Tensor, shape: readonly number[]): Tensor {
  return scope(() => {
    const [rows = 0, ...others] = shape;
    const columns = others.reduce((product, size) => product * size, 1);
    const all = ops.zeros([rows, columns], { dtype: value.dtype });
    ops.copy_(firstOf(all, value.shape), value);
    return ops.view(all, shape);
  });
}

/** Of a tensor of a mapped file, as `like`; pages of the file are given back. */
function asKept(mapped: Tensor, like: Tensor): Tensor {
  const [rows = 0] = mapped.shape;
  const matrix = ops.view(mapped, [rows, mapped.numel / rows]);
  const own = ops.clone(ops.contiguous(firstOf(matrix, like.shape)));
  releasePages(mapped);
  return own;
}

function firstOf(matrix: Tensor, [rows = 0, columns = 0]: readonly number[]): Tensor {
  return ops.narrow(ops.narrow(matrix, 0, 0, rows), 1, 0, columns);
}

function rankOf(parameters: Parameters): number {
  const [first] = parameters.trained().filter(({ suffix }) => suffix === lambda);
  return first?.value.shape[0] ?? 0;
}

function configOf(facts: ArtifactFacts): Record<string, unknown> {
  const { model } = facts;
  const rank = rankOf(model.parameters);
  return {
    ...commonConfig(facts, [...model.adapted.values()]),
    init_weights: true,
    peft_type: 'RANDLORA',
    // They are in the file: no key draws them.
    projection_prng_key: 0,
    r: rank,
    randlora_alpha: (model.adapter?.multipliedOut?.scale ?? 0) * rank,
    randlora_dropout: 0,
    save_projection: true,
    sparse: false,
    very_sparse: false,
  };
}
