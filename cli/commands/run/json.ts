// A run as JSON lines: the worker's messages, with a line before and a line after them. Fields are
// only ever added.
import type { RunView } from '../../text/run-view.ts';

export function runJson(write: (line: string) => void): RunView {
  let job = '';
  // Messages of a worker may have a field of that name.
  const say = (content: object): void =>
    write(JSON.stringify(Object.assign({ job }, content, { job })));
  return {
    begin({ record, folder, number }, continued) {
      job = `${record.namespace}/${record.name}`;
      say({ type: 'begin', apiVersion: 'cli.anneal.dev/v1', run: number, folder, continued });
    },
    see(message) {
      say(message);
    },
    end({ outcome, run, report }) {
      const { type: state } = outcome;
      const failure =
        outcome.type === 'Failed'
          ? { code: outcome.error.code, message: outcome.error.message, hint: outcome.error.hint }
          : {};
      say({ type: 'outcome', state, folder: run.folder, ...failure, report });
    },
  };
}
