// The first file of a fresh checkout, run as a process: it has no packages and no exports.
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';

const checkout = join(import.meta.dirname, '../../..');

async function bootstrap(t: ExecutionContext, preload: string, lock: object) {
  const root = await mkdtemp(join(tmpdir(), 'anneal-bootstrap-'));
  t.teardown(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'cli/setup'), { recursive: true });
  await cp(join(checkout, 'cli/setup/bootstrap.mjs'), join(root, 'cli/setup/bootstrap.mjs'));
  await writeFile(join(root, 'package-lock.json'), JSON.stringify(lock));
  await writeFile(join(root, 'entry.ts'), `console.log('entry', process.argv.slice(2).join());`);
  const run = (args: readonly string[]) =>
    execa(process.execPath, [`--import=data:text/javascript,${preload}`, ...args], {
      cwd: root,
      env: { PATH: root, npm_execpath: '', NODE_OPTIONS: '' },
      extendEnv: false,
      reject: false,
    });
  return { root, run: () => run(['cli/setup/bootstrap.mjs', 'entry.ts', 'a', 'b']) };
}

const set = (name: string, value: string) =>
  encodeURIComponent(`Object.defineProperty(process,'${name}',{value:${value}})`);

test('a platform without libtorch is refused in a sentence, with exit code 5', async (t) => {
  const { run } = await bootstrap(t, set('platform', "'win32'"), { packages: {} });
  const { exitCode, stderr } = await run();
  t.is(exitCode, 5);
  t.regex(
    stderr,
    /^this machine is win32 \w+; Anneal runs on Linux x64, Linux arm64 and macOS arm64\nhint: /,
  );
});

test('a Node.js before 20 is refused in a sentence', async (t) => {
  const versions = "{...process.versions,node:'18.19.0'}";
  const { run } = await bootstrap(t, set('versions', versions), { packages: {} });
  const { exitCode, stderr } = await run();
  t.is(exitCode, 5);
  t.is(stderr, 'Node.js is 18.19.0; set-up needs 20 or newer\nhint: install Node.js 24');
});

test('a missing npm is refused in a sentence', async (t) => {
  const lock = { packages: { '': {}, 'node_modules/zod': { version: '4.6.7' } } };
  const { run } = await bootstrap(t, '0', lock);
  const { exitCode, stderr } = await run();
  t.is(exitCode, 5);
  t.regex(
    stderr,
    /^packages +1 npm packages, .*\nnpm is not on the PATH; it installs the packages\nhint: install npm/,
  );
});

test('with the packages in place it goes straight to the entry, arguments and all', async (t) => {
  const packages = {
    '': {},
    'node_modules/zod': { version: '4.6.7' },
    'node_modules/elsewhere': { version: '1.0.0', optional: true },
  };
  const { root, run } = await bootstrap(t, '0', { packages });
  await mkdir(join(root, 'node_modules/node/bin'), { recursive: true });
  await writeFile(join(root, 'node_modules/node/bin/node'), '');
  const installed = { packages: { 'node_modules/zod': { version: '4.6.7' } } };
  await writeFile(join(root, 'node_modules/.package-lock.json'), JSON.stringify(installed));
  const { exitCode, stdout } = await run();
  t.is(exitCode, 0);
  t.is(stdout, 'entry a,b');
});

test('a package of another version than the lock file says is installed again', async (t) => {
  const { root, run } = await bootstrap(t, '0', {
    packages: { '': {}, 'node_modules/zod': { version: '4.6.8' } },
  });
  await mkdir(join(root, 'node_modules/node/bin'), { recursive: true });
  await writeFile(join(root, 'node_modules/node/bin/node'), '');
  const installed = { packages: { 'node_modules/zod': { version: '4.6.7' } } };
  await writeFile(join(root, 'node_modules/.package-lock.json'), JSON.stringify(installed));
  const { exitCode, stderr } = await run();
  t.is(exitCode, 5);
  t.regex(stderr, /npm is not on the PATH/);
});

test('when the shell of npm is gone, what it started is asked to end', async (t) => {
  const { root } = await bootstrap(t, '0', { packages: {} });
  await mkdir(join(root, 'node_modules/node/bin'), { recursive: true });
  await writeFile(join(root, 'node_modules/node/bin/node'), '');
  await writeFile(join(root, 'node_modules/.package-lock.json'), '{"packages":{}}');
  const entry = `const alive = setInterval(() => {}, 1000);
    process.on('SIGTERM', () => { clearInterval(alive); console.log('asked to end'); });
    console.log('started');`;
  await writeFile(join(root, 'entry.ts'), entry);
  const command = `"${process.execPath}" cli/setup/bootstrap.mjs entry.ts; true`;
  const env = { npm_lifecycle_event: 'test', NODE_OPTIONS: '' };
  const shell = execa('sh', ['-c', command], { cwd: root, env, reject: false });
  let said = '';
  for await (const chunk of shell.stdout) {
    said += chunk;
    if (said === 'started\n') shell.kill('SIGKILL');
  }
  t.is(said, 'started\nasked to end\n');
});
