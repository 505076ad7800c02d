// What a pod of a federation, hub or client, is told, and what it tells: its progress over HTTP
// while it runs, and the same in its termination log when it ends.
import * as z from 'zod';
import { jsonLimits, parseJson } from '../text/json.ts';
import { longestTerminationMessage } from './termination-message.ts';

/** JSON of `podFederation`. */
export const federationVariable = 'ANNEAL_FEDERATION';

/** Of that variable: a process takes 131,072 bytes for one. */
export const longestFederationVariable = 120_000;

export const podFederation = z.object({
  /** The file that `anneal federate` takes. */
  manifest: z.record(z.string(), z.unknown()),
  bus: z.string(),
  /** File with the key of the party. */
  key: z.string(),
  /** In PEM; those of the image when absent. */
  authority: z.string().optional(),
  /** Folder of the state, below a claim. */
  state: z.string(),
  /** By claim, the folder where it is mounted. */
  volumes: z.record(z.string(), z.string()),
  /** Where its progress is asked for. */
  port: z.int(),
  /** Where its last word goes. */
  log: z.string(),
});

export type PodFederation = z.output<typeof podFederation>;

/** Where kubelet puts the key of the party. */
export const partyKey = { folder: '/var/run/secrets/anneal.dev/federation', file: 'key' } as const;

/** Where its progress is asked for, and at which path. */
export const progressPort = 8000;
export const progressPath = '/progress';

const name = z.string().max(63);
const count = z.int().min(0);
const longest = { doing: 200, warning: 600, reason: 200, message: 1000, hint: 400 } as const;

export const partyProgress = z.object({
  v: z.literal(1),
  state: z.enum(['Running', 'Complete', 'Stopped', 'Failed']),
  isConnected: z.boolean(),
  doing: z.string().max(longest.doing),
  /** What it warned of since it last got on. */
  warning: z.string().max(longest.warning).optional(),
  round: count.optional(),
  rounds: count.optional(),
  /** Of a hub. */
  loss: z.number().nullable().optional(),
  clients: z
    .object({
      used: z.array(name).max(64),
      refused: z.array(z.object({ client: name, reason: z.string().max(longest.reason) })).max(64),
    })
    .optional(),
  epsilon: z.number().optional(),
  /** Of a client: the last round that it submitted, and why it takes no part in one. */
  submitted: count.optional(),
  declined: z
    .object({ code: z.string().max(64), message: z.string().max(longest.message) })
    .optional(),
  failure: z
    .object({
      code: z.string().max(64),
      message: z.string().max(longest.message),
      hint: z.string().max(longest.hint).optional(),
    })
    .optional(),
});

export type PartyProgress = z.output<typeof partyProgress>;

/** Texts are cut to what the schema takes. */
export function boundedProgress(progress: PartyProgress): PartyProgress {
  const { doing, warning, clients, declined, failure } = progress;
  return {
    ...progress,
    doing: doing.slice(0, longest.doing),
    ...(warning !== undefined && { warning: warning.slice(0, longest.warning) }),
    ...(clients && {
      clients: {
        used: clients.used,
        refused: clients.refused.map(({ client, reason }) => ({
          client,
          reason: reason.slice(0, longest.reason),
        })),
      },
    }),
    ...(declined && {
      declined: { ...declined, message: declined.message.slice(0, longest.message) },
    }),
    ...(failure && {
      failure: {
        ...{ code: failure.code, message: failure.message.slice(0, longest.message) },
        ...(failure.hint !== undefined && { hint: failure.hint.slice(0, longest.hint) }),
      },
    }),
  };
}

/** What Kubernetes keeps of it: sixty-four clients are left out where they would not fit. */
export function progressForLog(progress: PartyProgress): string {
  const whole = JSON.stringify(progress);
  if (Buffer.byteLength(whole) <= longestTerminationMessage) return whole;
  const { clients: _clients, warning: _warning, ...least } = progress;
  return JSON.stringify(least);
}

/** Undefined where the text is no progress: a crash before any word, or somebody else's words. */
export function parseProgress(text: string): PartyProgress | undefined {
  try {
    return partyProgress.safeParse(parseJson(text, jsonLimits.message)).data;
  } catch {
    return undefined;
  }
}
