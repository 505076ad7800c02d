// A job is admitted on the bus before any of its pods connects: the gateway serves no other. It
// stays admitted until it is deleted.
import { isDeepStrictEqual } from 'node:util';
import type { JobRecord } from '../../crds/wire/state.ts';
import { none, type PolicyResult } from './decision.ts';
import type { View } from './view.ts';

export function admit({ facts, spec, built, bus }: View): PolicyResult {
  // What is written there has to be removed again.
  if (bus === undefined || !facts.job.hasFinalizer) return none;
  const { replicas, maxReplicas = replicas, elasticity } = spec.worker;
  const record: JobRecord = {
    ...{ v: 1, name: built.name },
    workers: Math.max(1, elasticity === 'None' ? replicas : maxReplicas),
  };
  if (isDeepStrictEqual(record, bus.admitted)) return none;
  return { calls: [{ type: 'Admit', record }] };
}
