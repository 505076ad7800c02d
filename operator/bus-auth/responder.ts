// Answers the question that NATS servers ask for each new connection: who is that, and what may it do? Any number of responders share the
// questions. A refusal says nothing to the client; the log has the reason.
import { connect, type Msg, type NatsConnection, nkeyAuthenticator } from 'nats';
import * as z from 'zod';
import type { Clock } from '../runtime/clock.ts';
import { type Bearer, type Bearers, Refused } from './bearer.ts';
import { type BusKeys, signedClaims } from './keys.ts';
import { jobRights, operatorRights, type Rights, viewRights } from './rights.ts';
import { busAccount } from './server-config.ts';

interface ResponderFacts {
  readonly keys: BusKeys;
  readonly bearers: Bearers;
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
  readonly caFile?: string | undefined;
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
  { url, name, caFile }: ResponderConnection,
  { responder }: BusKeys,
): Promise<NatsConnection> {
  return connect({
    servers: url.split(','),
    name,
    authenticator: nkeyAuthenticator(responder.getSeed()),
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    ...(caFile === undefined ? {} : { tls: { caFile } }),
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
  { bearers, keys, tell }: ResponderFacts,
  signal: AbortSignal,
): Promise<{ readonly jwt: string } | { readonly error: string }> {
  const client = `${asked.client_info.name} ${asked.client_info.host}`.trim();
  try {
    const bearer = await bearers.bearerOf(asked.connect_opts.auth_token, signal);
    tell({ type: 'Admitted', bearer, client });
    return { jwt: signedClaims(userClaims(asked.user_nkey, bearer), keys.issuer) };
  } catch (error) {
    if (error instanceof Refused) {
      tell({ type: 'Refused', why: error.message, client });
      return { error: 'refused' };
    }
    tell({ type: 'Unanswered', error, client });
    return { error: 'nobody could be asked' };
  }
}

function userClaims(userKey: string, bearer: Bearer) {
  const { name, rights } = userOf(bearer);
  return {
    ...{ name, sub: userKey, aud: busAccount },
    // Then the server closes the connection, and the client comes back with the token that kubelet put in its place.
    exp: seconds(bearer.expiresAt),
    nats: {
      ...{ type: 'user', version: 2, subs: -1, data: -1, payload: -1 },
      ...permissions(rights),
    },
  };
}

function userOf(bearer: Bearer): { readonly name: string; readonly rights: Rights } {
  switch (bearer.type) {
    case 'Operator':
      return { name: 'operator', rights: operatorRights };
    case 'Viewer':
      return { name: `view.${bearer.namespace}`, rights: viewRights(bearer.namespace) };
    case 'Job': {
      const { namespace, uid } = bearer.job;
      return { name: `${namespace}.${uid}`, rights: jobRights(bearer.job) };
    }
  }
}

function permissions({ publish, subscribe }: Rights) {
  return { pub: { allow: publish }, sub: { allow: subscribe } };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

/** The question is a token signed by the server; it comes on a subject that only servers publish to. */
function read(data: Uint8Array): Question | undefined {
  try {
    const payload = Buffer.from(data).toString().split('.')[1] ?? '';
    return question.parse(JSON.parse(Buffer.from(payload, 'base64url').toString())).nats;
  } catch {
    return undefined;
  }
}
