// The program of the pod of a TrainingPool: one process that trains, a list of jobs that is looked
// at every second, and an answer to whoever asks how they are. SIGTERM saves all and ends it.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { systemClock } from '../../crds/clock.ts';
import { toAnnealError } from '../../crds/failures/errors.ts';
import { Exit, failureOf } from '../../crds/failures/table.ts';
import { jsonLimits, parseJson } from '../../crds/text/json.ts';
import { packedMessage } from '../../crds/wire/packed.ts';
import {
  listedJobs,
  type PoolAnswer,
  type PoolList,
  podPool,
  poolPath,
  poolVariable,
} from '../../crds/wire/pool.ts';
import { workerNodeArguments } from '../../crds/wire/worker-process.ts';
import { readTextFile } from '../files/bounded-file.ts';
import { workerFile } from '../supervisor/child.ts';
import { checkDevices } from '../supervisor/device-check.ts';
import { lineOf } from '../supervisor/line-of.ts';
import { begin, endOfTraining } from './begin.ts';
import { PoolJobs } from './pool-jobs.ts';

const lookMs = 1_000;
const farewellMs = 5_000;

const terminate = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => terminate.abort());

try {
  process.exitCode = await main();
} catch (thrown) {
  const { code, message } = toAnnealError(thrown);
  print(`${message} (${code})`);
  process.exitCode = failureOf(code).workerExit;
}

async function main(): Promise<number> {
  const pool = podPool.parse(parseJson(process.env[poolVariable] ?? '', jsonLimits.message));
  const device = pool.devices === 0 ? undefined : await checkDevices(pool.devices);
  if (device?.type === 'Unfit') {
    const { code, message } = device.failure;
    print(`the pod has no device to train on; a worker would say: ${message} (${code})`);
    return failureOf(code).workerExit;
  }
  if (device !== undefined) print(device.message);
  const worker = workerFile();
  const words = [...workerNodeArguments('pool'), worker, 'pool', String(pool.jobs)];
  const child = execa(process.execPath, words, {
    ...{ ipc: true, buffer: false, reject: false, cleanup: true },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', print);
  }
  const jobs = new PoolJobs({
    most: pool.jobs,
    // To one that has ended execa throws at once: its end is heard below.
    say: (order) => void (async () => child.sendMessage(order))().catch(() => {}),
    begin: (job) => begin(job, pool, systemClock.now(), device?.product),
    endOf: endOfTraining,
    tell(job, message) {
      const line = lineOf(message);
      if (line !== undefined && line.level !== 'debug') print(`${job.name} ${line.text}`);
    },
  });
  const ended = new AbortController();
  const hear = async () => {
    for await (const raw of child.getEachMessage()) {
      const { data } = packedMessage.safeParse(raw);
      if (data !== undefined) await jobs.hear(data);
    }
  };
  const heard = hear();
  void child.finally(() => ended.abort()).catch(() => {});
  let leaving: PoolList['leaving'] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://pool');
    if (pathname === '/healthz') return void response.end('ok');
    if (pathname !== poolPath) return void response.writeHead(404).end();
    response.setHeader('content-type', 'application/json');
    const answer: PoolAnswer = { v: 1, jobs: [...jobs.told], leaving };
    response.end(JSON.stringify(answer));
  });
  server.listen(pool.port, '::');
  await once(server, 'listening');
  const over = AbortSignal.any([terminate.signal, ended.signal]);
  while (!over.aborted) {
    const list = await readList(pool.list);
    await jobs.follow(list.jobs);
    leaving = list.leaving;
    await systemClock.sleep(lookMs, over).catch(() => {});
  }
  const kill = setTimeout(() => child.kill('SIGKILL'), pool.graceSeconds * 1000 - farewellMs);
  if (!ended.signal.aborted) await child.sendMessage('stop').catch(() => {});
  const { exitCode, signal } = await child;
  clearTimeout(kill);
  await heard.catch(() => {});
  server.close();
  server.closeAllConnections();
  if (terminate.signal.aborted) return Exit.PlannedStop;
  print(
    `the training process ended ${signal === undefined ? `with exit code ${exitCode}` : `by ${signal}`}; a new pod goes on from the checkpoints`,
  );
  return failureOf('E_CRASHED').workerExit;
}

async function readList(path: string): Promise<PoolList> {
  const text = await readTextFile(path, jsonLimits.message.bytes);
  return listedJobs.parse(text === undefined ? { jobs: [] } : parseJson(text, jsonLimits.message));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
