// What an AdapterServer asks of the program that serves, in that program's own words.
import type { ServerSpec } from '../api/adapter-server.ts';
import { defaultSpan } from '../names/compose-modes.ts';
import { parseQuantity } from '../schema/quantity.ts';
import type { Composition } from './compositions.ts';
import type { ServeSettings } from './settings.ts';
import { usualLimits } from './usual-limits.ts';

type FromSpec = 'name' | 'model' | 'device' | 'dtype' | 'compositions' | 'anyBase' | 'limits';

export function servedBy(spec: ServerSpec): Pick<ServeSettings, FromSpec> {
  const { limits, precision, devicesPerReplica } = spec;
  const isOnDevice = devicesPerReplica > 0;
  const type = precision ?? (isOnDevice ? 'BFloat16' : 'Float32');
  return {
    ...{ name: spec.modelName, model: spec.model, device: isOnDevice ? 'cuda:0' : 'cpu' },
    dtype: type === 'Float32' ? 'float32' : 'bfloat16',
    compositions: spec.compose.map(compositionOf),
    anyBase: spec.acceptUnnamedBase,
    limits: {
      together: limits.sequences,
      context: limits.context,
      cacheBytes: cacheBytesOf(limits) ?? usualLimits.cacheBytes,
      maxTokens: limits.maxTokens ?? usualLimits.maxTokens,
    },
  };
}

const modeOf = {
  Merge: 'merge',
  Logits: 'logits',
  Switch: 'switch',
  Dominant: 'dominant',
} as const;

function compositionOf({ name, mode, parts, span }: ServerSpec['compose'][number]): Composition {
  const weighted = parts.map(({ adapter, weight }) => ({ adapter, weight: Number(weight ?? 1) }));
  return { name, mode: modeOf[mode], parts: weighted, span: span ?? defaultSpan };
}

/** Of keys and values; undefined where the spec does not say. */
export function cacheBytesOf({ cacheMemory }: ServerSpec['limits']): number | undefined {
  return cacheMemory === undefined ? undefined : parseQuantity(cacheMemory);
}
