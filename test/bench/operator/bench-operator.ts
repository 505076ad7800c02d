// npm run bench -- operator [--only rate|memory|first-step] [--rounds N] [--burst N] [--jobs N]
// [--runs N] [--no-peers]: how fast objects become jobs, beside Kubeflow Trainer on the same API
// server; memory with many jobs; what passes between `kubectl apply` and the first step. For rate
// and memory pods run on nodes that exist only in the API, so that the machine's two cores go to
// control planes alone.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Setup } from '../../../cli/setup/setup.ts';
import { UserError } from '../../../crds/failures/errors.ts';
import type { TerminationMessage } from '../../../crds/wire/termination-message.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';
import { clusterVariables, startCluster } from '../../setup/cluster/cluster.ts';
import { ensureClusterPeers, installClusterPeers } from '../../setup/cluster/peers.ts';

const parts = ['first-step', 'rate', 'memory'] as const;
type Part = (typeof parts)[number];

/** Of 110 pods each. */
const fakeNodes = 100;

export async function benchOperator(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true, default: [...parts] },
      rounds: { type: 'string', default: '5' },
      burst: { type: 'string', default: '100' },
      jobs: { type: 'string', default: '10000' },
      runs: { type: 'string', default: '3' },
      'no-peers': { type: 'boolean', default: false },
    },
  });
  const wanted = values.only.map(partNamed);
  const withPeers = wanted.includes('rate') && !values['no-peers'];
  const peers = withPeers ? await ensureClusterPeers(setup) : undefined;
  await using folder = await temporaryFolder();
  const stages = join(folder.path, 'stages.yaml');
  await writeFile(stages, await fakeStages());
  Object.assign(process.env, {
    ...{ CLUSTER_NODES: '1', CLUSTER_POLICY: '0', CLUSTER_FAKE_NODES: String(fakeNodes) },
    CLUSTER_FAKE_STAGES: stages,
  });
  await using cluster = await startCluster(setup);
  Object.assign(process.env, cluster.env);
  // These read the variables of the cluster when they are loaded.
  const { installCrd, kubectl } = await import('../../cluster/access.ts');
  await installCrd();
  if (wanted.includes('first-step')) {
    const { measureFirstStep } = await import('./first-step.ts');
    setup.steps.note(await measureFirstStep(setup, Number(values.runs)));
  }
  if (peers !== undefined) {
    const programs = cluster.env[clusterVariables.programs] ?? '';
    await setup.steps.step('peers', 'installing Kubeflow Trainer and JobSet', () =>
      installClusterPeers(peers, programs, setup.signal),
    );
  }
  if (wanted.includes('rate')) {
    // From here on every pod lands on a node that only the API knows.
    await kubectl(['taint', 'nodes', '-l', 'type=fake', 'fake.test/node-']);
    await kubectl(['cordon', 'node-1']);
    const { measureRate } = await import('./rate.ts');
    const [rounds, count] = [Number(values.rounds), Number(values.burst)];
    setup.steps.note(await measureRate(setup, { rounds, count, withPeers }));
  }
  if (wanted.includes('memory')) {
    const { measureMemory } = await import('./memory.ts');
    setup.steps.note(await measureMemory(setup, Number(values.jobs)));
  }
}

function partNamed(name: string): Part {
  const found = parts.find((part) => part === name);
  if (found !== undefined) return found;
  const message = `--only is "${name}"; it must be ${parts.join(', ')}`;
  throw new UserError({ code: 'E_USAGE', message });
}

async function fakeStages(): Promise<string> {
  const read = (path: string) => readFile(join(import.meta.dirname, path), 'utf8');
  const words = JSON.stringify(prepared);
  const own = (await read('stages.yaml')).replace('TERMINATION_MESSAGE', words);
  // Of a container before the worker's.
  const common = (await read('../../setup/cluster/fake-stages.yaml')).replace(
    "reason: Completed, message: ''",
    `reason: Completed, message: '${words}'`,
  );
  return `${common}---\n${own}`;
}

const prepared: TerminationMessage = {
  v: 1,
  prepared: {
    model: {
      ...{ digest: 'sha256:0', family: 'llama', format: 'Safetensors' },
      facts: {
        kind: 'decoder',
        ...{ V: 400, H: 64, L: 2, NH: 4, NK: 2, D: 16, I: 96, tied: true, fused: false },
        ...{ bias: { qkv: false, o: false, mlp: false }, qkNorm: false, sandwichNorms: false },
      },
    },
    dataset: {
      ...{ digest: '0', samples: 100, tokens: 10_000, targetTokens: 5_000, skipped: 0 },
      ...{ sequences: 100, longest: 900 },
    },
  },
};
