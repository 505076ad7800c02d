// The memory of a pod before there is one: from the sizes that an Adapter of the server keeps of
// its base. Undefined where no Adapter has any; then the process in the pod plans for itself.
import type { ServerSpec } from '../../crds/api/adapter-server.ts';
import { usableBytes } from '../../crds/devices/node-devices.ts';
import { factsOfSizes } from '../../crds/plan/model-sizes.ts';
import { unlimited } from '../../crds/plan/processor.ts';
import { planServing, type ServingPlan } from '../../crds/plan/serving-memory.ts';
import { bytesInWords, formatBytes, parseQuantity } from '../../crds/schema/quantity.ts';
import { lanesOf } from '../../crds/serve/compositions.ts';
import { edgeBytes } from '../../crds/serve/pod.ts';
import { servedBy } from '../../crds/serve/served-by.ts';
import type { DeviceSettings } from '../objects/settings.ts';
import type { ObservedAdapter } from './observed.ts';

/** Adapters that come and go within it make no new pods. */
const leastRoom = 64 * 2 ** 20;
/** A plan is that exact. */
const accuracy = 1.1;

export interface PlannedPod {
  readonly plan: ServingPlan;
  /** Of a pod on a processor, in bytes; undefined where a device has the model. */
  readonly memory: { readonly request: number; readonly limit: number } | undefined;
  /** Why the server cannot fit, in a sentence. */
  readonly misfit: string | undefined;
}

export function plannedPod(
  spec: ServerSpec,
  find: (name: string) => ObservedAdapter | undefined,
  devices: Pick<DeviceSettings, 'memoryBytes'>,
): PlannedPod | undefined {
  if (spec.engine.type !== 'Anneal') return undefined;
  const known = spec.adapters.flatMap(({ adapterRef }) => find(adapterRef?.name ?? '') ?? []);
  const sizes = known.find(({ spec: { base } }) => isOf(spec, base))?.spec.base.sizes;
  if (sizes === undefined) return undefined;
  const { dtype, limits, compositions } = servedBy(spec);
  const isOnDevice = spec.devicesPerReplica > 0;
  const plan = planServing({
    ...{ base: factsOfSizes(sizes), dtype, limits, adapterBytes: roomFor(spec, known) },
    lanes: Math.max(1, ...compositions.map(lanesOf)),
    device: isOnDevice
      ? { type: 'cuda', bytes: deviceBytes(devices) }
      : { type: 'cpu', bytes: podBytes(spec) },
  });
  const memory = {
    request: plan.peak + edgeBytes,
    limit: Math.ceil(accuracy * plan.peak) + edgeBytes,
  };
  return {
    plan,
    memory: isOnDevice ? undefined : memory,
    misfit: plan.fits ? undefined : misfit(plan, isOnDevice),
  };
}

function isOf({ model: { digest } }: ServerSpec, base: ObservedAdapter['spec']['base']): boolean {
  return base.sizes !== undefined && (digest === undefined || base.digest === digest);
}

/**
 * For as many as there are, each as large as the largest that is known, and for as many again: a
 * power of two, so that it seldom changes.
 */
function roomFor({ adapters, compose }: ServerSpec, known: readonly ObservedAdapter[]): number {
  const sizes = known.flatMap(({ spec: { forms } }) => forms.map(({ size = 0 }) => size));
  const sums = compose
    .filter(({ mode }) => mode === 'Merge')
    .reduce((sum, { parts }) => sum + parts.length, 0);
  const all = (adapters.length + sums) * Math.max(0, ...sizes);
  return 2 ** Math.ceil(Math.log2(Math.max(leastRoom, all)));
}

function deviceBytes({ memoryBytes }: Pick<DeviceSettings, 'memoryBytes'>): number {
  return memoryBytes === undefined ? unlimited : usableBytes(memoryBytes);
}

function podBytes({ resources }: ServerSpec): number {
  const limit = resources?.limits?.['memory'];
  return limit === undefined ? unlimited : Math.max(0, parseQuantity(limit) - edgeBytes);
}

function misfit({ parts, peak, limit }: ServingPlan, isOnDevice: boolean): string {
  const { weights, cache, adapters, work } = parts;
  const sum = `${bytesInWords(weights)} of weights + ${bytesInWords(cache)} of keys and values + ${bytesInWords(adapters)} for adapters + ${bytesInWords(work)} of work`;
  const where = isOnDevice
    ? `a device has ${bytesInWords(limit)}`
    : `spec.resources.limits.memory leaves ${bytesInWords(limit)} for it`;
  return `the process with the model needs ${bytesInWords(peak)}: ${sum}; ${where}`;
}

/** For the status. */
export function memoryInStatus({ parts, peak }: ServingPlan) {
  const of = (bytes: number): string => formatBytes(Math.ceil(bytes));
  return {
    ...{ weights: of(parts.weights), cache: of(parts.cache) },
    ...{ adapters: of(parts.adapters), work: of(parts.work), peak: of(peak) },
  };
}
