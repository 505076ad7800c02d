/**
 * `npm run check`, `npm test` and `npm run test:all`: gates, then groups of tests, then one closing
 * line.
 *
 *   run-tests.ts check | core [GROUP…] | all [GROUP…]
 *
 * Everything runs even after a failure, so that one run tells all. The closing line is printed
 * whatever happens, and is the last line. `core` is what runs for every change (core.ts); in `all`,
 * which is for a release, a group that cannot run fails it.
 */
import { createHash } from 'node:crypto';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { seconds } from '../../cli/setup/steps.ts';
import { inEachOrder, orders, orderVariable } from '../gpu/device-tests.ts';
import { peerServerVariable, startPeerServer } from '../peers/peer-server.ts';
import { inWords } from '../report/in-words.ts';
import { idleSince } from '../report/processor-time.ts';
import { runAva } from '../report/run-ava.ts';
import { add, closingLine, exitCodeOf, nothing, type Tally, timeInWords } from '../report/tally.ts';
import { givenCluster } from './cluster/cluster.ts';
import { runOnCluster } from './cluster/on-cluster.ts';
import { whyNoCluster } from './cluster/probe.ts';
import { cpuLevelsHere, heldTo, levelsInWords } from './cpu-levels.ts';
import { deviceConfig, emulatorVariable, ensureEmulator, whyNoEmulator } from './emulator.ts';
import { runGates } from './gates.ts';
import { chooseGroups, inTurns, type Need, type TestGroup } from './groups.ts';
import { meetNeeds } from './needs.ts';
import { suitesConfig, writeSuites } from './suites.ts';

const checkout = join(import.meta.dirname, '../..');
const print = (text: string) => void process.stdout.write(`${text}\n`);

// The peers' Python environment and libtorch come from the same wheel: fetched once when kept.
process.env['ANNEAL_KEEP_WHEELS'] ??= '1';

const [mode = 'core', ...names] = process.argv.slice(2);
if (mode === 'all') process.env['ANNEAL_FUZZ_SECONDS'] ??= '60';
const stop = new AbortController();
// However often it is said, and npm says it once more than the person: what was started is taken
// down first.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    if (!stop.signal.aborted) print('interrupted: what was started is taken down');
    stop.abort();
  });
}

let tally = nothing;
try {
  await runAll(thisSetup(stop.signal));
} catch (error) {
  print(`FAILED: ${stop.signal.aborted ? 'interrupted' : inWords(error)}`);
  tally = add(tally, { ...nothing, failed: 1 });
}
if (tally.passed + tally.failed === 0) {
  print('FAILED: no test ran');
  tally = add(tally, { ...nothing, failed: 1 });
}
process.exitCode = exitCodeOf(tally);
print(closingLine(tally));

async function runAll(setup: Setup): Promise<void> {
  const groups = chooseGroups(mode, names);
  // Before any group runs, and not an hour later.
  givenCluster(setup);
  await using _ahead = await startAhead(setup, groups);
  // Beside the first group, which leaves a core idle while it starts and ends.
  await Promise.all([names.length === 0 && checkSources(setup), runGroups(setup, groups)]);
}

/**
 * What the groups need is made while others run; each group waits for what it needs, and makes it
 * itself where that was not begun.
 */
async function startAhead(
  setup: Setup,
  groups: readonly TestGroup[],
): Promise<AsyncDisposable | undefined> {
  const needs: Need[] = [];
  for (const group of groups) {
    if ((await whyLeftOut(setup, group)) === undefined) needs.push(...group.needs);
  }
  // The addon is wanted first, by most: whoever waits for it makes it.
  const later = new Set(needs.filter((need) => need !== 'native'));
  if (later.size === 0) return undefined;
  const script = join(import.meta.dirname, 'needs-ahead.ts');
  const child = execa(process.execPath, [script, ...later], {
    // A group of processes, so that compilers go with it.
    ...{ stdio: 'ignore', reject: false, detached: true },
  });
  let runs = child.pid !== undefined;
  const ended = child.then(() => {
    runs = false;
  });
  return {
    async [Symbol.asyncDispose]() {
      if (runs) process.kill(-(child.pid ?? 0), 'SIGTERM');
      await ended;
    },
  };
}

async function whyLeftOut(setup: Setup, group: TestGroup): Promise<string | undefined> {
  const noDevice = group.needs.includes('emulator') ? whyNoEmulator(setup) : undefined;
  return noDevice ?? (group.onCluster === true ? await whyNoCluster(setup) : undefined);
}

async function checkSources(setup: Setup): Promise<void> {
  const name = createHash('sha256').update(checkout).digest('hex').slice(0, 12);
  const memory = join(setup.cache.root, 'checked', name);
  await timed('lint, types', () => runGates({ cwd: checkout, memory }, print, setup.signal));
}

async function runGroups(setup: Setup, groups: readonly TestGroup[]): Promise<void> {
  for (const turn of inTurns(groups)) {
    const left = [...turn.groups];
    const run = async (): Promise<void> => {
      for (let group = left.shift(); group !== undefined; group = left.shift()) {
        await runOne(setup, group);
      }
    };
    await Promise.all(Array.from({ length: turn.atOnce }, run));
  }
}

