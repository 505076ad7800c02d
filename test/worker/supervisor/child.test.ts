// Processes of a worker that is one line long: what they are told while they run, and after they
// have ended.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { startRole } from '../../../cli/client/local-role.ts';
import { startChild } from '../../../worker/supervisor/child.ts';
import { controlGroup } from '../../../worker/supervisor/control-group.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const lines: Readonly<Record<string, string>> = {
  'ends at once': 'process.disconnect();',
  'prints what it is told, and ends':
    "process.once('message', (told) => { console.log(JSON.stringify(told)); process.disconnect(); });",
};

async function workerIn(folder: string, what: string): Promise<string> {
  const path = join(folder, 'worker.mjs');
  await writeFile(path, lines[what] ?? '');
  return path;
}

function start(worker: string, folder: string, onLine: (line: string) => void = () => {}) {
  const plan = { worker, folder, role: 'train', group: controlGroup(folder) } as const;
  return startChild({ ...plan, onMessage: () => {}, onLine });
}

test('a child hears which checkpoint counts', async (t) => {
  await using folder = await temporaryFolder();
  const worker = await workerIn(folder.path, 'prints what it is told, and ends');
  const heard: string[] = [];
  const child = start(worker, folder.path, (line) => heard.push(line));
  child.say({ counts: 9 });
  t.like(await child.ended, { exitCode: 0 });
  t.deepEqual(heard, ['{"counts":9}']);
});

test('what is said to one that has ended is lost, and nothing else is', async (t) => {
  await using folder = await temporaryFolder();
  const worker = await workerIn(folder.path, 'ends at once');
  const child = start(worker, folder.path);
  await child.ended;
  t.notThrows(() => child.say('stop'));
  const role = startRole({ worker, role: 'train', folder: folder.path, onMessage: () => {} });
  await role.ended;
  t.notThrows(() => role.stop());
});
