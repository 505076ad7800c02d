// `anneal run` with a worker for tests: `run-program.ts FILE`. What the command table does, with
// another worker.
import { join } from 'node:path';
import { runFromTerminal } from '../../cli/commands/run/run.ts';
import { cliConfig } from '../../cli/process/config.ts';
import { reportError } from '../../cli/report-error.ts';

const [file = ''] = process.argv.slice(2);
const options = { files: [file], threads: 1, volumes: {}, steps: undefined, fresh: false };
const worker = join(import.meta.dirname, '../doubles/worker-script.ts');
try {
  process.exitCode = await runFromTerminal(
    options,
    { color: true },
    cliConfig(process.env),
    worker,
  );
} catch (thrown) {
  const write = (line: string) => void process.stderr.write(`${line}\n`);
  process.exitCode = reportError(thrown, { write, verbose: false, debug: false });
}
