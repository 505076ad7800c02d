import test from 'ava';
import fc from 'fast-check';
import { chooseHeldOut } from '../../../worker/data/held-out.ts';

test('As many records are set aside as were asked for, each once, and one is always left', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3000 }),
      fc.integer({ min: 1, max: 4000 }),
      (samples, wanted) => {
        const held = chooseHeldOut(samples, { samples: wanted });
        t.is(held.length, Math.min(wanted, samples - 1));
        t.is(new Set(held).size, held.length);
        t.deepEqual(
          held,
          held.toSorted((a, b) => a - b),
        );
        t.true(held.every((sample) => sample >= 0 && sample < samples));
      },
    ),
  );
});

test('A percentage is rounded to records', (t) => {
  t.is(chooseHeldOut(1000, { percent: 2.5 }).length, 25);
  t.is(chooseHeldOut(10, { percent: 1 }).length, 0);
  t.deepEqual(chooseHeldOut(1000, undefined), []);
});

test('More records set aside hold those of fewer, and more data keeps most of them', (t) => {
  const few = chooseHeldOut(10_000, { samples: 50 });
  const more = new Set(chooseHeldOut(10_000, { samples: 200 }));
  t.true(few.every((sample) => more.has(sample)));
  const grown = new Set(chooseHeldOut(11_000, { samples: 50 }));
  // A tenth more data pushes out about a tenth of 50; 20 has a chance below 1e-7.
  t.true(few.filter((sample) => !grown.has(sample)).length < 20);
});

test('They come from everywhere', (t) => {
  const held = chooseHeldOut(10_000, { samples: 1000 });
  for (let tenth = 0; tenth < 10; tenth += 1) {
    const count = held.filter((sample) => Math.floor(sample / 1000) === tenth).length;
    // Six standard deviations of a count of mean 100.
    t.true(Math.abs(count - 100) < 60, `${count}`);
  }
});