async function runOne(setup: Setup, group: TestGroup): Promise<void> {
  if (!(await hasFiles(group))) return;
  const reason = await whyLeftOut(setup, group);
  if (reason !== undefined) return leaveOut(group, reason);
  const missing = await firstMissing(setup, group);
  await timed(group.name, () => runGroup(setup, group, missing));
}

function leaveOut({ name }: TestGroup, reason: string): void {
  const failed = mode === 'all' ? 1 : 0;
  print(`${failed > 0 ? 'FAILED: ' : ''}${name.padEnd(13)} left out: ${reason}`);
  tally = add(tally, { ...nothing, failed, leftOut: [name] });
}

async function runGroup(
  setup: Setup,
  group: TestGroup,
  missing: string | undefined,
): Promise<Tally> {
  if (missing !== undefined) {
    print(`FAILED: the group ${group.name} could not run: ${missing}`);
    return { ...nothing, failed: 1 };
  }
  if (group.onCluster !== true) {
    await using peers = group.peerServer === true ? await startPeerServer(setup) : undefined;
    const variables = peers === undefined ? {} : { [peerServerVariable]: peers.socket };
    const files = await runFiles(setup, group, variables);
    const here = add(files, { ...nothing, ...peers?.processorTime() });
    return add(here, add(await runAtLevels(setup, group), await runOnDevice(setup, group)));
  }
  const run = (variables: Readonly<Record<string, string>>) => runFiles(setup, group, variables);
  const told = await runOnCluster(setup, run, (failure) =>
    print(`FAILED: the group ${group.name}: ${failure}`),
  );
  setup.signal.throwIfAborted();
  return told;
}

/** Again, with the instructions of lesser processors. */
async function runAtLevels(setup: Setup, group: TestGroup): Promise<Tally> {
  const { atEachLevel } = group;
  if (atEachLevel === undefined) return nothing;
  const levels = await cpuLevelsHere(setup.signal);
  let sum = nothing;
  for (const level of levels.below) {
    const part = { ...group, patterns: atEachLevel };
    const here = await runFiles(setup, part, heldTo(level));
    print(`${group.name.padEnd(13)} at ${level}: ${closingLine(here)}`);
    sum = add(sum, here);
  }
  print(`${group.name.padEnd(13)} ${levelsInWords(levels)}`);
  return sum;
}

/** Again, as kernels of the emulated device. */
async function runOnDevice(setup: Setup, group: TestGroup): Promise<Tally> {
  if (group.onDevice === undefined) return nothing;
  const library = await ensureEmulator(setup);
  const env = { NODE_COMPILE_CACHE: nodeCache(setup), [emulatorVariable]: library };
  const run = { ...group, config: deviceConfig, concurrency: 2, cwd: checkout };
  const atOnce = group.onDevice.filter((path) => !inEachOrder.includes(path));
  let sum = await runAva({ ...run, patterns: atOnce, env }, print, setup.signal);
  for (const order of Object.values(orders)) {
    const variables = { ...env, [orderVariable]: String(order) };
    const here = { ...run, patterns: inEachOrder, env: variables };
    sum = add(sum, await runAva(here, print, setup.signal));
  }
  print(`${group.name.padEnd(13)} on the emulated device: ${closingLine(sum)}`);
  return sum;
}

async function runFiles(
  setup: Setup,
  group: TestGroup,
  variables: Readonly<Record<string, string>>,
): Promise<Tally> {
  const env = { ...variables, NODE_COMPILE_CACHE: nodeCache(setup) };
  const run = { ...group, cwd: checkout, env };
  if (group.alone !== undefined) {
    const first = await runAva(
      { ...run, patterns: group.alone, concurrency: 1 },
      print,
      setup.signal,
    );
    return add(first, await runAva(run, print, setup.signal));
  }
  if (group.inSuites === undefined) return runAva(run, print, setup.signal);
  await writeSuites(checkout, group.patterns, group.inSuites);
  return runAva({ ...run, patterns: [], config: suitesConfig }, print, setup.signal);
}

/** Stripping types costs more than running most tests; Node keeps the result between runs. */
function nodeCache({ cache }: Setup): string {
  return join(cache.root, 'node-compile-cache');
}

/** What cannot be made is told with its reason; it is no use to run the group then. */
async function firstMissing(setup: Setup, group: TestGroup): Promise<string | undefined> {
  const start = performance.now();
  try {
    await meetNeeds(setup, group.needs);
  } catch (error) {
    if (stop.signal.aborted) throw error;
    return inWords(error);
  }
  const took = performance.now() - start;
  if (took > 1000) print(`${group.name.padEnd(13)} set-up took ${seconds(took)}`);
  return undefined;
}

async function timed(name: string, body: () => Promise<Tally>): Promise<void> {
  const start = performance.now();
  const idle = idleSince();
  const result = await body();
  tally = add(tally, result);
  const counted = result.passed + result.failed + result.skipped > 0;
  const outcome = counted ? closingLine(result).replace(/, 0 failed/, '') : 'ok';
  const time = { milliseconds: performance.now() - start, idle: idle() };
  print(`${name.padEnd(13)} ${outcome} (${timeInWords(result, time)})`);
}

async function hasFiles({ patterns }: TestGroup): Promise<boolean> {
  for await (const _ of glob([...patterns], { cwd: checkout })) return true;
  return false;
}
