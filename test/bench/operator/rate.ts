// How fast objects become jobs of the batch API, and what that costs: bursts of ours and of the
// peers in turns, on one API server.
import type { Setup } from '../../../cli/setup/setup.ts';
import type { Transport } from '../../../operator/runtime/transport.ts';
import { aClaim, configFrom, kubectl, transportTo } from '../../cluster/access.ts';
import { eventually } from '../../doubles/eventually.ts';
import { spread } from '../train/table.ts';
import { type BurstResult, collectionOf, runBurst } from './burst.ts';
import { allOfOurs, type Contender, ours, peers, runtimes } from './contenders.ts';
import { writesOf } from './operator-page.ts';
import { openOperator } from './our-operator.ts';
import { type Used, usedBy } from './processes.ts';

export interface RateOptions {
  readonly rounds: number;
  readonly count: number;
  /** Without them only our own figures are taken. */
  readonly withPeers: boolean;
}

interface Round extends BurstResult {
  readonly contender: string;
  readonly processorMs: number;
  readonly controlPlaneMs: number;
  readonly residentBytes: number;
  readonly objects: number | undefined;
  readonly writes: number | undefined;
}

const isControlPlane = (line: string) =>
  /^(etcd|kube-(apiserver|controller-manager|scheduler)) /.test(line);

export async function measureRate(setup: Setup, options: RateOptions): Promise<string> {
  const { rounds, count, withPeers } = options;
  const contenders = withPeers ? [...allOfOurs, ...peers] : allOfOurs;
  for (const runtime of withPeers ? runtimes : []) {
    await kubectl(['apply', '-f', '-'], { input: JSON.stringify(runtime) });
  }
  const namespaces = new Set(contenders.map(({ namespace }) => namespace));
  for (const namespace of namespaces) await kubectl(['create', 'namespace', namespace]);
  await aClaim(ours.namespace, 'notes');
  await using operator = await openOperator(ours.namespace);
  await using transport = transportTo(configFrom(), 60_000);
  const results: Round[] = [];
  // The first round warms caches and connections of all, and counts for nobody.
  for (let round = 0; round <= rounds; round++) {
    for (const [turn] of contenders.entries()) {
      const contender = contenders[(turn + round) % contenders.length] ?? ours;
      // No name twice in a namespace: what is deleted may be seen for a while.
      const series = round * contenders.length + contenders.indexOf(contender);
      const names = Array.from({ length: count }, (_, i) => `b${series}-${i}`);
      const isOurs = allOfOurs.includes(contender);
      const writes = () => (isOurs ? writesOf(operator.port) : undefined);
      const result = await oneRound(transport, contender, names, writes, setup.signal);
      setup.steps.note(lineOf(result));
      if (round > 0) results.push(result);
    }
  }
  const names = contenders.map(({ name }) => name);
  return tableOf(names, results, `Bursts of ${count}, ${rounds} rounds; median (least–most)`);
}

async function oneRound(
  transport: Transport,
  contender: Contender,
  names: readonly string[],
  writes: () => Promise<number> | undefined,
  signal: AbortSignal,
): Promise<Round> {
  const { name, isProcess } = contender;
  if (contender.isPrepared) await prepareFor(transport, contender, names, signal);
  const [own, plane] = [usedBy(isProcess), usedBy(isControlPlane)];
  const written = await writes();
  const burst = await runBurst(transport, { contender, names }, signal);
  const after = usedBy(isProcess);
  const objects = written === undefined ? undefined : await objectsIn(transport, contender, signal);
  const each = (before: Used, now: Used) => (1000 * (now.seconds - before.seconds)) / names.length;
  const result: Round = {
    ...burst,
    contender: name,
    processorMs: each(own, after),
    controlPlaneMs: each(plane, usedBy(isControlPlane)),
    residentBytes: after.residentBytes,
    objects: objects === undefined ? undefined : objects / names.length,
    writes: written === undefined ? undefined : (((await writes()) ?? 0) - written) / names.length,
  };
  await clean(transport, contender, signal);
  return result;
}

