// A worker for tests of whoever starts workers: a real process that says what a file tells it to.
// In the run's folder, or beside the job file that its record names, `script.json` holds for each
// role the messages and the end. `stages.txt` gets a line for each role that was started.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

export interface RoleScript {
  readonly messages?: readonly unknown[];
  /** Files to write, by name. */
  readonly files?: Readonly<Record<string, unknown>>;
  /** Ends no sooner than `stages.txt` has this line. */
  readonly after?: string;
  readonly exit?: number;
  readonly stderr?: string;
  /** Ends by this signal instead of an exit. */
  readonly signal?: NodeJS.Signals;
  /** What trainers of round n or later do instead, by n. */
  readonly later?: Readonly<Record<number, RoleScript>>;
  /** Says a message, then waits to be told to stop, and ends as stopped; or does not listen. */
  readonly untilStop?: boolean | 'never';
}

export type WorkerScript = Readonly<Record<string, RoleScript>>;

const [role = '', folder = ''] = process.argv.slice(2);
const scripts = readScript(folder) ?? readScript(jobFolder()) ?? {};
const member = JSON.parse(process.env['ANNEAL_MEMBER'] ?? '{}');
const own = scripts[`${role} ${member.rank}`] ?? scripts[role] ?? {};
const script = laterOf(own, member.round ?? 1);

const place = member.rank === undefined ? '' : ` ${member.rank} of ${member.size}`;
appendFileSync(join(folder, 'stages.txt'), `${role}${place}\n`);
if (member.device !== undefined) {
  appendFileSync(join(folder, 'devices.txt'), `${member.rank}: ${member.device}\n`);
}
if (member.cause !== undefined) appendFileSync(join(folder, 'causes.txt'), `${member.cause}\n`);
for (const [name, content] of Object.entries(script.files ?? {})) {
  writeFileSync(join(folder, name), JSON.stringify(content));
}
for (const message of script.messages ?? []) {
  await new Promise<void>((resolve) =>
    process.send?.(message as object, undefined, undefined, () => resolve()),
  );
}
if (script.stderr !== undefined) process.stderr.write(script.stderr);
process.on('SIGINT', () => {});
if (script.untilStop) {
  await new Promise<void>((resolve) => {
    process.on('message', (message) => {
      if (message === 'stop' && script.untilStop !== 'never') resolve();
    });
    process.send?.({ type: 'stage', stage: 'Load', state: 'Started', time: 1e9 });
  });
  process.exit(75);
}
while (script.after !== undefined && !linesOf('stages.txt').includes(script.after)) await wait(5);
if (script.signal !== undefined) process.kill(process.pid, script.signal);
process.exitCode = script.exit ?? 0;
if (process.connected) process.disconnect();

function linesOf(name: string): readonly string[] {
  return readFileSync(join(folder, name), 'utf8').split('\n');
}

function laterOf(script: RoleScript, round: number): RoleScript {
  const [last] = Object.keys(script.later ?? {})
    .map(Number)
    .filter((from) => from <= round)
    .sort((a, b) => b - a);
  return last === undefined ? script : (script.later?.[last] ?? script);
}

function readScript(from: string): WorkerScript | undefined {
  const file = join(from, 'script.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

function jobFolder(): string {
  const record = join(folder, 'run.json');
  return existsSync(record) ? JSON.parse(readFileSync(record, 'utf8')).folder : folder;
}
