import test from 'ava';
import { describeText } from '../../../../cli/commands/describe/text.ts';
import { aListedJob } from '../../../builders/listed-job.ts';

const gib = 2 ** 30;

/** The row of the memory, without its label. */
function memoryOf(memory: object): string {
  const job = aListedJob({ status: { plan: { memory } } });
  const why = { happened: '', doing: '', change: '' };
  const style = { width: 200, now: new Date(0), paint: (text: string) => text };
  const text = describeText({ job, stages: [], losses: [], events: [], why }, style);
  return /^\s*memory\s+(.*)$/m.exec(text)?.[1] ?? '';
}

test('the planned memory is told with what it is of, and the least that a device must have', (t) => {
  t.is(memoryOf({ peak: String(3 * gib) }), '3.0 GiB planned');
  const device = { peak: String(3 * gib), devices: 'nvidia.com/gpu' };
  t.is(memoryOf(device), '3.0 GiB of nvidia.com/gpu planned');
  t.is(
    memoryOf({ ...device, leastDevice: '24Gi' }),
    '3.0 GiB of nvidia.com/gpu planned, on nodes with 24.0 GiB or more',
  );
  t.is(memoryOf({ most: '1Gi', devices: 'nvidia.com/gpu' }), '');
});
