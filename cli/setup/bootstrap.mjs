// The first file that runs in a fresh checkout: plain JavaScript for Node 20 or newer, without
// packages. It refuses unsupported platforms, installs the packages of package-lock.json if they
// are missing, and starts the given TypeScript entry with the Node 24 of the npm package `node`.
//
//   node cli/setup/bootstrap.mjs ENTRY.ts [ARGUMENT…]
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const packagesBytes = 900e6;
const shellMs = 500;

await main(process.argv.slice(2));

async function main([entry, ...rest]) {
  const refusal = platformRefusal(process.platform, process.arch, process.versions.node);
  if (refusal) refuse(refusal);
  if (!packagesAreInstalled()) installPackages();
  await goOn(resolve(root, entry), rest);
}

function platformRefusal(platform, arch, node) {
  const here = `${platform} ${arch}`;
  const known = ['linux x64', 'linux arm64', 'darwin arm64'];
  if (!known.includes(here)) {
    return {
      message: `this machine is ${here}; Anneal runs on Linux x64, Linux arm64 and macOS arm64`,
      hint: 'use one of these, or a container or virtual machine on it',
    };
  }
  if (Number(node.split('.')[0]) < 20) {
    return { message: `Node.js is ${node}; set-up needs 20 or newer`, hint: 'install Node.js 24' };
  }
  return undefined;
}

/**
 * npm writes its installed packages into a second lock file, last; equal entries mean a complete
 * install.
 */
function packagesAreInstalled() {
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed) || !existsSync(node24())) return false;
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const found = packagesOf(installed);
  return Object.entries(wanted).every(
    ([path, { version, optional, devOptional }]) =>
      path === '' || (found[path] ? found[path].version === version : optional || devOptional),
  );
}

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
}

function installPackages() {
  const count = Object.keys(packagesOf(join(root, 'package-lock.json'))).length - 1;
  const { bavail, bsize } = statfsSync(root);
  if (bavail * bsize < packagesBytes) {
    refuse({
      message: `${root} has ${megabytes(bavail * bsize)} free; the npm packages need ${megabytes(packagesBytes)}`,
      hint: 'free some disk space, or check out on a larger disk',
    });
  }
  process.stderr.write(
    `packages      ${count} npm packages, Node 24 among them, about 470 MB unpacked … `,
  );
  const start = performance.now();
  const [file, ...args] = npm();
  const { status, error, stderr } = spawnSync(
    file,
    [
      ...args,
      'ci',
      '--loglevel=error',
      '--no-audit',
      '--no-fund',
      '--include=dev',
      '--include=optional',
    ],
    { cwd: root, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' },
  );
  if (error || status !== 0 || !existsSync(node24())) {
    process.stderr.write('\n');
    refuse({ message: npmFailure(error, stderr), hint: npmHint(error) });
  }
  process.stderr.write(`${Math.round((performance.now() - start) / 1000)} s\n`);
}

function npm() {
  const script = process.env.npm_execpath;
  return script && /\.[cm]?js$/.test(script) ? [process.execPath, script] : ['npm'];
}

function npmFailure(error, stderr) {
  if (error?.code === 'ENOENT') return 'npm is not on the PATH; it installs the packages';
  const said = (stderr ?? '')
    .split('\n')
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, '').trim())
    .find((line) => line !== '' && !/^code /.test(line));
  return `npm ci did not install the packages of package-lock.json: ${said ?? error?.message ?? 'it brought no Node 24'}`;
}

function npmHint(error) {
  return error?.code === 'ENOENT'
    ? 'install npm beside Node.js (Debian: apt install npm)'
    : 'check the connection to the npm registry, and that npm may run install scripts, then run the command again';
}

function node24() {
  return join(root, 'node_modules/node/bin/node');
}

/** In a warm checkout npm has put Node 24 first on the PATH, and no process needs to be started. */
async function goOn(entry, rest) {
  if (process.env.npm_lifecycle_event !== undefined) endWithShell();
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major === 24 && minor >= 12) {
    process.argv = [process.execPath, entry, ...rest];
    await import(pathToFileURL(entry).href);
    return;
  }
  const bin = join(root, 'node_modules/.bin');
  const child = spawn(node24(), [entry, ...rest], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${bin}:${process.env.PATH ?? ''}` },
  });
  // A terminal sends Ctrl-C to both processes. Forwarded, it would count twice, and the second one
  // ends without saving.
  const passOn = (signal) => child.kill(signal);
  process.on('SIGINT', process.stdin.isTTY ? () => {} : passOn);
  process.on('SIGTERM', passOn).on('SIGHUP', passOn);
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

/** npm's shell dies of the signal without forwarding it; its child would continue alone. */
function endWithShell() {
  const shell = process.ppid;
  const looking = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(looking);
    process.kill(process.pid, 'SIGTERM');
  }, shellMs);
  looking.unref();
}

function refuse({ message, hint }) {
  process.stderr.write(`${message}\nhint: ${hint}\n`);
  process.exit(5);
}

function megabytes(bytes) {
  return `${Math.round(bytes / 1e6)} MB`;
}
