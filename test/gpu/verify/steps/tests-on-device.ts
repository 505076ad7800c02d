// Test files on the device of this installation, by AVA with ava.device.config.js.
import { join } from 'node:path';
import { execa } from 'execa';

const root = join(import.meta.dirname, '../../../..');
const ava = join(root, 'node_modules/ava/entrypoints/cli.mjs');

interface How {
  readonly signal: AbortSignal;
  /** A program and its arguments that Node runs under. */
  readonly under?: readonly string[];
}

export async function testsOnDevice(files: readonly string[], { signal, under = [] }: How) {
  const words = ['--config=ava.device.config.js', '--tap', '--timeout=8m', '--concurrency=1'];
  const [program = process.execPath, ...before] = [...under, process.execPath];
  const ran = await execa(program, [...before, ava, ...words, ...files], {
    cwd: root,
    // The kernels of the installation, not those of the emulated device.
    env: { ANNEAL_TEST_DEVICE: 'cuda' },
    reject: false,
    cancelSignal: signal,
  });
  const results = [...ran.stdout.matchAll(/^(not )?ok \d+ - ([^\n]*)$/gm)]
    .map(([, not, title = '']) => ({ hasFailed: not !== undefined, title }))
    .filter(({ title }) => !/ # SKIP\b/.test(title));
  const failed = results.filter(({ hasFailed }) => hasFailed).map(({ title }) => title);
  const said = `${ran.stdout}\n${ran.stderr}`.trim().slice(-1000);
  return { passed: results.length - failed.length, failed, said, code: ran.exitCode };
}
