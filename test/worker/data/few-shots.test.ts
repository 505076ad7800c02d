import test from 'ava';
import fc from 'fast-check';
import { chooseShots, classesWithFewer } from '../../../worker/data/few-shots.ts';

const classOf = (document: number): number => document % 3;
const all = Array.from({ length: 60 }, (_, document) => document);

test('of each class as many documents are chosen as there are shots, each once', (t) => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 20 }), (seed, shots) => {
      const chosen = chooseShots({ classOf }, all, { shots, seed });
      t.deepEqual(
        [...Map.groupBy(chosen, classOf).values()].map(({ length }) => length),
        [shots, shots, shots],
      );
      t.is(new Set(chosen).size, 3 * shots);
      t.deepEqual(
        chosen,
        chosen.toSorted((a, b) => a - b),
      );
      const fewer = chooseShots({ classOf }, all, { shots: Math.ceil(shots / 2), seed });
      t.true(fewer.every((document) => chosen.includes(document)));
    }),
  );
});

test('other seeds choose other documents, and without shots all are trained on', (t) => {
  const of = (seed: number) => chooseShots({ classOf }, all, { shots: 4, seed });
  t.notDeepEqual(of(0), of(1));
  t.deepEqual(of(0), of(0));
  t.is(chooseShots({ classOf }, all, { shots: undefined, seed: 0 }), all);
  t.is(chooseShots({ classOf: undefined }, all, { shots: 4, seed: 0 }), all);
});

test('classes with fewer documents are told, those without any too', (t) => {
  const members = [0, 3, 6, 1, 4];
  const fewer = (shots: number) => [
    ...classesWithFewer({ classOf }, members, { shots, classes: 3 }),
  ];
  t.deepEqual(fewer(3), [
    [1, 2],
    [2, 0],
  ]);
  t.deepEqual(fewer(1), [[2, 0]]);
  t.deepEqual(chooseShots({ classOf }, members, { shots: 3, seed: 0 }), [0, 1, 3, 4, 6]);
});
