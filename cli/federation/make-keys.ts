// Keys of a federation over a bus, one for the hub and one for each client, and the accounts that a
// NATS server needs for them: it knows their public halves, and what each account reaches.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nkeys } from 'nats';
import { UserError } from '../../crds/index.ts';
import { type Import, importsOf, largestMessageBytes } from '../../crds/wire/federation-bus.ts';

/** Of a client's account. A process has one connection and a leaf node another. */
const limits = {
  ...{ max_connections: 16, max_leafnodes: 4, max_subscriptions: 512 },
  max_payload: largestMessageBytes,
} as const;

const accountsFile = 'accounts.conf';

/** Keys that are there stay. Returns the files in the folder. */
export async function makeKeys(
  folder: string,
  federation: string,
  clients: readonly string[],
): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const hub = await publicKey(folder, 'hub');
  const keys = new Map<string, string>();
  for (const client of clients) keys.set(client, await publicKey(folder, `client-${client}`));
  await writeFile(join(folder, accountsFile), accountsText(federation, hub, keys));
  return ['hub.key', ...clients.map((client) => `client-${client}.key`), accountsFile];
}

async function publicKey(folder: string, name: string): Promise<string> {
  const path = join(folder, `${name}.key`);
  const made = nkeys.createUser();
  const text = `${Buffer.from(made.getSeed()).toString()}\n`;
  try {
    await writeFile(path, text, { flag: 'wx', mode: 0o600 });
    return made.getPublicKey();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return nkeys.fromSeed(await readKey(path)).getPublicKey();
  }
}

/** The seed in a file that `makeKeys` has written. */
export async function readKey(path: string): Promise<Uint8Array> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw noKey(path, `cannot be read (${cause.code})`, cause);
  });
  const seed = new TextEncoder().encode(text.trim());
  try {
    nkeys.fromSeed(seed);
  } catch (cause) {
    throw noKey(path, 'has no key of a NATS user, which begins with SU', cause);
  }
  return seed;
}

function noKey(path: string, why: string, cause: unknown): UserError {
  const hint =
    'anneal federate FILE --make-keys FOLDER, where the hub is, makes one for each client';
  return new UserError({ code: 'E_USAGE', path, message: `the key ${path} ${why}`, hint, cause });
}

/** What goes between the brackets of `accounts { … }` in the configuration of a server. Pure. */
function accountsText(
  federation: string,
  hub: string,
  clients: ReadonlyMap<string, string>,
): string {
  const hubAccount = quoted(`ANNEAL_${federation}`);
  const own = [...clients].map(([client, key]) => {
    const account = quoted(`ANNEAL_${federation}_${client}`);
    return { key, account, imports: importsOf(federation, client) };
  });
  const exported = Map.groupBy(
    own.flatMap(({ account, imports }) => imports.map((one) => ({ ...one, account }))),
    ({ subject }) => subject,
  );
  return `# Accounts of the federation ${federation}: in the configuration of a NATS server,
#   accounts { include ./${accountsFile} }
# Only public keys. A client reaches what its account imports, and nothing else of the hub's.
${hubAccount} {
  jetstream: enabled
  users: [ { nkey: ${hub} } ]
  exports: [
${[...exported.values()].map(exportText).join('\n')}
  ]
}
${own.map((client) => clientText(hubAccount, client)).join('')}`;
}

function exportText(shared: readonly (Import & { readonly account: string })[]): string {
  const [first] = shared;
  const many = first?.answers === 'many' ? ', response: stream' : '';
  const accounts = shared.map(({ account }) => account).join(', ');
  return `    { service: ${quoted(first?.subject ?? '')}${many}, accounts: [ ${accounts} ] }`;
}

interface ClientAccount {
  readonly key: string;
  readonly account: string;
  readonly imports: readonly Import[];
}

function clientText(hub: string, { key, account, imports }: ClientAccount): string {
  const lines = imports.map(
    ({ as, subject }) =>
      `    { service: { account: ${hub}, subject: ${quoted(subject)} }, to: ${quoted(as)} }`,
  );
  return `${account} {
  users: [ { nkey: ${key} } ]
  limits: ${JSON.stringify(limits)}
  imports: [
${lines.join('\n')}
  ]
}
`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
