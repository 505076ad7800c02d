// npm run bench -- operator [--rounds N] [--burst N]: how fast objects become jobs of the batch API, beside Kubeflow Trainer on the same
// API server. Pods run on nodes that exist only in the API, so that the machine's two cores go to control planes alone.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Setup } from '../../../cli/setup/setup.ts';
import type { LastWords } from '../../../crds/wire/last-words.ts';
import type { Transport } from '../../../operator/runtime/transport.ts';
import { aWrittenJob, changed } from '../../builders/job.ts';
import { eventually } from '../../doubles/eventually.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';
import { clusterVariables, startCluster } from '../../setup/cluster/cluster.ts';
import { ensureClusterPeers, installClusterPeers } from '../../setup/cluster/peers.ts';
import { type BurstResult, runBurst } from './burst.ts';
import { type Used, usedBy } from './processes.ts';

interface Contender {
  readonly name: string;
  readonly namespace: string;
  readonly plural: string;
  readonly group: string;
  readonly body: (name: string) => object;
  readonly jobOf: RegExp;
  readonly isProcess: (commandLine: string) => boolean;
}

interface Round extends BurstResult {
  readonly contender: string;
  readonly processorSeconds: number;
  readonly residentBytes: number;
}

const ours: Contender = {
  ...{ name: 'Anneal', namespace: 'bench-ours', plural: 'finetunejobs' },
  group: 'anneal.dev/v1alpha1',
  body: (name) => ({
    ...changed(aWrittenJob(), { 'spec.worker.devicesPerWorker': 0 }),
    metadata: { name },
  }),
  jobOf: /^(b\d{4})-w1$/,
  isProcess: (line) => line.includes('operator/main.ts'),
};

const peer: Contender = {
  ...{ name: 'Kubeflow Trainer', namespace: 'bench-peer', plural: 'trainjobs' },
  group: 'trainer.kubeflow.org/v1alpha1',
  body: (name) => ({
    ...{ apiVersion: 'trainer.kubeflow.org/v1alpha1', kind: 'TrainJob', metadata: { name } },
    spec: { runtimeRef: { name: 'bench' } },
  }),
  jobOf: /^(b\d{4})-node-0$/,
  isProcess: (line) => line.startsWith('/manager '),
};

/** One pod with one container, as our worker Job has. */
const runtime = {
  ...{ apiVersion: 'trainer.kubeflow.org/v1alpha1', kind: 'ClusterTrainingRuntime' },
  metadata: { name: 'bench', labels: { 'trainer.kubeflow.org/framework': 'plainml' } },
  spec: {
    mlPolicy: { numNodes: 1 },
    template: {
      spec: {
        replicatedJobs: [
          {
            name: 'node',
            template: {
              metadata: { labels: { 'trainer.kubeflow.org/trainjob-ancestor-step': 'trainer' } },
              spec: { template: { spec: { containers: [{ name: 'node', image: 'none' }] } } },
            },
          },
        ],
      },
    },
  },
};

const prepared: LastWords = {
  v: 1,
  prepared: {
    model: {
      ...{ digest: 'sha256:0', family: 'llama', format: 'Safetensors' },
      facts: {
        ...{ V: 400, H: 64, L: 2, NH: 4, NK: 2, D: 16, I: 96, tied: true, fused: false },
        ...{ bias: { qkv: false, o: false, mlp: false }, qkNorm: false, sandwichNorms: false },
      },
    },
    dataset: {
      ...{ digest: '0', samples: 100, tokens: 10_000, learnedTokens: 5_000, skipped: 0 },
      ...{ sequences: 100, longest: 900 },
    },
  },
};

