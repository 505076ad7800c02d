// `anneal federate FILE --bus URL` with a FederationPeer: a client whose hub is elsewhere.
import { type FineTuneJobSpec, UserError } from '../../../crds/index.ts';
import { parseFederationPeer } from '../../../crds/manifest/federation-peer.ts';
import { PeerBus } from '../../federation/peer-bus.ts';
import { choosePeer } from '../../federation/peer-store.ts';
import { runPeer } from '../../federation/run-peer.ts';
import type { CliConfig } from '../../process/config.ts';
import { perform } from '../local-work/perform.ts';
import { placeOf } from '../local-work/place.ts';
import { onBus } from './bus.ts';
import type { FederateFlags } from './command.ts';
import type { FederateSurroundings } from './run.ts';
import { peerJson, peerLines } from './text.ts';

export async function takePartFromTerminal(
  { file, text }: { readonly file: string; readonly text: string },
  flags: FederateFlags,
  config: CliConfig,
  { worker, write }: FederateSurroundings,
): Promise<number> {
  const { spec, metadata } = parseFederationPeer(text, file);
  requirePeerFlags(file, flags);
  const { name, namespace = 'default' } = metadata;
  using chosen = await choosePeer({ name, namespace, cache: config.cache, spec });
  const { stored } = chosen;
  const view = (flags.output === 'json' ? peerJson : peerLines)(write, stored);
  const own = {
    worker,
    view,
    placeOf: (job: FineTuneJobSpec) => placeOf(file, job, flags, config),
  };
  return await perform(chosen, view, (signals) =>
    onBus(flags, { name, ...signals, view }, (_connection, link) =>
      runPeer(stored, { ...own, ...signals }, new PeerBus(link, spec.federation)),
    ),
  );
}

function requirePeerFlags(file: string, { bus, fresh, makeKeys }: FederateFlags): void {
  if (bus === undefined && makeKeys === undefined) {
    throw new UserError({
      code: 'E_USAGE',
      message: `${file} is a FederationPeer, whose hub is elsewhere; --bus must say where`,
      hint: 'give the address of a NATS server that leads to the hub',
    });
  }
  const wrong = fresh ? '--fresh' : makeKeys === undefined ? undefined : '--make-keys';
  if (wrong === undefined) return;
  throw new UserError({
    code: 'E_USAGE',
    message: `${wrong} is given with the client ${file}; it is for the hub, which decides that for all`,
  });
}
