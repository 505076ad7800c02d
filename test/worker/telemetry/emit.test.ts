import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { emitter, type Parent } from '../../../worker/telemetry/emit.ts';
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
