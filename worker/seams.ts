// From the method that a job resolved to, to the implementations that run: one line for each member
// of each seam. Everything else in the worker knows interfaces only.
import type { ResolvedMethod } from '../crds/index.ts';
import type { Adapter } from './adapters/adapter.ts';
import { lora } from './adapters/lora.ts';
import type { Parameters } from './engine/parameters.ts';
import { adamW } from './optimizers/adamw.ts';
import { adamW8bit } from './optimizers/adamw-8bit.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import { sgd } from './optimizers/sgd.ts';
import { all } from './selection/all.ts';
import type { Selection } from './selection/selection.ts';
import type { DType } from './tensor/dtype.ts';
import { dense } from './weights/dense.ts';
import { int4 } from './weights/int4.ts';
import { int8 } from './weights/int8.ts';
import { nf4 } from './weights/nf4.ts';
import type { WeightStore } from './weights/weight-store.ts';

/** Type of the residual stream, of stored weights and of products. */
export function dtypeOf(method: ResolvedMethod): 'bfloat16' | 'float32' {
  return method.precision.type === 'BFloat16' ? 'bfloat16' : 'float32';
}

export function weightStoreOf({ base }: ResolvedMethod): WeightStore {
  switch (base.type) {
    case 'Dense':
      return dense;
    case 'NF4':
      return nf4(base.nf4);
    case 'Int8':
      return int8(base.int8);
    case 'Int4':
      return int4(base.int4);
  }
}

export function adapterOf(method: ResolvedMethod, seed: bigint, dtype: DType): Adapter | null {
  if (method.adapter.type === 'None') return null;
  const { rank, alpha, dropout, targetModules, scaling, learningRateRatio, initialization } =
    method.adapter.lora;
  return lora({
    rank,
    alpha: alpha === undefined ? 2 * rank : Number(alpha),
    dropout: Number(dropout),
    scaling,
    learningRateRatio: Number(learningRateRatio),
    initialization,
    targets: targetsOf(targetModules),
    seed,
    dtype: dtype === 'float64' ? 'float64' : 'float32',
  });
}

/** A name matches a whole path or its last parts, as in PEFT. */
function targetsOf(modules: readonly string[]): (path: string) => boolean {
  if (modules.includes('AllLinear')) return () => true;
  return (path) => modules.some((module) => path === module || path.endsWith(`.${module}`));
}

export function optimizerOf(method: ResolvedMethod): Optimizer {
  const masters =
    method.precision.type === 'BFloat16' ? method.precision.bfloat16.masters : 'Float32';
  switch (method.optimizer.type) {
    case 'SGD': {
      const { momentum, weightDecay } = method.optimizer.sgd;
      return sgd({ momentum: Number(momentum), weightDecay: Number(weightDecay), masters });
    }
    case 'AdamW':
      return adamW({
        ...adamSettings(method.optimizer.adamW),
        masters,
        moments: method.optimizer.adamW.moments ?? 'Float32',
      });
    case 'AdamW8bit':
      return adamW8bit({ ...adamSettings(method.optimizer.adamW8bit), masters });
  }
}

interface AdamParameters {
  readonly betas: readonly string[];
  readonly epsilon: string;
  readonly weightDecay: string;
}

function adamSettings({ betas, epsilon, weightDecay }: AdamParameters) {
  const [beta1 = '0.9', beta2 = '0.999'] = betas;
  return {
    beta1: Number(beta1),
    beta2: Number(beta2),
    epsilon: Number(epsilon),
    weightDecay: Number(weightDecay),
  };
}

export function selectionOf(_method: ResolvedMethod, parameters: Parameters): Selection {
  return all(parameters);
}
