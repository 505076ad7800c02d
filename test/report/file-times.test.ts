import test from 'ava';
import { fileTimes } from './file-times.ts';

test('a file is charged with the time until each of its results, and quick ones are not told', (t) => {
  let seconds = 0;
  const times = fileTimes(() => seconds * 1000);
  for (const [title, took] of [
    ['weights › grid › begins', 15],
    ['weights › grid › ends', 10],
    ['weights › quick › ends', 19],
    ['engine › step › ends', 61],
    // Of a single file AVA tells no name.
    ['ends', 90],
  ] as const) {
    seconds += took;
    times.ended(title);
  }
  t.is(times.longest(), 'engine › step 61 s, weights › grid 25 s');
});
