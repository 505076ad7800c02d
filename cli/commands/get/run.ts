// `anneal get`: the object of a job, unchanged.
import { stringify } from 'yaml';
import { withJob } from '../../jobs/with-job.ts';
import type { Viewing } from '../../process/context.ts';

export async function getFromTerminal(
  word: string,
  format: string,
  viewing: Viewing,
): Promise<number> {
  return withJob(word, viewing, async ({ object }) => {
    const text = format === 'json' ? `${JSON.stringify(object, null, 2)}\n` : stringify(object);
    viewing.output.write(text);
    return 0;
  });
}
