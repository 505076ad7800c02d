import { platform } from 'node:os';
import test from 'ava';
import { idleSince, processorSecondsOf } from './processor-time.ts';

const isLinux = platform() === 'linux';

test('the system tells the processor time of a process, and nothing of one that is gone', (t) => {
  const before = process.cpuUsage();
  const told = processorSecondsOf('self');
  t.is(processorSecondsOf(2 ** 30), undefined);
  // It counts user and system each in hundredths of a second.
  const least = (before.user + before.system) / 1e6 - 0.03;
  t.true(isLinux ? (told ?? 0) >= least : told === undefined);
});

test('what was idle is a share of all processors together', (t) => {
  const processor = (idle: number, user: number) => ({
    ...{ model: '', speed: 0 },
    times: { user, nice: 0, sys: 0, idle, irq: 0 },
  });
  const told = [
    [processor(10, 5), processor(0, 0)],
    [processor(20, 5), processor(10, 20)],
  ];
  const idle = idleSince(() => told.shift() ?? []);
  t.is(idle(), 0.5);
});
