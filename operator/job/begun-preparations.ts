// Jobs that have just been told to prepare, before the informers know: jobs of a sweep are decided
// on at the same time, and one of them is to prepare for all. In memory only: after a change of
// leaders two may do the same work, which costs time and nothing else.
import { Component, label } from '../../crds/names/labels.ts';
import { runName } from '../../crds/wire/pod.ts';
import type { Call } from './decision.ts';
import type { Facts } from './facts.ts';
import type { ObservedFineTuneJob } from './observed/fine-tune-job.ts';
import { requestOf } from './siblings.ts';

/** An informer knows within a moment; a job that could not create after all gives way to others. */
const longestMs = 5_000;

interface Begun {
  readonly name: string;
  readonly uid: string;
  readonly until: number;
}

export class BegunPreparations {
  readonly #begun = new Map<string, Begun>();

  note(job: ObservedFineTuneJob, calls: readonly Call[], now: number): void {
    for (const [request, { until }] of this.#begun) if (until <= now) this.#begun.delete(request);
    const request = calls.some(isPreparing) ? requestOf(job) : undefined;
    if (request === undefined) return;
    const { name, uid } = job.metadata;
    this.#begun.set(request, { name, uid, until: now + longestMs });
  }

  /** The facts with those that the informers do not know yet. */
  seenBy(job: ObservedFineTuneJob, facts: Facts): Facts {
    const request = requestOf(job);
    const begun = request === undefined ? undefined : this.#begun.get(request);
    if (begun === undefined || begun.uid === job.metadata.uid || begun.until <= facts.now)
      return facts;
    const run = runName(begun);
    if (facts.siblings.some((each) => each.run === run)) return facts;
    const working = { name: begun.name, run, done: undefined };
    return { ...facts, siblings: [...facts.siblings, working] };
  }
}

function isPreparing(call: Call): boolean {
  if (call.type !== 'Create' || call.kind !== 'Job') return false;
  const labels = call.manifest.metadata['labels'] as Readonly<Record<string, string>>;
  return labels[label.component] === Component.Init;
}
