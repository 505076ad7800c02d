import test from 'ava';
import { renderToString } from 'ink';
import { emptyRun, see } from '../../../../cli/jobs/run-state.ts';
import { fewestRows, RunScreen, type RunScreenProps } from '../../../../cli/screens/run/screen.tsx';
import { ascii, block, braille } from '../../../../cli/terminal/glyphs.ts';
import type { Telemetry } from '../../../../crds/wire/telemetry.ts';
import { aSpec } from '../../../builders/job.ts';
import { messagesOfARun } from '../../../builders/run-messages.ts';

const all = messagesOfARun();
const warning = { type: 'warning', reason: 'Prepare', message: '3 records are empty', time: 1024 };

function screen(count: number, columns: number, more: Partial<RunScreenProps> = {}): string {
  const messages = [...all.slice(0, count), ...(count > 24 ? [warning as Telemetry] : [])];
  const state = messages.reduce(see, emptyRun);
  const props = {
    name: 'first',
    spec: aSpec(),
    state,
    columns,
    glyphs: braille,
    color: false as const,
    stopping: false,
  };
  const now = (state.until ?? 1000) + 4;
  return renderToString(<RunScreen {...props} now={now} {...more} />, { columns });
}

const moments = { nothing: 0, fetching: 1, loading: 5, training: 25, end: all.length };

for (const columns of [40, 80, 120]) {
  test(`the screen at ${columns} columns from the first message to the last`, (t) => {
    for (const [name, count] of Object.entries(moments)) {
      const text = screen(count, columns);
      t.snapshot(text, name);
      for (const line of text.split('\n')) t.true([...line].length <= columns, line);
    }
  });
}

test('without Braille there are blocks, and without those plain letters', (t) => {
  t.snapshot(screen(25, 80, { glyphs: block }), 'block');
  const plain = screen(25, 80, { glyphs: ascii });
  t.snapshot(plain, 'ascii');
  t.regex(plain, /^[\n\u0020-\u007e]*$/);
});

test('the screen never grows taller than the window that it asks for', (t) => {
  for (let count = 0; count <= all.length; count++) {
    t.true(screen(count, 120).split('\n').length < fewestRows);
  }
});

test('the first ctrl-c is confirmed, and the second one explained', (t) => {
  t.regex(screen(10, 80, { stopping: true }), /saving and stopping; ctrl-c again ends at once/);
});

test('of classes the share that is right is said, at any width', (t) => {
  const messages = all.map((message): Telemetry => {
    if (message.type === 'plan') return { ...message, task: 'ImageClassification' };
    return message.type === 'evaluation'
      ? { ...message, accuracy: 1 - message.step / 100 }
      : message;
  });
  const state = messages.reduce(see, emptyRun);
  for (const columns of [40, 80]) {
    const text = screen(0, columns, { state });
    t.regex(text, /held out [0-9.]+ % → [0-9.]+ % right/);
    for (const line of text.split('\n')) t.true([...line].length <= columns, line);
    t.true(text.split('\n').length < fewestRows);
  }
});
