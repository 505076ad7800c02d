// The command as npm links it, run as a process: on a Node.js that runs TypeScript, and on one that
// is too old.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  access,
  constants,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';

const checkout = join(import.meta.dirname, '../..');

/**
 * A checkout with this `main.ts`; `run` starts the command on a Node.js that says it is of this
 * version.
 */
async function commandWith(t: ExecutionContext, main: string, version: string) {
  const root = await mkdtemp(join(tmpdir(), 'anneal-command-'));
  t.teardown(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'cli'));
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  await cp(join(checkout, 'cli/anneal.mjs'), join(root, 'cli/anneal.mjs'));
  await writeFile(join(root, 'cli/main.ts'), main);
  const versions = `Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`;
  const preload = `--import=data:text/javascript,${encodeURIComponent(versions)}`;
  const run = (...words: string[]) =>
    execa(process.execPath, [preload, join(root, 'cli/anneal.mjs'), ...words], {
      env: { NODE_OPTIONS: '' },
      reject: false,
    });
  return { root, run };
}

const tell = 'console.log(process.argv.slice(2).join()); process.exitCode = 7;';

test('on a Node.js that runs TypeScript it is the command itself', async (t) => {
  const { run } = await commandWith(t, tell, '24.12.0');
  const { stdout, exitCode } = await run('run', 'job.yaml');
  t.is(stdout, 'run,job.yaml');
  t.is(exitCode, 7);
});

test('on an older one the Node.js of the packages takes over, with its arguments and exit code', async (t) => {
  const { root, run } = await commandWith(t, tell, '20.19.0');
  await mkdir(join(root, 'node_modules/node/bin'), { recursive: true });
  await symlink(process.execPath, join(root, 'node_modules/node/bin/node'));
  const { stdout, exitCode } = await run('run', 'job.yaml');
  t.is(stdout, 'run,job.yaml');
  t.is(exitCode, 7);
});

test('the one that took over and was killed is told by the exit code', async (t) => {
  const { root, run } = await commandWith(t, `process.kill(process.pid, 'SIGKILL')`, '20.19.0');
  await mkdir(join(root, 'node_modules/node/bin'), { recursive: true });
  await symlink(process.execPath, join(root, 'node_modules/node/bin/node'));
  t.is((await run()).exitCode, 137);
});

test('without packages an older Node.js is told what it lacks', async (t) => {
  const { run } = await commandWith(t, tell, '20.19.0');
  const { stderr, exitCode } = await run('version');
  t.is(
    stderr,
    'Node.js is 20.19.0; anneal needs 24.12 or newer\nhint: npm ci in the checkout brings one',
  );
  t.is(exitCode, 5);
});

test('package.json names it as the command and as a plugin of kubectl, and the file may be run', async (t) => {
  const { bin } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8'));
  t.deepEqual(bin, { anneal: 'cli/anneal.mjs', 'kubectl-anneal': 'cli/anneal.mjs' });
  await t.notThrowsAsync(access(join(checkout, bin.anneal), constants.X_OK));
});

test('a reader that has seen enough, as head has, ends the command without a word', async (t) => {
  const quiet = '--disable-warning=ExperimentalWarning';
  const args = [quiet, join(checkout, 'cli/main.ts'), 'explain', 'LoRA'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const [code] = await once(child, 'close');
  t.is(said, '');
  t.is(code, 0);
});
