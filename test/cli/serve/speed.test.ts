import test from 'ava';
import { ServeSpeed } from '../../../cli/serve/speed.ts';
import type { ServeMessage, ServeOrder } from '../../../crds/serve/messages.ts';

type Step = Extract<ServeMessage, { serve: 'Step' }>;

const question = {
  ...{ model: 'base', prompt: { type: 'Text' as const, text: 'a' } },
  ...{ temperature: 0, topP: 1, seed: 1, stop: [] },
};

/** One whose time the test moves, in milliseconds. */
function aSpeed() {
  let time = 0;
  let made = 0;
  const speed = new ServeSpeed(() => time);
  const numbers = { waiting: 1, decoding: 2, sequences: 2, freePages: 0, pages: 0, steps: 0 };
  return {
    speed,
    pass: (ms: number) => {
      time += ms;
    },
    ask: (id: number) => speed.asked({ serve: 'Ask', id, question } satisfies ServeOrder),
    /** A token for each, of which some end. */
    step: (ids: readonly number[], ends: readonly number[] = []) => {
      made += ids.length;
      const end = { reason: 'stop' as const, promptTokens: 1, madeTokens: 1 };
      speed.heard({
        serve: 'Step',
        texts: ids.map((id) => ({ id, text: 'x' })),
        ends: ends.map((id) => ({ id, ...end })),
        numbers: { ...numbers, made },
      } satisfies Step);
    },
  };
}

test('time without a question counts nowhere, and nothing is said of it', (t) => {
  const { speed, pass, ask, step } = aSpeed();
  pass(5000);
  t.is(speed.line(), undefined);
  t.is(speed.total(), undefined);
  ask(1);
  pass(500);
  step([1]);
  pass(500);
  step([1], [1]);
  pass(60_000);
  const text = '2.0 tokens/s, first token 0.50 s (0.50–0.50), 1 answer';
  t.is(speed.line(), `${text}, 2 decoding, 1 waiting`);
  t.is(speed.line(), undefined);
  t.is(speed.total(), `in all ${text}, 2 tokens in 1.00 s`);
});

test('a line tells of what came since the last one', (t) => {
  const { speed, pass, ask, step } = aSpeed();
  ask(1);
  pass(100);
  ask(2);
  pass(100);
  step([1]);
  pass(800);
  step([1, 2]);
  t.regex(speed.line() ?? '', /^3\.0 tokens\/s, first token 0\.55 s \(0\.20–0\.90\), 0 answers/);
  pass(1000);
  step([1, 2], [1, 2]);
  t.regex(speed.line() ?? '', /^2\.0 tokens\/s, 2 answers/, 'both had begun before');
  t.regex(speed.total() ?? '', /^in all 2\.5 tokens\/s, .*, 2 answers, 5 tokens in 2\.00 s$/);
});

test('one that is refused or goes away is open no more', (t) => {
  const { speed, pass, ask } = aSpeed();
  ask(1);
  pass(100);
  speed.heard({ serve: 'Refused', id: 1, reason: 'Invalid', message: '' });
  pass(100);
  ask(2);
  pass(100);
  speed.asked({ serve: 'Drop', id: 2 });
  pass(100);
  t.regex(speed.total() ?? '', /^in all 0\.0 tokens\/s, 0 answers, 0 tokens in 0\.20 s$/);
});
