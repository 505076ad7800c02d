/**
 * How long a job of several workers stands still when something is killed: the trainer of one pod,
 * or a whole pod, again and again in one long job, with pods as processes on this machine (real
 * supervisors, trainers and bus). A lost pod is replaced at once, so that its row holds what is
 * ours; on a cluster the Job controller, the scheduler and kubelet come on top (docs/chaos.md).
 * Times are those that the pods themselves tell with their lines. Before that, what being ready for
 * it costs (overhead.ts). `--only cluster` does it with pods of a real cluster (on-cluster.ts).
 */
import { parseArgs } from 'node:util';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import type { Pod } from '../../doubles/job-pods.ts';
import { JobWorld } from '../../doubles/job-world.ts';
import { median } from '../train/table.ts';
import { measureOnCluster } from './on-cluster.ts';
import { measureOverhead } from './overhead.ts';

const victims = ['trainer', 'pod'] as const;
type Victim = (typeof victims)[number];

/** Seconds from the kill, each since the one before. */
interface Recovery {
  /** The next round is opened. */
  readonly noticed: number;
  /** The rendezvous is done, and rank 0 starts its trainer. */
  readonly rendezvous: number;
  /** Model and state are in place. */
  readonly restored: number;
  /** The first step is done. */
  readonly stepped: number;
  readonly again: number;
}

export async function benchRecovery(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: 'string', default: '20' },
      workers: { type: 'string', default: '2' },
      interval: { type: 'string', default: '5' },
      only: { type: 'string', default: '' },
      seconds: { type: 'string', default: '60' },
      hidden: { type: 'string', default: '256' },
      rounds: { type: 'string', default: '5' },
    },
  });
  await ensureNative(setup, new URL('../../..', import.meta.url).pathname);
  const workers = Number(values.workers);
  if ('overhead'.includes(values.only)) {
    const [seconds, hidden] = [Number(values.seconds), Number(values.hidden)];
    process.stdout.write(`\n${await measureOverhead(setup, { workers, seconds, hidden })}\n`);
  }
  if (values.only === 'cluster') {
    process.stdout.write(`\n${await measureOnCluster(setup, Number(values.rounds))}\n`);
  }
  const chosen = victims.filter((one) => one.includes(values.only));
  if (chosen.length === 0) return;
  const rows: string[] = [];
  for (const victim of chosen) {
    const found = await killAgainAndAgain(setup, victim, {
      kills: Number(values.kills),
      workers,
      interval: Number(values.interval),
    });
    rows.push(rowOf(victim, found));
  }
  const head =
    '| killed | times | to the next step (least to most) | noticed | rendezvous | restored | first step | steps again |';
  const line = '| --- | --- | --- | --- | --- | --- | --- | --- |';
  process.stdout.write(`\n${[head, line, ...rows].join('\n')}\n`);
}

interface Asked {
  readonly kills: number;
  readonly workers: number;
  readonly interval: number;
}

async function killAgainAndAgain(
  setup: Setup,
  victim: Victim,
  { kills, workers, interval }: Asked,
): Promise<readonly Recovery[]> {
  const found: Recovery[] = [];
  await using world = await JobWorld.make({
    ...{ workers, training: { maxSteps: 1_000_000 } },
    checkpoint: { intervalSteps: interval },
    failurePolicy: { maxRestarts: 10_000 },
  });
  const pods = [...(await world.startAll(workers))];
  for (let kill = 0; kill < kills; kill += 1) {
    setup.signal.throwIfAborted();
    let round = 0;
    await world.until('this world commits', (state) => {
      round = state.round;
      return state.checkpoint?.round === round;
    });
    const index = kill % workers;
    const before = world.step;
    const told = new Map(world.pods.map((pod) => [pod, pod.lines.length]));
    const later = () => linesAfter(world.pods, told);
    const at = Date.now() / 1000;
    if (victim === 'trainer') pods[index]?.signalTrainer('SIGKILL');
    else {
      pods[index]?.signalAll('SIGKILL');
      await world.open('PodLost');
      pods[index] = await world.start(index);
    }
    await world.until(
      'the next world restored',
      async () => firstStepIn(later(), round + 1) !== undefined,
    );
    const recovery = recoveryOf(later(), round + 1, at, before);
    found.push(recovery);
    setup.steps.note(`${victim} ${kill + 1} of ${kills}: ${totalOf(recovery).toFixed(2)} s`);
  }
  return found;
}

interface Line {
  readonly time: number;
  readonly text: string;
}

/** What pods told since then, in the order of time. */
function linesAfter(pods: readonly Pod[], told: ReadonlyMap<Pod, number>): readonly Line[] {
  return pods
    .flatMap((pod) => pod.lines.slice(told.get(pod) ?? 0))
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line)
    .sort((a, b) => a.time - b.time);
}

function firstStepIn(lines: readonly Line[], round: number): Line | undefined {
  const started = lines.find(({ text }) => text.startsWith(startOf(round)));
  return lines.find(
    ({ time, text }) => started !== undefined && time > started.time && /^step \d+ of/.test(text),
  );
}

const startOf = (round: number) => `training of round ${round} goes on`;

function recoveryOf(told: readonly Line[], round: number, at: number, before: number): Recovery {
  const lines = told.filter(({ time }) => time >= at);
  const opened = lines.find(({ text }) => text.includes('a new round is opened'))?.time ?? at;
  const started = lines.find(({ text }) => text.startsWith(startOf(round)))?.time ?? opened;
  const restored =
    lines.find(
      ({ time, text }) => time > started && text.startsWith('model and state are in place'),
    )?.time ?? started;
  const step = firstStepIn(lines, round);
  const number = Number(/^step (\d+) of/.exec(step?.text ?? '')?.[1] ?? 0);
  return {
    noticed: Math.min(opened, started) - at,
    rendezvous: started - Math.min(opened, started),
    restored: restored - started,
    stepped: (step?.time ?? restored) - restored,
    again: Math.max(0, before + 1 - number),
  };
}

const totalOf = ({ noticed, rendezvous, restored, stepped }: Recovery) =>
  noticed + rendezvous + restored + stepped;

function rowOf(victim: Victim, found: readonly Recovery[]): string {
  const totals = found.map(totalOf);
  const middle = (of: (one: Recovery) => number) => `${median(found.map(of)).toFixed(2)} s`;
  const cells = [
    ...[victim, found.length],
    `${median(totals).toFixed(2)} s (${Math.min(...totals).toFixed(2)} to ${Math.max(...totals).toFixed(2)})`,
    ...[middle(({ noticed }) => noticed), middle(({ rendezvous }) => rendezvous)],
    ...[middle(({ restored }) => restored), middle(({ stepped }) => stepped)],
    median(found.map(({ again }) => again)).toFixed(0),
  ];
  return `| ${cells.join(' | ')} |`;
}
