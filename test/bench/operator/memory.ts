// Memory of the operator while jobs that train add up to many thousands, and of one that starts when all of them are there, as after a loss
// of the leader. The jobs are made in the ordinary way: each has its init Job, its worker Job, two policies, a pod that has ended
// and one that runs.
import { setTimeout as wait } from 'node:timers/promises';
import type { Setup } from '../../../cli/setup/setup.ts';
import type { Transport } from '../../../operator/runtime/transport.ts';
import { aClaim, configFrom, kubectl, transportTo } from '../../cluster/access.ts';
import { eventually } from '../../doubles/eventually.ts';
import { collectionOf } from './burst.ts';
import { ours } from './contenders.ts';
import { joinAsWorkers } from './joining.ts';
import { openOperator } from './our-operator.ts';
import { usedBy } from './processes.ts';

const stepJobs = 1000;
/** Jobs that are not trained yet, at most: the API server should not queue for minutes. */
const ahead = 200;
const settleMs = 20_000;

interface Sample {
  readonly jobs: number;
  readonly pods: number;
  readonly resident: number;
  readonly heap: number;
}

export async function measureMemory(setup: Setup, count: number): Promise<string> {
  const { signal } = setup;
  const contender = { ...ours, namespace: 'bench-memory' };
  await kubectl(['create', 'namespace', contender.namespace]);
  await aClaim(contender.namespace, 'notes');
  await using operator = await openOperator(contender.namespace);
  await using transport = transportTo(configFrom(), 60_000);
  await using bus = await operator.nats.connect('workers');
  const ended = new AbortController();
  const joining = joinAsWorkers(bus, transport, contender.namespace, ended.signal);
  const samples: Sample[] = [await sample(operator.port, 0)];
  const note = (words: string) => setup.steps.note(words);
  const path = collectionOf(contender);
  try {
    let trained = 0;
    for (let made = 0; made < count; made++) {
      if (made - trained >= ahead) {
        const enough = async () => {
          trained = (await read(operator.port)).trained;
          return made - trained < ahead;
        };
        await eventually('jobs train', enough, { withinMs: 600_000, everyMs: 250 });
      }
      const body = contender.body(`b0-${made}`);
      await transport.send({ verb: 'POST', path, body }, signal);
      if ((made + 1) % stepJobs > 0 && made + 1 < count) continue;
      const all = async () => (await read(operator.port)).trained > made;
      await eventually(`${made + 1} jobs train`, all, { withinMs: 600_000, everyMs: 250 });
      const taken = await sample(operator.port, made + 1);
      samples.push(taken);
      note(lineOf(taken));
    }
    const before = usedBy(ours.isProcess).peakBytes;
    await operator.restart();
    await wait(settleMs, undefined, { signal });
    const again = await sample(operator.port, count);
    return report(samples, again, { before, after: usedBy(ours.isProcess).peakBytes });
  } finally {
    ended.abort();
    await joining;
    await removeAll(transport, path);
  }
}

/** Collected when it is quiet: what grows is what is kept. */
async function sample(port: number, jobs: number): Promise<Sample> {
  await wait(3_000);
  const { pods, heap } = await read(port);
  return { jobs, pods, heap, resident: usedBy(ours.isProcess).residentBytes };
}

async function read(port: number) {
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const value = (line: string) =>
    Number(new RegExp(`^${line} ([\\d.e+]+)$`, 'm').exec(page)?.[1] ?? 0);
  return {
    trained: value('anneal_jobs\\{phase="Running"\\}'),
    pods: value('anneal_cache_objects\\{resource="pods"\\}'),
    heap: value('nodejs_heap_size_used_bytes'),
  };
}

async function removeAll(transport: Transport, path: string): Promise<void> {
  const forever = new AbortController().signal;
  await transport.send({ verb: 'DELETE', path }, forever).catch(() => undefined); // the cluster goes anyway
}

const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);

function lineOf({ jobs, pods, resident, heap }: Sample): string {
  return `${jobs} jobs, ${pods} pods: ${mib(resident)} MiB resident, ${mib(heap)} of it used by objects`;
}

function report(
  samples: readonly Sample[],
  again: Sample,
  peaks: { readonly before: number; readonly after: number },
): string {
  const rows = samples.map(({ jobs, pods, resident, heap }, index) => {
    const before = samples[index - 1];
    const growth = before === undefined ? '' : mib(resident - before.resident);
    return `| ${jobs} | ${pods} | ${mib(resident)} | ${growth} | ${mib(heap)} |`;
  });
  return [
    '| jobs | pods | resident, MiB | growth | objects, MiB |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    `The most at any time: ${mib(peaks.before)} MiB. Another operator, started when all were there: ${mib(again.resident)} MiB after twenty seconds, ${mib(peaks.after)} at most.`,
  ].join('\n');
}
