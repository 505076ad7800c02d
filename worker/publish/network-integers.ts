// Beside the weights of a network that was found, which are those that integers stand for: the
// integers themselves, in a folder of their own.
//   P.weight_packed, P.weight_scale, P.weight_shape: as compressed-tensors has them
//     (packed-integers-layout.ts), of each convolution of a cell as a matrix [out, in * kernel^2],
//     in the width of its place; scales in float32
import { linearLayers } from '../engine/adapted-layers.ts';
import type { Model } from '../engine/model.ts';
import type { FoundConfig } from '../quantnas/config.ts';
import { integersOf, stepsOf } from '../quantnas/learned-step.ts';
import { placePath } from '../quantnas/names.ts';
import { kernelsOf, type Width } from '../quantnas/space.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { integersIn } from './integer-layout.ts';
import { requireIntegers, writeIntegersFolder } from './integers-folder.ts';
import { packQuantized } from './packed-integers-layout.ts';

/** Returns the bytes of the tensors. */
export async function writeNetworkIntegers(
  folder: string,
  model: Model,
  config: FoundConfig,
): Promise<number> {
  const layout = layoutOf(model, config);
  const planned = linearLayers(config).flatMap((layer) => [...layout.planned(layer)]);
  const json = { weights: layout.config(null), genotype: config.genotype };
  return await writeIntegersFolder(folder, planned, json);
}

/** Refuses integers that do not stand for the weights which `dense` loads beside them. */
export function requireNetworkIntegers(
  folder: string,
  model: Model,
  config: FoundConfig,
  dense: (name: string, dtype: DType) => Tensor,
): void {
  const layout = layoutOf(model, config);
  const { dtype } = model;
  requireIntegers(folder, { config, layers: linearLayers(config), layout, dtype }, dense);
}

/** The weight that products read, where `name` is one of a cell; else null. */
export function roundedWeight(model: Model, config: FoundConfig, name: string): Tensor | null {
  const path = name.replace(/\.weight$/, '');
  const bits = widthsOf(config).get(path);
  if (bits === undefined || !name.endsWith('.weight')) return null;
  const logStep = model.parameters.value(`${path}.log_step`);
  const weight = model.parameters.value(name);
  return scope(() => ops.mul(integersOf(weight, logStep, bits), stepsOf(logStep)));
}

function layoutOf({ parameters, dtype }: Model, config: FoundConfig) {
  const widths = widthsOf(config);
  return integersIn(
    packQuantized,
    {
      ...{ bits: 8, range: 'Symmetric', widths: () => widths },
      coded({ path }, [first, behind]) {
        const rows = (name: string) =>
          ops.narrow(parameters.value(`${path}.${name}`), 0, first, behind - first);
        const logStep = rows('log_step');
        const codes = integersOf(rows('weight'), logStep, widths.get(path) ?? 8);
        return { codes, scales: stepsOf(logStep), zeros: null };
      },
    },
    dtype,
  );
}

/** By the path of a convolution. */
function widthsOf({ genotype }: FoundConfig): ReadonlyMap<string, Width> {
  const all = genotype.flatMap((cell, layer) =>
    cell.flatMap(({ operation, bits }, place) =>
      kernelsOf(operation).map((_, i): [string, Width] => [
        `${placePath(layer, place)}.${i}`,
        bits,
      ]),
    ),
  );
  return new Map(all);
}
