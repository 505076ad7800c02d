// The connection of a hub or a client to the others, from the flags of the command.
import { readFile } from 'node:fs/promises';
import { toAnnealError, UserError } from '../../../crds/index.ts';
import { Connection } from '../../../crds/wire/connection.ts';
import { FederationLink } from '../../../crds/wire/federation-link.ts';
import type { LocalOutcome } from '../../client/local-run.ts';
import { readKey } from '../../federation/make-keys.ts';
import type { FederateFlags } from './command.ts';

/** A server that is there answers sooner. */
const lateMs = 10_000;

interface Signals {
  /** Shown by the server. */
  readonly name: string;
  readonly stop: AbortSignal;
  readonly view: { progress(who: string, words: string): void; warn(sentence: string): void };
}

/** A connection until `act` has ended; a stop while nobody answers is one. */
export async function onBus(
  { bus: url = '', key, authority }: FederateFlags,
  { name, stop, view }: Signals,
  act: (connection: Connection, link: FederationLink) => Promise<LocalOutcome>,
): Promise<LocalOutcome> {
  const options = {
    ...{ url, name: `anneal federate ${name}` },
    ...(key !== undefined && { seed: await readKey(key) }),
    ...(authority !== undefined && { authority: await readAuthority(authority) }),
  };
  view.progress('bus', `connecting to ${url}`);
  const late = setTimeout(() => view.warn(`${unreached(options)}; it is tried again`), lateMs);
  try {
    await using connection = await Connection.connect(options, stop);
    clearTimeout(late);
    const link = new FederationLink(connection, stop, (sentence) =>
      view.warn(`${sentence}; it is asked again`),
    );
    return await act(connection, link);
  } catch (error) {
    return stop.aborted ? { type: 'Stopped' } : { type: 'Failed', error: toAnnealError(error) };
  } finally {
    clearTimeout(late);
  }
}

function unreached({ url, authority }: { readonly url: string; readonly authority?: string }) {
  const trust = authority === undefined ? 'a public authority' : '--authority';
  const unless = url.includes('tls://') ? ` with a certificate that ${trust} has signed` : '';
  return `no server answers at ${url}${unless}`;
}

export function requireBusFlags({ bus, key, authority, makeKeys }: FederateFlags): void {
  const idle = bus !== undefined ? [] : Object.entries({ key, authority });
  const [flag] = idle.find(([, value]) => value !== undefined) ?? [];
  if (flag !== undefined) {
    throw new UserError({
      code: 'E_USAGE',
      message: `--${flag} is given without --bus, which it is for`,
      hint: 'give the address of a NATS server as well',
    });
  }
  if (makeKeys === undefined || bus === undefined) return;
  throw new UserError({
    code: 'E_USAGE',
    message: '--make-keys writes keys and ends, and --bus runs a hub or a client; give one of them',
  });
}

async function readAuthority(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const message = `the authority ${path} cannot be read (${cause.code})`;
    throw new UserError({ code: 'E_USAGE', path, message });
  });
}
