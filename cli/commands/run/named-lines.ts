// The lines of one of several runs that train together: each with the name of its job in front, and
// the summary below its own heading.
import { runSummary } from '../../text/run-summary.ts';
import type { RunView } from '../../text/run-view.ts';
import { runLines } from './text.ts';

interface NamedLines {
  readonly job: string;
  /** Of the longest name. */
  readonly width: number;
  readonly write: (line: string) => void;
  readonly command: string;
}

export function namedLines({ job, width, write, command }: NamedLines): RunView {
  const lines = runLines((line) => write(`${job.padEnd(width)}  ${line}`), command);
  return {
    begin: (run, continued) => lines.begin(run, continued),
    see: (message) => lines.see(message),
    end(ended) {
      write('');
      return runSummary(write, command).end(ended);
    },
  };
}
