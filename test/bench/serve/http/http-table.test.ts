import test from 'ava';
import type { Driven } from './drive.ts';
import { httpTable } from './http-table.ts';
import type { Asked } from './schedule.ts';

const driven = (seconds: number, texts: readonly string[], waits = [1, 3]): Driven => ({
  ...{ tokens: 100, seconds, processor: 2 * seconds, waits },
  answers: texts.map((text) => ({ text, tokens: 50 })),
});

test('a contender stands beside the first that had its requests, and that beside the first of all', (t) => {
  const few: readonly Asked[] = [{ at: 0, adapter: 0, prompt: [1] }];
  const many: readonly Asked[] = [{ at: 0, adapter: 9, prompt: [1] }];
  const found = new Map([
    [{ name: 'ours, few', schedule: few }, [driven(1, ['a', 'b']), driven(4, []), driven(2, [])]],
    [{ name: 'ours, many', schedule: many }, [driven(4, ['a', 'b'])]],
    [{ name: 'peer, many', schedule: many }, [driven(8, ['a', 'c'], [])]],
  ]);
  const [, , ...rows] = httpTable(found).split('\n');
  t.deepEqual(rows, [
    '| ours, few | 100 | 50.0 (25.0–100.0) | 1.00 | 40.00 (20.00–80.00) | 1.00 |  | 2.0 (2.0–2.0) |',
    '| ours, many | 100 | 25.0 (25.0–25.0) | 0.50 | 80.00 (80.00–80.00) | 2.00 |  | 2.0 (2.0–2.0) |',
    '| peer, many | 100 | 12.5 (12.5–12.5) | 0.50 | 160.00 (160.00–160.00) | 2.00 | 1 of 2 |  |',
  ]);
});
