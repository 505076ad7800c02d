// npm run fuzz -- [--seconds N] [--target NAME] [--seed N] [--input FILE]: each target for N seconds, two at a time; or
// one input once, with the error that leaves the reader.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gate, gatherThrough } from '../../worker/prepare/gate.ts';
import { inWords, runTarget } from './run-target.ts';
import type { Target } from './target.ts';
import { moduleOf, targetNames } from './target-names.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    target: { type: 'string' },
    seed: { type: 'string', default: String((Date.now() % 1e9) + 1) },
    input: { type: 'string' },
  },
});
const names = values.target === undefined ? targetNames : [values.target];
if (values.input !== undefined) {
  const { target } = (await import(moduleOf(names[0] ?? ''))) as { readonly target: Target };
  console.log(await target.run(readFileSync(values.input)));
} else {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const reports = await gatherThrough(
    names,
    gate(2),
    async (name, signal) => {
      const report = await runTarget(name, Number(values.seconds), Number(values.seed), signal);
      console.log(inWords(report));
      return report;
    },
    stop.signal,
  );
  process.exitCode = reports.some(({ outcome }) => outcome.finding) ? 1 : 0;
}
