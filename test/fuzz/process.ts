// The process around one target: node --permission … process.ts TARGET SECONDS SEED. It may read
// files and write none (one scratch file excepted), so a reader that writes anything is caught by
// the runtime itself. Prints the outcome as one line of JSON, the input of a finding in base64.
import { Worker } from 'node:worker_threads';
import type { Finding, Outcome } from './engine.ts';
import type { Target } from './target.ts';
import { moduleOf } from './target-names.ts';
import { sharedInputBytes, sharedWords, type ThreadData } from './thread-data.ts';

const [name = '', seconds = '60', firstSeed = '1'] = process.argv.slice(2);
const { target } = (await import(moduleOf(name))) as { readonly target: Target };
/**
 * An input that runs so long is taken for one that never ends. Generous: the machine may be busy
 * with other things.
 */
const hangMs = target.isIsolated ? 1000 : 20_000;

const deadline = performance.now() + Number(seconds) * 1000;
let total: Outcome = { runs: 0, kept: 0, functions: 0, ended: 0 };
for (let seed = Number(firstSeed); ; seed += 1) {
  const leftSeconds = (deadline - performance.now()) / 1000;
  const { runs, kept, functions, finding } = await runThread(leftSeconds, seed);
  const isEnded = finding?.type === 'Hang' || isOutOfMemory(finding);
  const goesOn = target.isIsolated && isEnded;
  total = {
    runs: total.runs + runs,
    kept: Math.max(total.kept, kept),
    functions: Math.max(total.functions, functions),
    ended: total.ended + (goesOn ? 1 : 0),
    finding: goesOn ? undefined : finding,
  };
  if (!goesOn || performance.now() > deadline) break;
}
const { finding } = total;
const input = finding && Buffer.from(finding.input).toString('base64');
process.stdout.write(
  `${JSON.stringify({ ...total, finding: finding && { ...finding, input } })}\n`,
);

async function runThread(forSeconds: number, seed: number): Promise<Outcome> {
  const shared = new SharedArrayBuffer(sharedWords * 4 + sharedInputBytes);
  const words = new Int32Array(shared, 0, sharedWords);
  const workerData: ThreadData = { target: name, seconds: forSeconds, seed, shared };
  const thread = new Worker(new URL('./thread.ts', import.meta.url), {
    workerData,
    // The stack is that of the threads which read records, and of a main thread.
    resourceLimits: { maxOldGenerationSizeMb: 768, stackSizeMb: 1 },
  });
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const end = (type: Finding['type'], message: string) => {
    const current = new Uint8Array(shared, sharedWords * 4, words[1]).slice();
    const found: Finding = { type, message, input: current };
    const [runs = 0, , kept = 0, functions = 0] = words;
    resolve({ runs, kept, functions, ended: 0, finding: found });
  };
  let last = { number: 0, since: performance.now(), cpu: process.cpuUsage() };
  const watching = setInterval(() => {
    const number = words[0] ?? 0;
    if (number !== last.number) {
      last = { number, since: performance.now(), cpu: process.cpuUsage() };
      return;
    }
    // On a busy machine a thread may stand still for long without being at fault.
    const ranMs = process.cpuUsage(last.cpu).user / 1000;
    if (number > 0 && ranMs > hangMs / 4 && performance.now() - last.since > hangMs) {
      end('Hang', `ran for ${hangMs / 1000} s without an end`);
    }
  }, hangMs / 10);
  thread.on('message', resolve);
  thread.on('error', (error) => end('Died', inWords(error)));
  try {
    return await promise;
  } finally {
    clearInterval(watching);
    await thread.terminate();
  }
}

function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? `${error.code}: ` : '';
  return `${code}${error.stack ?? error.message}`;
}

function isOutOfMemory(found: Finding | undefined): boolean {
  return found?.message.startsWith('ERR_WORKER_OUT_OF_MEMORY') === true;
}
