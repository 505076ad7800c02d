// What a server may hold: the plan of crds/plan/serving-memory.ts against the memory that this
// process can ever get. Less that is free now is no reason to stop: others may give it back.
import { TerminalError } from '../../crds/failures/errors.ts';
import {
  planServing,
  type ServingLimits,
  type ServingPlan,
  type ServingQuestion,
} from '../../crds/plan/serving-memory.ts';
import { bytesInWords } from '../../crds/schema/quantity.ts';
import { lanesOf } from '../../crds/serve/compositions.ts';
import { edgeBytes } from '../../crds/serve/pod.ts';
import type { ServeSettings } from '../../crds/serve/settings.ts';
import type { DeviceName } from '../../crds/wire/device.ts';
import type { ModelHeaders } from '../decoder/describe-model.ts';
import { factsOf } from '../decoder/registry.ts';
import { storedBfloat16 } from '../decoder/stored-bfloat16.ts';
import { deviceMemory } from '../tensor/device.ts';
import { freeMemory, memoryLimit } from '../train/free-memory.ts';
import { freeOn } from '../train/memory-plan.ts';

type Planned = Pick<ServeSettings, 'dtype' | 'device' | 'compositions'> & {
  readonly limits: ServingLimits;
};

export class MemoryBudget {
  readonly #question: Omit<ServingQuestion, 'adapterBytes'>;

  constructor(settings: Planned, headers: ModelHeaders, limitBytes = limitOf(settings.device)) {
    const { dtype, device, compositions, limits } = settings;
    const contextLength = headers.config.contextLength;
    this.#question = {
      base: { facts: factsOf(headers.config, headers), storedBfloat16: storedBfloat16(headers) },
      device: { type: device === 'cpu' ? 'cpu' : 'cuda', bytes: limitBytes },
      ...{ dtype, lanes: Math.max(1, ...compositions.map(lanesOf)) },
      limits: { ...limits, context: Math.min(limits.context, contextLength) },
    };
  }

  plan(adapterBytes: number): ServingPlan {
    return planServing({ ...this.#question, adapterBytes });
  }

  /** Throws with the sum where they do not fit; `name`: the adapter that comes. */
  require(adapterBytes: number, name?: string): void {
    const plan = this.plan(adapterBytes);
    if (plan.fits) return;
    const what = name === undefined ? 'the server' : `with the adapter ${name} the server`;
    throw new TerminalError({
      code: 'E_DOES_NOT_FIT',
      message: `${what} needs ${inWords(plan)}; ${bytesInWords(plan.limit)} are there`,
      hint: 'lower the cache, the context or the number of sequences together, or give it more memory',
    });
  }
}

/** "1.3 GiB: 256.6 MiB of weights + …" */
export function inWords({ parts, peak }: Pick<ServingPlan, 'parts' | 'peak'>): string {
  const { weights, cache, adapters, work } = parts;
  const each = [
    `${bytesInWords(weights)} of weights`,
    `${bytesInWords(cache)} of keys and values`,
    ...(adapters === 0 ? [] : [`${bytesInWords(adapters)} of adapters`]),
    `${bytesInWords(work)} of work`,
  ];
  return `${bytesInWords(peak)}: ${each.join(' + ')}`;
}

function limitOf(device: DeviceName): number {
  return device === 'cpu' ? memoryLimit() - edgeBytes : deviceMemory(device).total;
}

/** Of what the plan counts. */
export function freeFor(device: DeviceName): number {
  return device === 'cpu' ? freeMemory() : freeOn(device);
}
