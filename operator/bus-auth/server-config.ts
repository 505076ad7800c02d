// What a NATS server has to know about authorisation: accounts, and whom to ask. Holds public keys
// only.
//
// Two accounts, because JetStream answers to whatever subject a request names, without a check that
// the requester may publish there. BUS has JetStream, and only the operator and the gateway are in
// it. WORKERS has none, so pods and people find nothing there that would publish for them. The one
// thing that goes from BUS to WORKERS by itself is the notice that something has changed.
import { republished } from '../../crds/wire/subjects.ts';
import type { BusKeys } from './keys.ts';
import { counterRights, type Rights, storeRights } from './rights.ts';

export const account = { bus: 'BUS', workers: 'WORKERS' } as const;

/**
 * Room for the operator and the gateway, whatever the workers do: a server takes 65,536
 * connections. Limits of single users do not hold for those whom a responder lets in, so these are
 * of everybody here: a pod needs five subscriptions, and a gateway makes more connections where it
 * needs more.
 */
const limits = { max_connections: 60_000, max_subscriptions: 4_096 } as const;

export function serverConfig({ issuer, responder, store, counter }: BusKeys): string {
  const told = Object.values(republished).map(({ dest }) => dest);
  const exported = told.map(
    (subject) => `{ stream: "${subject}", accounts: [ ${account.workers} ] }`,
  );
  const imported = told.map(
    (subject) => `{ stream: { account: ${account.bus}, subject: "${subject}" } }`,
  );
  const callers = [responder, store, counter].map((key) => key.getPublicKey());
  return `# Printed from the keys of the bus. Every connection but those of the responder and the gateway is judged by the responder.
accounts {
  ${account.bus} {
    jetstream: enabled
    exports: [ ${exported.join(', ')} ]
    users: [ { nkey: ${store.getPublicKey()}, permissions: ${permissions(storeRights)} } ]
  }
  ${account.workers} {
    limits: ${JSON.stringify(limits)}
    imports: [ ${imported.join(', ')} ]
    users: [ { nkey: ${counter.getPublicKey()}, permissions: ${permissions(counterRights)} } ]
  }
  AUTH { users: [ { nkey: ${responder.getPublicKey()} } ] }
  SYS { }
}
system_account: SYS
authorization {
  timeout: 10
  auth_callout {
    issuer: ${issuer.getPublicKey()}
    account: AUTH
    auth_users: [ ${callers.join(', ')} ]
  }
}
`;
}

function permissions({ publish, subscribe }: Rights): string {
  return JSON.stringify({ publish: { allow: publish }, subscribe: { allow: subscribe } });
}
