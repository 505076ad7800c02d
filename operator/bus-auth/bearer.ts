// Tells which pod or person a token belongs to, by a TokenReview under the audience that the token
// claims. The namespace is that of the service account in the answer, so a pod can never speak for
// a job of another namespace.
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Clock } from '../../crds/clock.ts';
import { group } from '../../crds/names/group.ts';
import { busAudience, viewAudience } from '../../crds/wire/pod.ts';
import type { JobOnBus } from '../../crds/wire/subjects.ts';
import type { KubeTransport } from '../runtime/transport.ts';

export type Bearer = { readonly expiresAt: number } & (
  | { readonly type: 'Operator' }
  /** A pod of a job; `index` where it is a worker: others change no record. */
  | {
      readonly type: 'Job';
      readonly job: JobOnBus;
      readonly pod: string;
      readonly index: number | undefined;
    }
  /** A person who looks at the jobs of a namespace, by a token of one of its accounts. */
  | { readonly type: 'Viewer'; readonly namespace: string }
);

interface BearerFacts {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  /** namespace:name of the operator's service account. */
  readonly operatorAccount: string;
}

export const operatorAudience = `${group}/operator`;

/** Why a connection is refused; told to the log, never to the client. */
export class Refused extends Error {}

const claims = z.object({
  aud: z.union([z.string().transform((one) => [one]), z.array(z.string())]),
  exp: z.number(),
});

const review = z.object({
  status: z.object({
    authenticated: z.boolean().default(false),
    error: z.string().optional(),
    audiences: z.array(z.string()).default([]),
    user: z
      .object({
        username: z.string().default(''),
        extra: z.record(z.string(), z.array(z.string())).default({}),
      })
      .prefault({}),
  }),
});

/** Tokens that were good before; one more than this and the oldest is forgotten. */
const mostKnown = 10_000;

/**
 * A token that was good a moment ago is not asked about again: who connects over and over costs the
 * API server nothing.
 */
const freshMs = 10_000;

export class Bearers {
  readonly #facts: BearerFacts;
  readonly #known = new Map<string, { readonly bearer: Bearer; readonly askedAt: number }>();

  constructor(facts: BearerFacts) {
    this.#facts = facts;
  }

  /**
   * Rejects with `Refused` for a token that is no good, with another error when nobody could be
   * asked.
   */
  async bearerOf(token: string, signal: AbortSignal): Promise<Bearer> {
    const key = createHash('sha256').update(token).digest('base64');
    const now = this.#facts.clock.now();
    const known = this.#known.get(key);
    const isGood = known !== undefined && known.bearer.expiresAt > now;
    if (isGood && known.askedAt + freshMs > now) return known.bearer;
    try {
      const bearer = await this.#ask(token, signal);
      this.#remember(key, bearer);
      return bearer;
    } catch (error) {
      if (error instanceof Refused) {
        this.#known.delete(key);
        throw error;
      }
      // The API server is away: a token that was good stays good until it expires, or training
      // would stop with it.
      if (isGood) return known.bearer;
      throw error;
    }
  }

  async #ask(token: string, signal: AbortSignal): Promise<Bearer> {
    const { audience, expiresAt } = claimed(token);
    const { transport, operatorAccount } = this.#facts;
    const raw = await transport.send(
      {
        verb: 'POST',
        path: '/apis/authentication.k8s.io/v1/tokenreviews',
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          spec: { token, audiences: [audience] },
        },
      },
      signal,
    );
    const { status } = review.parse(raw);
    if (!status.authenticated || !status.audiences.includes(audience)) {
      throw new Refused(`the API server does not know the token: ${status.error ?? 'no reason'}`);
    }
    const account = status.user.username.replace(/^system:serviceaccount:/, '');
    if (account === status.user.username) throw new Refused(`${account} is no service account`);
    if (audience === operatorAudience) {
      if (account !== operatorAccount) throw new Refused(`${account} is not the operator`);
      return { type: 'Operator', expiresAt };
    }
    const [namespace = ''] = account.split(':');
    if (audience.startsWith(viewAudience(group, ''))) {
      if (audience !== viewAudience(group, namespace) || !namespacePattern.test(namespace)) {
        throw new Refused(`an account of ${namespace} asks for ${audience}`);
      }
      return { type: 'Viewer', namespace, expiresAt };
    }
    const { name, ...job } = jobOf(audience, namespace);
    return { type: 'Job', job, ...podOf(name, status.user.extra), expiresAt };
  }

  #remember(key: string, bearer: Bearer): void {
    this.#known.delete(key);
    this.#known.set(key, { bearer, askedAt: this.#facts.clock.now() });
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostKnown && oldest !== undefined) this.#known.delete(oldest);
  }
}

/** What the token says of itself; nothing of it is believed before the API server has looked. */
function claimed(token: string): { readonly audience: string; readonly expiresAt: number } {
  const parsed = claims.safeParse(payloadOf(token));
  const audience = parsed.data?.aud.find((each) => each.startsWith(`${group}/`));
  if (!parsed.success || audience === undefined) throw new Refused('the token is not for the bus');
  return { audience, expiresAt: parsed.data.exp * 1000 };
}

function payloadOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  } catch {
    return undefined; // no token of Kubernetes
  }
}

const plainName = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const namespacePattern = /^[-a-z0-9]+$/;
const uidPattern = /^[0-9a-f-]{8,64}$/;

/**
 * Kubelet's tokens are bound to their pod, which the API server names; one that somebody asked for
 * without a pod speaks for none.
 */
function podOf(job: string, extra: Readonly<Record<string, readonly string[]>>) {
  const [pod = ''] = extra['authentication.kubernetes.io/pod-uid'] ?? [];
  const [name = ''] = extra['authentication.kubernetes.io/pod-name'] ?? [];
  if (!uidPattern.test(pod)) throw new Refused(`the token for ${job} is bound to no pod`);
  // `<workers of the job>-<index>-<five letters>`, as the Job controller names them; it cuts the
  // first part where it is long.
  const worker = /^(.*)-(\d{1,9})-[a-z0-9]{5}$/.exec(name);
  const workers = new RegExp(`^${job.replaceAll('.', '\\.')}-w\\d+$`);
  const isWorker = worker?.[1] !== undefined && workers.test(worker[1]);
  return { pod, index: isWorker ? Number(worker[2]) : undefined };
}

function jobOf(audience: string, namespace: string): JobOnBus & { readonly name: string } {
  const [, claimedNamespace = '', name = '', uid = ''] = audience.split('/');
  if (audience !== busAudience(group, claimedNamespace, name, uid)) {
    throw new Refused(`${audience} names no job`);
  }
  // A star or a dot in a name would be a right for more than one job.
  if (!plainName.test(name) || !uidPattern.test(uid) || !namespacePattern.test(namespace)) {
    throw new Refused(`${audience} names no job`);
  }
  if (claimedNamespace !== namespace) {
    throw new Refused(`an account of ${namespace} asks for a job of ${claimedNamespace}`);
  }
  return { namespace, name, uid };
}
