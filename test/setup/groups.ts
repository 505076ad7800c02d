import { deviceTests } from '../gpu/device-tests.ts';
import { coreOf } from './core.ts';
import type { Suites } from './suites.ts';

/**
 * The groups of tests in the order they run, quick ones first. A group names the folders it owns
 * and what must stand before it can run; `check` is the part that needs nothing but the packages.
 */
export interface TestGroup {
  readonly name: string;
  readonly patterns: readonly string[];
  /**
   * Files that run before those of the patterns, one after the other, because they take what all
   * share for themselves.
   */
  readonly alone?: readonly string[];
  readonly concurrency: number;
  /** AVA gives up when no test ends for so long: far more than any needs on a busy machine. */
  readonly timeout: string;
  readonly needs: readonly Need[];
  /**
   * Files whose results depend on the instructions of the processor: they run again at each lesser
   * level that it has (cpu-levels.ts).
   */
  readonly atEachLevel?: readonly string[];
  /**
   * Files of kernels that run again as CUDA kernels on the emulated device (test/gpu/emulator),
   * whose threads take turns in several orders.
   */
  readonly onDevice?: readonly string[];
  /** Many files in one process: for quick files that keep nothing to themselves. */
  readonly inSuites?: Suites;
  /**
   * On a real cluster, which is started for the group; where the machine cannot run one, the group
   * is left out with the reason.
   */
  readonly onCluster?: boolean;
  /** Leaves a core idle for half of its time: of such groups in a row, two run at any time. */
  readonly inPairs?: true;
  /** Its Python scripts are run by one process that has imported their packages. */
  readonly peerServer?: boolean;
}

/**
 * What set-up makes before the group runs, so that it is told and timed by itself, and what cannot
 * be made is told once.
 */
export type Need =
  | 'native'
  | 'demo'
  | 'peers'
  | 'llama'
  | 'lm-eval'
  | 'nvcc'
  | 'emulator'
  | 'images'
  | 'kueue';

const heavy = { concurrency: 1, timeout: '20m', needs: ['native', 'demo'] } as const;

/**
 * Files of numerics that keep something to themselves: what measures memory, prepares something
 * before or while it is loaded, or chooses instructions.
 */
