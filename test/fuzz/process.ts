// The process around one target: node --permission … process.ts TARGET SECONDS SEED. It may read files and write none
// (one scratch file excepted), so a reader that writes anything is caught by the runtime itself. Prints the outcome as
// one line of JSON, the input of a finding in base64.
import { Worker } from 'node:worker_threads';
import type { Finding, Outcome } from './engine.ts';
import { sharedInputBytes, sharedWords, type ThreadData } from './thread-data.ts';

/** An input that runs so long is taken for one that never ends. Generous: the machine may be busy with other things. */
const hangMs = 20_000;

const [target = '', seconds = '60', seed = '1'] = process.argv.slice(2);
const shared = new SharedArrayBuffer(sharedWords * 4 + sharedInputBytes);
const words = new Int32Array(shared, 0, sharedWords);
const workerData: ThreadData = { target, seconds: Number(seconds), seed: Number(seed), shared };
const thread = new Worker(new URL('./thread.ts', import.meta.url), {
  workerData,
  resourceLimits: { maxOldGenerationSizeMb: 768 },
});

function current(): Uint8Array {
  return new Uint8Array(shared, sharedWords * 4, words[1]).slice();
}

function print(outcome: Outcome): void {
  const { finding } = outcome;
  const input = finding && Buffer.from(finding.input).toString('base64');
  process.stdout.write(
    `${JSON.stringify({ ...outcome, finding: finding && { ...finding, input } })}\n`,
  );
}

function end(finding: Omit<Finding, 'input'>): void {
  clearInterval(watching);
  print({ runs: words[0] ?? 0, kept: 0, functions: 0, finding: { ...finding, input: current() } });
  process.exit(0);
}

let last = { number: -1, since: performance.now() };
const watching = setInterval(() => {
  const number = words[0] ?? 0;
  if (number !== last.number) last = { number, since: performance.now() };
  else if (number > 0 && performance.now() - last.since > hangMs) {
    end({ type: 'Hang', message: `ran for ${hangMs / 1000} s without an end` });
  }
}, 500);

thread.on('message', (outcome: Outcome) => {
  clearInterval(watching);
  print(outcome);
});
thread.on('error', (error) => {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  end({ type: 'Died', message });
});
