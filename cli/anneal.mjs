#!/usr/bin/env node
// Starts main.ts in a checkout, with the compile cache of Node.js: stripping types takes more than
// half of the time of `anneal --help`. A release has plain JavaScript and starts main.js directly.
//
// `npm link` puts this file on the PATH, where `node` may be too old for TypeScript; it then starts
// the Node.js that came with the packages.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as module from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major > 24 || (major === 24 && minor >= 12)) {
  module.enableCompileCache();
  await import('./main.ts');
} else {
  const node = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (existsSync(node)) takeOver(node);
  else {
    process.stderr.write(`Node.js is ${process.versions.node}; anneal needs 24.12 or newer\n`);
    process.stderr.write('hint: npm ci in the checkout brings one\n');
    process.exitCode = 5;
  }
}

function takeOver(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both processes. Forwarded, it would count twice, and the second one
  // ends without saving.
  const passOn = (signal) => child.kill(signal);
  process.on('SIGINT', process.stdin.isTTY ? () => {} : passOn);
  process.on('SIGTERM', passOn).on('SIGHUP', passOn);
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}
