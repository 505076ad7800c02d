// The program of a pool's pod, as kubelet runs it: a list of jobs that changes, jobs that come and
// go, and a process that is killed. Each job ends with the bits of its training alone.
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import type * as z from 'zod';
import { resolveMethod } from '../../crds/methods/resolve.ts';
import { canonicalText, digestOfText } from '../../crds/plan/digest.ts';
import { splitLive } from '../../crds/plan/live.ts';
import { prepareDigest } from '../../crds/plan/prepare-digest.ts';
import { planRecord } from '../../crds/wire/plan-record.ts';
import { runName, sharedFolder } from '../../crds/wire/pod.ts';
import { type ListedJob, type PodPool, poolAnswer, poolVariable } from '../../crds/wire/pool.ts';
import { preparedRecord, runFiles } from '../../crds/wire/run-folder.ts';
import { writeRecord } from '../../worker/run-folder.ts';
import { aToyRun, type ToyRun } from '../builders/toy-run.ts';
import { eventually } from '../doubles/eventually.ts';
import { temporaryFolder } from '../doubles/sources.ts';

const method = (rank: number) => ({
  preset: 'LoRA',
  precision: { type: 'Float32' },
  adapter: { type: 'LoRA', lora: { rank } },
});

interface Placed {
  readonly listed: ListedJob;
  readonly run: ToyRun;
  readonly folder: string;
}

/** A job whose preparation lies on the claim, as its init Job leaves it. */
async function placed(t: ExecutionContext, root: string, name: string, maxSteps: number) {
  const run = await aToyRun(t, {
    ...{ name, method: method(maxSteps % 7 || 2), training: { maxSteps } },
    checkpoint: { intervalSteps: 4 },
  });
  await run.prepare();
  const uid = `${name}-uid-0123456789`;
  const folder = join(root, sharedFolder.runs, runName({ name, uid }));
  await mkdir(folder, { recursive: true });
  await cp(run.folder, folder, { recursive: true });
  const { spec } = run.record;
  const prepared = { ...(await run.prepared()), request: prepareDigest(spec) };
  await writeRecord(folder, runFiles.prepared, preparedRecord, prepared);
  const record = planRecord.parse({
    ...{ v: 1, job: { name, namespace: 'team', uid }, spec: splitLive(spec).fixed },
    method: resolveMethod(spec.method),
  });
  const plan = canonicalText(record);
  const live = JSON.parse(JSON.stringify(splitLive(spec).live));
  const listed: ListedJob = { name, uid, plan, planDigest: digestOfText(plan), live };
  return { listed, run, folder } satisfies Placed;
}

class Pod {
  readonly #settings: PodPool;
  #process: ReturnType<typeof startPod> | undefined;

  constructor(settings: PodPool) {
    this.#settings = settings;
  }

  start(): void {
    this.#process = startPod(this.#settings);
  }

  async list(jobs: readonly Placed[], leaving: readonly string[] = []): Promise<void> {
    const text = JSON.stringify({ jobs: jobs.map(({ listed }) => listed), leaving });
    await writeFile(this.#settings.list, text);
  }

  async answer() {
    const answer = await fetch(`http://127.0.0.1:${this.#settings.port}/jobs`).catch(
      () => undefined,
    );
    return answer && poolAnswer.parse(await answer.json());
  }

  async told() {
    return (await this.answer())?.jobs ?? [];
  }

  async until(what: string, holds: (told: z.output<typeof poolAnswer>['jobs']) => boolean) {
    await eventually(what, async () => holds(await this.told()), {
      ...{ withinMs: 240_000, everyMs: 50 },
    });
  }

  async end(signal: 'SIGTERM' | 'SIGKILL') {
    this.#process?.kill(signal);
    return await this.#process;
  }
}

function startPod(settings: PodPool) {
  const program = new URL('../../worker/pool/main.ts', import.meta.url).pathname;
  const env = { [poolVariable]: JSON.stringify(settings) };
  return execa(process.execPath, [program], { env, reject: false, all: true });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const weights = async (folder: string) => {
  const { checkpoint } = JSON.parse(await readFile(join(folder, runFiles.trained), 'utf8'));
  return readFile(join(checkpoint, 'shard-0.safetensors'));
};

test('jobs come and go by the list, a lost pod resumes all, and each ends with its own bits', async (t) => {
  t.timeout(600_000);
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  const root = folder.path;
  const first = await placed(t, root, 'first', 60);
  const second = await placed(t, root, 'second', 40);
  const third = await placed(t, root, 'third', 12);
  const pod = new Pod({
    ...{ name: 'smol', namespace: 'team', root, volumes: {}, list: join(root, 'jobs.json') },
    ...{ jobs: 3, devices: 0, threads: 1, port: await freePort(), graceSeconds: 60 },
  });
  t.teardown(() => pod.end('SIGKILL'));
  const stateOf = (told: readonly { uid: string; state: string }[], { listed }: Placed) =>
    told.find(({ uid }) => uid === listed.uid)?.state;
  const stepOf = (told: z.output<typeof poolAnswer>['jobs'], { listed }: Placed) =>
    told.find(({ uid }) => uid === listed.uid)?.step?.step ?? 0;
  await pod.list([first, second]);
  pod.start();
  await pod.until('both train', (told) => stepOf(told, first) > 5 && stepOf(told, second) > 5);
  const killed = await pod.end('SIGKILL');
  t.is(killed?.signal, 'SIGKILL');
  await pod.list([first, second, third]);
  pod.start();
  await pod.until('the third came', (told) => stepOf(told, third) > 0);
  t.deepEqual((await pod.answer())?.leaving, []);
  const word = `${second.listed.uid}/2`;
  await pod.list([first, third], [word]);
  await pod.until('the second left', (told) => stateOf(told, second) === undefined);
  t.deepEqual((await pod.answer())?.leaving, [word]);
  await pod.until('the third is trained', (told) => stateOf(told, third) === 'Trained');
  await pod.list([first, second, third]);
  const ended = (told: readonly { uid: string; state: string }[]) =>
    [first, second, third].every((one) => stateOf(told, one) === 'Trained');
  await pod.until('all are trained', ended);
  const stopped = await pod.end('SIGTERM');
  t.is(stopped?.exitCode, 75, String(stopped?.all));
  for (const { run, folder: trained } of [first, second, third]) {
    await run.train();
    t.deepEqual(await weights(trained), await weights(run.folder), run.record.name);
  }
});
