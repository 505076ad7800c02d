// A federation whose hub and clients are objects of the cluster. Two namespaces stand for two
// parties: one has the hub, the bus and a client, the other a client. A client is killed while it
// trains, and the pod of the hub is deleted; the adapter has the bits of `anneal federate` on one
// machine.
import { chmod, cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PartyStatus } from '../../crds/api/federation-party.ts';
import type { PartyRole } from '../../operator/federation/party.ts';
import { eventually } from '../doubles/eventually.ts';
import {
  aFederationOnClaims,
  clientsOnClaims,
  partyOnClaims,
} from '../e2e/federation-on-claims.ts';
import { federate, resultOf } from '../e2e/federation-run.ts';
import { annealOn } from './a-real-job.ts';
import { aNamespace, getJson, installCrd, kubectl, listJson, type Plural } from './access.ts';
import { aFederationBus } from './federation-bus.ts';
import { installAnneal, loadImages } from './installed.ts';
import { test } from './our-cluster.ts';
import { killContainers } from './pod-processes.ts';
import { aSharedFolder } from './shared-folder.ts';

test.before(async (t) => {
  t.timeout(1_800_000);
  await installCrd();
  await loadImages();
});

test('hub and clients in pods, killed and deleted: the bits of one machine', async (t) => {
  t.timeout(900_000);
  // Long enough that a client is seen in the middle of it.
  const local = await aFederationOnClaims(t, 300);
  const calm = await federate(local, local.cache, {});
  t.is(calm.code, 0, calm.stderr);
  const expected = resultOf(local);
  await rm(local.destination, { recursive: true });

  const [hubs, others] = [await aNamespace(t), await aNamespace(t)];
  const release = await installAnneal(t, [hubs, others], { features: { federations: true } });
  const bus = await aFederationBus(t, hubs, 'toy', clientsOnClaims);
  const folder = await aSharedFolder(hubs, 'toy');
  const far = await aSharedFolder(others, 'toy');
  await cp(local.folder, folder, {
    recursive: true,
    filter: (path) => !/north\.jsonl$/.test(path),
  });
  await cp(local.folder, far, { recursive: true, filter: (path) => !/south\.jsonl$/.test(path) });
  const out = join(folder, 'out');
  await mkdir(out, { recursive: true });
  for (const each of [out, join(folder, 'state'), join(far, 'state')]) {
    await mkdir(each, { recursive: true });
    await chmod(each, 0o777);
  }
  await bus.secret(hubs, 'hub-key', 'hub');
  await bus.secret(hubs, 'south-key', 'client-south');

  const party = (role: PartyRole, name: string, secret: string) =>
    partyOnClaims(role, name, local.spec, { url: bus.url, secret });
  await apply(hubs, party('hub', 'toy', 'hub-key'));
  await apply(hubs, party('client', 'south', 'south-key'));
  await apply(others, party('client', 'north', 'north-key'));

  // The key of north is not there yet.
  const waits = await until(others, 'federationpeers', 'north', 'it waits for its key', (status) =>
    status.conditions?.some(({ reason }) => reason === 'SecretNotFound'),
  );
  t.regex(waits.message ?? '', /^Secret north-key is not there; the pod waits for it/);
  t.log((await annealOn(others, release.namespace, ['why', 'north'])).stdout);
  await bus.secret(others, 'north-key', 'client-north');

  await until(others, 'federationpeers', 'north', 'north trains', ({ message = '' }) =>
    /^north step/.test(message),
  );
  const [training] = await podsOf(others, 'north');
  killContainers(training?.metadata.uid ?? '');
  await until(hubs, 'federations', 'toy', 'a round is over', ({ round }) => round === 1);
  const [first] = await podsOf(hubs, 'toy', 'federation-hub');
  await kubectl(['-n', hubs, 'delete', 'pod', first?.metadata.name ?? '', '--wait=false']);

  const done = await until(hubs, 'federations', 'toy', 'the hub is done', ended);
  t.is(done.phase, 'Succeeded', JSON.stringify(done));
  t.is(done.progress, '2/2');
  t.like(done.clients, { summary: '2/2', used: ['north', 'south'], refused: [] });
  for (const [namespace, name] of [
    [others, 'north'],
    [hubs, 'south'],
  ] as const) {
    const status = await until(namespace, 'federationpeers', name, `${name} is done`, ended);
    t.is(status.phase, 'Succeeded', JSON.stringify(status));
    t.is(status.submitted, 2);
  }
  t.deepEqual(resultOf({ file: '', folder, destination: out }), expected);
  const [last] = await podsOf(hubs, 'toy', 'federation-hub');
  t.not(last?.metadata.uid, first?.metadata.uid, 'another pod of the hub went on');
  const pods = await podsOf(others, 'north');
  t.true(pods.length === 2, `${pods.length} pods: one was killed`);
  for (const each of ['federations', 'federationpeers']) {
    t.log((await kubectl(['-n', hubs, 'get', each])).stdout);
  }
  const { stdout } = await annealOn(hubs, release.namespace, ['list']);
  t.regex(stdout, /^toy +✓ Succeeded +2\/2 +2\/2 /m);
  t.regex(stdout, /^south \(client\) +✓ Succeeded +2\/2 /m);
  t.log(stdout);

  // Nothing of it is left, but for what it made.
  await kubectl(['-n', hubs, 'delete', 'federation', 'toy']);
  const kinds = ['jobs', 'pods'] as const;
  const left = async () =>
    (
      await Promise.all(kinds.map((kind) => listJson(hubs, kind, 'anneal.dev/federation-name=toy')))
    ).flat();
  await eventually('its Job and pods are gone', async () => (await left()).length === 0, {
    ...{ withinMs: 120_000, everyMs: 500 },
  });
  t.truthy(await readFile(join(out, 'federation.json'), 'utf8'));
});

async function apply(namespace: string, object: object): Promise<void> {
  await kubectl(['-n', namespace, 'apply', '-f', '-'], { input: JSON.stringify(object) });
}

function ended({ phase }: PartyStatus): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

async function until(
  namespace: string,
  plural: Plural,
  name: string,
  what: string,
  holds: (status: PartyStatus) => boolean | undefined,
): Promise<PartyStatus> {
  const status = async (): Promise<PartyStatus> => {
    const { status: found = {} } = await getJson(namespace, plural, name);
    return found as PartyStatus;
  };
  try {
    await eventually(what, async () => holds(await status()) === true, {
      ...{ withinMs: 300_000, everyMs: 300 },
    });
  } catch (error) {
    throw new Error(`${what}: ${JSON.stringify(await status())}`, { cause: error });
  }
  return status();
}

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
}

async function podsOf(namespace: string, name: string, component = 'federation-client') {
  const labels = `anneal.dev/federation-name=${name},anneal.dev/component=${component}`;
  return (await listJson(namespace, 'pods', labels)) as readonly Pod[];
}
