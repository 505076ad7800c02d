// What is known once model and data are in place: what they are, and the memory that a step takes.
import { UserError } from '../../crds/failures/errors.ts';
import { resolveMethod } from '../../crds/methods/resolve.ts';
import { parametersOf, trainedOf } from '../../crds/plan/parameters.ts';
import type { TerminationMessage } from '../../crds/wire/termination-message.ts';
import { devicesInWord } from '../objects/devices.ts';
import type { PolicyResult } from './decision.ts';
import type { Sibling } from './facts.ts';
import { plannedMemoryOf } from './planned-memory.ts';
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
    // Names that the model does not have, and plans that no device holds, come out here, where the
    // model is known for the first time.
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
  const { spec, facts: seen } = view;
  const { settings } = seen.site;
  const devices = devicesInWord(spec.worker, settings);
  const memory = {
    ...plannedMemoryOf({
      ...{ spec, prepared, devices: settings.devices },
      kinds: seen.devices ?? [],
    }),
    ...(devices === undefined ? {} : { devices }),
  };
  return {
    ...inPlace(`${resolved.family} and ${counted.samples} records`, sibling),
    status: {
      model: resolved,
      dataset: counted,
      plan: {
        ...plan,
        trainableParameters: trained,
        totalParameters: parametersOf(facts).total,
        memory,
      },
    },
  };
}

function inPlace(what: string, sibling: Sibling | undefined): PolicyResult {
  if (sibling === undefined) return initialized('Ready', `${what} are in place`);
  return initialized('Reused', `${what} are those that job "${sibling.name}" put in place`);
}
