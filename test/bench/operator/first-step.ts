// From `kubectl apply` to the first optimizer step, stage by stage: the first example with SmolLM2,
// installed by the chart, on a real node. Each run begins with nothing but model and data on the
// volume. When something is there is told by watches of this process and by the times in the log of
// the pods; all clocks are the one of this machine.
import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { changed } from '../../builders/job.ts';
import { type Closing, configFrom, getJson, kubectl, transportTo } from '../../cluster/access.ts';
import { installAnneal, loadImages } from '../../cluster/installed.ts';
import { aSharedFolder } from '../../cluster/shared-folder.ts';
import { eventually } from '../../doubles/eventually.ts';
import { spread } from '../train/table.ts';
import { Marks } from './marks.ts';
import { pageAt, writesOn } from './operator-page.ts';

const example = join(import.meta.dirname, '../../../crds/examples/first.yaml');
const given = ['model', 'sharegpt.json'];

/** What ends each stage, and what the time of the stage is spent on. */
const stages = [
  ['applied', 'kubectl starts, asks what the server has, sends'],
  ['worker Job', 'operator: spec judged, status, finalizer, plan, Job'],
  ['worker placed', 'Job controller, scheduler'],
  ['prepare speaks', 'kubelet: volumes, sandbox, container; Node.js starts'],
  ['prepare is done', 'headers of the model, 200 conversations to tokens'],
  [
    'supervisor speaks',
    'records flushed to the bus, process ends; kubelet: the next container; Node.js starts',
  ],
  ['world agreed', 'records read, node checked, member and world written'],
  ['trainer has planned', 'second Node.js, libtorch loaded, weights read'],
  ['first evaluation', '16 held-out conversations, as the example asks'],
  ['first step', 'an answer to the prompt of the example, then the step itself'],
] as const;

type Stage = (typeof stages)[number][0];

export async function measureFirstStep(setup: Setup, runs: number): Promise<string> {
  const closers: (() => unknown)[] = [];
  const closing: Closing = { teardown: (close) => void closers.unshift(close) };
  try {
    await loadImages();
    const jobs = 'bench-first';
    await kubectl(['create', 'namespace', jobs]);
    const { namespace: release } = await installAnneal(closing, jobs);
    const folder = await aSharedFolder(jobs, 'demo');
    const volume = await ensureDemo(setup);
    for (const part of given) {
      await cp(join(volume, part), join(folder, part), { recursive: true, dereference: true });
    }
    const measured: Map<Stage, number>[] = [];
    let writes = 0;
    for (let run = 0; run < runs; run++) {
      const before = await pageOf(release);
      measured.push(await oneRun(jobs, setup.signal));
      await ended(jobs);
      writes = writesOn(await pageOf(release)) - writesOn(before);
      setup.steps.note(
        `run ${run + 1}: ${((measured.at(-1)?.get('first step') ?? 0) / 1000).toFixed(1)} s`,
      );
      await clean(jobs, folder);
    }
    return table(measured, writes);
  } finally {
    for (const close of closers) await close();
  }
}

async function oneRun(namespace: string, signal: AbortSignal): Promise<Map<Stage, number>> {
  await using transport = transportTo(configFrom(), 60_000);
  await using marks = new Marks(transport, namespace, signal);
  await marks.following();
  const input = await shortExample();
  const began = Date.now();
  await kubectl(['-n', namespace, 'apply', '-f', '-'], { input });
  await eventually('a step is done', async () => (await stepOf(namespace)) > 0, {
    ...{ withinMs: 600_000, everyMs: 1000 },
  });
  const prepare = await logOf(namespace, 'prepare');
  const train = await logOf(namespace, 'worker');
  const at: Record<Stage, number | undefined> = {
    applied: marks.at('finetunejobs', 'first', 'seen'),
    'worker Job': marks.at('jobs', 'first-w1', 'seen'),
    'worker placed': marks.at('pods', 'first-w1', 'placed'),
    'prepare speaks': prepare[0]?.at,
    'prepare is done': prepare.at(-1)?.at,
    'supervisor speaks': train[0]?.at,
    'world agreed': find(train, /^training of round/),
    'trainer has planned': find(train, /parameters are trained, steps/),
    'first evaluation': find(train, /^evaluation after step 0/),
    'first step': find(train, /^step 1 of/),
  };
  return new Map(
    stages.map(([stage]) => {
      const time = at[stage];
      if (time === undefined) throw new Error(`nothing tells when ${stage}`);
      return [stage, time - began];
    }),
  );
}

/** Nobody waits here for the steps after the first ones. */
async function shortExample(): Promise<string> {
  const job = parse(await readFile(example, 'utf8')) as object;
  return stringify(changed(job, { 'spec.training.maxSteps': 3 }));
}

async function stepOf(namespace: string): Promise<number> {
  const { status } = (await getJson(namespace, 'finetunejobs', 'first')) as {
    status?: { progress?: { step?: number }; failure?: { message: string } };
  };
  if (status?.failure !== undefined) throw new Error(status.failure.message);
  return status?.progress?.step ?? 0;
}

interface Line {
  readonly at: number;
  readonly text: string;
}

async function logOf(namespace: string, container: string): Promise<readonly Line[]> {
  const { stdout } = await kubectl(['-n', namespace, 'logs', 'job/first-w1', '-c', container]);
  return stdout.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    const { time, text } = JSON.parse(line) as { time: number; text: string };
    return [{ at: time * 1000, text }];
  });
}

function find(lines: readonly Line[], text: RegExp): number | undefined {
  return lines.find((line) => text.test(line.text))?.at;
}

/** Its whole life, for the count of writes. */
async function ended(namespace: string): Promise<void> {
  const condition = '--for=condition=Complete';
  await kubectl(['-n', namespace, 'wait', condition, 'ftj/first', '--timeout=100s']);
}

async function clean(namespace: string, folder: string): Promise<void> {
  await kubectl(['-n', namespace, 'delete', 'ftj', 'first', '--timeout=90s']);
  await eventually('its pods are gone', async () => {
    const { stdout } = await kubectl(['-n', namespace, 'get', 'pods', '-o', 'name']);
    return stdout === '';
  });
  for (const name of await readdir(folder)) {
    if (!given.includes(name)) await rm(join(folder, name), { recursive: true });
  }
  await wait(2_000);
}

async function pageOf(release: string): Promise<string> {
  const path = 'jsonpath={.items[0].status.podIP}';
  const operator = ['-l', 'app.kubernetes.io/component=operator', '-o', path];
  const { stdout: host } = await kubectl(['-n', release, 'get', 'pods', ...operator]);
  return pageAt(`${host}:8080`);
}

function table(runs: readonly Map<Stage, number>[], writes: number): string {
  const rows = stages.map(([stage, spentOn], index) => {
    const before = stages[index - 1]?.[0];
    const seconds = (run: (typeof runs)[number], name: Stage) => (run.get(name) ?? 0) / 1000;
    const until = runs.map((run) => seconds(run, stage));
    const spent = runs.map((run) => seconds(run, stage) - (before ? seconds(run, before) : 0));
    return `| ${stage} | ${spread(spent, 2)} | ${spread(until, 2)} | ${spentOn} |`;
  });
  return [
    '| until | seconds | since `kubectl apply` | spent on |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    `Writes of the operator over the life of the last job, without the renewals of its Lease: ${writes}`,
  ].join('\n');
}
