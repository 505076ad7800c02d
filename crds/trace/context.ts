// Which trace a job belongs to. `traceparent` is that of W3C Trace Context: whoever creates a job
// may put one on it, and its spans become part of that trace; otherwise the trace follows from the
// UID of the job, so that any replica of the operator names the same one.
import { createHash } from 'node:crypto';
import type { SpanContext } from './span.ts';

const form =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;

/**
 * Undefined for text that is none, as the recommendation asks: whoever gets it begins a trace of
 * his own.
 */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const [, traceId, spanId] = form.exec(text?.trim() ?? '') ?? [];
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId };
}

/** Of a trace that is recorded: nobody is told of another. */
export function traceparentOf({ traceId, spanId }: SpanContext): string {
  return `00-${traceId}-${spanId}-01`;
}

export interface JobTrace {
  /** The span of the whole job: parent of all others. */
  readonly job: SpanContext;
  /** Span of whoever asked for the job, where that is known. */
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
