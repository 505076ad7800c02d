// npm run fuzz -- [--seconds N] [--target NAME] [--seed N] [--input FILE]: each target for N
// seconds, two at a time; or one input once, with the error that leaves the reader.
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { attempt } from '../../cli/setup/attempt.ts';
import { UserError } from '../../crds/failures/errors.ts';
import { gate, gatherThrough } from '../../worker/remote/gate.ts';
import { inWords, runTarget } from './run-target.ts';
import type { Target } from './target.ts';
import { moduleOf, targetNames } from './target-names.ts';

await attempt(async ({ signal }) => {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      target: { type: 'string' },
      seed: { type: 'string', default: String((Date.now() % 1e9) + 1) },
      input: { type: 'string' },
    },
  });
  const names = values.target === undefined ? targetNames : [values.target];
  const unknown = names.find((name) => !existsSync(moduleOf(name)));
  if (unknown !== undefined) {
    const message = `there is no target ${unknown}; there are ${targetNames.join(', ')}`;
    throw new UserError({ code: 'E_USAGE', message });
  }
  if (values.input !== undefined) {
    const { target } = (await import(moduleOf(names[0] ?? ''))) as { readonly target: Target };
    console.log(await target.run(readFileSync(values.input)));
    return 0;
  }
  const fuzz = async (name: string, until: AbortSignal) => {
    const report = await runTarget(name, Number(values.seconds), Number(values.seed), until);
    console.log(inWords(report));
    return report;
  };
  const reports = await gatherThrough(names, gate(2), fuzz, signal);
  return reports.some(({ outcome }) => outcome.finding) ? 1 : 0;
});
