// The trace of a job. `traceparent` is that of W3C Trace Context: the creator of a job may set it,
// and the spans of the job then join that trace. Otherwise the trace id is derived from the UID of
// the job, so that all replicas of the operator agree on it.
import { createHash } from 'node:crypto';
import type { SpanContext } from './span.ts';

const form =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;

/** Undefined for an invalid value, as W3C requires: the receiver then starts a new trace. */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const [, traceId, spanId] = form.exec(text?.trim() ?? '') ?? [];
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId };
}

/** Always sampled: a trace that is not recorded is not propagated. */
export function traceparentOf({ traceId, spanId }: SpanContext): string {
  return `00-${traceId}-${spanId}-01`;
}

export interface JobTrace {
  /** The span of the whole job: parent of all others. */
  readonly job: SpanContext;
  /** Span of the job's creator, where known. */
  readonly parentId: string | undefined;
}

export function traceOfJob(uid: string, traceparent: string | undefined): JobTrace {
  const asked = parseTraceparent(traceparent);
  const traceId = asked?.traceId ?? hexOf(`trace of ${uid}`, 32);
  return { job: { traceId, spanId: hexOf(`job ${uid}`, 16) }, parentId: asked?.spanId };
}

function hexOf(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
