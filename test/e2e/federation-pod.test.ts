// The program of the pods of a federation with what the operator tells it, as processes of this
// machine: one is killed while it trains, one is stopped as kubelet does; the end has the bits of
// `anneal federate`. What each tells of itself is what the operator would read.
import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { freePort } from '../../cli/client/free-port.ts';
import {
  federationVariable,
  type PartyProgress,
  parseProgress,
  partyProgress,
  podFederation,
} from '../../crds/wire/federation-pod.ts';
import { jobFor } from '../../operator/federation/objects.ts';
import { parties } from '../../operator/federation/observed.ts';
import type { PartyRole } from '../../operator/federation/party.ts';
import { someSettings } from '../builders/built-job.ts';
import { FederationServers } from '../doubles/federation-servers.ts';
import type { Tree } from '../doubles/kube/patches.ts';
import { aFederationOnClaims, clientsOnClaims, partyOnClaims } from './federation-on-claims.ts';
import { type FederationLine, federate, resultOf } from './federation-run.ts';

const program = join(import.meta.dirname, '../../cli/commands/federate/pod-main.ts');
const meta = { uid: 'uid', resourceVersion: '1', creationTimestamp: '', namespace: 'team' };

/** What the container of the Job is told, with paths and addresses of this machine. */
function toldTo(role: PartyRole, written: Tree, here: object) {
  const metadata = { ...(written['metadata'] as Tree), ...meta };
  const party = parties[role].read({ ...written, metadata });
  const { accepted, problem } = party;
  if (accepted === undefined) throw new Error(problem);
  const [container] = jobFor({ ...party, accepted }, someSettings).spec.template.spec.containers;
  const told = podFederation.parse(JSON.parse(container?.env?.[0]?.value ?? ''));
  return JSON.stringify({ ...told, ...here });
}

class PodOfMachine {
  readonly #told: string;
  readonly #log: string;
  readonly #port: number;

  constructor(told: string) {
    this.#told = told;
    ({ log: this.#log, port: this.#port } = podFederation.parse(JSON.parse(told)));
  }

  /** Until it ends; `see` may end it. */
  async run(see: (line: FederationLine, end: (signal: NodeJS.Signals) => void) => void) {
    const child = spawn(process.execPath, [program], {
      env: { ...process.env, [federationVariable]: this.#told },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    // kubelet tells the first process alone to end, and kills all of them.
    const end = (signal: NodeJS.Signals) =>
      void process.kill(signal === 'SIGKILL' ? -(child.pid ?? 0) : (child.pid ?? 0), signal);
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.endsWith('}')) see(JSON.parse(line), end);
    });
    return await new Promise<number | null>((resolve) => child.on('close', resolve));
  }

  async asked(): Promise<PartyProgress> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/progress`);
    return partyProgress.parse(await answer.json());
  }

  async lastWord(): Promise<PartyProgress | undefined> {
    return parseProgress(await readFile(this.#log, 'utf8').catch(() => ''));
  }
}

test.serial('pods of hub and clients, killed and stopped: the bits of one machine', async (t) => {
  t.timeout(600_000);
  const local = await aFederationOnClaims(t, 6);
  const calm = await federate(local, local.cache, {});
  t.is(calm.code, 0, calm.stderr);
  const expected = resultOf(local);
  await rm(local.destination, { recursive: true });

  await using servers = await FederationServers.start('toy', clientsOnClaims, 'south');
  const pod = async (role: PartyRole, name: string) => {
    const url = servers.url('hub');
    const written = partyOnClaims(role, name, local.spec, { url, secret: 'key' });
    const key = servers.key(role === 'hub' ? 'hub' : `client-${name}`);
    const volumes = { toy: local.folder };
    const state = join(local.cache, `state-${name}`);
    const own = { log: join(local.cache, `log-${name}`), port: await freePort() };
    return new PodOfMachine(toldTo(role, written, { key, volumes, state, ...own }));
  };
  const hub = await pod('hub', 'toy');
  const [north, south] = [await pod('client', 'north'), await pod('client', 'south')];

  let told: Promise<PartyProgress> | undefined;
  const killed = async () => {
    const code = await north.run((line, end) => {
      if (line.type !== 'progress' || line.words !== 'step 3 of 6' || told !== undefined) return;
      told = north.asked().finally(() => end('SIGKILL'));
    });
    t.is(code, null);
    t.is(await north.lastWord(), undefined, 'it had no time for one');
    return north.run(() => {});
  };
  const stopped = async () => {
    let isOver = false;
    const code = await hub.run((line, end) => {
      if (line.type === 'round' && line.round === 1) isOver = true;
      if (isOver && line.type === 'progress' && line.words === 'submitted') end('SIGTERM');
    });
    t.is(code, 75, 'a planned stop, which no Job counts');
    t.like(await hub.lastWord(), { state: 'Stopped', round: 1, rounds: 2 });
    return hub.run(() => {});
  };
  const codes = await Promise.all([stopped(), killed(), south.run(() => {})]);
  t.deepEqual(codes, [0, 0, 0]);
  t.like(await told, { ...{ state: 'Running', isConnected: true }, ...{ round: 1, rounds: 2 } });
  t.like(await north.lastWord(), { state: 'Complete', submitted: 2 });
  const last = await hub.lastWord();
  t.like(last, { state: 'Complete', round: 2, clients: { used: ['north', 'south'], refused: [] } });
  t.is(typeof last?.loss, 'number');
  t.deepEqual(resultOf(local), expected);
});
