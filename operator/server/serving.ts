// What the program of a pod of a server is told, from its spec.
import type { ServerSpec } from '../../crds/api/adapter-server.ts';
import { defaultSpan } from '../../crds/names/compose-modes.ts';
import { parseQuantity } from '../../crds/schema/quantity.ts';
import type { Composition } from '../../crds/serve/compositions.ts';
import type { PodHandover } from '../../crds/serve/handover.ts';
import type { PodServing } from '../../crds/serve/pod.ts';
import { usualLimits } from '../../crds/serve/usual-limits.ts';
import { folderOfClaim } from '../objects/volumes.ts';
import type { BuiltServer } from './built-server.ts';

type Server = Pick<BuiltServer, 'spec' | 'places'>;

/** Claims to mount: those of adapters, and that of the base. */
export function claimsOf({ spec: { model }, places: { claims } }: Server): readonly string[] {
  const own = model.source.persistentVolumeClaim?.claimName;
  return [...new Set([...claims, ...(own === undefined ? [] : [own])])].sort();
}

function volumesOf(server: Server): Readonly<Record<string, string>> {
  return Object.fromEntries(claimsOf(server).map((claim) => [claim, folderOfClaim(claim)]));
}

export function servingOf(server: Server): PodServing {
  const { spec } = server;
  const { limits, precision, devicesPerReplica } = spec;
  const isOnDevice = devicesPerReplica > 0;
  return {
    name: spec.modelName,
    model: spec.model,
    volumes: volumesOf(server),
    device: isOnDevice ? 'cuda:0' : 'cpu',
    dtype:
      (precision ?? (isOnDevice ? 'BFloat16' : 'Float32')) === 'Float32' ? 'float32' : 'bfloat16',
    compositions: spec.compose.map(compositionOf),
    anyBase: spec.acceptUnnamedBase,
    queue: limits.queue ?? usualLimits.queue,
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

/** For vLLM: a change of the list is a change of the pods. */
export function handoverOf(server: Server): PodHandover {
  const { spec, places } = server;
  return {
    ...{ name: spec.modelName, model: spec.model, volumes: volumesOf(server) },
    ...{ adapters: places.listed, anyBase: spec.acceptUnnamedBase },
    ...{ context: spec.limits.context, together: spec.limits.sequences },
    devices: spec.devicesPerReplica,
  };
}
