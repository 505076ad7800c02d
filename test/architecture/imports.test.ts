import test from 'ava';
import { exportsOf, findCycle, importsOf } from './imports.ts';

const file = (path: string, text: string) => ({ path, text, lines: text.split('\n').length });

test('imports are found in each form that our files use', (t) => {
  const found = importsOf(
    file(
      'worker/a/b.ts',
      `import { readFile } from 'node:fs/promises';
import type { Job } from '../../crds/api/job.ts';
import { type A, b as c } from './c.ts';
import {
  type X,
  type Y,
} from './types.ts';
import * as ops from '../tensor/ops.generated.ts';
export { z } from './z.ts';
import './side.ts';
const late = await import('../late.ts');
/* import { no } from './commented.ts'; */
`,
    ),
  );
  t.deepEqual(
    found.map(({ file, specifier, typeOnly, names }) => [file ?? specifier, typeOnly, names]),
    [
      ['node:fs/promises', false, ['readFile']],
      ['crds/api/job.ts', true, ['Job']],
      ['worker/a/c.ts', false, ['A', 'b']],
      ['worker/a/types.ts', true, ['X', 'Y']],
      ['worker/tensor/ops.generated.ts', false, ['*']],
      ['worker/a/z.ts', false, ['z']],
      ['worker/a/side.ts', false, []],
      ['worker/late.ts', true, ['*']],
    ],
  );
});

test('exports are found as declarations and as lists', (t) => {
  const text = `export async function a() {}
export const b = 1;
export interface C {}
export abstract class D {}
function e() {}
export { e, b as f };
export type { G } from './g.ts';
`;
  t.deepEqual(exportsOf(file('a.ts', text)), ['a', 'b', 'C', 'D', 'e', 'f']);
});

test('a cycle is told as the path that closes it', (t) => {
  const edges = new Map([
    ['a', ['b']],
    ['b', ['c', 'd']],
    ['c', []],
    ['d', ['b']],
  ]);
  t.deepEqual(findCycle(edges), ['b', 'd', 'b']);
  t.is(
    findCycle(
      new Map([
        ['a', ['b']],
        ['b', []],
      ]),
    ),
    undefined,
  );
});
