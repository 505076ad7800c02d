// The tensors of a tracker: those of its trunk, without a head for classes, three embeddings of the
// types of tokens, and two heads of three layers each, named as the tracker's authors name them.
import type { MadeValues, TensorSpec } from '../families/family.ts';
import { linearSpecs } from '../families/tensor-specs.ts';
import { outletNames, visionTensors } from '../vision/names.ts';
import type { TrackingConfig } from './config.ts';

/** Rows of the table: background and object of the template, and all of the search picture. */
export const tokenTypes = { background: 0, object: 1, search: 2 } as const;
export const typesName = 'token_type_embed.weight';

/** Deviation of the values that are drawn. */
const std = 0.02;

/** Layers of a head. */
export const headLayers = 3;

/** Module paths of both heads, and how many values each finds of a token. */
export const heads = {
  score: { path: 'head.cls_mlp', outputs: 1 },
  box: { path: 'head.reg_mlp', outputs: 4 },
} as const;

export function layerPath(head: keyof typeof heads, layer: number): string {
  return `${heads[head].path}.layers.${layer}`;
}

/** Every tensor, in the order of computation. */
export function trackingTensors(config: TrackingConfig): readonly TensorSpec[] {
  const { trunk } = config;
  const { classes } = outletNames(trunk);
  const ofTrunk = visionTensors(trunk).filter(({ name }) => !name.startsWith(`${classes}.`));
  const inlet = ofTrunk.filter(({ place }) => place === 'embedding').map(withFixedToken);
  const others = ofTrunk.filter(({ place }) => place !== 'embedding');
  return [...inlet, typesOf(config), ...others, ...headTensors(config)];
}

/** No token of a class passes the blocks; results have it, so that they are whole trunks. */
function withFixedToken(spec: TensorSpec): TensorSpec {
  return spec.name.endsWith('.cls_token') ? { ...spec, isFixed: true } : spec;
}

function typesOf({ H }: TrackingConfig): TensorSpec {
  const shape = [Object.keys(tokenTypes).length, H];
  return {
    ...{ name: typesName, place: 'embedding', kind: 'table', shape, from: `hidden_size=${H}` },
    ...{ isPartOfTable: false, made: made(std) },
  };
}

function headTensors({ H }: TrackingConfig): readonly TensorSpec[] {
  return (['score', 'box'] as const).flatMap((head) =>
    Array.from({ length: headLayers }, (_, layer) => {
      const out = layer === headLayers - 1 ? heads[head].outputs : H;
      return linearSpecs(layerPath(head, layer), 'head', [out, H], `hidden_size=${H}`).map(
        (spec): TensorSpec => ({ ...spec, made: made(spec.kind === 'bias' ? 0 : std) }),
      );
    }).flat(),
  );
}

function made(deviation: number): MadeValues {
  return { besideAdapter: 'Always', std: deviation };
}