const ofNumericsAlone = new RegExp(
  [
    ...[/\.serial\(/, /memoryStatistics|resetMemoryPeaks/, /levelVariable/, /adapter-trials/],
    ...[/before\((?!\(\) => setThreads\(1\)\))/, /^const \w+ = await /],
  ]
    .map(({ source }) => source)
    .join('|'),
  'm',
);

export const testGroups: readonly TestGroup[] = [
  {
    name: 'unit',
    patterns: [
      'test/architecture.test.ts',
      'test/{architecture,bench,crds,operator,worker,cli,docs,report,setup}/**/*.test.{ts,tsx}',
    ],
    concurrency: 2,
    timeout: '10m',
    needs: [],
    inSuites: { files: 75, alone: /\.snapshot\(|\.serial\(/ },
  },
  // The chart, rendered by a Helm that the tests build once; nothing of it needs a cluster.
  {
    name: 'charts',
    patterns: ['test/charts/**/*.test.ts'],
    concurrency: 2,
    timeout: '20m',
    needs: [],
  },
  { name: 'terminal', patterns: ['test/terminal/**/*.test.{ts,tsx}'], ...heavy },
  // The longest first, so that both cores have work to the end.
  {
    name: 'numerics',
    patterns: ['test/numerics/**/*.test.ts'],
    // Kernels of our own run at each level in one process, wherever they are tested.
    atEachLevel: [
      'test/numerics/golden.test.ts',
      'test/numerics/trainer-*.test.ts',
      ...['engine', 'optimizers', 'weights'].map(
        (folder) => `test/numerics/${folder}/**/*.test.ts`,
      ),
      ...['optimizers', 'precision', 'selection', 'weights'].map(
        (axis) => `test/numerics/methods/${axis}/**/*.test.ts`,
      ),
    ],
    inSuites: { files: 20, alone: ofNumericsAlone },
    concurrency: 1,
    timeout: '20m',
    needs: ['native'],
    inPairs: true,
  },
  {
    name: 'e2e',
    patterns: ['test/e2e/**/*.test.ts'],
    ...heavy,
    inPairs: true,
  },
  {
    name: 'peers',
    patterns: ['test/peers/**/*.test.ts'],
    ...heavy,
    needs: ['native', 'demo', 'peers', 'llama', 'lm-eval'],
    peerServer: true,
    inPairs: true,
  },
  {
    name: 'gpu',
    patterns: ['test/gpu/{*,training/*}.test.ts'],
    ...heavy,
    needs: ['native', 'peers', 'nvcc', 'emulator'],
    inPairs: true,
  },
  // Several pods as processes of this machine, which wait for each other half of the time.
  {
    name: 'pods',
    patterns: ['test/pods/**/*.test.ts'],
    ...heavy,
    concurrency: 2,
    inPairs: true,
  },
  {
    name: 'fuzz',
    patterns: ['test/fuzz/**/*.test.ts'],
    ...heavy,
    needs: [],
    inPairs: true,
  },
  {
    name: 'wire',
    patterns: ['test/wire/**/*.test.ts'],
    ...heavy,
    inPairs: true,
  },
  // The tests of kernels again, as CUDA kernels on the emulated device, more methods on the device,
  // and more of what happens to pods of several devices.
  {
    name: 'device',
    patterns: ['test/gpu/{damaged,devices}/*.test.ts'],
    ...heavy,
    needs: ['native', 'peers', 'emulator'],
    onDevice: [...new Set(Object.values(deviceTests))],
  },
  {
    name: 'worlds',
    patterns: ['test/worlds/*.test.ts'],
    ...heavy,
  },
  // Two files at a time: pods come and go for half of the time, and the machine would wait for
  // them. An operator of all namespaces, and an API server that dies, have the cluster to
  // themselves.
  {
    name: 'cluster',
    patterns: ['test/cluster/*.test.ts'],
    alone: ['test/cluster/alone/*.test.ts'],
    ...heavy,
    concurrency: 2,
    needs: ['native', 'demo', 'images', 'emulator', 'kueue'],
    onCluster: true,
  },
  // Images signed by a real cosign, in a registry.
  {
    name: 'release',
    patterns: ['test/release/**/*.test.ts'],
    concurrency: 1,
    timeout: '60m',
    needs: [],
  },
  // Pods, nodes and parts of the control plane of the cluster are lost under jobs of several
  // workers, one after the other.
  {
    name: 'losses',
    patterns: ['test/losses/**/*.test.ts'],
    ...heavy,
    needs: ['native', 'images'],
    onCluster: true,
  },
];

export interface Turn {
  readonly groups: readonly TestGroup[];
  /** How many of them run at any time, begun in their order. */
  readonly atOnce: number;
}

/** One after the other. */
export function inTurns(groups: readonly TestGroup[]): readonly Turn[] {
  const turns: { groups: TestGroup[]; atOnce: number }[] = [];
  for (const group of groups) {
    const atOnce = group.inPairs === true ? 2 : 1;
    const last = turns.at(-1);
    if (atOnce === 2 && last?.atOnce === 2) last.groups.push(group);
    else turns.push({ groups: [group], atOnce });
  }
  return turns;
}

const modes: readonly string[] = ['check', 'core', 'all'];

/** The groups that a command line asks for: all of the mode, or those of it that are named. */
export function chooseGroups(mode: string, names: readonly string[]): readonly TestGroup[] {
  if (!modes.includes(mode)) {
    throw new Error(`the mode is ${mode}; it must be check, core or all`);
  }
  const unknown = names.find((name) => !testGroups.some((group) => group.name === name));
  if (unknown !== undefined) {
    const known = testGroups.map(({ name }) => name).join(', ');
    throw new Error(`there is no test group ${unknown}; groups are ${known}`);
  }
  if (mode === 'check') return testGroups.filter(({ name }) => name === 'unit');
  const chosen = testGroups.filter(({ name }) => names.length === 0 || names.includes(name));
  if (mode === 'all') return chosen;
  const core = chosen.flatMap((group) => coreOf(group) ?? []);
  if (core.length > 0) return core;
  throw new Error(`the core has no test of ${names.join(', ')} · npm run test:all -- ${names[0]}`);
}
