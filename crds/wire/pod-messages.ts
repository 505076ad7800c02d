// What a pod says beside the telemetry of its training: lines of its log, and facts that somebody
// may look for later. Both go to streams that outlive the pod. Reading is tolerant: unknown keys
// are dropped.
import * as z from 'zod';

const count = z.int().min(0);
const head = {
  v: z.literal(1),
  /** Seconds since 1970. */
  time: z.number(),
  index: count,
  podName: z.string().max(253),
};

/** Longer lines are cut: a stream is not for dumps. */
export const longestLogLine = 8192;

export const logRecord = z.object({
  ...head,
  level: z.enum(['error', 'warn', 'info', 'debug']),
  /** The supervisor itself, or the process that it started. */
  from: z.enum(['supervisor', 'worker']),
  text: z.string().max(longestLogLine),
  /** Lines before this one that were left out, because there were too many. */
  leftOut: count.optional(),
});

export type LogRecord = z.output<typeof logRecord>;

export const podEvent = z.object({
  ...head,
  type: z.enum([
    'NodeChecked',
    'Started',
    'Restored',
    'Ended',
    'Hung',
    'Committed',
    'Stopped',
    'BusBack',
    'TelemetryDropped',
  ]),
  round: count.optional(),
  step: count.optional(),
  /** A row of the table of failures. */
  code: z.string().max(64).optional(),
  message: z.string().max(2048),
});

export type PodEvent = z.output<typeof podEvent>;
export type PodEventType = PodEvent['type'];
