import test from 'ava';
import { casesOf } from './cases.ts';
import { type Measured, type ProgramName, table } from './table.ts';
import { wantedTable } from './wanted.ts';

function measured(name: string, program: ProgramName, wall: number, peak = 2 ** 30): Measured {
  const [one] = casesOf(name);
  if (one === undefined) throw new Error(`there is no case ${name}`);
  const step = (seconds: number) => ({ loss: 1, norm: 1, wall: seconds, processor: 2 * seconds });
  // The first step fills caches, and of the compiled peer it is the compiling.
  const steps = [step(100), step(wall), step(wall), step(wall)];
  return { case: one, program, result: { steps, peak, predicted: peak, trained: 1 } };
}

const small = 'lora-float32-2x256';
const large = 'lora-float32-4x512';
const rowsOf = (text: string) =>
  text.split('\n').map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test('each peer that was measured has its column and its ratio, and the first step counts nowhere', (t) => {
  const all = [measured(small, 'ours', 1), measured(small, 'peer', 2)];
  const [head, , row] = rowsOf(table([...all, measured(small, 'compiled', 1.25)]));
  t.deepEqual(head?.slice(0, 6), [
    ...['case', 'wall s, ours (min–max)', 'peer', 'ratio', 'compiled', 'ratio'],
  ]);
  t.deepEqual(row?.slice(1, 6), [
    ...['1.00 (1.00–1.00)', '2.00 (2.00–2.00)', '0.50', '1.25 (1.25–1.25)', '0.80'],
  ]);
  const [without] = rowsOf(table(all));
  t.false(without?.includes('compiled'));
});

test('what is wanted is met up to its target, where both sides were measured', (t) => {
  const all = [
    ...[measured(small, 'ours', 0.9), measured(small, 'peer', 2)],
    ...[measured(large, 'ours', 1, 300), measured(large, 'peer', 2, 1000)],
    measured(large, 'compiled', 1.6),
  ];
  t.deepEqual(rowsOf(wantedTable(all)).slice(2), [
    [small, 'peer', 'time', '0.45', '0.45', 'met'],
    [large, 'peer', 'time', '0.50', '0.45', '**missed**'],
    [large, 'peer', 'memory', '0.30', '0.25', '**missed**'],
    [large, 'compiled', 'time', '0.63', '0.65', 'met'],
  ]);
});
