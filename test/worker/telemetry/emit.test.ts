import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { emitter, type Parent } from '../../../worker/telemetry/emit.ts';
import { aStepBody } from '../../builders/step-body.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const warning = { type: 'warning', reason: 'Test', message: 'something is odd' } as const;

function aParent(): Parent & { readonly got: Telemetry[] } {
  const got: Telemetry[] = [];
  return { connected: true, send: (message) => got.push(message) > 0, got };
}

test('a message reaches the parent and the file, with the time at which it was said', async (t) => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'telemetry.jsonl');
  const clock = new FakeClock();
  const parent = aParent();
  {
    using messages = emitter(file, parent, clock);
    messages.emit(warning);
    clock.advance(1500);
    messages.emit({ ...warning, message: 'twice' });
  }
  const [first, second] = parent.got;
  t.is((second?.time ?? 0) - (first?.time ?? 0), 1.5);
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  t.deepEqual(
    lines.map((line) => JSON.parse(line)),
    parent.got,
  );
});

test('a line that a killed process left half is ended before the next one', async (t) => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'telemetry.jsonl');
  await writeFile(file, '{"whole":1}\n{"type":"st');
  {
    using messages = emitter(file, { connected: false }, new FakeClock());
    messages.emit(warning);
  }
  using again = emitter(file, { connected: false }, new FakeClock());
  again.emit(warning);
  const lines = (await readFile(file, 'utf8')).split('\n');
  t.deepEqual(lines.slice(0, 2), ['{"whole":1}', '{"type":"st']);
  t.is(lines.length, 5);
  t.is(lines.at(-1), '');
  for (const line of lines.slice(2, 4)) t.is(JSON.parse(line).message, warning.message);
});

const kept = async (file: string): Promise<readonly Telemetry[]> =>
  (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('a long run leaves every second step, then every fourth, and always the one before anything else', async (t) => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'telemetry.jsonl');
  const parent = aParent();
  const bytes = JSON.stringify({ ...aStepBody(100), time: 1e9 }).length;
  {
    using messages = emitter(file, parent, new FakeClock(), 20 * bytes);
    for (let number = 1; number <= 200; number++) {
      messages.emit(aStepBody(number));
      if (number === 151) messages.emit(warning);
    }
    messages.emit(aStepBody(201));
  }
  t.is(parent.got.length, 202);
  const lines = await kept(file);
  const steps = lines.flatMap((one) => (one.type === 'step' ? [one.step] : []));
  t.deepEqual(
    steps.slice(0, 20),
    Array.from({ length: 20 }, (_, index) => index + 1),
  );
  t.true(steps.length < 80);
  const gaps = steps.slice(20).map((number, index) => number - (steps[index + 19] ?? 0));
  t.true(gaps.slice(0, 5).includes(2) && gaps.includes(4));
  const told = lines.findIndex(({ type }) => type === 'warning');
  t.like(lines[told - 1], { type: 'step', step: 151 });
  t.is(steps.at(-1), 201);
});

test('a process that goes on with a long file thins from where it stands', async (t) => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'telemetry.jsonl');
  await writeFile(file, `${JSON.stringify({ ...warning, time: 1, more: 'x'.repeat(1000) })}\n`);
  {
    using messages = emitter(file, aParent(), new FakeClock(), 500);
    for (let number = 1; number <= 8; number++) messages.emit(aStepBody(number));
  }
  const steps = (await kept(file)).flatMap((one) => (one.type === 'step' ? [one.step] : []));
  t.deepEqual(steps, [4, 8]);
});

test('a parent that is gone is not told, and that is no error', async (t) => {
  await using folder = await temporaryFolder();
  const gone: Parent = {
    connected: true,
    send(_message, _handle, _options, callback) {
      // What Node.js does when the other end of the channel has just been killed.
      setImmediate(() => callback(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })));
      return true;
    },
  };
  using messages = emitter(join(folder.path, 'telemetry.jsonl'), gone, new FakeClock());
  t.notThrows(() => messages.emit(warning));
});
