// What is known once model and data are in place: what they are, and the memory that a step takes.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import type { Worker } from '../../crds/api/worker.ts';
import { UserError } from '../../crds/failures/errors.ts';
import { resolveMethod } from '../../crds/methods/resolve.ts';
import { planJob } from '../../crds/plan/job-plan.ts';
import type { MemoryPlan, StagePeak } from '../../crds/plan/memory.ts';
import type { MemoryQuestion } from '../../crds/plan/memory-question.ts';
import { parametersOf, trainedOf } from '../../crds/plan/parameters.ts';
import { processorOf, unlimited } from '../../crds/plan/processor.ts';
import { plannedWorld } from '../../crds/plan/world.ts';
import { formatBytes } from '../../crds/schema/quantity.ts';
import type { TerminationMessage } from '../../crds/wire/termination-message.ts';
import type { PolicyResult } from './decision.ts';
import type { Sibling } from './facts.ts';
import { fail } from './settle.ts';
import type { View } from './view.ts';

type Prepared = NonNullable<TerminationMessage['prepared']>;

export function initialized(reason: string, message: string): PolicyResult {
  return { conditions: [{ type: 'Initialized', status: 'True', reason, message }] };
}

/** `sibling`: the job that prepared, where it was another one. */
export function finished(
  view: View,
  prepared: Prepared | undefined,
  sibling?: Sibling,
): PolicyResult {
  const { preparedBy: _, ...before } = view.status.plan ?? {};
  const plan = {
    ...before,
    prepareSha256: view.prepareDigest,
    ...(sibling === undefined ? {} : { preparedBy: sibling.run }),
  };
  if (prepared === undefined) {
    return {
      ...initialized('Ready', 'model and data are in place'),
      status: { plan },
    };
  }
  try {
    return known(view, prepared, plan, sibling);
  } catch (error) {
    // Names that the model does not have come out here, where the model is known for the first
    // time.
    if (error instanceof UserError) return fail(view, { code: error.code, message: error.message });
    throw error;
  }
}

function known(
  view: View,
  prepared: Prepared,
  plan: NonNullable<View['status']['plan']>,
  sibling: Sibling | undefined,
): PolicyResult {
  const { model, dataset } = prepared;
  const { facts, storedBfloat16: ___, ...resolved } = model;
  const { sequences: _, longest: __, ...counted } = dataset;
  const trained = trainedOf(facts, resolveMethod(view.spec.method)).total;
  const memory = memoryOf(view, prepared);
  // What a processor has free is known to nobody before: there the plan is told, and tried.
  if (memory?.device.type === 'cuda' && !memory.fits) {
    return fail(view, {
      code: 'E_DOES_NOT_FIT',
      message: `a step needs ${inGibibytes(memory.peak)} on a device of ${inGibibytes(memory.limit)}`,
    });
  }
  return {
    ...inPlace(`${resolved.family} and ${counted.samples} records`, sibling),
    status: {
      model: resolved,
      dataset: counted,
      plan: {
        ...plan,
        trainableParameters: trained,
        totalParameters: parametersOf(facts).total,
        ...(memory === undefined
          ? {}
          : { memory: { ...memory.parts, ...podMemory(view, prepared) } }),
      },
    },
  };
}

function inPlace(what: string, sibling: Sibling | undefined): PolicyResult {
  if (sibling === undefined) return initialized('Ready', `${what} are in place`);
  return initialized('Reused', `${what} are those that job "${sibling.name}" put in place`);
}

/**
 * What pods without resources of their own are given: workers on the processor, and the publishing,
 * which is on one always.
 */
function podMemory({ spec }: View, prepared: Prepared) {
  const device = { type: 'cpu', bytes: unlimited } as const;
  const stages = (recomputation: 'Full' | undefined) => {
    const { activationRecomputation } = spec.parallelism;
    const parallelism = {
      ...spec.parallelism,
      activationRecomputation: recomputation ?? activationRecomputation,
    };
    return planOf({ ...spec, parallelism }, prepared, device).stages;
  };
  const peakOf = (found: readonly StagePeak[]) => Math.max(0, ...found.map(({ peak }) => peak));
  const worker = (found: readonly StagePeak[]) =>
    peakOf(found.filter(({ stage }) => stage !== 'Publish'));
  const all = stages(undefined);
  const publish = peakOf(all.filter(({ stage }) => stage === 'Publish'));
  const isFree = spec.parallelism.activationRecomputation === 'Auto';
  const amounts = { least: worker(isFree ? stages('Full') : all), most: worker(all), publish };
  return Object.fromEntries(
    Object.entries(amounts).map(([name, bytes]) => [name, formatBytes(Math.ceil(bytes))]),
  );
}

/**
 * For devices only where the site says how large they are: how much is kept for the backward pass
 * depends on it.
 */
function memoryOf({ spec, facts: { site } }: View, prepared: Prepared) {
  const device = deviceOf(spec.worker, site.settings.deviceMemoryBytes);
  if (device === undefined) return undefined;
  const memory = planOf(spec, prepared, device);
  const whole = (value: number) => formatBytes(Math.ceil(value));
  const { weights, optimizer, gradients, activations, workspace } = memory.parts;
  return {
    ...{ device, fits: memory.fits, peak: memory.peak, limit: memory.limit },
    parts: {
      weights: whole(weights),
      optimizer: whole(optimizer),
      gradients: whole(gradients),
      activations: whole(activations),
      workspace: whole(workspace),
      peak: whole(memory.peak),
      ...(memory.limit === unlimited ? {} : { limit: whole(memory.limit) }),
    },
  };
}

function planOf(
  spec: FineTuneJobSpec,
  { model, dataset }: Prepared,
  device: MemoryQuestion['device'],
): MemoryPlan {
  const ranks = plannedWorld(spec.worker, spec.parallelism).ranks.length;
  return planJob({
    ...{ spec, device, ranks },
    facts: model.facts,
    storedBfloat16: model.storedBfloat16 ?? 0,
    shards: spec.parallelism.strategy === 'DataParallel' ? 1 : ranks,
    data: {
      sequences: dataset.sequences,
      targetShare: dataset.tokens === 0 ? 1 : dataset.targetTokens / dataset.tokens,
      longest: dataset.longest,
      meanLength: dataset.sequences === 0 ? 0 : dataset.tokens / dataset.sequences,
    },
  }).memory;
}

function deviceOf(worker: Worker, bytes: number | undefined): MemoryQuestion['device'] | undefined {
  if (worker.devicesPerWorker === 0) return processorOf(worker);
  return bytes === undefined ? undefined : { type: 'cuda', bytes };
}

function inGibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
