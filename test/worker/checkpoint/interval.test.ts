import test from 'ava';
import fc from 'fast-check';
import {
  firstSaveSeconds,
  type SaveHistory,
  type SaveWish,
  saveIsDue,
  saveShare,
} from '../../../worker/checkpoint/interval.ts';

const noWish: SaveWish = { intervalSteps: null, intervalSeconds: null };
const history = (changes: Partial<SaveHistory>): SaveHistory => ({
  ...{ stepsSinceSave: 1, secondsSinceSave: 0, saveSeconds: null },
  ...changes,
});

test('a wish in steps is met at that step and not before', (t) => {
  const wish = { ...noWish, intervalSteps: 10 };
  t.false(saveIsDue(wish, history({ stepsSinceSave: 9, secondsSinceSave: 1e9 })));
  t.true(saveIsDue(wish, history({ stepsSinceSave: 10 })));
});

test('a wish in seconds is met with the first step after them', (t) => {
  const wish = { ...noWish, intervalSeconds: 30 };
  t.false(saveIsDue(wish, history({ stepsSinceSave: 1e6, secondsSinceSave: 29.9 })));
  t.true(saveIsDue(wish, history({ secondsSinceSave: 30 })));
});

test('of two wishes the one that comes first decides', (t) => {
  const wish = { intervalSteps: 10, intervalSeconds: 30 };
  t.true(saveIsDue(wish, history({ stepsSinceSave: 10 })));
  t.true(saveIsDue(wish, history({ secondsSinceSave: 30 })));
  t.false(saveIsDue(wish, history({ stepsSinceSave: 9, secondsSinceSave: 29 })));
});

test('without a wish the first save comes after a minute', (t) => {
  t.false(saveIsDue(noWish, history({ secondsSinceSave: firstSaveSeconds - 1 })));
  t.true(saveIsDue(noWish, history({ secondsSinceSave: firstSaveSeconds })));
});

test('without a step since the last save nothing is due, whatever the wish', (t) => {
  for (const wish of [noWish, { intervalSteps: 1, intervalSeconds: 1 }]) {
    const none = history({ stepsSinceSave: 0, secondsSinceSave: 1e9, saveSeconds: 1e-9 });
    t.false(saveIsDue(wish, none));
  }
});

test('without a wish saving takes its share of training at most, and is not put off for longer', (t) => {
  const positive = fc.double({ min: 1e-3, max: 1e4, noNaN: true });
  const property = fc.property(positive, positive, (saveSeconds, stepSeconds) => {
    let [trained, saved] = [0, 0];
    for (let since = 0, stepsSinceSave = 1; stepsSinceSave < 100; stepsSinceSave += 1) {
      since += stepSeconds;
      trained += stepSeconds;
      const due = saveIsDue(noWish, { stepsSinceSave, secondsSinceSave: since, saveSeconds });
      // Both sides of the same border, but for the rounding of a sum of a hundred.
      if (due) t.true(saveSeconds <= since * saveShare * (1 + 1e-12));
      else t.true(saveSeconds >= since * saveShare * (1 - 1e-12));
      if (!due) continue;
      saved += saveSeconds;
      since = 0;
    }
    return saved <= saveShare * trained * (1 + 1e-9);
  });
  t.notThrows(() => fc.assert(property));
});
