// The real `anneal serve` as a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ExecutionContext } from 'ava';

const command = join(import.meta.dirname, '../../cli/anneal.mjs');

interface AnnealServe {
  /** Of the API: it ends with `/v1`. */
  readonly url: string;
  readonly origin: string;
  /** Tells it to stop; its exit code, and what it said. */
  readonly stop: () => Promise<{ readonly code: number | null; readonly said: string }>;
}

/** On a free port, once it answers; `words` follow `anneal serve`. It ends with the test. */
export async function annealServe(
  t: ExecutionContext,
  cache: string,
  words: readonly string[],
): Promise<AnnealServe> {
  const child = spawn(process.execPath, [command, 'serve', ...words, '--port', '0'], {
    env: { ...process.env, ANNEAL_CACHE: cache },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => void child.kill('SIGKILL'));
  let said = '';
  const answers = Promise.withResolvers<void>();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (/^serving /m.test(said)) answers.resolve();
  });
  const closed = once(child, 'close');
  const line = once(createInterface({ input: child.stdout }), 'line');
  const both = Promise.all([line, answers.promise]).then(([[first]]) => first as string);
  const url = await Promise.race([both, closed.then(() => undefined)]);
  if (url === undefined) throw new Error(`anneal serve ended: ${said}`);
  const origin = url.replace(/\/v1$/, '');
  return {
    ...{ url, origin },
    async stop() {
      child.kill('SIGTERM');
      const [code] = (await closed) as [number | null];
      return { code, said };
    },
  };
}
