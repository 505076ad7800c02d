// Weights of toys by the rule of integers of golden.ts, in memory or in a folder, of any family.
import { mkdir } from 'node:fs/promises';
import { familyOf, readModelConfig } from '../../worker/decoder/registry.ts';
import type { ModelSource } from '../../worker/engine/build-model.ts';
import { type ReadOptions, shapeInMemory, type TensorSpec } from '../../worker/families/family.ts';
import { writeSafetensorsModel } from '../../worker/files/safetensors-model.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { tensor } from '../../worker/tensor/tensor.ts';

/** The fields of a `config.json`. */
export type Fields = Readonly<Record<string, unknown>>;

/** A value of a tensor from one of -0.5 to 0.5, by the number of inputs of a row. */
type Rule = (kind: TensorSpec['kind'], u: number, inputs: number) => number;

const ofTransformers: Rule = (kind, u, inputs) => {
  if (kind === 'norm') return 0.4 * u + 1;
  if (kind === 'bias') return 0.4 * u;
  return kind === 'table' ? 2 * u : (3 * u) / Math.sqrt(inputs);
};

/** Element j of tensor t, with t in the order of computation. */
function valuesOf({ shape, kind }: TensorSpec, t: number, rule: Rule): Float64Array {
  const size = shape.reduce((product, each) => product * each, 1);
  const inputs = size / (shape[0] ?? 1);
  return Float64Array.from({ length: size }, (_, j) =>
    rule(kind, ((31 * j * j + 17 * j + 101 * t + 7) % 997) / 997 - 0.5, inputs),
  );
}

interface ToyOptions extends ReadOptions {
  /** @default that of transformers */
  readonly rule?: Rule;
}

export function toyTensors(json: Fields, { rule = ofTransformers, ...options }: ToyOptions = {}) {
  const config = readModelConfig(json, options);
  const specs = familyOf(config).tensors(config);
  return new Map(specs.map((spec, t) => [spec.name, { spec, values: valuesOf(spec, t, rule) }]));
}

export function toySource(json: Fields, options: ToyOptions = {}): ModelSource {
  const tensors = toyTensors(json, options);
  return {
    config: readModelConfig(json, options),
    tensorNames: [...tensors.keys()],
    isBfloat16: () => false,
    load(name, dtype) {
      const found = tensors.get(name);
      if (found === undefined) throw new Error(`no tensor ${name}`);
      return ops.to(tensor(found.values, shapeInMemory(found.spec)), dtype);
    },
  };
}

/** As one file of a folder. `inFile`: the name of a tensor there; null for one that it lacks. */
export async function writeTensors(
  folder: string,
  tensors: ReturnType<typeof toyTensors>,
  dtype: DType,
  inFile: (name: string) => string | null = (name) => name,
): Promise<void> {
  const planned = [...tensors].flatMap(([name, { spec, values }]) => {
    const named = inFile(name);
    const make = () => scope(() => ops.to(tensor(values, spec.shape), dtype));
    return named === null ? [] : [[named, { shape: spec.shape, dtype, make }] as const];
  });
  await mkdir(folder, { recursive: true });
  await writeSafetensorsModel(folder, new Map(planned));
}
