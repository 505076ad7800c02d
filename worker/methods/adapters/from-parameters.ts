// How the parameters of an adapter in a job become its settings.
import type { ResolvedMethod } from '../../../crds/index.ts';
import { alphaOf } from '../../../crds/methods/adapter-fields.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Adapter } from './adapter.ts';
import { targetsOf } from './targets.ts';

export type AdapterValue = ResolvedMethod['adapter'];

/** Of every adapter. */
export interface Common {
  readonly seed: bigint;
  readonly dtype: 'float32' | 'float64';
  /** The values that a matrix of the base has once it is stored; absent where they stay. */
  readonly quantized?: (matrix: Tensor) => Tensor;
}

type Member<Value> = Value[Exclude<keyof Value, 'type'>];

/** An adapter of this type from its parameters. */
export type AdapterOf<Type extends AdapterValue['type']> = (
  own: Member<Extract<AdapterValue, { readonly type: Type }>>,
  common: Common,
) => Adapter;

interface Placed {
  readonly rank: number;
  readonly targetModules: readonly string[];
}

export function onTargets({ rank, targetModules }: Placed) {
  return { rank, targets: targetsOf(targetModules) };
}

interface LikeLora extends Placed {
  readonly alpha?: string | undefined;
  readonly dropout: string;
}

/** What an adapter has that is built on LoRA. */
export function asLora(own: LikeLora, common: Common) {
  return { ...onTargets(own), ...common, alpha: alphaOf(own), dropout: Number(own.dropout) };
}

/** The same with the rank as alpha, unless the job sets it: the scale is 1. */
export function asUnscaledLora(own: LikeLora, common: Common) {
  return asLora({ ...own, alpha: own.alpha ?? String(own.rank) }, common);
}
