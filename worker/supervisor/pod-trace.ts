// The part of a job's trace that one pod adds: the pod itself, and within it what its worker says
// of its stages. It is made here, in the process that watches, so that the one that trains has no
// part in it.

import type { Clock } from '../../crds/clock.ts';
import { programVersion } from '../../crds/names/version.ts';
import type { StageRole } from '../../crds/stages/stage.ts';
import { parseTraceparent } from '../../crds/trace/context.ts';
import { newSpanId, SpanExporter } from '../../crds/trace/exporter.ts';
import { ProcessSpans } from '../../crds/trace/process-spans.ts';
import { SampledSpans, type TraceSampling } from '../../crds/trace/sampled.ts';
import type { podRole } from '../../crds/wire/pod.ts';
import type { PodEventType } from '../../crds/wire/pod-messages.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import type { PodConfig } from './config.ts';

export interface PodTrace {
  telemetry(message: Telemetry): void;
  event(type: PodEventType, round: number | undefined): void;
  /** Sends what is left, within seconds; `error` where the pod failed. */
  end(error: string | undefined): Promise<void>;
}

export const noTrace: PodTrace = { telemetry() {}, event() {}, end: async () => {} };

interface PodTraceFacts {
  readonly role: keyof typeof podRole;
  readonly config: PodConfig;
  readonly sampling: TraceSampling;
  readonly startMs: number;
  readonly clock: Clock;
  readonly warn: (sentence: string) => void;
}

const roles: Readonly<Record<keyof typeof podRole, StageRole>> = {
  prepare: 'prepare',
  supervise: 'train',
  publish: 'publish',
};

/** The operator tells the trace of a job only where spans are wanted. */
export function openPodTrace(facts: PodTraceFacts): PodTrace {
  const { role, config, sampling, startMs, clock, warn } = facts;
  const { traces, job, pod } = config;
  const parent = parseTraceparent(config.traceparent);
  if (parent === undefined || sampling === 'None' || traces.type === 'Off') return noTrace;
  if (traces.type === 'Refused') {
    warn(traces.message);
    return noTrace;
  }
  const { endpoint, timeoutMs } = traces;
  const exporter = new SpanExporter({
    ...{ endpoint, timeoutMs, service: 'anneal-worker', version: programVersion },
    resource: {
      ...{ 'k8s.namespace.name': job.namespace, 'k8s.pod.name': pod.name },
      ...{ 'k8s.pod.uid': pod.uid, 'k8s.node.name': pod.node },
    },
    onDropped: tellOnce((why) => warn(`spans could not be sent to ${endpoint}: ${why}`)),
  });
  const sampled = new SampledSpans(sampling, exporter.put);
  const spans = new ProcessSpans({
    ...{ role: roles[role], parent, startMs, newId: newSpanId, put: sampled.put },
    attributes: { 'anneal.job': job.name, 'anneal.worker_index': pod.index },
  });
  return {
    telemetry: (message) => spans.hear(message),
    event(type, round) {
      if (type === 'Started') spans.rendezvousDone(clock.now(), round);
      if (type === 'Ended') spans.lost(clock.now());
    },
    async end(error) {
      spans.end(clock.now(), error);
      sampled.end(error !== undefined);
      await exporter.close();
    },
  };
}

function tellOnce(tell: (why: string) => void): (spans: number, why: string) => void {
  let isTold = false;
  return (_, why) => {
    if (!isTold) tell(why);
    isTold = true;
  };
}
