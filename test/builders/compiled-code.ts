// Compiled code of the worker for processes whose memory is measured. A first start from a checkout
// holds the compiler of TypeScript, some 25 MiB; later ones, which find their code in the folder
// that `anneal` names, do not, and a release has no TypeScript.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { workerNodeArguments } from '../../crds/wire/worker-process.ts';

const program = join(import.meta.dirname, '../../worker/main.ts');

let made: Promise<Readonly<Record<string, string>>> | undefined;

/** Environment of such a process. */
export function compiledCode(): Promise<Readonly<Record<string, string>>> {
  made ??= compile();
  return made;
}

/** Each role on a folder where there is no run, which it refuses as soon as it is loaded. */
async function compile(): Promise<Readonly<Record<string, string>>> {
  const folder = mkdtempSync(join(tmpdir(), 'anneal-code-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const env = { NODE_COMPILE_CACHE: folder };
  for (const role of ['prepare', 'train', 'publish', 'serve', 'synthesize', 'sample']) {
    const node = [...workerNodeArguments(role), program, role, folder];
    await execa(process.execPath, node, { env, reject: false });
  }
  return env;
}
