// The auth callout of NATS: for each new connection, the server asks who it is and what it may do.
// Replicas share the questions. A refusal says nothing to the client; the log has the reason.
import { connect, type Msg, type NatsConnection, nkeyAuthenticator } from 'nats';
import * as z from 'zod';
import type { Clock } from '../../crds/clock.ts';
import { jobPrefix } from '../../crds/wire/subjects.ts';
import { type Bearer, type Bearers, Refused } from './bearer.ts';
import { type BusKeys, signedClaims } from './keys.ts';
import { operatorRights, podRights, type Rights, viewRights } from './rights.ts';
import { account } from './server-config.ts';
import type { Visits } from './visits.ts';

interface ResponderFacts {
  readonly keys: BusKeys;
  readonly bearers: Bearers;
  readonly visits: Visits;
  readonly clock: Clock;
  readonly tell: (event: ResponderEvent) => void;
}

export type ResponderEvent =
  | { readonly type: 'Admitted'; readonly bearer: Bearer; readonly client: string }
  | { readonly type: 'Refused'; readonly why: string; readonly client: string }
  | { readonly type: 'Unanswered'; readonly error: unknown; readonly client: string };

interface ResponderConnection {
  readonly url: string;
  readonly name: string;
  readonly authority?: string | undefined;
}

const question = z.object({
  nats: z.object({
    user_nkey: z.string(),
    server_id: z.object({ id: z.string() }),
    connect_opts: z.object({ auth_token: z.string().default('') }).prefault({}),
    client_info: z
      .object({ name: z.string().default(''), host: z.string().default('') })
      .prefault({}),
  }),
});

type Question = z.output<typeof question>['nats'];

const subject = '$SYS.REQ.USER.AUTH';

export function connectResponder(
  { url, name, authority }: ResponderConnection,
  { responder }: BusKeys,
): Promise<NatsConnection> {
  return connect({
    servers: url.split(','),
    name,
    authenticator: nkeyAuthenticator(responder.getSeed()),
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    ...(authority === undefined ? {} : { tls: { ca: authority } }),
  });
}

/** Answers until the connection is closed or the signal aborted. */
export async function respond(
  connection: NatsConnection,
  facts: ResponderFacts,
  signal: AbortSignal,
): Promise<void> {
  const asked = connection.subscribe(subject, { queue: 'bus-auth' });
  const stop = () => asked.unsubscribe();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const open = new Set<Promise<void>>();
  for await (const message of asked) {
    const work = answer(message, facts, signal).finally(() => open.delete(work));
    open.add(work);
  }
  await Promise.all(open);
}

async function answer(message: Msg, facts: ResponderFacts, signal: AbortSignal): Promise<void> {
  const asked = read(message.data);
  if (asked === undefined) return; // not from a server
  const response = await judge(asked, facts, signal);
  const { user_nkey: sub, server_id } = asked;
  const claims = {
    ...{ sub, aud: server_id.id, iat: seconds(facts.clock.now()) },
    nats: { type: 'authorization_response', version: 2, ...response },
  };
  message.respond(Buffer.from(signedClaims(claims, facts.keys.issuer)));
}

async function judge(
  asked: Question,
  facts: ResponderFacts,
  signal: AbortSignal,
): Promise<{ readonly jwt: string } | { readonly error: string }> {
  const { bearers, keys, tell, visits, clock } = facts;
  const { host } = asked.client_info;
  const client = `${asked.client_info.name} ${host}`.trim();
  try {
    if (!visits.host(host, clock.now())) throw new Refused('this host connects too often');
    const bearer = await bearers.bearerOf(asked.connect_opts.auth_token, signal);
    const user = userOf(bearer);
    if (!visits.user(user.name, bearer.type, clock.now()))
      throw new Refused(`${user.name} connects too often`);
    tell({ type: 'Admitted', bearer, client });
    return { jwt: signedClaims(userClaims(asked.user_nkey, bearer, user), keys.issuer) };
  } catch (error) {
    if (error instanceof Refused) {
      tell({ type: 'Refused', why: error.message, client });
      return { error: 'refused' };
    }
    tell({ type: 'Unanswered', error, client });
    return { error: 'nobody could be asked' };
  }
}

interface BusUser {
  readonly name: string;
  readonly account: string;
  readonly rights: Rights;
}

function userClaims(userKey: string, bearer: Bearer, { name, account, rights }: BusUser) {
  return {
    ...{ name, sub: userKey, aud: account },
    // Then the server closes the connection, and the client comes back with the token that kubelet
    // put in its place.
    exp: seconds(bearer.expiresAt),
    nats: {
      // Servers keep to no limit of these where a responder sets them: those of the account hold.
      ...{ type: 'user', version: 2, subs: -1, data: -1, payload: -1 },
      allowed_connection_types: ['STANDARD'],
      ...permissions(rights),
    },
  };
}

function userOf(bearer: Bearer): BusUser {
  switch (bearer.type) {
    case 'Operator':
      return { name: 'operator', account: account.bus, rights: operatorRights };
    case 'Viewer': {
      const { namespace } = bearer;
      const rights = viewRights(namespace);
      return { name: `view.${namespace}`, account: account.workers, rights };
    }
    case 'Job': {
      const { job, pod, index } = bearer;
      const rights = podRights(job, pod, index);
      return { name: `${jobPrefix(job)}.${pod}`, account: account.workers, rights };
    }
  }
}

function permissions({ publish, subscribe }: Rights) {
  return { pub: { allow: publish }, sub: { allow: subscribe } };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

/**
 * The question is a token signed by the server; it comes on a subject that only servers publish to.
 */
function read(data: Uint8Array): Question | undefined {
  try {
    const payload = Buffer.from(data).toString().split('.')[1] ?? '';
    return question.parse(JSON.parse(Buffer.from(payload, 'base64url').toString())).nats;
  } catch {
    return undefined;
  }
}
