// One trace of `anneal run`, from the command to its result, as a collector of OTLP gets it from
// real processes; and a collector that is no help, which changes nothing but a sentence.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { OtlpCollector } from '../doubles/otlp-collector.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import { type RunLine, startAnneal } from './anneal-process.ts';

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-trace-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

async function run(
  name: string,
  variables: Readonly<Record<string, string>>,
  training: Readonly<Record<string, unknown>> = {},
) {
  const job = await writeToyJob(join(folder, name), {
    name,
    method: { preset: 'LoRA', precision: { type: 'Float32' } },
    training: { maxSteps: 4, ...training },
    observability: { traceSampling: 'All' },
  });
  const lines: RunLine[] = [];
  const began = Date.now();
  const { ended } = startAnneal(
    job.file,
    join(folder, 'cache'),
    (line) => lines.push(line),
    [],
    variables,
  );
  return { ...(await ended), lines, began, over: Date.now() };
}

test.serial(
  'one trace spans the run: prepare, load, plan, first step, checkpoint, publish',
  async (t) => {
    t.timeout(10 * 60_000);
    await using collector = await OtlpCollector.start();
    const { code, stderr, lines, began, over } = await run('traced', {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
    });
    t.is(code, 0, stderr);
    t.is(stderr, '');
    const { spans } = collector;
    t.is(new Set(spans.map(({ traceId }) => traceId)).size, 1);
    const root = collector.named('anneal run');
    t.is(root.parentId, '');
    t.true(root.startMs >= began && root.endMs <= over);
    t.is(root.resource['service.name'], 'anneal');
    t.is(root.resource['deployment.environment'], 'test');
    for (const stage of ['prepare', 'train', 'publish']) {
      t.is(collector.named(stage).parentId, root.spanId, stage);
    }
    const parts = [
      ...[['tokenise', 'prepare'] as const, ['load', 'train'] as const, ['plan', 'train'] as const],
      ...[['first step', 'train'] as const, ['export', 'publish'] as const],
    ];
    for (const [name, parent] of parts) {
      const [part, whole] = [collector.named(name), collector.named(parent)];
      t.is(part.parentId, whole.spanId, name);
      t.true(part.startMs <= part.endMs, name);
      // Times of a step are told by a clock of their own, to a tenth of a millisecond and more.
      t.true(part.startMs > whole.startMs - 50 && part.endMs < whole.endMs + 50, name);
    }
    const step = lines.find((line) => line.type === 'step');
    t.true(Math.abs(collector.named('first step').endMs - (step?.time ?? 0) * 1000) < 1);
    t.true(collector.names().includes('checkpoint'));
    t.true(collector.names().includes('evaluate'));
  },
);

test.serial(
  'a collector that never answers costs the run a few seconds at its end, and a sentence',
  async (t) => {
    t.timeout(10 * 60_000);
    await using collector = await OtlpCollector.start();
    collector.mood = 'IsSilent';
    const { code, stderr, lines, over } = await run('unheard', {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
    });
    t.is(code, 0);
    t.regex(stderr, /^\d+ spans of the trace could not be sent to http:.*\n$/);
    t.is(lines.at(-1)?.type, 'outcome');
    const end = lines.findLast((line) => line.type === 'end');
    // The limit of half a second, and room for a busy machine; the package alone would wait ten.
    t.true(over - (end?.time ?? 0) * 1000 < 8_000);
  },
);