/** A job before them, until its worker Job is there: what it was asked for is in place. */
async function prepareFor(
  transport: Transport,
  contender: Contender,
  [first = '']: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const names = [first.replace(/-\d+$/, '-999999')];
  await runBurst(transport, { contender, names }, signal);
}

const made = [
  ['/apis/batch/v1', 'jobs'],
  ['/api/v1', 'configmaps'],
  ['/api/v1', 'services'],
  ['/apis/networking.k8s.io/v1', 'networkpolicies'],
] as const;

interface List {
  readonly items: readonly { readonly reportingController?: string }[];
}

/** What the operator has made: objects that carry its label, and its events. */
async function objectsIn(
  transport: Transport,
  { namespace }: Contender,
  signal: AbortSignal,
): Promise<number> {
  const list = async (place: string, query = {}): Promise<List['items']> => {
    const path = place.replace('*', namespace);
    return ((await transport.send({ verb: 'GET', path, query }, signal)) as List).items;
  };
  const labelSelector = 'app.kubernetes.io/managed-by=anneal.dev';
  let count = 0;
  for (const [version, plural] of made) {
    count += (await list(`${version}/namespaces/*/${plural}`, { labelSelector })).length;
  }
  const events = await list('/apis/events.k8s.io/v1/namespaces/*/events');
  return (
    count + events.filter(({ reportingController }) => isOurOperator(reportingController)).length
  );
}

const isOurOperator = (controller = '') => controller.startsWith('anneal.dev');

/** The next round begins with nothing of this one left. */
async function clean(transport: Transport, contender: Contender, signal: AbortSignal) {
  const { namespace } = contender;
  const path = collectionOf(contender);
  await transport.send({ verb: 'DELETE', path }, signal);
  // Those of one round must not be counted in the next.
  const events = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
  await transport.send({ verb: 'DELETE', path: events }, signal);
  const places = [
    path,
    `/apis/batch/v1/namespaces/${namespace}/jobs`,
    `/api/v1/namespaces/${namespace}/pods`,
  ];
  const isClean = async (): Promise<boolean> => {
    for (const place of places) {
      const query = { limit: 1 };
      const found = await transport.send({ verb: 'GET', path: place, query }, signal);
      if ((found as { items: unknown[] }).items.length > 0) return false;
    }
    return true;
  };
  await eventually('the namespace is empty', isClean, { withinMs: 300_000, everyMs: 500 });
}

const p99 = ({ latencies }: BurstResult['first']): number =>
  (latencies[Math.ceil(0.99 * latencies.length) - 1] ?? Number.NaN) / 1000;

const rate = ({ latencies, seconds }: BurstResult['first']): number => latencies.length / seconds;

function lineOf({ contender, first, workers, processorMs }: Round): string {
  const [one, all] = [rate(first).toFixed(1), rate(workers).toFixed(1)];
  const wait = p99(workers).toFixed(2);
  return `${contender}: ${one} first jobs/s, ${all} worker jobs/s, p99 ${wait} s, ${processorMs.toFixed(0)} ms of processor a job`;
}

function tableOf(names: readonly string[], rounds: readonly Round[], title: string): string {
  const rows = names.map((name) => {
    const own = rounds.filter(({ contender }) => contender === name);
    const cell = (value: (round: Round) => number | undefined, digits: number): string => {
      const values = own.map(value).filter((each) => each !== undefined);
      return spread(values, digits);
    };
    const cells = [
      cell(({ first }) => rate(first), 1),
      cell(({ workers }) => rate(workers), 1),
      cell(({ workers }) => p99(workers), 2),
      cell(({ processorMs }) => processorMs, 0),
      cell(({ controlPlaneMs }) => controlPlaneMs, 0),
      cell(({ residentBytes }) => residentBytes / 2 ** 20, 0),
      cell(({ objects }) => objects, 1),
      cell(({ writes }) => writes, 1),
    ];
    return `| ${name} | ${cells.join(' | ')} |`;
  });
  return [
    title,
    '',
    '| | first Job, jobs/s | worker Job, jobs/s | p99, s | controller, ms a job | control plane, ms a job | MiB | objects a job | writes a job |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}
