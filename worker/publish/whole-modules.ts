// Modules of the base that trained whole beside an adapter, such as a head that the files lack.
// PEFT calls them `modules_to_save`: the adapter's file has their tensors by their own names.
import { familyOf } from '../decoder/registry.ts';
import type { Model } from '../engine/model.ts';
import type { Parameter, Parameters } from '../engine/parameters.ts';
import type { WritableTensor } from '../files/safetensors.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Tensors of an adapter have a suffix; these have none. */
function wholeTensors({ parameters, adapter }: Model): readonly Parameter[] {
  if (adapter === null) return [];
  return parameters.trained().filter(({ suffix }) => suffix === undefined);
}

/** As an adapter's file has them, by the name of each behind `prefix`. */
export function wholeInFile(model: Model, prefix: string): readonly [string, WritableTensor][] {
  const tensors = wholeTensors(model);
  const tied = tiedOf(model, tensors);
  return [
    ...inFile(tensors, ({ name }) => `${prefix}${name}`),
    ...(tied === null ? [] : inFile([tied.parameter], () => `${prefix}${tied.name}`)),
  ];
}

/**
 * The head that is the embedding, where that trains. PEFT puts a copy of each module beside it, and
 * a copy of the embedding alone would leave the head as it was.
 */
function tiedOf(model: Model, tensors: readonly Parameter[]) {
  const tied = familyOf(model.config).tied(model.config);
  const parameter = tensors.find(({ name }) => name === tied?.to);
  return tied === null || parameter === undefined ? null : { name: tied.name, parameter };
}

/** Tensors as they are, under the names of a file. */
export function inFile(
  parameters: readonly Parameter[],
  nameOf: (parameter: Parameter) => string,
): readonly [string, WritableTensor][] {
  return parameters.map((parameter) => {
    const { shape, dtype } = parameter.value;
    // What is written is disposed then.
    return [nameOf(parameter), { shape, dtype, make: () => ops.detach(parameter.value) }];
  });
}

/** Names for PEFT, which puts a copy of each module beside it; null for none. */
export function modulesToSave(model: Model): readonly string[] | null {
  const tensors = wholeTensors(model);
  const names = [...tensors.map(({ name }) => name), tiedOf(model, tensors)?.name ?? []].flat();
  const paths = names.map((name) => name.slice(0, name.lastIndexOf('.')));
  // A head of several layers is one module.
  const modules = paths.map((path) => /^(classifier|head)(?=\.)/.exec(path)?.[0] ?? path);
  return modules.length === 0 ? null : [...new Set(modules)].sort();
}

/** Puts what `read` finds of them into a copy of the model's parameters. */
export function addWhole(model: Model, to: Parameters, read: (name: string) => Tensor): void {
  for (const parameter of wholeTensors(model)) {
    if (to.has(parameter.name)) {
      scope(() => ops.copy_(to.value(parameter.name), read(parameter.name)));
      continue;
    }
    const value = keep(scope(() => ops.clone(read(parameter.name))));
    to.add({ ...parameter, value, role: 'frozen' });
  }
}