export async function benchOperator(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      burst: { type: 'string', default: '100' },
    },
  });
  const [rounds, count] = [Number(values.rounds), Number(values.burst)];
  const peers = await ensureClusterPeers(setup);
  await using folder = await temporaryFolder();
  const stages = join(folder.path, 'stages.yaml');
  await writeFile(stages, await fakeStages());
  Object.assign(process.env, {
    ...{ CLUSTER_NODES: '1', CLUSTER_POLICY: '0', CLUSTER_FAKE_NODES: '40' },
    CLUSTER_FAKE_STAGES: stages,
  });
  await using cluster = await startCluster(setup);
  Object.assign(process.env, cluster.env);
  const programs = cluster.env[clusterVariables.programs] ?? '';
  await setup.steps.step('peers', 'installing Kubeflow Trainer and JobSet', () =>
    installClusterPeers(peers, programs, setup.signal),
  );
  // These read the variables of the cluster when they are loaded.
  const { configFrom, installCrd, kubectl, transportTo } = await import('../../cluster/access.ts');
  const { launchOperator } = await import('../../cluster/running-operator.ts');
  await installCrd();
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(runtime) });
  for (const { namespace } of [ours, peer]) await kubectl(['create', 'namespace', namespace]);
  // From here on every pod lands on a node that only the API knows.
  await kubectl(['taint', 'nodes', '-l', 'type=fake', 'fake.test/node-']);
  await kubectl(['cordon', 'node-1']);
  const operator = await launchOperator(ours.namespace, { ANNEAL_LOG_LEVEL: 'warn' });
  await using transport = transportTo(configFrom(), 60_000);
  const results: Round[] = [];
  try {
    // The first round warms caches and connections of both, and counts for nobody.
    for (let round = 0; round <= rounds; round++) {
      for (const contender of round % 2 === 0 ? [ours, peer] : [peer, ours]) {
        const result = await oneRound(transport, contender, count, setup.signal);
        setup.steps.note(lineOf(result, count));
        if (round > 0) results.push(result);
      }
    }
  } finally {
    await operator.stop();
  }
  setup.steps.note(tableOf(results, count));
}

async function fakeStages(): Promise<string> {
  const read = (path: string) => readFile(join(import.meta.dirname, path), 'utf8');
  const own = (await read('stages.yaml')).replace('LAST_WORDS', JSON.stringify(prepared));
  return `${await read('../../setup/cluster/fake-stages.yaml')}---\n${own}`;
}

async function oneRound(
  transport: Transport,
  contender: Contender,
  count: number,
  signal: AbortSignal,
): Promise<Round> {
  const { name, namespace, group, plural, body, jobOf, isProcess } = contender;
  const path = `/apis/${group}/namespaces/${namespace}/${plural}`;
  const before: Used = usedBy(isProcess);
  const ownerOf = (job: string) => jobOf.exec(job)?.[1];
  const burst = await runBurst(transport, { namespace, count, path, body, ownerOf }, signal);
  const after = usedBy(isProcess);
  await transport.send({ verb: 'DELETE', path }, signal);
  const left = async (collection: string): Promise<boolean> => {
    const { items } = (await transport.send({ verb: 'GET', path: collection }, signal)) as {
      items: unknown[];
    };
    return items.length === 0;
  };
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const isClean = async () => (await left(path)) && (await left(pods));
  await eventually('the namespace is empty', isClean, { withinMs: 300_000, everyMs: 500 });
  const processorSeconds = after.seconds - before.seconds;
  return { contender: name, processorSeconds, residentBytes: after.residentBytes, ...burst };
}

function lineOf(round: Round, count: number): string {
  const { contender, seconds, latencies, processorSeconds } = round;
  const p99 = (latencies[Math.ceil(0.99 * count) - 1] ?? 0) / 1000;
  const cpu = ((1000 * processorSeconds) / count).toFixed(0);
  return `${contender}: ${(count / seconds).toFixed(1)} jobs/s, p99 ${p99.toFixed(2)} s, ${cpu} ms of processor a job`;
}

function tableOf(rounds: readonly Round[], count: number): string {
  const rows = [ours, peer].map(({ name }) => {
    const own = rounds.filter(({ contender }) => contender === name);
    const cell = (value: (round: Round) => number, digits: number): string => {
      const sorted = own.map(value).sort((a, b) => a - b);
      const middle = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
      const [least, most] = [sorted[0] ?? Number.NaN, sorted.at(-1) ?? Number.NaN];
      return `${middle.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
    };
    const cells = [
      cell(({ seconds }) => count / seconds, 1),
      cell(({ latencies }) => (latencies[Math.ceil(0.99 * count) - 1] ?? 0) / 1000, 2),
      cell(({ processorSeconds }) => (1000 * processorSeconds) / count, 0),
      cell(({ residentBytes }) => residentBytes / 2 ** 20, 0),
    ];
    return `| ${name} | ${cells.join(' | ')} |`;
  });
  return [
    `Bursts of ${count}, ${rounds.length / 2} rounds; median (least–most)`,
    '| | jobs/s, create to worker Job | p99, s | processor ms a job | resident MiB |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}
