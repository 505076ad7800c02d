// What a NATS server has to know about authorisation: accounts, and whom to ask. Holds public keys only.
import type { BusKeys } from './keys.ts';

/** Account of all jobs and of the operator. */
export const busAccount = 'ANNEAL';

export function serverConfig({ issuer, responder }: BusKeys): string {
  const user = responder.getPublicKey();
  return `# Printed from the keys of the bus. Every connection but the responder's own is judged by the responder.
accounts {
  ${busAccount} { jetstream: enabled }
  AUTH { users: [ { nkey: ${user} } ] }
  SYS { }
}
system_account: SYS
authorization {
  timeout: 10
  auth_callout {
    issuer: ${issuer.getPublicKey()}
    account: AUTH
    auth_users: [ ${user} ]
  }
}
`;
}
