import test from 'ava';
import { keysOf } from '../../../cli/screens/keys-of.ts';
import { type Seen, startAt, type View } from '../../../cli/screens/navigation.ts';
import { press } from '../../../cli/screens/press.ts';
import type { Pressed } from '../../../cli/terminal/pressed.ts';
import { aListedJob } from '../../builders/listed-job.ts';

const job = aListedJob({ namespace: 'team-a', name: 'a', status: { phase: 'Running' } });
const rows = [job, aListedJob({ namespace: 'team-a', name: 'b' })];
const key = 'team-a/a';
const views: readonly View[] = [
  { type: 'Board' },
  { type: 'Job', key },
  { type: 'Logs', key },
  { type: 'Text', key, what: 'why' },
  { type: 'Compare', keys: [key, 'team-a/b'] },
];
/** In every view, and told at the foot of the help. */
const everywhere = ['?', ':', 'q', 'esc'];
const special = ['up', 'down', 'pageUp', 'pageDown', 'enter', 'esc', 'backspace'] as const;

/** Names in the help of what is pressed. */
const spelled: Readonly<Record<string, string>> = {
  ' ': 'space',
  ...{ pageUp: 'pgup', pageDown: 'pgdn' },
};

function namesOf(text: string): readonly string[] {
  const digits = /^(\d)-(\d)$/.exec(text);
  if (digits !== null) {
    const [from, to] = [Number(digits[1]), Number(digits[2])];
    return Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
  }
  return [text, ...text.split(' ')];
}

for (const view of views) {
  test(`the help of ${view.type} names each key that does something, and no other`, (t) => {
    // In the middle of everything, so that each key has somewhere to go.
    const at = { ...startAt(view), scroll: 20, row: 0, zoom: 2 };
    const seen: Seen = { rows, jobs: rows, job, isCluster: true };
    const named = new Set(keysOf(view, job, true).flatMap(({ key: text }) => namesOf(text)));
    const printable = Array.from({ length: 95 }, (_, index) => String.fromCodePoint(32 + index));
    const all: readonly Pressed[] = [
      ...printable.map((input): Pressed => ({ input, key: undefined })),
      ...special.map((one): Pressed => ({ input: '', key: one })),
    ];
    for (const pressed of all) {
      const name = pressed.key ?? pressed.input;
      if (everywhere.includes(name)) continue;
      const acts = [at, { ...at, row: 1 }].some((before) => {
        const { navigation, effect } = press(before, pressed, seen);
        return (
          effect !== undefined ||
          JSON.stringify(navigation) !== JSON.stringify(before) ||
          navigation.panels.size !== before.panels.size
        );
      });
      const isNamed = named.has(spelled[name] ?? name);
      t.is(
        isNamed,
        acts,
        `${name} ${acts ? 'acts and is not named' : 'is named and does nothing'}`,
      );
    }
  });
}
