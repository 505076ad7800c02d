// The trace of `anneal run`, from the command to the end of the run, exported to the endpoint of
// the environment. It joins the trace of TRACEPARENT where that is set, as in a pipeline. Spans are
// derived from the worker's messages; the trainer itself does no tracing.

import { programVersion } from '../../crds/names/version.ts';
import type { StageRole } from '../../crds/stages/stage.ts';
import { parseTraceparent } from '../../crds/trace/context.ts';
import { newSpanId, newTraceId, SpanExporter } from '../../crds/trace/exporter.ts';
import { ProcessSpans } from '../../crds/trace/process-spans.ts';
import { SampledSpans, type TraceSampling } from '../../crds/trace/sampled.ts';
import type { TraceSettings } from '../../crds/trace/settings.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import type { LocalOutcome } from './local-run.ts';

export interface RunTrace {
  began(role: StageRole): void;
  hear(message: Telemetry): void;
  ended(outcome: LocalOutcome): void;
  /** Exports the remaining spans, within seconds. */
  close(outcome: LocalOutcome): Promise<void>;
}

interface RunTraceFacts {
  readonly settings: TraceSettings;
  readonly traceparent: string | undefined;
  readonly sampling: TraceSampling;
  /** Attributes of the run. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly startMs: number;
  readonly now: () => Date;
  /** Prints a sentence after the run. */
  readonly warn: (sentence: string) => void;
}

const noTrace: RunTrace = { began() {}, hear() {}, ended() {}, close: async () => {} };

export function openRunTrace(facts: RunTraceFacts): RunTrace {
  const { settings, sampling, attributes, startMs, now, warn } = facts;
  if (sampling === 'None' || settings.type === 'Off') return noTrace;
  if (settings.type === 'Refused') {
    return { ...noTrace, close: async () => warn(settings.message) };
  }
  const { endpoint, timeoutMs } = settings;
  let reason: string | undefined;
  const exporter = new SpanExporter({
    ...{ endpoint, timeoutMs, service: 'anneal', version: programVersion },
    onDropped: (_, why) => {
      reason ??= why;
    },
  });
  const sampled = new SampledSpans(sampling, exporter.put);
  const asked = parseTraceparent(facts.traceparent);
  const run = { traceId: asked?.traceId ?? newTraceId(), spanId: newSpanId() };
  let current: ProcessSpans | undefined;
  return {
    began(role) {
      const common = { role, parent: run, newId: newSpanId, put: sampled.put };
      current = new ProcessSpans({ ...common, startMs: now().getTime() });
    },
    hear: (message) => current?.hear(message),
    ended(outcome) {
      current?.end(now().getTime(), errorOf(outcome));
      current = undefined;
    },
    async close(outcome) {
      const error = errorOf(outcome);
      sampled.put({
        ...{ ...run, parentId: asked?.spanId, name: 'anneal run', startMs },
        ...{ endMs: now().getTime(), attributes, error },
      });
      sampled.end(outcome.type === 'Failed');
      await exporter.close();
      if (exporter.dropped === 0) return;
      warn(`${exporter.dropped} spans of the trace could not be sent to ${endpoint}: ${reason}`);
    },
  };
}

function errorOf(outcome: LocalOutcome): string | undefined {
  return outcome.type === 'Failed' ? `${outcome.error.message} (${outcome.error.code})` : undefined;
}
