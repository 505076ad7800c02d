// What a pod says, while the bus answers, is away, or answers only some of it.
import test from 'ava';
import type { PodBus } from '../../../crds/wire/pod-bus.ts';
import type { StreamName } from '../../../crds/wire/subjects.ts';
import { redactor } from '../../../worker/supervisor/redact.ts';
import { Report } from '../../../worker/supervisor/report.ts';
import { aStep } from '../../builders/trainer-messages.ts';
import { FakeClock } from '../../doubles/clock.ts';

/** A bus that keeps what it is sent, and fails when it is told to. */
function aBus() {
  const kept: { stream: StreamName; text: string; id: string }[] = [];
  const failing = { next: 0 };
  const tell = async (stream: StreamName, value: Uint8Array, id: string) => {
    if (failing.next > 0) {
      failing.next -= 1;
      throw new Error('no answer');
    }
    kept.push({ stream, text: new TextDecoder().decode(value), id });
  };
  // Only what a report uses of a bus.
  return { kept, failing, bus: { tell } as unknown as PodBus };
}

function aReport(bus: () => PodBus | undefined, outboxBytes?: number, role = 'supervise') {
  const lines: string[] = [];
  const report = new Report({
    pod: { name: 'first-w1-0', uid: 'pod-a', index: 0 },
    role,
    clock: new FakeClock(),
    redact: redactor(['hush-hush']),
    print: (line) => void lines.push(line),
    bus,
    ...(outboxBytes === undefined ? {} : { outboxBytes }),
  });
  return { report, lines };
}

const step = (n: number) => ({ ...aStep(n), time: 0 });

test('messages go out in order under ids of their own', async (t) => {
  const { bus, kept } = aBus();
  const { report } = aReport(() => bus);
  for (const n of [1, 2, 3]) report.telemetry(step(n));
  t.true(await report.flush(1000));
  const metrics = kept.filter(({ stream }) => stream === 'metrics');
  t.deepEqual(
    metrics.map(({ text }) => JSON.parse(text).step),
    [1, 2, 3],
  );
  t.is(new Set(kept.map(({ id }) => id)).size, kept.length);
});

test('two containers of one pod have no id in common: the server would drop what the second says', async (t) => {
  const { bus, kept } = aBus();
  for (const role of ['prepare', 'supervise']) {
    const { report } = aReport(() => bus, undefined, role);
    report.telemetry(step(1));
    t.true(await report.flush(1000));
  }
  t.is(new Set(kept.map(({ id }) => id)).size, kept.length);
});

test('a message whose answer was lost is sent again under the same id', async (t) => {
  const { bus, kept, failing } = aBus();
  const { report } = aReport(() => bus);
  report.least = 'error';
  for (const n of [1, 2, 3]) report.telemetry(step(n));
  failing.next = 1;
  t.false(await report.flush(1000), 'the first did not go');
  t.is(report.waiting, 3);
  t.true(await report.flush(1000));
  const ids = kept.map(({ id }) => id);
  const told = [2, 3, 1, 2, 3].map((number) => `supervise-${number}`);
  t.deepEqual(ids, told, 'the server drops those it knows');
});

test('while the bus is away nothing waits, the oldest are given up, and that is told when it is back', async (t) => {
  const { bus, kept } = aBus();
  let present: PodBus | undefined;
  const { report } = aReport(() => present, 20_000);
  report.least = 'error';
  for (let n = 1; n <= 1000; n += 1) report.telemetry(step(n));
  t.false(await report.flush(1000));
  t.true(report.dropped > 900);
  present = bus;
  t.true(await report.flush(1000));
  const steps = kept
    .filter(({ stream }) => stream === 'metrics')
    .map(({ text }) => JSON.parse(text).step);
  t.is(steps.at(-1), 1000);
  const told = kept.find(({ stream }) => stream === 'events');
  t.like(JSON.parse(told?.text ?? '{}'), { type: 'TelemetryDropped' });
  t.is(steps.length + report.dropped, 1000 + (told === undefined ? 1 : 0));
});

test('credentials leave neither by the bus nor by the log', async (t) => {
  const { bus, kept } = aBus();
  const { report, lines } = aReport(() => bus);
  report.line('info', 'worker', 'value hush-hush');
  report.telemetry({ type: 'warning', reason: 'x', message: 'also hush-hush', time: 0 });
  await report.flush(1000);
  t.false([...lines, ...kept.map(({ text }) => text)].some((each) => each.includes('hush-hush')));
  t.true(lines.some((line) => JSON.parse(line).text === 'value [redacted]'));
});

test('lines below the level are not written, steps are told now and then', (t) => {
  const { report, lines } = aReport(() => undefined);
  report.line('debug', 'worker', 'detail');
  for (const n of [1, 2, 3]) report.telemetry(step(n));
  const texts = lines.map((line) => JSON.parse(line).text);
  t.is(texts.length, 1);
  t.regex(texts[0], /^step 1 of /);
  report.least = 'debug';
  report.telemetry(step(4));
  t.is(lines.length, 2);
});

test('what no stream would take is not sent at all', async (t) => {
  const { bus, kept } = aBus();
  const { report } = aReport(() => bus);
  report.telemetry({
    type: 'sample',
    step: 1,
    index: 0,
    prompt: 'p',
    text: 'x'.repeat(70_000),
    time: 0,
  });
  t.true(await report.flush(1000));
  t.deepEqual(kept, []);
});
